"""Paired differences between rows, one Holm family for each metric.

Rows of several seeds are paired on the seed. Two rows of one learner each are paired on the task
where both kept their value on each: that compares these two learners on these tasks. It says
nothing of what another training run of either would give, so it has no p and no verdict. A row of
several seeds against a row of one cell without a seed is a difference of means: that cell is one
draw, and subtracting it from every seed makes no pairs. Where something upstream was drawn once for
all seeds of a row, as one backbone for five seeds of its head, the pairs compare what was made from
this one draw: these have an interval, and no p and no verdict either. Where two rows were judged on
other draws of tasks, their difference is of the tasks too, and there is only its mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine import learning
from engine.library.artifacts import Contrast, Interval, Row
from engine.library.artifacts.table import AGAINST_ONE, ONE_EACH, drawn_once
from engine.library.comparison.intervals import Judged, over_seeds
from engine.library.comparison.metric_ref import Measure
from pipelines.core.text import numbered

Pair = tuple[Row, Row]
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class _Found:
    """A difference in the making.

    Attributes:
        left: row.
        right: row.
        difference: left - right.
        size: of the largest number in any pair, by which rounding is judged.
        p: of a paired t test, before it is adjusted.
    """

    left: Row
    right: Row
    difference: Interval
    size: float
    p: float | None


def contrasts(pairs: Sequence[Pair], metrics: Iterable[str]) -> tuple[Contrast, ...]:
    """The differences left - right of every pair in every metric that both have."""
    return tuple(contrast for metric in metrics for contrast in _family(pairs, metric))


def caveats(found: Iterable[Contrast]) -> list[str]:
    """What must be said beside differences of which a side is one learner."""
    kinds = {contrast.difference.over for contrast in found}
    told = []
    if kinds & {"tasks", "classes", "draws", "pairs"}:
        told.append(f"a difference of {ONE_EACH} says nothing of another training run of either")
    if "learners" in kinds:
        told.append(f"a difference {AGAINST_ONE} says nothing of another training run of that one")
    return told


def _family(pairs: Sequence[Pair], metric: str) -> list[Contrast]:
    both = (pair for pair in pairs if all(metric in row.values for row in pair))
    found = [_difference(left, right, metric) for left, right in both]
    adjusted = _holm([item.p for item in found])
    told = []
    for item, p in zip(found, adjusted, strict=True):
        # It was asked for, so it counts in the correction of the others; but it wins nothing.
        shown = None if item.left.diverged or item.right.diverged else p
        words = _verdict(item, shown, metric)
        told.append(
            Contrast(metric, item.left.label, item.right.label, item.difference, shown, words)
        )
    return told


def _difference(left: Row, right: Row, metric: str) -> _Found:
    measure = Measure.parse(metric)
    size = max(
        (abs(value) for row in (left, right) for value in row.values[metric].values.values()),
        default=0.0,
    )
    size = max(size, measure.size if measure else 0.0)
    by_task = _by_task(left, right, metric)
    if by_task:
        return _Found(left, right, by_task.interval(), size, None)
    if _is_one(left) != _is_one(right):
        return _Found(left, right, _of_means(left, right, metric), size, None)
    difference = _by_seed(left, right, metric)
    if _unlike(left, right):
        return _Found(left, right, replace(difference, low=None, high=None), size, None)
    if left.once or right.once:
        return _Found(left, right, difference, size, None)
    p = learning.evaluation.statistics.paired_p(list(difference.values.values()), size)
    return _Found(left, right, difference, size, p)


def _holm(raw: Sequence[float | None]) -> list[float | None]:
    """The p values that there are, adjusted as one family."""
    adjusted = iter(learning.evaluation.statistics.holm([p for p in raw if p is not None]))
    return [None if p is None else next(adjusted) for p in raw]


def _by_task(one: Row, other: Row, metric: str) -> Judged | None:
    """The differences task by task; None where they were not judged on the same tasks."""
    here, there = one.each.get(metric, ()), other.each.get(metric, ())
    if not here or one.family != other.family or len(here) != len(there):
        return None
    left, right = (
        Judged.of(metric, row.each[metric], row.units, row.by_class) for row in (one, other)
    )
    return left.minus(right)


def _by_seed(left: Row, right: Row, metric: str) -> Interval:
    """Paired on the seed; two rows of one cell without a seed are one pair of learners."""
    here, there = left.values[metric].values, right.values[metric].values
    differences = {seed: here[seed] - there[seed] for seed in here if seed in there}
    found = over_seeds(differences, len({*left.seeds, *right.seeds}) - len(differences))
    return replace(found, over="pairs") if _is_one(left) and _is_one(right) else found


def _unlike(left: Row, right: Row) -> bool:
    """Whether two rows were judged on other draws of tasks: their difference is of these too."""
    both = left.exams.keys() & right.exams.keys()
    if both:
        return any(left.exams[seed] != right.exams[seed] for seed in both)
    here, there = set(left.exams.values()), set(right.exams.values())
    return bool(here and there) and here != there


def _is_one(row: Row) -> bool:
    """Whether a row is one cell without a seed: one draw, if anything before it draws."""
    return row.seeds == ("",)


def _of_means(left: Row, right: Row, metric: str) -> Interval:
    """The difference of means; `n` are the learners of the side that has several."""
    here, there = (list(row.values[metric].values.values()) for row in (left, right))
    several = left if _is_one(right) else right
    count = len(several.values[metric].values) if here and there else 0
    mean = sum(here) / len(here) - sum(there) / len(there) if count else None
    return Interval(mean, None, None, count, {}, len(several.seeds) - count, over="learners")


def _verdict(found: _Found, p: float | None, metric: str) -> str:
    """What may be said of a difference."""
    if found.difference.n == 0:
        return "no pair to compare"
    if found.difference.over in ("tasks", "classes", "draws"):
        return _of_two_learners(found.difference, metric)
    rows = [row for row in (found.left, found.right) if row.diverged]
    lost = [f"{row.diverged} of {len(row.seeds)} of {row.label} diverged" for row in rows]
    if why := _untested(found):
        return ", ".join([f"no test: {why}", *lost])
    if lost:
        return f"no verdict: {', '.join(lost)}"
    once = dict.fromkeys([*found.left.once, *found.right.once])
    if once and found.difference.low is not None:
        told = f"these nets only, of {drawn_once(once)}"
        return _ordered(told, f"over {found.difference.n} seeds", found.difference, metric)
    return _over_seeds(found.difference, p)


def _untested(found: _Found) -> str:
    """Why a difference is none of pairs, in words; empty where it is."""
    if _unlike(found.left, found.right):
        return "judged on other tasks"
    if found.difference.over == "learners":
        one = found.left if _is_one(found.left) else found.right
        return f"{AGAINST_ONE} of {one.label}"
    return ""


def _over_seeds(difference: Interval, p: float | None) -> str:
    if difference.low is None:
        return "one pair: no interval"
    if difference.n < learning.evaluation.statistics.TESTABLE:
        return f"{difference.n} pairs are too few for a verdict"
    if p is None:
        return "the same difference in every pair: nothing to test"
    if p < LEVEL:
        return "distinguishable at 5 % (Holm)"
    return f"not distinguishable: {difference.low:+.3g} to {difference.high:+.3g}"


def _of_two_learners(difference: Interval, metric: str) -> str:
    """`these two learners only: lower loss on these 2 tasks (600 draws)`.

    Counted is what was drawn independently, as in the table; and it says whether 0 is inside.
    """
    where = "this" if difference.n == 1 else "these"
    where += f" {numbered(difference.n, difference.over)}"
    drawn = f" ({numbered(difference.draws, 'draws')})" if difference.draws else ""
    return _ordered("these two learners only", f"on {where}{drawn}", difference, metric)


def _ordered(who: str, where: str, difference: Interval, metric: str) -> str:
    """Which mean is higher, in words that claim nothing of others."""
    name = metric.rpartition("/")[2]
    mean = difference.mean or 0.0
    order = "higher" if mean > 0 else "lower" if mean < 0 else "the same"
    told = f"{who}: {order} {name} {where}"
    low, high = difference.low, difference.high
    if mean and low is not None and high is not None and low <= 0 <= high:
        told += ", with 0 inside the interval"
    return told
