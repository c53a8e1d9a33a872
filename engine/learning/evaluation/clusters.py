"""Confidence interval of a mean over episodes that share tasks or classes; no torch.

600 episodes of 5 classes each, sampled from 28 classes, are not 600 independent numbers: only the
28 classes are independent. A class affects the mean by its own score, and by its effect on the
scores of other classes in its episodes. The variance of the mean is estimated in two ways:

own     from the mean score of each class, as in a t-interval of independent classes. Precise, but
        ignores effects between classes.
shared  from how similar episodes are by the number of classes that they share: half the expected
        squared difference of two episodes without a common class is the variance of an episode,
        and its excess over the sample variance is the variance of the mean (unbiased, of a
        U-statistic; needs at least twice as many classes as an episode has). Covers all
        dependence, but is noisy where an episode has many classes.

`shared` is used as far as it differs from `own` by more than its noise. With few episodes, the
variance is at least, and the degrees of freedom at most, that of independent episodes.
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
        variance: of the mean, in units of `unit` squared.
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
    """Scores of draws (episodes), and the units (tasks or classes) of each draw."""

    def __init__(self, members: Sequence[Sequence[int]], scores: Sequence[Sequence[float]]) -> None:
        """Store the scores.

        Args:
            members: for each draw, the ids of its units.
            scores: for each draw, the score of each unit; the score of the draw is their mean.
        """
        sizes = np.array([len(units) for units in members])
        names, units = np.unique(
            np.concatenate([np.asarray(m) for m in members]), return_inverse=True
        )
        self._units = units
        self._draw = np.repeat(np.arange(len(sizes)), sizes)
        values: Vector = np.concatenate([np.asarray(s, dtype=np.float64) for s in scores])
        self._unit = scale(values.tolist())
        self._scores: Vector = values / self._unit
        self._weights: Vector = np.repeat(1 / sizes / len(sizes), sizes)
        self._sizes = sizes
        self.count = len(names)
        """Number of distinct units."""
        self._mean = float(self._weights @ self._scores)
        self.mean = self._mean * self._unit

    def by_unit(self) -> list[float]:
        """Return the mean score of each unit, by id."""
        return [float(value) for value in self._by_unit() * self._unit]

    def _by_unit(self) -> Vector:
        sums, counts = self._sum(self._scores), self._sum(np.ones_like(self._scores))
        return sums / counts

    def spread(self) -> Spread:
        """Return how the mean varies over samples of units from the same population.

        Needs two units or more, and two draws or more where a draw has several units.
        """
        own = self._own()
        if self._sizes.max() == 1:
            return Spread(own, self.count - 1, self._unit)
        noise = self._noise()
        extra = self._shared() - own
        doubt = self._doubt(own, noise)
        shrinkage = max(0.0, 1 - (doubt / extra) ** 2) if extra else 0.0
        variance = max(own + shrinkage * extra, noise, self._apart())
        known = variance**2 / (self.count - 1)
        freedom = (
            variance**2 / (known + (shrinkage * doubt) ** 2 / 2) if variance else self.count - 1
        )
        freedom = min(max(freedom, 2.0), len(self._sizes) - 1)
        return Spread(variance, freedom, self._unit)

    def _sum(self, values: Vector) -> Vector:
        """Return sums (units,) of values, one value for each unit of each draw."""
        return np.bincount(self._units, values, self.count).astype(np.float64)

    def _own(self) -> float:
        """Return the variance of the mean if scores of different units were independent."""
        parts = self._sum(self._weights * (self._scores - self._mean))
        return float(self.count / (self.count - 1) * np.sum(parts**2))

    def _noise(self) -> float:
        """Return the variance of the mean over other draws of the same units."""
        residual = self._scores - self._by_unit()[self._units]
        by_draw = np.bincount(self._draw, self._weights * residual)
        lost = max(1, len(self._scores) - self.count) / len(self._scores)
        return float(np.sum(by_draw**2) / lost)

    def _apart(self) -> float:
        """Return the variance of the mean if different draws were independent."""
        score = np.bincount(self._draw, self._scores) / self._sizes
        return float(score.var(ddof=1) / len(score))

    def _doubt(self, own: float, noise: float) -> float:
        """Return the standard deviation of `shared` - `own` if units do not affect each other."""
        of_units = max(0.0, own - noise)
        of_noise = float(self._sizes.mean()) * noise
        return math.sqrt((4 * of_units * of_noise + 2 * of_noise**2) / (self.count - 1))

    def _shared(self) -> float:
        """Return the variance of the mean, by regression of half squared differences on overlap."""
        score = np.bincount(self._draw, self._scores) / self._sizes
        score = score - score.mean()
        n = len(score)
        membership = np.zeros((n, self.count))
        np.add.at(membership, (self._draw, self._units), 1.0)
        own = (membership**2).sum(1)  # what a draw shares with itself
        less = membership.T @ membership if self.count < n else membership @ membership.T
        counts, sums, squares = membership.sum(0), score @ membership, score**2 @ membership
        pairs = n * (n - 1)
        x = (counts @ counts - own.sum()) / pairs
        xx = ((less**2).sum() - (own**2).sum()) / pairs
        y = n * (score**2).sum() / pairs
        xy = (counts @ squares - sums @ sums) / pairs
        wide = xx - x * x
        slope = (xy - x * y) / wide if wide > 0 else 0.0
        return float(y - slope * x - np.mean(score**2))
