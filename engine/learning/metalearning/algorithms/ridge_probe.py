"""Ridge heads on fixed features for T tasks at once, with the penalty chosen by leave-one-out.

The same as `engine.learning.models.linear_heads.ridge` and `ridge_by_leaving_one_out` on each task.
With Z the centred features and Z Z^T = U diag(s) U^T on the n - 1 directions orthogonal to the
constant, one decomposition serves all penalties. The leave-one-out error of an example is its
residual / (1 - H_ii), H the hat matrix; n l2 cancels in numerator and denominator:

    (U diag(q) U^T Y)_i / (U diag(q) U^T)_ii,        q = 1 / (s + n l2).

So no precision is lost where the head interpolates all examples and both go to 0.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.closed_form import Closed
from engine.learning.metalearning.algorithms.fixed_features import Fixed, refuse_adapters
from engine.learning.metalearning.algorithms.ridge import solve
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, targets
from engine.learning.models.linear_heads import GRID

MIDDLE = GRID[len(GRID) // 2]
"""Penalty where leave-one-out is undefined: the middle of the grid."""


@dataclass(frozen=True, slots=True)
class Probed(Fixed, Closed):
    """Ridge regression on one-hot or real targets, with a bias that is not penalised.

    Attributes:
        l2: penalty added to the *mean* squared error; None for the one of least leave-one-out
            error, or `MIDDLE` where a class has a single example, which cannot be left out.
    """

    l2: float | None = None

    @torch.no_grad()
    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`.

        Raises:
            ValueError: theta has LoRA adapters.
        """
        refuse_adapters(theta)
        if not z.isfinite().all():  # the net diverged in training
            lost = z.new_full((len(z), batch.outputs, z.shape[2]), math.nan)
            return {task_heads.WEIGHT: lost, task_heads.BIAS: lost[..., 0]}
        system = System.of(z.double(), batch)
        l2 = z.new_full((len(z),), MIDDLE if self.l2 is None else self.l2, dtype=torch.float64)
        if self.l2 is None:
            best = z.new_tensor(GRID, dtype=torch.float64)[system.left_out().argmin(1)]
            l2 = torch.where(_measurable(batch), best, l2)
        # (T, C, width); l2 for the mean is n l2 for the sum.
        if self.l2 is not None and self.l2 < GRID[0]:
            weight = system.nearly_free(self.l2)
        else:
            weight = solve(system.z, system.y, (system.count * l2[:, None])[..., None])
        bias = system.y_mean - (weight @ system.z_mean[..., None]).squeeze(2)
        return {task_heads.WEIGHT: weight.to(z), task_heads.BIAS: bias.to(z)}


@dataclass(frozen=True, slots=True)
class System:
    """Ridge regression problems of T tasks.

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
        """Build the problems of features z (T, n, width) in float64."""
        kept = z.new_ones(z.shape[:2]) if batch.support.kept is None else batch.support.kept.to(z)
        kept = kept[..., None]
        y, count = targets(batch.support, batch.outputs).to(z), kept.sum(1)
        z_mean, y_mean = (z * kept).sum(1) / count, y.sum(1) / count
        z, y = (z - z_mean[:, None]) * kept, (y - y_mean[:, None]) * kept
        return cls(z, y, z_mean, y_mean, kept)

    @property
    def count(self) -> Tensor:
        """Number of examples of each task: (T, 1)."""
        return self.kept.sum(1)

    def left_out(self) -> Tensor:
        """Return sums of squared leave-one-out errors: (T, penalties of `GRID`)."""
        spread, basis = self._directions()
        pulled, squares = basis.mT @ self.y, basis.square()
        errors = []
        for l2 in GRID:
            q = (1 / (spread + self.count * l2))[..., None]  # (T, n - 1, 1)
            share = (squares @ q).clamp_min(torch.finfo(q.dtype).tiny)  # (T, n, 1)
            errors.append((basis @ (q * pulled) / share).square().sum((1, 2)))
        return torch.stack(errors, 1)

    def nearly_free(self, l2: float) -> Tensor:
        """Return weights (T, C, width) for a penalty so small that rounding matters.

        As l2 goes to 0 they tend to the minimum-norm least-squares solution. Directions in which
        features differ by rounding alone are left out.
        """
        spread, basis = self._directions()
        q = torch.where(spread > 0, 1 / (spread + self.count * l2), 0)[..., None]
        return ((basis @ (q * (basis.mT @ self.y))).mT) @ self.z

    def _directions(self) -> tuple[Tensor, Tensor]:
        """Return eigenvalues (T, n - 1), eigenvectors (T, n, n - 1) of Z Z^T less the constant.

        Each row of padding is an eigenvector with eigenvalue 0.
        """
        gram = self.z @ self.z.mT
        # Give the constant the largest eigenvalue, so that it is last and can be dropped.
        largest = 1 + 2 * gram.diagonal(dim1=1, dim2=2).sum(1)
        constant = self.kept @ self.kept.mT / self.count[..., None]
        spread, basis = torch.linalg.eigh(gram + largest[:, None, None] * constant)
        # Eigenvalues that are 0 up to rounding must not count beside a small penalty.
        rounding = gram.shape[1] * torch.finfo(gram.dtype).eps * spread[:, -1:]
        spread = torch.where(spread < rounding, 0, spread)
        return spread[:, :-1], basis[..., :-1]


def _measurable(batch: TaskBatch) -> Tensor:
    """Return (T,) bool: whether every class keeps an example when any one is left out."""
    each = targets(batch.support, batch.outputs).sum(1)  # (T, C)
    if not batch.classified:
        return torch.ones_like(each[:, 0], dtype=torch.bool)
    return ((each > 1) | (each == 0)).all(1)
