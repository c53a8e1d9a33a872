"""A ridge head on fixed features for T tasks at once, its penalty chosen without held-back labels.

The same as `engine.learning.heads.ridge` and `ridge_by_leaving_one_out` on each task. With Z the
centred features, one decomposition of the smaller of Z Z^T and Z^T Z = V diag(s) V^T serves all
penalties: the hat matrix is A diag(1 / (s + n l2)) A^T for some A (n, r), and an example's error
without it is its residual / (1 - H_ii).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.heads import GRID
from engine.learning.meta import heads
from engine.learning.meta.batches import TaskBatch, Weights, targets
from engine.learning.meta.closed import Closed
from engine.learning.meta.fixed import Fixed, refuse_adapters

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
        system = _System.of(z.double(), batch)
        l2 = z.new_full((len(z),), MIDDLE if self.l2 is None else self.l2, dtype=torch.float64)
        if self.l2 is None:
            l2 = torch.where(_measurable(batch), system.best(), l2)
        weight = system.solved(l2)  # (T, C, width)
        bias = system.y_mean - (weight @ system.z_mean[..., None]).squeeze(2)
        return {heads.WEIGHT: weight.to(z), heads.BIAS: bias.to(z)}


@dataclass(frozen=True, slots=True)
class _System:
    """Ridge regressions of T tasks.

    Attributes:
        z: (T, n, width) centred features; rows of padding are 0.
        y: (T, n, C) centred targets; rows of padding are 0.
        z_mean: (T, width).
        y_mean: (T, C).
        kept: (T, n, 1) 1.0 for examples that are real, 0.0 for padding.
        spread: (T, r) eigenvalues s of the Gram matrix.
        basis: (T, r, r) its eigenvectors.
    """

    z: Tensor
    y: Tensor
    z_mean: Tensor
    y_mean: Tensor
    kept: Tensor
    spread: Tensor
    basis: Tensor

    @classmethod
    def of(cls, z: Tensor, batch: TaskBatch) -> "_System":
        """The system of features z (T, n, width) in float64."""
        kept = z.new_ones(z.shape[:2]) if batch.support.kept is None else batch.support.kept.to(z)
        kept = kept[..., None]
        y, count = targets(batch.support, batch.outputs).to(z), kept.sum(1)
        z_mean, y_mean = (z * kept).sum(1) / count, y.sum(1) / count
        z, y = (z - z_mean[:, None]) * kept, (y - y_mean[:, None]) * kept
        gram = z.mT @ z if _primal(z) else z @ z.mT
        spread, basis = torch.linalg.eigh(gram)
        return cls(z, y, z_mean, y_mean, kept, spread.clamp_min(0), basis)

    @property
    def count(self) -> Tensor:
        """Examples of each task: (T, 1)."""
        return self.kept.sum(1)

    def best(self) -> Tensor:
        """The penalty (T,) of the grid with the least leave-one-out error; of equals the least."""
        root = self.z @ self.basis if _primal(self.z) else self.basis * self.spread.sqrt()[:, None]
        pulled = root.mT @ self.y  # (T, r, C)
        errors = []
        for l2 in GRID:
            shrink = 1 / (self.spread + self.count * l2)  # (T, r)
            residual = self.y - root @ (shrink[..., None] * pulled)
            leverage = 1 / self.count[..., None] + (root.square() @ shrink[..., None])  # (T, n, 1)
            left_out = residual / (1 - leverage).clamp_min(1e-9) * self.kept
            errors.append(left_out.square().sum((1, 2)))
        return self.z.new_tensor(GRID)[torch.stack(errors).argmin(0)]

    def solved(self, l2: Tensor) -> Tensor:
        """Weights (T, C, width) with penalties l2 (T,)."""
        shrink = (1 / (self.spread + self.count * l2[:, None]))[..., None]  # (T, r, 1)
        if _primal(self.z):
            right = self.basis.mT @ (self.z.mT @ self.y)
            return (self.basis @ (shrink * right)).mT
        return (self.z.mT @ (self.basis @ (shrink * (self.basis.mT @ self.y)))).mT


def _primal(z: Tensor) -> bool:
    return z.shape[2] < z.shape[1]


def _measurable(batch: TaskBatch) -> Tensor:
    """Whether (T,) leaving one example out leaves something of every class."""
    found = targets(batch.support, batch.outputs)
    kept = batch.support.kept
    if not batch.classified:
        count = found.new_full((len(batch),), found.shape[1]) if kept is None else kept.sum(1)
        return count > 1
    each = found.sum(1)  # (T, C)
    return ((each > 1) | (each == 0)).all(1)
