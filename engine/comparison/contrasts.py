"""Paired differences between rows, one Holm family for each metric.

Rows of several seeds are paired on the seed. Two rows of one learner each are paired on the task
where both kept their value on each: that tells these two learners apart, and says nothing of what
another training run of either would give, which is said beside it.
"""

import math
from collections.abc import Iterable, Sequence

from engine import learning
from engine.artifacts import Contrast, Interval, Row
from engine.artifacts.table import ONE_EACH
from engine.comparison.rows import interval

Pair = tuple[Row, Row]
LEVEL = 0.05


def contrasts(pairs: Sequence[Pair], metrics: Iterable[str]) -> tuple[Contrast, ...]:
    """The differences left - right of every pair in every metric that both have."""
    return tuple(contrast for metric in metrics for contrast in _family(pairs, metric))


def _family(pairs: Sequence[Pair], metric: str) -> list[Contrast]:
    found: list[tuple[Pair, Interval, float | None]] = []
    for left, right in pairs:
        by_task = _by_task(left, right, metric)
        if by_task:
            p = learning.statistics.paired_p(by_task)
            found.append(((left, right), Interval.of_tasks(by_task), p))
        elif metric in left.values and metric in right.values:
            difference = _by_seed(left, right, metric)
            p = learning.statistics.paired_p(list(difference.values.values()))
            found.append(((left, right), difference, p))
    adjusted = _holm([p for *_, p in found])
    return [
        Contrast(metric, left.label, right.label, difference, p, verdict(difference, p))
        for ((left, right), difference, _), p in zip(found, adjusted, strict=True)
    ]


def _holm(raw: Sequence[float | None]) -> list[float | None]:
    """The p values that there are, adjusted as one family."""
    adjusted = iter(learning.statistics.holm([p for p in raw if p is not None]))
    return [None if p is None else next(adjusted) for p in raw]


def _by_task(one: Row, other: Row, metric: str) -> list[float]:
    """The differences task by task; empty where the learners were not judged on the same ones."""
    here, there = one.each.get(metric, ()), other.each.get(metric, ())
    if one.family != other.family or len(here) != len(there):
        return []
    return [left - right for left, right in zip(here, there, strict=True)]


def _by_seed(left: Row, right: Row, metric: str) -> Interval:
    """Paired on the seed; a row without seeds is the same number against each of the other's."""
    here, there = left.values[metric].values, right.values[metric].values
    if left.seeds == ("",):
        here = dict.fromkeys(right.seeds, here[""]) if here else {}
    if right.seeds == ("",):
        there = dict.fromkeys(left.seeds, there[""]) if there else {}
    differences = {seed: here[seed] - there[seed] for seed in here if seed in there}
    seeds = {*left.seeds, *right.seeds}
    if len(seeds) > 1:
        seeds.discard("")
    return interval(differences, len(seeds) - len(differences))


def verdict(difference: Interval, p: float | None) -> str:
    """What may be said of a difference."""
    said = _said(difference, p)
    return f"{said}, {ONE_EACH}" if difference.over == "tasks" else said


def _said(difference: Interval, p: float | None) -> str:
    if difference.n == 0:
        return "no pair to compare"
    if difference.low is None or difference.high is None:
        return "one pair: no interval"
    if p is not None and p < LEVEL:
        return "distinguishable at 5 % (Holm)"
    bound = _outward(max(abs(difference.low), abs(difference.high)))
    if p is not None:
        return f"within ±{bound}"
    if difference.n < learning.statistics.TESTABLE:
        return f"within ±{bound}; {difference.n} pairs are too few for a test"
    return "the same difference in every pair: nothing to test"


def _outward(bound: float) -> str:
    """Two digits, rounded up: a bound may only be told wider than it is."""
    if bound == 0:
        return "0"
    unit = 10.0 ** (math.floor(math.log10(bound)) - 1)
    # A hair below, so that 0.15 does not become 0.16 by the last bit of a division.
    return f"{math.ceil(bound / unit * (1 - 1e-12)) * unit:.2g}"
