"""Which curves lie in which chart, and where the charts stand."""

import pytest

from meta_tui.model.curves import Curve, Curves
from meta_tui.model.run_view import CellView
from meta_tui.render.charts.chart_grid import chartgrid, x_at
from meta_tui.render.charts.chart_set import Chart, axis_of, charts, legend, telling
from meta_tui.render.charts.chart_view import Look
from meta_tui.render.charts.viewport import Series
from meta_tui.render.text.spans import plain
from pipelines.core.text import width


def cell(ordinal: int, **axes: str) -> CellView:
    return CellView(ordinal, f"c{ordinal}", "s", "t", axes, ())


def curves(*named: tuple[str, str], timed: bool = True, lost: int = 0) -> Curves:
    found: Curves = {}
    for loop, name in named:
        curve = found[loop, name] = Curve(loop, name)
        for step in range(10):
            curve.add(step, float(step), step * 0.5 if timed else None)
        for step in range(lost):
            curve.lose(10 + step)
    return found


LOSS, ACCURACY = ("train", "loss"), ("train", "accuracy")


def test_loss_is_first_and_each_cell_has_one_colour_in_all_charts():
    shown = [(cell(place, seed=str(place)), curves(ACCURACY, LOSS)) for place in (4, 6)]
    made = charts(shown, 4)
    assert [chart.name for chart in made] == ["loss", "accuracy"]
    for chart in made:
        assert [(one.label, one.style) for one in chart.series] == [
            ("seed=4", "series0"), ("seed=6", "series2"),
        ]  # fmt: skip
    assert telling(shown) == ["seed"]
    assert plain(legend(made, 60, 2)).split() == ["━", "seed=4", "━", "seed=6"]


def test_loops_of_one_cell_are_told_apart_and_one_alone_is_not_named():
    both = charts([(cell(0), curves(("one", "loss"), ("two", "loss")))], 0)
    assert [one.label for one in both[0].series] == ["one", "two"]
    assert legend(charts([(cell(0), curves(LOSS))], 0), 60, 2) == []


def test_over_time_x_are_seconds_and_what_has_none_is_told_and_left_out():
    mixed = [
        (cell(0, seed="0"), curves(LOSS)),
        (cell(1, seed="1"), curves(LOSS, ACCURACY, timed=False)),
    ]
    assert (axis_of(mixed, "time"), axis_of(mixed, "step")) == ("time", "step")
    loss, accuracy = charts(mixed, 0, "time")
    assert (loss.axis, len(loss.series), loss.remark) == ("time", 1, "1 without times")
    assert list(loss.series[0].x)[:3] == [0.0, 0.5, 1.0]
    assert (accuracy.axis, accuracy.remark) == ("step", "no times recorded")


def test_where_nothing_has_times_the_axis_stays_steps_and_says_why():
    shown = [(cell(0), curves(LOSS, timed=False))]
    assert axis_of(shown, "time") == "step"
    assert charts(shown, 0, "time")[0].remark == "no times recorded"


def test_smoothed_curves_have_their_values_under_them():
    made = charts([(cell(0), curves(LOSS))], 0, weight=0.9)[0]
    assert list(made.under[0].y) == [float(step) for step in range(10)]
    assert 0 < made.series[0].y[-1] < made.under[0].y[-1]
    assert made.series[0].y[0] == made.under[0].y[0]


@pytest.mark.parametrize(("lost", "remark"), [
    (0, ""), (1, "not finite at step 10"), (3, "3 not finite from step 10"),
])  # fmt: skip
def test_values_that_were_not_finite_are_told(lost, remark):
    assert charts([(cell(0), curves(LOSS, lost=lost))], 0)[0].remark == remark


def some(count: int) -> list[Chart]:
    series = (Series("a", list(range(10)), [float(x) for x in range(10)]),)
    return [Chart(f"metric{place}", series) for place in range(count)]


@pytest.mark.parametrize(("columns", "rows"), [(38, 8), (70, 21), (104, 28), (196, 50), (20, 3)])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 40])
def test_charts_fill_what_there_is_and_never_more_and_the_chosen_one_is_there(columns, rows, count):
    for chosen in {0, count // 2, count - 1}:
        grid = chartgrid(some(count), chosen, Look(), columns, rows)
        assert rows - max(2, rows // 4) <= len(grid.lines) <= rows
        assert max(width(text) for text in plain(grid.lines).split("\n")) <= columns
        assert chosen in [box.place for box in grid.boxes]
        assert (f"▸ metric{chosen}" in plain(grid.lines)) == (count > 1)


def test_two_charts_are_seen_where_there_is_room_for_two():
    assert len(chartgrid(some(5), 0, Look(), 70, 17).boxes) >= 2
    assert len(chartgrid(some(4), 0, Look(), 104, 20).boxes) == 4


def test_alone_only_the_chosen_chart_is_shown_as_large_as_it_can_be():
    grid = chartgrid(some(5), 3, Look(alone=True), 100, 30)
    assert [(box.place, box.columns, box.rows) for box in grid.boxes] == [(3, 100, 30)]


def test_a_place_on_the_screen_is_a_chart_and_an_x():
    shown = some(4)
    grid = chartgrid(shown, 0, Look(), 104, 20)
    for box in grid.boxes:
        assert grid.at(box.left + 8, box.top + 2) == box
        assert x_at(shown[box.place], Look(), box, box.left + 8) == 0
        assert x_at(shown[box.place], Look(), box, box.left + box.columns - 1) == 9
        assert x_at(shown[box.place], Look(), box, box.left) is None
    assert grid.at(103, 300) is None


def test_a_window_over_time_is_not_one_over_steps():
    loss, accuracy = charts(
        [(cell(0), {**curves(LOSS), **curves(ACCURACY, timed=False)})], 0, "time"
    )
    look = Look(axis="time", window=(1.0, 2.0), cursor=1.5)
    text = plain(chartgrid([loss, accuracy], 0, look, 40, 20).lines)
    assert "at 1.5s: 3" in text
    assert text.split("\n")[-1].split() == ["0", "step", "9"]
