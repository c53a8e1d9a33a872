from dataclasses import replace

import pytest
from graphs import LADDER, any_graph, staged

from meta_tui.render.graph.rails import rails
from meta_tui.render.graph.stage_list import stagelist
from meta_tui.render.text.spans import plain
from meta_tui.render.text.symbols import ASCII
from pipelines.core.text import width


def read_rails(needs) -> set[tuple[str, str]]:
    """What each stage reads, as an eye follows the rails in the text up from its sign."""
    names = list(needs)
    rows = [f"{rail.before}*{rail.after}" for rail in rails(staged(needs))]

    def owner(at: int, x: int) -> str:
        return next(names[row] for row in range(at - 1, -1, -1) if rows[row][x] == "*")

    edges = set()
    for at, (name, row) in enumerate(zip(names, rows, strict=True)):
        own = row.index("*")
        above = at > 0 and rows[at - 1][own] in "*│├┼┤"
        joints = [x for x, letter in enumerate(row) if letter in "├┼┤╰┴╯"]
        edges |= {(owner(at, x), name) for x in [*joints, *([own] if above else [])]}
    return edges


@pytest.mark.parametrize("seed", range(100))
def test_an_eye_that_follows_the_rails_finds_the_edges_and_no_others(seed):
    needs = any_graph(seed, 3 + seed % 14)
    assert read_rails(needs) == {(need, name) for name, every in needs.items() for need in every}


def test_the_ladder_has_four_rails():
    found = rails(staged(LADDER))
    assert [f"{rail.before}*{rail.after}".rstrip() for rail in found] == [
        "*",
        "│ *",
        "│ *",
        "├─│─*",
        "├─┼─┼─*",
        "*─┴─╯ │",
        "*─────╯",
    ]


def test_cells_of_an_opened_stage_stand_beside_the_rails_that_go_on():
    shown = plain(stagelist(staged(LADDER, 2), {"backbone"}, 0.0, 44))
    rows = shown.split("\n")
    at = next(place for place, row in enumerate(rows) if "backbone" in row)
    assert rows[at + 1].startswith("│ │ │     ├ · seed=0")
    assert rows[at + 2].startswith("│ │ │     ├ · seed=1")


def test_names_matter_more_than_times_and_those_more_than_rails():
    long = "a_name_of_23_characters"
    needs = {long: (), "b": (long,), "c": (long,)}
    found = tuple(replace(stage, seconds=4000.0) for stage in staged(needs))
    rows = {
        columns: plain(stagelist(found, (), 0.0, columns)).split("\n")[:2]
        for columns in (60, 39, 36, 35)
    }
    assert "1:06:40" in rows[60][0]
    assert "1:06:40" not in rows[39][0]
    assert [rows[columns][1][:3] for columns in (60, 39, 36)] == ["├─·", "├─·", "·  "]
    assert all(long in rows[columns][0] for columns in (60, 39, 36))
    assert "a_name_of_23_charact" in rows[35][0]


def test_where_words_have_no_room_counts_stand_in_their_place_and_the_rails_stay():
    needs = {"old": (), "few": ("old",), "best_tuned": ("old", "few")}
    rows = plain(stagelist(staged(needs, 144), (), 0.0, 32)).split("\n")
    assert "waiting" in rows[0]
    narrow = plain(stagelist(staged(needs, 144), (), 0.0, 30)).split("\n")
    assert narrow[1].startswith("├─·")
    assert narrow[1].split()[-1] == "0/144"
    assert "waiting" not in narrow[1]


def test_rails_that_take_half_of_the_list_are_left_out_but_not_the_signs():
    many = {f"s{at}": () for at in range(9)} | {"last": [f"s{at}" for at in range(9)]}
    narrow = plain(stagelist(staged(many), (), 0.0, 32)).split("\n")
    assert {row[:4] for row in narrow} == {"·   "}
    wide = plain(stagelist(staged(many), (), 0.0, 60)).split("\n")
    assert "─┴─" in wide[-1]


@pytest.mark.parametrize("columns", [20, 28, 34, 44, 62, 100])
@pytest.mark.parametrize("cells", [1, 200])
def test_no_line_is_wider_than_the_list(columns, cells):
    rows = stagelist(staged(LADDER, cells), {"tuned"} if cells > 1 else (), 0.0, columns)
    assert max(width(plain([row])) for row in rows) <= columns
    assert len(rows) == 7 + (cells if cells > 1 else 0)


def test_ascii_signs_make_a_list_of_ascii():
    assert plain(stagelist(staged(LADDER, 2), {"probe"}, 0.0, 44, ASCII)).isascii()
