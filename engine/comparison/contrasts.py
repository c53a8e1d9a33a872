"""Paired differences between rows, one Holm family for each metric."""

import math
from collections.abc import Iterable, Mapping, Sequence

from engine import learning
from engine.artifacts import Contrast, Interval
from engine.comparison.measure import Measure
from engine.comparison.rows import Group, interval

Pair = tuple[Group, Group]
LEVEL = 0.05


def contrasts(pairs: Sequence[Pair], shown: Iterable[Measure]) -> tuple[Contrast, ...]:
    """The differences left - right of every pair in every measure that both have."""
    return tuple(contrast for measure in shown for contrast in _family(pairs, measure))


def _family(pairs: Sequence[Pair], measure: Measure) -> list[Contrast]:
    found: list[tuple[Pair, Interval]] = []
    for left, right in pairs:
        here, there = left.values(measure), right.values(measure)
        if (here or left.diverged) and (there or right.diverged):
            found.append(((left, right), _difference(left, right, here, there)))
    raw = [learning.statistics.paired_p(list(item.values.values())) for _, item in found]
    tested = [place for place, p in enumerate(raw) if p is not None]
    adjusted = dict(
        zip(tested, learning.statistics.holm([p for p in raw if p is not None]), strict=True)
    )
    return [
        Contrast(
            measure.text,
            left.label,
            right.label,
            difference,
            adjusted.get(place),
            verdict(difference, adjusted.get(place)),
        )
        for place, ((left, right), difference) in enumerate(found)
    ]


def _difference(
    left: Group, right: Group, here: Mapping[str, float], there: Mapping[str, float]
) -> Interval:
    """Paired on the seed; a row without seeds is the same number against each of the other's."""
    if list(left.cells) == [""]:
        here = dict.fromkeys(right.cells, here[""]) if here else {}
    if list(right.cells) == [""]:
        there = dict.fromkeys(left.cells, there[""]) if there else {}
    differences = {seed: here[seed] - there[seed] for seed in here if seed in there}
    seeds = {*left.cells, *right.cells}
    if len(seeds) > 1:
        seeds.discard("")
    return interval(differences, len(seeds) - len(differences))


def verdict(difference: Interval, p: float | None) -> str:
    """What may be said of a difference."""
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
