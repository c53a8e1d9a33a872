"""Intervals over seeds, and over the tasks or classes on which one learner was judged."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine import learning
from engine.library.artifacts import Interval, Scores, Units

FEWEST = 10
"""Tasks or classes from which an interval speaks of others of their kind."""
FEWEST_DRAWS = 100
"""Episodes of several classes from which an interval over classes covers: see decision 031."""
_WAYS = re.compile(r"@ways=(\d+)")

Parts = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A metric of one learner on each task.

    Attributes:
        each: its value on each of two tasks or more.
        units: what the tasks were drawn from; None where every task is a new one.
        by_class: for each task its value on each of its classes, in the order of `units`; empty
            where tasks have no classes.
    """

    each: Sequence[float]
    units: Units | None = None
    by_class: Parts = field(default_factory=tuple)

    @classmethod
    def of(
        cls,
        metric: str,
        each: Sequence[float],
        units: Mapping[str, Units],
        by_class: Mapping[str, Parts],
    ) -> "Judged":
        """The metric as scores and rows keep it: by name, and the units by task label."""
        found = units.get(metric.partition("@")[0].rpartition("/")[0])
        ways = _WAYS.search(metric)
        if found is not None and ways:
            members = tuple(m for m in found.members if len(m) == int(ways[1]))
            found = Units(found.kind, found.count, members)
        parts = by_class.get(metric, ())
        lacks_parts = found is not None and found.kind == "classes" and not parts
        return cls(each, None if lacks_parts else found, parts)

    def minus(self, other: "Judged") -> "Judged":
        """The differences on the same tasks."""
        each = [a - b for a, b in zip(self.each, other.each, strict=True)]
        by_class = [
            [a - b for a, b in zip(here, there, strict=True)]
            for here, there in zip(self.by_class, other.by_class, strict=True)
        ]
        return Judged(each, self.units, by_class)

    def interval(self, values: Mapping[str, float] | None = None) -> Interval:
        """The 95 % interval over what was drawn independently.

        Every draw is a task of its own where the family is endless. Else the interval spans tasks
        or classes. With fewer than 10 of these, or than twice the ways, it would say nothing of
        others: then the range over these is told. With few draws of enough classes it spans draws
        of these classes alone.
        """
        units = self.units
        if units is None:
            return over_draws(self.each, values)
        if not scarce(units.count, units.most) and seldom(len(self.each), units.most):
            return replace(over_draws(self.each, values), over="draws")
        by_class = self.by_class or [[value] for value in self.each]
        drawn = learning.evaluation.clusters.Draws(units.members, by_class)
        draws = len(self.each) if len(self.each) > drawn.count or units.most > 1 else 0
        known = Interval(
            drawn.mean, None, None, drawn.count, values or {}, over=units.kind, draws=draws,
            of_draws=over_draws(self.each).half if units.kind == "classes" else None,
        )  # fmt: skip
        if scarce(drawn.count, units.most):
            means = drawn.by_unit()
            return replace(known, least=min(means), most=max(means))
        half = drawn.spread().half
        return replace(known, low=drawn.mean - half, high=drawn.mean + half)


def seldom(draws: int, most: int) -> bool:
    """Whether so many draws are too few for an interval over the classes that each has several of.

    Args:
        draws: episodes; one task of a table each is no such draw.
        most: classes in one draw.
    """
    return most > 1 and draws < FEWEST_DRAWS


def scarce(count: int, most: int) -> bool:
    """Whether so many tasks or classes are too few to tell anything of others of their kind.

    Args:
        count: of those that draws are from.
        most: of them in one draw.
    """
    return count < FEWEST or count < 2 * most


def judged(scores: Scores, metric: str) -> Judged | None:
    """What scores keep of a metric on each task; None where it is not kept, or of one task."""
    each = scores.each.get(metric, ())
    if len(each) < 2:  # noqa: PLR2004 (a spread needs two)
        return None
    return Judged.of(metric, each, scores.units, scores.by_class)


def over_draws(each: Sequence[float], values: Mapping[str, float] | None = None) -> Interval:
    """The 95 % t interval over tasks, each of which was drawn independently."""
    found = learning.evaluation.statistics.mean(each)
    return Interval(found.mean, found.low, found.high, found.n, values or {}, over="tasks")


def over_seeds(values: Mapping[str, float], dropped: int = 0) -> Interval:
    """Mean and 95 % t interval of the values by seed."""
    found = learning.evaluation.statistics.mean(list(values.values()))
    return Interval(found.mean, found.low, found.high, found.n, dict(values), dropped)
