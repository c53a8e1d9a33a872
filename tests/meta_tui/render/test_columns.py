"""Blocks beside each other."""

from meta_tui.render.text.columns import beside
from meta_tui.render.text.spans import line, plain

BLOCKS = [[line(f"{name}{at}") for at in range(3)] for name in "abc"]


def test_blocks_stand_below_each_other_while_there_is_room():
    shown = plain(beside(BLOCKS, 40, 20)).split("\n")
    assert shown == ["a0", "a1", "a2", "", "b0", "b1", "b2", "", "c0", "c1", "c2"]


def test_blocks_stand_beside_each_other_where_they_would_not_fit():
    assert plain(beside(BLOCKS, 40, 3)).split("\n") == [
        "a0   b0   c0", "a1   b1   c1", "a2   b2   c2",
    ]  # fmt: skip


def test_blocks_stay_below_each_other_where_it_is_too_narrow():
    assert len(beside(BLOCKS, 6, 3)) == 11


def test_no_line_is_lost_and_none_is_wider_than_the_room():
    for columns in range(2, 40):
        for rows in range(1, 14):
            shown = plain(beside(BLOCKS, columns, rows))
            assert sorted(shown.split()) == sorted(f"{n}{at}" for n in "abc" for at in range(3))
            assert max(map(len, shown.split("\n"))) <= columns
