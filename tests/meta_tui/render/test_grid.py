"""A sheet in the columns of a screen: names stand still, numbers scroll, nothing is cut unseen."""

from dataclasses import replace

import pytest

from engine.library.artifacts import Interval, Row, Table
from meta_tui.model.table_view import Column, Order, arranged
from meta_tui.render.tables.bars import bars
from meta_tui.render.tables.grid import grid
from meta_tui.render.tables.row_details import rowdetail
from meta_tui.render.text.spans import plain
from meta_tui.render.text.symbols import ASCII
from pipelines.core.text import width

ACCURACY, FORGOTTEN = "high/accuracy", "low/forgetting"


def lines(drawn) -> list[str]:
    return plain([*drawn.head, *drawn.lines]).split("\n")


def test_a_row_has_its_mean_a_bar_the_difference_p_and_the_verdict(ladder_table):
    head, subs, probe, tuned, scratch = lines(grid(arranged(ladder_table, Order()), 170))
    assert head.split() == [ACCURACY, FORGOTTEN]
    assert subs.split("  ")[0] == "method"
    for part in ("mean ± 95 %", "0.560", "0.901", "Δ baseline", "p Holm", "verdict"):
        assert part in subs
    assert "+0.100 ± 0.020 *   0.003  distinguishable at 5 %" in tuned
    assert "-0.010 ± 0.031            within ±0.041" in scratch
    assert "baseline" in probe
    assert "*" not in probe + scratch


def test_bars_of_a_metric_are_on_the_scale_of_all_rows_though_some_are_filtered_out(ladder_table):
    whole = lines(grid(arranged(ladder_table, Order()), 170))
    part = lines(grid(arranged(ladder_table, Order(words="tuned")), 170))
    assert part[1] == whole[1]
    assert part[2] == whole[3]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120, 170])
def test_whole_columns_are_shown_as_many_as_fit_and_arrows_tell_of_more(ladder_table, columns):
    sheet = arranged(ladder_table, Order())
    numbers = [column for column in sheet.columns if column.name in (ACCURACY, FORGOTTEN)]
    for first in range(len(numbers)):
        drawn = grid(sheet, columns, first)
        assert max(width(row) for row in lines(drawn)) <= columns
        seen = [column for column in drawn.shown if column in numbers]
        assert seen == numbers[first : first + len(seen)]
        assert seen
        assert ("◂" in lines(drawn)[0]) == (first > 0)
        assert ("▸" in lines(drawn)[0]) == (first + len(seen) < len(numbers))


def test_a_name_over_columns_that_fit_is_not_cut_by_the_arrow(ladder_table):
    for columns in range(100, 125):
        assert "…" not in lines(grid(arranged(ladder_table, Order()), columns))[0]


def test_bars_keep_their_scale_when_rows_are_filtered_out(ladder_table):
    whole, part = (
        plain(bars(arranged(ladder_table, Order(words=words)), 120)[0]).split("\n")
        for words in ("", "scratch")
    )
    assert part[0].split() == whole[0].split()


def test_the_baseline_is_marked_where_something_is_compared_with_it(ladder_table):
    first, _, second = plain(bars(arranged(ladder_table, Order()), 120)[0]).partition("\n\n")
    assert "baseline" in first
    assert "baseline" not in second


def test_names_stand_still_while_numbers_scroll(ladder_table):
    sheet = arranged(ladder_table, Order())
    start = [row[:23] for row in lines(grid(sheet, 80))[2:]]
    assert start == [row[:23].ljust(23) for row in lines(grid(sheet, 80, 4))[2:]]
    assert start[1] == "tuned    zero  lr=0.03 "


def test_spots_tell_where_each_column_is(ladder_table):
    drawn = grid(arranged(ladder_table, Order()), 120)
    tuned = lines(drawn)[3]
    texts = {column: tuned[start:end].strip() for start, end, column in drawn.spots}
    assert texts[Column("stage")] == "tuned"
    assert texts[Column("axis", "head")] == "zero"
    assert texts[Column("mean", ACCURACY)] == "0.880 ± 0.021 (n=4)"
    assert texts[Column("p", ACCURACY)] == "0.003"


def test_long_names_give_way_to_numbers_the_widest_first():
    name = "x" * 90
    row = Row(name, name, {"head": "zero"}, {ACCURACY: Interval(0.5, 0.4, 0.6, 5)})
    shown = lines(grid(arranged(Table((ACCURACY,), (row,)), Order()), 80))
    assert "zero" in shown[2]
    assert "0.500 ± 0.100" in shown[2]
    assert "…" in shown[2]


def test_the_order_is_told_by_an_arrow_in_the_head(ladder_table):
    column = Column("mean", ACCURACY)
    for falling, arrow in ((True, "▼"), (False, "▲")):
        sheet = arranged(ladder_table, Order(sort=column, falling=falling))
        assert f"mean ± 95 % {arrow}" in lines(grid(sheet, 120))[1]
    assert "v" in lines(grid(arranged(ladder_table, Order(sort=column)), 120, signs=ASCII))[1]


def test_only_the_marked_head_has_another_colour(ladder_table):
    drawn = grid(arranged(ladder_table, Order()), 120, cursor=Column("p", ACCURACY))
    assert [span.text.strip() for span in drawn.head[1] if span.style == "accent"] == ["p Holm"]


def test_groups_have_a_heading_that_counts_their_rows_and_is_no_row(ladder_table):
    drawn = grid(arranged(ladder_table, Order(group="head")), 120)
    assert lines(drawn)[2] == "no head  2 rows"
    assert lines(drawn)[5] == "head=zero  1 row"
    assert drawn.places == ("", "probe", "scratch", "", "tuned@head=zero")


def test_bars_are_as_wide_as_the_screen_and_the_difference_gives_way_but_its_star(ladder_table):
    sheet = arranged(ladder_table, Order())
    wide, _ = bars(sheet, 120)
    assert "+0.100 ± 0.020 *" in plain(wide)
    narrow, places = bars(sheet, 70)
    rows = plain(narrow).split("\n")
    assert "+0.100" not in plain(narrow)
    assert "*" in rows[2]
    assert "*" not in rows[1] + rows[3]
    assert all(width(row) <= 70 for row in rows)
    assert places == ["", "probe", "tuned@head=zero", "scratch", "", *places[:4]]


def test_a_row_tells_its_value_at_each_seed_its_difference_and_its_notes(ladder_table):
    row = ladder_table.rows[1]
    by_seed = {"0": 0.86, "2": 0.9}
    values = {ACCURACY: replace(row.values[ACCURACY], values=by_seed)}
    table = replace(ladder_table, rows=(ladder_table.rows[0], replace(row, values=values)))
    sheet = arranged(table, Order())
    shown = plain(rowdetail(sheet, sheet.rows[1], 100)).split("\n")
    assert shown == [
        "tuned@head=zero [lr=0.03]",
        f"{ACCURACY} 0.880 ± 0.021 (4 seeds), 1 diverged or missing: seed 0 0.860, 2 0.900",
        "  - probe: +0.100 ± 0.020 (5 seeds), p=0.003 by Holm: distinguishable at 5 %",
    ]


def test_a_pair_of_the_pipelines_own_is_told_of_both_its_rows(ladder_table):
    pairs = tuple(replace(pair, right="tuned@head=zero") for pair in ladder_table.contrasts[1:])
    sheet = arranged(replace(ladder_table, contrasts=pairs, baseline=""), Order())
    told = f"{ACCURACY}: scratch - tuned@head=zero: -0.010 ± 0.031 (5 seeds): within ±0.041"
    for row in sheet.rows[1:]:
        assert told in plain(rowdetail(sheet, row, 100))
    assert told not in plain(rowdetail(sheet, sheet.rows[0], 100))


def test_names_from_outside_are_made_safe():
    evil = "\x1b[31m\x9d"
    row = Row(evil, evil, {evil: evil}, {evil: Interval(1.0, None, None, 1)}, {evil: evil}, (evil,))
    sheet = arranged(Table((evil,), (row,), (), evil, evil), Order(group=evil))
    shown = [*lines(grid(sheet, 80)), plain(bars(sheet, 80)[0]), plain(rowdetail(sheet, row, 80))]
    assert all(letter.isprintable() for letter in "".join(shown).replace("\n", ""))


def test_a_table_without_metrics_or_rows_is_drawn():
    for table in (Table((), ()), Table((ACCURACY,), ()), Table((), (Row("a", "a", {}, {}),))):
        sheet = arranged(table, Order())
        assert lines(grid(sheet, 80))[1].startswith("method")
        assert bars(sheet, 80)[0] is not None
