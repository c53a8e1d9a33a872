import math
import random

import pytest

from engine.rundir.events import MetricBatch
from meta_tui.model.curves import Curve, Curves, extend, published


def batch(steps, seconds, values=None, step=None, loop="train") -> MetricBatch:
    values = tuple(float(at) for at in steps) if values is None else tuple(values)
    return MetricBatch(loop, step or max(steps, default=0), 0, seconds, tuple(steps), {"l": values})


def told(*batches: MetricBatch) -> Curve:
    curves: Curves = {}
    before = 0
    for one in batches:
        extend(curves, one, before)
        before = one.step
    return curves["train", "l"]


def test_points_of_a_batch_lie_evenly_between_the_batch_before_and_their_own():
    curve = told(batch([1, 2], 1.0), batch([3, 4, 5, 6], 3.0))
    assert list(curve.times) == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_a_cell_that_goes_on_keeps_the_times_of_what_it_tells_again_and_goes_on_from_there():
    curve = told(
        batch([1, 2], 10.0),
        batch([3, 4], 20.0),
        # Its process began anew from the checkpoint at step 3: its clock is at 0 again.
        batch([1, 2, 3], 0.1),
        batch([4], 5.1),
        batch([5], 6.1),
    )
    assert list(curve.steps) == [1, 2, 3, 4, 5]
    assert list(curve.times) == pytest.approx([5.0, 10.0, 15.0, 20.0, 21.0])


def test_a_batch_without_points_that_is_behind_lets_the_time_go_on_from_where_it_is():
    curve = told(batch([1, 2, 3], 30.0), batch([], 0.5, step=2), batch([3], 1.5), batch([4], 2.5))
    assert list(curve.steps) == [1, 2, 3, 4]
    assert list(curve.times) == pytest.approx([10.0, 20.0, 21.0, 22.0])


def test_times_never_fall_whatever_the_clock_does():
    curve = told(*(batch([step], seconds) for step, seconds in enumerate([5, 3, 9, 1, 2], 1)))
    assert list(curve.times) == sorted(curve.times)
    assert len(curve.times) == len(curve.steps)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_a_batch_without_a_time_is_damage(seconds):
    with pytest.raises(ValueError, match="seconds"):
        extend({}, batch([1], seconds), 0)


def test_values_that_are_not_finite_are_not_drawn_and_their_steps_are_known():
    curve = told(batch([1, 2, 3, 4], 1.0, [1.0, math.nan, math.inf, 2.0]), batch([5], 2.0, [None]))
    assert list(curve.steps) == [1, 4]
    assert list(curve.lost) == [2, 3, 5]


def test_of_several_series_none_means_only_that_one_has_no_point_there():
    curves: Curves = {}
    values = {"loss": (1.0, 2.0), "accuracy": (None, 0.5)}
    extend(curves, MetricBatch("train", 2, 2, 1.0, (1, 2), values), 0)
    assert [list(curve.lost) for curve in curves.values()] == [[], []]


def test_what_was_lost_beyond_a_checkpoint_is_forgotten_when_the_cell_goes_on():
    curve = told(batch([1, 2, 3], 1.0, [1.0, 2.0, math.nan]), batch([3], 2.0, [4.0]))
    assert list(curve.values) == [1, 2, 4]
    again = told(batch([1, 2, 3], 1.0, [1.0, 2.0, math.nan]), batch([2], 2.0, [4.0]))
    assert list(again.lost) == []


def test_published_curves_have_no_times_and_say_where_they_were_not_finite():
    curve = published({"train": {"l": [[1, 2.0], [2, None], [3, 0.5]]}})["train", "l"]
    assert (list(curve.steps), list(curve.values)) == ([1, 3], [2.0, 0.5])
    assert (list(curve.times), list(curve.lost)) == ([], [2])


def reference(values, weight: float) -> list[float]:
    """The debiased mean by its definition: weights that sum to 1 over all values so far."""
    found = []
    for last in range(len(values)):
        weights = [weight ** (last - place) for place in range(last + 1)]
        total = sum(share * value for share, value in zip(weights, values, strict=False))
        found.append(total / sum(weights))
    return found


@pytest.mark.parametrize("weight", [0.6, 0.9, 0.97])
def test_a_smoothed_curve_is_the_debiased_mean_also_when_it_grows_and_is_cut(weight):
    curve = Curve("train", "l")
    for step in range(40):
        curve.add(step, math.sin(step) + step)
        if step % 7 == 0:
            curve.smoothed(weight)
    assert curve.extremes.span(0, 40) == (min(curve.values), max(curve.values))
    assert list(curve.smoothed(weight).values) == pytest.approx(reference(curve.values, weight))
    curve.cut(25)
    for step in range(25, 60):
        curve.add(step, math.cos(step))
    smooth = curve.smoothed(weight)
    assert list(smooth.values) == pytest.approx(reference(curve.values, weight))
    assert smooth.extremes.span(0, 60) == (min(smooth.values), max(smooth.values))
    assert curve.extremes.span(0, 60) == (min(curve.values), max(curve.values))


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_taken_whole_makes_the_points_that_one_by_one_would_make(seed):
    """Of batches that are cut off, told again, or have holes, whatever their size."""
    draw = random.Random(seed)
    whole: Curves = {}
    single: Curves = {}
    at, seconds = 0, 0.0
    for _ in range(40):
        at = max(0, at - draw.choice([0, 0, 0, 0, 3, 40]))
        steps = [at + 1 + place for place in range(draw.choice([1, 2, 7, 30]))]
        if draw.random() < 0.1:
            steps.append(steps[-1])
        odd = draw.choice([0.0, 0.0, 0.2])
        columns = {
            name: tuple(
                draw.choice([None, math.nan, math.inf]) if draw.random() < odd else draw.random()
                for _ in steps
            )
            for name in ("loss", "accuracy")
        }
        seconds = draw.choice([seconds, draw.random() * 10])
        extend(whole, MetricBatch("t", steps[-1], 0, seconds, tuple(steps), columns), at)
        for place, step in enumerate(steps):
            points = {name: (column[place],) for name, column in columns.items()}
            extend(single, MetricBatch("t", step, 0, seconds, (step,), points), at)
        at = steps[-1]
    assert whole.keys() == single.keys()
    for key, curve in whole.items():
        assert curve.steps == single[key].steps
        assert curve.values == single[key].values
        assert curve.lost == single[key].lost
        assert len(curve.times) == len(curve.steps)
        assert list(curve.times) == sorted(curve.times)


def test_every_change_of_a_curve_is_counted():
    curve = Curve("t", "loss")
    seen = {curve.changes}
    for change in (
        lambda: curve.add(1, 0.5),
        lambda: curve.grow([2, 3], [0.4, 0.3], [1.0, 2.0]),
        lambda: curve.lose(4),
        lambda: curve.cut(3),
        lambda: curve.add(2, 0.1),
    ):
        change()
        assert curve.changes not in seen
        seen.add(curve.changes)
