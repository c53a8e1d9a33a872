"""Confidence intervals and paired tests over seeds; numpy and scipy only, no torch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

TESTABLE = 5
"""Minimum number of pairs for which a p value is reported."""
ROUNDING = 4 * 2.0**-23
"""Relative difference that float32 rounding may cause: half a unit for each of two numbers, twice
for a pair of differences, times a safety factor of two."""

HUGE = 1e60
"""Size from which fourth powers and their sums may overflow float64."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % t-interval; None where there are too few values."""

    mean: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def mean(values: Sequence[float]) -> Mean:
    """Return mean and 95 % t-interval of independent values."""
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
    """Return the standard error of the mean; None for fewer than two values."""
    if len(values) < 2:  # noqa: PLR2004 (a spread needs two)
        return None
    unit = scale(values)
    spread = float(np.std(np.asarray(values, dtype=np.float64) / unit, ddof=1))
    return spread / math.sqrt(len(values)) * unit


def scale(values: Iterable[float]) -> float:
    """Return the divisor of numbers before squaring: 1, or a power of 2 for huge ones.

    Division by a power of 2 is exact.
    """
    largest = max(map(abs, values), default=0.0)
    return 1.0 if largest < HUGE else 2.0 ** math.frexp(largest)[1]


def constant(differences: Sequence[float], size: float) -> bool:
    """Return whether differences are equal up to float32 rounding.

    Args:
        differences: of pairs of numbers, at least one.
        size: largest absolute value of the numbers, to which rounding is relative.
    """
    return max(differences) - min(differences) <= ROUNDING * abs(size)


def paired_p(differences: Sequence[float], size: float) -> float | None:
    """Return the two-sided p value of a paired t-test that the mean difference is 0.

    None for fewer than five pairs, and where the differences are equal up to rounding.

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
    """Return p values of one family adjusted by Holm's step-down method."""
    order = sorted(range(len(p)), key=p.__getitem__)
    adjusted = [0.0] * len(p)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted
