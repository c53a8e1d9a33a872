"""A ridge head on fixed features for T tasks at once, its penalty chosen without held-back labels.

The same as `engine.learning.models.linear_heads.ridge` and `ridge_by_leaving_one_out` on each task.
With Z the centred features and Z Z^T = U diag(s) U^T on the n - 1 directions that are no constant,
one decomposition serves all penalties. An example's error without it is its residual / (1 - H_ii),
H the hat matrix, and of both sides n l2 cancels:

    (U diag(q) U^T Y)_i / (U diag(q) U^T)_ii,        q = 1 / (s + n l2).

So nothing is lost where the head passes through all examples and both sides go to 0.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.closed_form import Closed
from engine.learning.metalearning.algorithms.fixed_features import Fixed, refuse_adapters
from engine.learning.metalearning.algorithms.ridge import solved
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, targets
from engine.learning.models.linear_heads import GRID

MIDDLE = GRID[len(GRID) // 2]
"""Penalty where leaving one out tells nothing: the middle of the grid."""


@dataclass(frozen=True, slots=True)
class Probed(Fixed, Closed):
    """Least squares on one-hot or real targets, with a bias that is not penalised.

    Attributes:
        l2: penalty beside the *mean* squared error; None for the one of least leave-one-out error,
            and where a class has a single example `MIDDLE`: leaving that one out would judge a
            penalty on a class that no example is left of.
    """

    l2: float | None = None

    @torch.no_grad()
    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`.

        Raises:
            ValueError: theta has adapters that this would leave out.
        """
        refuse_adapters(theta)
        if not z.isfinite().all():  # the net diverged when it was trained
            lost = z.new_full((len(z), batch.outputs, z.shape[2]), math.nan)
            return {task_heads.WEIGHT: lost, task_heads.BIAS: lost[..., 0]}
        system = System.of(z.double(), batch)
        l2 = z.new_full((len(z),), MIDDLE if self.l2 is None else self.l2, dtype=torch.float64)
        if self.l2 is None:
            best = z.new_tensor(GRID, dtype=torch.float64)[system.left_out().argmin(1)]
            l2 = torch.where(_measurable(batch), best, l2)
        # (T, C, width); beside the mean means n l2 beside the sum.
        if self.l2 is not None and self.l2 < GRID[0]:
            weight = system.nearly_free(self.l2)
        else:
            weight = solved(system.z, system.y, (system.count * l2[:, None])[..., None])
        bias = system.y_mean - (weight @ system.z_mean[..., None]).squeeze(2)
        return {task_heads.WEIGHT: weight.to(z), task_heads.BIAS: bias.to(z)}


@dataclass(frozen=True, slots=True)
class System:
    """Ridge regressions of T tasks.

    Attributes:
        z: (T, n, width) centred features; rows of padding are 0.
        y: (T, n, C) centred targets; rows of padding are 0.
        z_mean: (T, width).
        y_mean: (T, C).
        kept: (T, n, 1) 1.0 for examples that are real, 0.0 for padding.
    """

    z: Tensor
    y: Tensor
    z_mean: Tensor
    y_mean: Tensor
    kept: Tensor

    @classmethod
    def of(cls, z: Tensor, batch: TaskBatch) -> "System":
        """The system of features z (T, n, width) in float64."""
        kept = z.new_ones(z.shape[:2]) if batch.support.kept is None else batch.support.kept.to(z)
        kept = kept[..., None]
        y, count = targets(batch.support, batch.outputs).to(z), kept.sum(1)
        z_mean, y_mean = (z * kept).sum(1) / count, y.sum(1) / count
        z, y = (z - z_mean[:, None]) * kept, (y - y_mean[:, None]) * kept
        return cls(z, y, z_mean, y_mean, kept)

    @property
    def count(self) -> Tensor:
        """Examples of each task: (T, 1)."""
        return self.kept.sum(1)

    def left_out(self) -> Tensor:
        """Sums (T, penalties) of squared leave-one-out errors, for each penalty of the grid."""
        spread, basis = self._directions()
        pulled, squares = basis.mT @ self.y, basis.square()
        errors = []
        for l2 in GRID:
            q = (1 / (spread + self.count * l2))[..., None]  # (T, n - 1, 1)
            share = (squares @ q).clamp_min(torch.finfo(q.dtype).tiny)  # (T, n, 1)
            errors.append((basis @ (q * pulled) / share).square().sum((1, 2)))
        return torch.stack(errors, 1)

    def nearly_free(self, l2: float) -> Tensor:
        """Weights (T, C, width) for a penalty beside which rounding is not small.

        As l2 falls to 0 they tend to the shortest weights of least error. Directions in which the
        features differ by rounding alone take no part.
        """
        spread, basis = self._directions()
        q = torch.where(spread > 0, 1 / (spread + self.count * l2), 0)[..., None]
        return ((basis @ (q * (basis.mT @ self.y))).mT) @ self.z

    def _directions(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues (T, n - 1) and eigenvectors (T, n, n - 1) of Z Z^T but for the constant.

        Each row of padding is a direction of its own, with the eigenvalue 0.
        """
        gram = self.z @ self.z.mT
        # With the largest eigenvalue the constant is the last, and can be left out.
        largest = 1 + 2 * gram.diagonal(dim1=1, dim2=2).sum(1)
        constant = self.kept @ self.kept.mT / self.count[..., None]
        spread, basis = torch.linalg.eigh(gram + largest[:, None, None] * constant)
        # What is 0 but for rounding must not pass for features beside a small penalty.
        rounding = gram.shape[1] * torch.finfo(gram.dtype).eps * spread[:, -1:]
        spread = torch.where(spread < rounding, 0, spread)
        return spread[:, :-1], basis[..., :-1]


def _measurable(batch: TaskBatch) -> Tensor:
    """Whether (T,) leaving one example out leaves something of every class."""
    each = targets(batch.support, batch.outputs).sum(1)  # (T, C)
    if not batch.classified:
        return torch.ones_like(each[:, 0], dtype=torch.bool)
    return ((each > 1) | (each == 0)).all(1)
