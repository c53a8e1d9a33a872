"""Ridge regression heads, differentiable: R2D2 (arXiv 1805.08136), MetaOptNet-RR (1904.03758).

Eq. 4-6 of R2D2: W = (Z^T Z + l2 I)^-1 Z^T Y, or Z^T (Z Z^T + l2 I)^-1 Y where there are fewer
examples than features; logits s · z W. l2 and s are learned through their logarithms. Features are
divided by sqrt(width). Targets are one-hot. For regression features and targets are centred, which
gives a bias without a penalty, and s is 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.closed_form import (
    LOG_L2,
    LOG_SCALE,
    Closed,
    learned,
    scaled,
)
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, targets
from engine.learning.models.cholesky import cholesky


@dataclass(frozen=True, slots=True)
class Ridge(Closed):
    """Ridge regression in closed form (R2D2, arXiv 1805.08136, eq. 4-6).

    Attributes:
        l2: initial value of the learned penalty, added to the *sum* of squared errors.
        scale: initial value of the learned factor of the logits.
    """

    l2: float = 0.1
    scale: float = 10.0

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return the log of penalty and scale, () each; see `Algorithm`."""
        del seed
        return learned(theta, l2=self.l2, scale=self.scale)

    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`."""
        width = z.shape[2]
        l2, y = theta[LOG_L2].exp(), targets(batch.support, batch.outputs)
        if batch.classified:
            weight = solve(scaled(z, batch), y, l2) * theta[LOG_SCALE].exp()
            return {
                task_heads.WEIGHT: weight / width**0.5,
                task_heads.BIAS: weight.new_zeros(weight.shape[:2]),
            }
        kept = batch.support.kept
        count = z.shape[1] if kept is None else kept.sum(1)[:, None]
        z_scaled = scaled(z, batch)
        z_mean, y_mean = z_scaled.sum(1) / count, y.sum(1) / count  # (T, d), (T, C)
        z_centred, y_centred = z_scaled - z_mean[:, None], y - y_mean[:, None]
        if kept is not None:
            z_centred, y_centred = z_centred * kept[..., None], y_centred * kept[..., None]
        weight = solve(z_centred, y_centred, l2)
        bias = y_mean - torch.bmm(weight, z_mean[..., None]).squeeze(2)
        return {task_heads.WEIGHT: weight / width**0.5, task_heads.BIAS: bias}


def solve(z: Tensor, y: Tensor, l2: Tensor) -> Tensor:
    """Solve min |z W^T - y|^2 + l2 |W|^2 by Cholesky on the smaller Gram matrix.

    Args:
        z: (T, n, d) features.
        y: (T, n, C) targets.
        l2: () or (T, 1, 1), above 0.

    Returns:
        W (T, C, d); NaN for a task whose Gram matrix is not positive definite in this precision.
    """
    n, d = z.shape[1:]
    eye = torch.eye(min(n, d), dtype=z.dtype, device=z.device)
    if d <= n:
        factor = cholesky(z.mT @ z + l2 * eye)
        return torch.cholesky_solve(z.mT @ y, factor).mT
    factor = cholesky(z @ z.mT + l2 * eye)
    return torch.cholesky_solve(y, factor).mT @ z
