"""A curve breaks off where a value was not finite: no line is drawn through what was not there."""

import math

import pytest

from engine.rundir.events import MetricBatch
from meta_tui.model.curves import extend
from meta_tui.model.run_view import CellView
from meta_tui.render.charts.chart_set import charts, series
from meta_tui.render.charts.line_chart import Plot, chart, value_at
from meta_tui.render.charts.sizes import charts as cell_charts
from meta_tui.render.charts.viewport import Gaps
from meta_tui.render.text.spans import plain

LOST = range(30, 70)
CELL = CellView(0, "a", "a", "finetune", {}, ())


def learned(values):
    curves = {}
    for step, value in enumerate(values, 1):
        extend(curves, MetricBatch("train", step, 100, step / 2, (step,), {"loss": (value,)}), 0)
    return curves


def empty_columns(lines) -> list[int]:
    """Columns of the picture without a dot, from the left of its axis."""
    rows = ["".join(span.text for span in line)[8:] for line in lines[1:-1]]
    size = 52
    drawn = {at for row in rows for at, letter in enumerate(row) if 0x2800 < ord(letter) < 0x2900}
    return [at for at in range(size) if at not in drawn]


def drawn(axis="step", weight=0.0, *, log_y=False, window=(-math.inf, math.inf)):
    # As high at its end as before the gap: what joined the two would stay within the frame.
    values = [math.nan if step in LOST else 1 + step % 10 / 50 for step in range(1, 101)]
    shown = charts([(CELL, learned(values))], 0, axis, weight)[0]
    plot = Plot(log_y=log_y, under=shown.under, window=window)
    return chart("loss", shown.series, 60, 12, plot)


@pytest.mark.parametrize("axis", ["step", "time"])
@pytest.mark.parametrize("weight", [0.0, 0.9])
@pytest.mark.parametrize("log_y", [False, True])
def test_a_stretch_without_values_is_left_empty(axis, weight, log_y):
    gap = empty_columns(drawn(axis, weight, log_y=log_y))
    assert len(gap) >= 18
    assert gap == list(range(gap[0], gap[-1] + 1))


def test_a_window_that_begins_in_the_gap_draws_nothing_before_the_next_value():
    gap = empty_columns(drawn(window=(40, 100)))
    assert gap[:25] == list(range(25))


def test_a_window_that_ends_in_the_gap_draws_nothing_after_the_last_value():
    gap = empty_columns(drawn(window=(1, 50)))
    assert gap[-1] == 51
    assert len(gap) >= 18


def test_a_curve_without_a_loss_has_no_gap():
    shown = charts([(CELL, learned([1 + step / 50 for step in range(100)]))], 0)[0]
    assert empty_columns(chart("loss", shown.series, 60, 12, Plot())) == []


def test_a_gap_is_between_points_and_not_at_them():
    gaps = Gaps([1, 2, 4, 8], [3, 4, 9])
    assert [gaps.before(place) for place in range(5)] == [False, False, True, False, False]


def test_show_draws_gaps_and_says_how_many_values_are_missing():
    values = [1.0 if step % 5 == 0 else math.nan for step in range(1, 51)]
    lines = cell_charts(learned(values), 60, 12)
    assert "loss  1  40 not finite from step 1" in plain(lines[:1])
    dots = 52 - len(empty_columns(lines))
    assert dots == 10  # A dot for each value, no line through what was not there.
    assert plain(lines).rstrip().split("\n")[-1].split() == ["1", "step", "50"]


def test_show_says_that_no_value_was_finite():
    shown = plain(cell_charts(learned([math.nan] * 50), 60, 12))
    assert "50 not finite from step 1" in shown
    assert "no finite value" in shown


@pytest.mark.parametrize(("x", "value"), [(29, 1.18), (29.5, None), (50, None), (70, 1.0)])
def test_a_cursor_in_a_gap_tells_no_value(x, value):
    values = [math.nan if step in LOST else 1 + step % 10 / 50 for step in range(1, 101)]
    curve = learned(values)["train", "loss"]
    assert value_at(series("loss", None, curve), x) == value
