"""Interval of a mean over draws that share tasks or classes. numpy and scipy only, no torch.

600 episodes of 5 classes each, drawn from 28 classes, are not 600 independent numbers: what was
drawn independently is the 28 classes. A class moves the mean in two ways: by its own score, and by
the scores of the classes that stand beside it in an episode. The variance of the mean is estimated
in two ways too:

own     from the mean score of each class, which t intervals of independent classes are made of.
        It is precise and leaves out what classes do to each other.
shared  from how much more alike two episodes are the more classes they share: half the expected
        squared difference of two episodes without a class in common is the variance of an episode,
        and what it exceeds the sample variance by is the variance of the mean (the unbiased one
        of a U-statistic, which exists from twice as many classes on as an episode has). It knows
        of all dependence, and is noisy where an episode has many classes.

`shared` counts as far as it differs from `own` by more than its noise. Of few draws neither knows
much: the variance is no less than that of independent draws, the degrees of freedom are no more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from engine.learning.evaluation.statistics import scale

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Variance of a mean, and the degrees of freedom of its t interval.

    Attributes:
        variance: in units of `unit` squared.
        freedom: degrees of freedom.
        unit: see `engine.learning.evaluation.statistics.scale`.
    """

    variance: float
    freedom: float
    unit: float = 1.0

    @property
    def half(self) -> float:
        """Half the width of the 95 % interval."""
        return float(stdtrit(self.freedom, 0.975)) * math.sqrt(self.variance) * self.unit


class Draws:
    """Scores of draws, and the units (tasks, or classes) that each draw is of."""

    def __init__(self, members: Sequence[Sequence[int]], scores: Sequence[Sequence[float]]) -> None:
        """Take the numbers.

        Args:
            members: for each draw the numbers of its units.
            scores: for each draw the score of each of its units; its own score is their mean.
        """
        sizes = np.array([len(units) for units in members])
        names, units = np.unique(
            np.concatenate([np.asarray(m) for m in members]), return_inverse=True
        )
        self._units = units
        self._draw = np.repeat(np.arange(len(sizes)), sizes)
        given: Vector = np.concatenate([np.asarray(s, dtype=np.float64) for s in scores])
        self._unit = scale(given.tolist())
        self._scores: Vector = given / self._unit
        self._weights: Vector = np.repeat(1 / sizes / len(sizes), sizes)
        self._sizes = sizes
        self.count = len(names)
        """Distinct units."""
        self._mean = float(self._weights @ self._scores)
        self.mean = self._mean * self._unit

    def by_unit(self) -> list[float]:
        """The mean score of each unit."""
        return [float(value) for value in self._by_unit() * self._unit]

    def _by_unit(self) -> Vector:
        sums, counts = self._sum(self._scores), self._sum(np.ones_like(self._scores))
        return sums / counts

    def spread(self) -> Spread:
        """How the mean would vary over other units of the same population.

        Of two units or more, and of two draws or more where a draw has several units.
        """
        own = self._own()
        if self._sizes.max() == 1:
            return Spread(own, self.count - 1, self._unit)
        noise = self._noise()
        extra = self._shared() - own
        doubt = self._doubt(own, noise)
        kept = max(0.0, 1 - (doubt / extra) ** 2) if extra else 0.0
        variance = max(own + kept * extra, noise, self._apart())
        known = variance**2 / (self.count - 1)
        freedom = variance**2 / (known + (kept * doubt) ** 2 / 2) if variance else self.count - 1
        freedom = min(max(freedom, 2.0), len(self._sizes) - 1)
        return Spread(variance, freedom, self._unit)

    def _sum(self, values: Vector) -> Vector:
        """Sums (units,) of values, one for each unit of each draw."""
        return np.bincount(self._units, values, self.count).astype(np.float64)

    def _own(self) -> float:
        """Variance of the mean, were the scores of different units independent."""
        parts = self._sum(self._weights * (self._scores - self._mean))
        return float(self.count / (self.count - 1) * np.sum(parts**2))

    def _noise(self) -> float:
        """Variance of the mean over other draws of the same units."""
        residual = self._scores - self._by_unit()[self._units]
        by_draw = np.bincount(self._draw, self._weights * residual)
        lost = max(1, len(self._scores) - self.count) / len(self._scores)
        return float(np.sum(by_draw**2) / lost)

    def _apart(self) -> float:
        """Variance of the mean, were different draws independent."""
        score = np.bincount(self._draw, self._scores) / self._sizes
        return float(score.var(ddof=1) / len(score))

    def _doubt(self, own: float, noise: float) -> float:
        """Standard deviation of `shared` - `own` where units do nothing to each other."""
        of_units = max(0.0, own - noise)
        of_noise = float(self._sizes.mean()) * noise
        return math.sqrt((4 * of_units * of_noise + 2 * of_noise**2) / (self.count - 1))

    def _shared(self) -> float:
        """Variance of the mean by the line of half squared differences over shared units."""
        score = np.bincount(self._draw, self._scores) / self._sizes
        score = score - score.mean()
        n = len(score)
        holds = np.zeros((n, self.count))
        np.add.at(holds, (self._draw, self._units), 1.0)
        own = (holds**2).sum(1)  # what a draw shares with itself
        less = holds.T @ holds if self.count < n else holds @ holds.T
        counts, sums, squares = holds.sum(0), score @ holds, score**2 @ holds
        pairs = n * (n - 1)
        x = (counts @ counts - own.sum()) / pairs
        xx = ((less**2).sum() - (own**2).sum()) / pairs
        y = n * (score**2).sum() / pairs
        xy = (counts @ squares - sums @ sums) / pairs
        wide = xx - x * x
        slope = (xy - x * y) / wide if wide > 0 else 0.0
        return float(y - slope * x - np.mean(score**2))
