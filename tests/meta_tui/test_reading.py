"""What a reader does with a table, step by step."""

from dataclasses import replace

import pytest

from engine.library.artifacts import Interval, Row, Table
from meta_tui.model.table_cursor import Reading
from meta_tui.model.table_view import Column

A, LOSS, FORGOTTEN = "t/accuracy", "t/loss", "t/forgetting"


def row(stage: str, shift: float, **axes: str) -> Row:
    values = {str(seed): 0.5 + shift + 0.01 * (seed * seed % 7) * (1 + shift) for seed in range(6)}
    mean = sum(values.values()) / 6
    found = {
        name: Interval(mean, mean - 0.1, mean + 0.1, 6, values) for name in (A, LOSS, FORGOTTEN)
    }
    label = "".join([stage, *(f"@{axis}={value}" for axis, value in axes.items())])
    return Row(label, stage, axes, found, seeds=tuple(values))


@pytest.fixture
def reading():
    rows = (row("probe", 0.0), row("tuned", 0.1, head="zero"), row("tuned", 0.2, head="random"))
    return Reading(Table((A, LOSS, FORGOTTEN), rows))


def test_the_marked_row_becomes_the_baseline_and_is_given_back_by_the_same_key(reading):
    assert reading.sheet.table.baseline == ""
    reading.row = "tuned@head=zero"
    reading.choose_baseline()
    assert reading.sheet.table.baseline == "tuned@head=zero"
    assert {left for left, _ in reading.sheet.differences} == {"probe", "tuned@head=random"}
    reading.row = "probe"
    reading.choose_baseline()
    assert reading.sheet.table.baseline == "probe"
    reading.choose_baseline()
    assert reading.sheet.table is reading.table


def test_the_pipelines_own_baseline_is_gone_back_to_and_not_computed_anew(reading):
    own = replace(reading.table, baseline="probe")
    again = Reading(own, row="tuned@head=zero")
    again.choose_baseline()
    again.row = "probe"
    again.choose_baseline()
    assert again.sheet.table is own


def test_without_a_marked_row_there_is_no_other_baseline(reading):
    reading.choose_baseline()
    assert reading.baseline == ""


def test_a_table_is_compared_once_for_each_baseline(reading, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "meta_tui.model.table_cursor.against", lambda table, label: asked.append(label) or table
    )
    reading.row = "probe"
    for _ in range(3):
        reading.choose_baseline()
        assert reading.sheet.rows
    assert asked == ["probe"]


def test_a_column_is_sorted_best_first_then_the_other_way_then_not(reading):
    seen = []
    for _ in range(3):
        reading.sort()
        seen.append((reading.order.sort, reading.order.falling))
    assert seen == [(Column("mean", A), True), (Column("mean", A), False), (None, False)]


@pytest.mark.parametrize("name", [LOSS, FORGOTTEN])
def test_of_what_should_be_small_the_smallest_is_first(reading, name):
    reading.sort(Column("mean", name))
    assert reading.order.falling is False


def test_a_bar_is_sorted_as_its_mean_and_p_and_names_from_the_least(reading):
    reading.sort(Column("bar", A))
    assert reading.order.sort == Column("mean", A)
    for column in (Column("p", A), Column("axis", "head"), Column("stage")):
        reading.sort(column)
        assert (reading.order.sort, reading.order.falling) == (column, False)


def test_rows_are_grouped_by_the_stage_by_each_axis_and_not_at_all(reading):
    seen = []
    for _ in range(3):
        reading.group()
        seen.append(reading.order.group)
    assert seen == ["stage", "head", ""]


def test_at_first_the_first_numbers_are_marked_and_the_mark_stops_at_the_ends(reading):
    assert reading.marked == Column("mean", A)
    reading.move(-100)
    assert reading.marked == Column("stage")
    reading.move(1)
    assert reading.marked == Column("axis", "head")
    reading.move(100)
    assert reading.marked == Column("bar", FORGOTTEN)


def test_a_marked_column_that_goes_away_leaves_the_mark_on_the_first_numbers(reading):
    reading.row = "probe"
    reading.choose_baseline()
    reading.column = Column("p", A)
    assert reading.marked == Column("p", A)
    reading.choose_baseline()
    assert reading.marked == Column("mean", A)


def test_the_view_scrolls_to_the_mark_in_both_directions(reading):
    shown = [Column("stage"), Column("mean", A), Column("bar", A)]
    assert not reading.reveal(shown)
    reading.column = Column("mean", LOSS)
    assert reading.reveal(shown)
    assert reading.first == 1
    reading.first = 4
    reading.column = Column("bar", A)
    assert reading.reveal([Column("stage"), Column("mean", FORGOTTEN)])
    assert reading.first == 1


def test_views_follow_each_other(reading):
    seen = []
    for _ in range(3):
        reading.turn()
        seen.append(reading.view)
    assert seen == ["bars", "plot", "table"]
