"""Charts of a window, with a cursor, on a logarithmic axis, of what is hard to draw."""

import math
from array import array

import pytest

from meta_tui.model.curves import Curve
from meta_tui.render.charts.line_chart import Plot, chart, value_at
from meta_tui.render.charts.viewport import Series, frame
from meta_tui.render.text.numbers import ABSENT
from meta_tui.render.text.spans import Line, plain


def drawn(lines: list[Line]) -> str:
    """What stands right of the axis."""
    return "\n".join(row.partition("│")[2] for row in plain(lines).split("\n")[1:])


def columns_of(lines: list[Line]) -> set[int]:
    """The columns of characters in which there is a dot."""
    return {
        place
        for row in drawn(lines).split("\n")
        for place, letter in enumerate(row)
        if letter >= "\u2801"
    }


def rising(count: int = 101) -> Series:
    return Series("a", list(range(count)), [float(x) for x in range(count)])


def test_a_window_shows_its_part_over_the_whole_width_and_the_whole_height():
    whole = chart("a", [Series("a", range(25, 76), list(range(25, 76)))], 48, 12, Plot())
    part = chart("a", [rising()], 48, 12, Plot(window=(25.0, 75.0)))
    assert drawn(whole) == drawn(part)
    assert [text.split() for text in plain(part).split("\n")[-1:]] == [["25", "75"]]


def test_a_curve_goes_on_to_the_edges_of_a_window_between_its_points():
    sparse = Series("a", [0, 100], [0.0, 100.0])
    shown = chart("a", [sparse], 48, 12, Plot(window=(40.0, 60.0)))
    assert columns_of(shown) == set(range(40))
    rows = [row.strip() for row in drawn(shown).split("\n")[:-1]]
    between = [row for row in rows if row]
    # A fifth of the whole height, because the points at both sides make the frame.
    assert 1 <= len(between) <= 4


def test_a_window_that_no_curve_reaches_says_so():
    assert "no points here" in plain(chart("a", [rising()], 48, 12, Plot(window=(200.0, 300.0))))


def test_a_cursor_tells_the_values_there_and_where_it_is():
    series = [rising(), Series("b", [0, 1], [7.0, 8.0]), Series("c", [60, 100], [1.0, 2.0])]
    shown = plain(chart("loss", series, 60, 12, Plot(cursor=55.0, named=False)))
    head, *_, foot = shown.split("\n")
    assert head == f"loss  at 55: 55 {ABSENT} {ABSENT}"
    assert foot.split() == ["0", "55", "100"]
    assert abs(foot.index("55") - (8 + 52 * 0.55)) <= 2


@pytest.mark.parametrize(("x", "expected"), [
    (-1, None), (0, 10.0), (4, 10.0), (5, 20.0), (9, 30.0), (13, 30.0), (13.5, None), (99, None),
])  # fmt: skip
def test_the_value_at_an_x_is_that_of_the_last_point_up_to_it(x, expected):
    assert value_at(Series("a", [0, 5, 9], [10.0, 20.0, 30.0]), x) == expected


def test_just_beside_an_end_the_value_is_that_of_the_end():
    curve = Series("a", [1, 5], [10.0, 20.0])
    assert (value_at(curve, 5.5, 1.0), value_at(curve, 0.5, 1.0)) == (20.0, 10.0)
    assert (value_at(curve, 9.5, 1.0), value_at(curve, -0.5, 1.0)) == (None, None)
    assert (value_at(Series("a", [3], [1.0]), 4.5, 1.0)) is None
    assert value_at(Series("a", [], []), 1.0, 9.0) is None


def test_a_cursor_outside_the_window_is_not_drawn():
    shown = plain(chart("a", [rising()], 48, 12, Plot(window=(50.0, 75.0), cursor=3.0)))
    assert shown.split("\n")[-1].split() == ["50", "75"]


def test_values_without_a_logarithm_leave_a_gap_and_are_told():
    y = [1.0] * 40 + [0.0] * 20 + [10.0] * 40
    shown = chart("loss", [Series("loss", range(100), y)], 58, 12, Plot(log_y=True))
    assert plain(shown).startswith("loss (log)  10  values <= 0 left out")
    gap = set(range(50)) - columns_of(shown)
    assert {22, 25, 28} <= gap
    assert len(gap) <= 12


def test_a_curve_does_not_go_on_from_a_value_without_a_logarithm():
    y = [10.0, 0.0, 1.0]
    shown = chart("x", [Series("x", [0, 50, 100], y)], 58, 12, Plot(log_y=True))
    assert columns_of(shown) == {0, 49}


def test_a_logarithmic_axis_of_nothing_above_zero_is_linear_and_says_so():
    shown = plain(chart("x", [Series("x", [0, 1], [-1.0, -2.0])], 60, 8, Plot(log_y=True)))
    assert "no value above 0: not log" in shown.split("\n")[0]


