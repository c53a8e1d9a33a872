"""Intervals over draws that share tasks or classes: formulas, and their coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from engine.learning.evaluation.clusters import Draws


def episodes(rng, classes, ways, count=600):
    """Members (count, ways) of episodes."""
    return np.argsort(rng.random((count, classes)), 1)[:, :ways]


def prototypes(rng, classes, ways, count=600, *, paired=False):
    """Accuracy of each class of one-shot episodes, by the nearest prototype in six dimensions.

    Classes have a place and a width of their own, so some are hard, some are taken for others, and
    pairs may be alike: dependence as real nets have it. `paired`: of one net minus another, which
    see other dimensions and are equally good over all classes.
    """
    members = episodes(rng, classes, ways, count)
    centre = rng.normal(0, 1.6, (classes, 6))[members]
    width = np.exp(rng.normal(0, 0.3, classes))[members][..., None]
    support = centre + width * rng.normal(size=centre.shape)
    query = centre[:, :, None] + width[:, :, None] * rng.normal(size=(count, ways, 5, 6))

    def accuracy(seen):
        s, q = support[..., seen], query[..., seen]
        near = 2 * np.einsum("ewmd,evd->ewmv", q, s) - (s**2).sum(-1)[:, None, None]
        return (near.argmax(-1) == np.arange(ways)[:, None]).mean(2)

    if paired:
        return members, accuracy(slice(0, 5)) - accuracy(slice(1, 6))
    return members, accuracy(slice(0, 6))


def effects(rng, classes, ways, count=600, *, own=0.1, beside=0.0):
    """Scores with an effect of the class, and one of each class that stands beside it."""
    members = episodes(rng, classes, ways, count)
    self_, other = (rng.normal(0, 1, classes) * size for size in (own, beside))
    scores = self_[members] + rng.normal(0, 0.2, members.shape)
    return members, scores + other[members].sum(1, keepdims=True) - other[members]


def coverage(draw, truth, trials):
    """Shares of class intervals and of episode intervals that hold the truth."""
    rng = np.random.default_rng(1)
    hits = np.zeros(2)
    for _ in range(trials):
        members, scores = draw(rng)
        found, each = Draws(members, scores), scores.mean(1)
        half = stats.t.ppf(0.975, len(each) - 1) * stats.sem(each)
        hits += [abs(found.mean - truth) <= found.spread().half, abs(found.mean - truth) <= half]
    return hits / trials


def test_tasks_that_are_drawn_once_have_the_t_interval():
    x = np.random.default_rng(0).normal(size=30)
    found = Draws([(place,) for place in range(30)], [(value,) for value in x])
    low, high = stats.t.interval(0.95, 29, x.mean(), stats.sem(x))
    half = found.spread().half
    assert (found.mean - half, found.mean + half) == pytest.approx((low, high))


def test_tasks_that_are_drawn_often_count_once():
    """A mean of 20 draws each is one number of each task."""
    x = np.random.default_rng(0).normal(size=(12, 20))
    found = Draws([(task,) for task in range(12) for _ in range(20)], x.reshape(-1, 1))
    means = x.mean(1)
    low, high = stats.t.interval(0.95, 11, means.mean(), stats.sem(means))
    half = found.spread().half
    assert (found.count, found.by_unit()) == (12, pytest.approx(list(means)))
    assert (found.mean - half, found.mean + half) == pytest.approx((low, high))


def test_the_line_over_shared_classes_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    for classes, count in ((9, 25), (40, 25)):
        members, scores = effects(rng, classes, 3, count)
        holds = np.zeros((count, classes))
        np.put_along_axis(holds, members, 1, 1)
        each = scores.mean(1)
        apart = np.triu_indices(count, 1)
        shared = (holds @ holds.T)[apart]
        halves = ((each[:, None] - each) ** 2 / 2)[apart]
        wanted = stats.linregress(shared, halves).intercept - each.var()
        assert Draws(members, scores)._shared() == pytest.approx(wanted)


def test_equal_scores_have_no_spread():
    members = episodes(np.random.default_rng(0), 28, 5, 60)
    assert Draws(members, np.full((60, 5), 0.5)).spread().half == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("members", [[[0], [1], [2], [0]], [[0, 1], [1, 2], [2, 3], [3, 0]]])
@pytest.mark.parametrize("power", [0, 199, 500, 995])
def test_huge_scores_have_the_interval_of_small_ones(members, power):
    values, unit = [1.0, -2.5, 3.25, 7.5], 2.0**power
    scores = [
        [value + k for k in range(len(of))] for value, of in zip(values, members, strict=True)
    ]
    small = Draws(members, scores)
    huge = Draws(members, [[value * unit for value in row] for row in scores])
    assert huge.mean == small.mean * unit
    assert huge.by_unit() == [value * unit for value in small.by_unit()]
    assert huge.spread().half == pytest.approx(small.spread().half * unit, rel=1e-12)
    assert huge.spread().half > 0


def test_draws_may_have_different_numbers_of_classes():
    rng = np.random.default_rng(0)
    members = [tuple(rng.permutation(40)[: 2 + i % 4]) for i in range(80)]
    scores = [tuple(rng.normal(0.5, 0.1, len(m))) for m in members]
    found = Draws(members, scores)
    assert found.mean == pytest.approx(np.mean([np.mean(s) for s in scores]))
    assert 0 < found.spread().half < 0.1


def test_the_interval_of_300_draws_of_28_classes_covers_and_that_of_episodes_does_not():
    """Also where a class moves the scores of others, which its own scores do not show."""
    ours, theirs = coverage(lambda rng: effects(rng, 28, 5, 300, beside=0.05), 0.0, 200)
    assert 0.92 <= ours <= 0.98
    assert theirs < 0.6


@pytest.mark.parametrize(("classes", "ways", "count"), [(423, 5, 3), (60, 5, 20)])
def test_few_draws_of_many_classes_are_not_independent(classes, ways, count):
    """Fewer than half as many draws as classes: classes are shared all the same."""
    ours, theirs = coverage(lambda rng: effects(rng, classes, ways, count, own=0.3), 0.0, 300)
    assert 0.925 <= ours <= 0.985
    assert theirs < 0.88 or count == 3


def test_an_interval_is_never_narrower_than_that_of_independent_draws():
    """Of few draws the two estimates may both be far too small."""
    for seed in range(20):
        members, scores = effects(np.random.default_rng(seed), 423, 20, 10, beside=0.05)
        each = scores.mean(1)
        apart = stats.t.ppf(0.975, 9) * stats.sem(each)
        assert Draws(members, scores).spread().half >= apart * (1 - 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("classes", "ways", "count"),
    [
        (423, 5, 6),
        (423, 5, 60),
        (423, 5, 200),
        (60, 5, 20),
        (28, 5, 14),
        (100, 5, 50),
        (60, 20, 30),
    ],
)
@pytest.mark.parametrize("paired", [False, True])
def test_the_coverage_of_few_draws(classes, ways, count, paired):
    def draw(rng):
        if paired:
            return prototypes(rng, classes, ways, count, paired=True)
        return effects(rng, classes, ways, count, own=0.3)

    ours, _ = coverage(draw, 0.0, 1000)
    assert 0.92 <= ours <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize(
    ("classes", "ways", "trials"),
    [(10, 5, 600), (28, 5, 600), (60, 5, 600), (423, 5, 300), (60, 20, 300), (423, 20, 200)],
)
@pytest.mark.parametrize("paired", [False, True])
def test_the_coverage_is_95_percent_for_any_family(classes, ways, trials, paired):
    truth = 0.0
    if not paired:
        many = (prototypes(np.random.default_rng(90 + i), 4000, ways, 400) for i in range(20))
        truth = float(np.mean([scores.mean() for _, scores in many]))
    ours, _ = coverage(lambda rng: prototypes(rng, classes, ways, paired=paired), truth, trials)
    error = 2.5 * (0.95 * 0.05 / trials) ** 0.5
    assert 0.93 - error <= ours <= 0.97 + error
