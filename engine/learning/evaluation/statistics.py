"""Intervals and paired tests over seeds. numpy and scipy only, no torch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

TESTABLE = 5
"""Fewest pairs for which a p value is told."""
ROUNDING = 4 * 2.0**-23
"""How far numbers that were computed in float32 may differ by rounding, in parts of their size:
half a unit for each of two numbers, twice for a pair of differences, and twice that for safety."""

HUGE = 1e60
"""Numbers from which on fourth powers and their sums may leave the range of float64."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % t-interval; None where there are too few values."""

    mean: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def half(self) -> float | None:
        """Half the interval's width."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def mean(values: Sequence[float]) -> Mean:
    """Mean and 95 % t-interval of independent values."""
    n = len(values)
    if n == 0:
        return Mean(None, None, None, 0)
    centre = float(np.mean(values))
    error = standard_error(values)
    if error is None:
        return Mean(centre, None, None, n)
    half = float(stdtrit(n - 1, 0.975)) * error
    return Mean(centre, centre - half, centre + half, n)


def standard_error(values: Sequence[float]) -> float | None:
    """Standard error of the mean; None below two values."""
    if len(values) < 2:  # noqa: PLR2004 (a spread needs two)
        return None
    unit = scale(values)
    spread = float(np.std(np.asarray(values, dtype=np.float64) / unit, ddof=1))
    return spread / math.sqrt(len(values)) * unit


def scale(values: Iterable[float]) -> float:
    """What numbers are divided by before they are squared: 1, or a power of 2 for huge ones.

    Divided by a power of 2, a number keeps all its digits.
    """
    largest = max(map(abs, values), default=0.0)
    return 1.0 if largest < HUGE else 2.0 ** math.frexp(largest)[1]


def constant(differences: Sequence[float], size: float) -> bool:
    """Whether differences are the same up to the rounding of float32.

    Args:
        differences: of pairs of numbers, at least one.
        size: the largest of these numbers in absolute value: rounding is in parts of it.
    """
    return max(differences) - min(differences) <= ROUNDING * abs(size)


def paired_p(differences: Sequence[float], size: float) -> float | None:
    """Two-sided p of a paired t-test that the mean difference is 0.

    None below five pairs, where such a test says nothing, and where the differences are the same
    up to rounding, where it is not defined.

    Args:
        differences: of the pairs.
        size: see `constant`.
    """
    n = len(differences)
    error = standard_error(differences)
    if n < TESTABLE or not error or constant(differences, size):
        return None
    t = float(np.mean(differences)) / error
    return 2 * float(stdtr(n - 1, -abs(t)))


def holm(p: Sequence[float]) -> list[float]:
    """P values adjusted by Holm's step-down method for one family."""
    order = sorted(range(len(p)), key=p.__getitem__)
    adjusted = [0.0] * len(p)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = highest
    return adjusted