def test_a_window_of_positive_values_leaves_nothing_out():
    y = [-1.0, -1.0, 1.0, 2.0, 4.0]
    series = [Series("x", range(5), y)]
    shown = plain(chart("x", series, 60, 8, Plot(log_y=True, window=(2.0, 4.0))))
    assert "left out" not in shown
    assert "(log)" in shown


@pytest.mark.parametrize("y", [
    [1.7e308, -1.7e308], [5e-324, 1.0, 1.7e308], [0.0], [3.0, 3.0, 3.0], [-0.0, 0.0],
    [1.0, 1.0 + 2**-52],
])  # fmt: skip
@pytest.mark.parametrize("log_y", [False, True])
def test_what_is_hard_to_draw_is_drawn(y, log_y):
    series = [Series("x", list(range(len(y))), y)]
    for window in ((-math.inf, math.inf), (0.25, 0.75), (0.0, 0.0)):
        shown = chart("x", series, 40, 10, Plot(log_y=log_y, window=window, cursor=0.0))
        assert len(shown) == 10
        assert columns_of(shown) or (log_y and max(y) <= 0) or window == (0.25, 0.75)


def test_a_value_far_outside_a_window_costs_no_more_work(work):
    x = [0, 1, 1.0001, 2]
    chart("x", [Series("x", x, [0.0, 1.0, 1.0, 1.0])], 80, 20, Plot(window=(0.0, 1.00005)))
    with work.counting():
        chart("x", [Series("x", x, [0.0, 1.0, 1e300, 1.0])], 80, 20, Plot(window=(0.0, 1.00005)))
    assert work.steps < 20_000


def test_what_lies_under_is_faint_and_behind():
    raw = Series("a", range(100), [float(x % 2) for x in range(100)])
    smooth = Series("a", range(100), [0.5] * 100, "series3")
    shown = chart("a", [smooth], 58, 12, Plot(under=[raw]))
    styles = {span.style for row in shown[1:-1] for span in row if span.text.strip(" │")}
    assert styles >= {"dim", "series3"}
    middle = [row for row in shown if any(span.style == "series3" for span in row)]
    assert len(middle) == 1


def test_time_is_read_as_a_clock():
    series = [Series("a", [0.5, 3700.0], [0.0, 1.0], scale="time")]
    assert plain(chart("a", series, 60, 8, Plot())).split("\n")[-1].split() == ["0.5s", "1:01:40"]


@pytest.mark.parametrize("columns", [8, 9, 12, 40])
def test_a_cursor_never_makes_a_line_wider_than_the_chart(columns):
    for cursor in range(0, 101, 5):
        shown = chart("a", [rising()], columns, 6, Plot(cursor=float(cursor)))
        assert max(map(len, plain(shown).split("\n"))) <= columns


def long(count: int) -> Curve:
    curve = Curve("train", "loss")
    for step in range(count):
        curve.add(step, 2 * math.exp(-step / 30_000) + 0.1 * math.sin(step * step))
    return curve


@pytest.mark.parametrize("plot", [
    Plot(), Plot(log_y=True), Plot(window=(20_000.0, 70_000.0), cursor=30_000.0),
])  # fmt: skip
def test_the_work_of_a_redraw_does_not_grow_with_the_points(plot, work):
    steps = []
    for count in (100_000, 200_000):
        curve = long(count)
        series = [Series("loss", curve.steps, curve.values, extremes=curve.extremes)]
        chart("loss", series, 80, 12, plot)  # Sums up the curve, once for all redraws.
        with work.counting():
            chart("loss", series, 80, 12, plot)
        steps.append(work.steps)
    assert max(steps) < 2 * min(steps)
    assert max(steps) < 20_000


def test_every_dot_is_where_looking_at_each_point_puts_it():
    curve = long(5000)
    series = Series("loss", curve.steps, curve.values, extremes=curve.extremes)
    plane = frame([series])
    shown = chart("loss", [series], 58, 12, Plot())
    rows, across, down = drawn(shown).split("\n"), 50 * 2, 10 * 4
    dots = [(0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80)]
    for x, y in zip(series.x, series.y, strict=True):
        column, row = plane.across(x, across), plane.down(y, down)
        letter = rows[row // 4][column // 2]
        assert ord(letter) - 0x2800 & dots[row % 4][column % 2]


def test_a_list_and_an_array_are_drawn_alike():
    y = [math.sin(x / 9) for x in range(500)]
    shown = [
        chart("a", [Series("a", kind(range(500)), kind(y))], 60, 12, Plot())
        for kind in (list, lambda values: array("d", values))
    ]
    assert shown[0] == shown[1]
