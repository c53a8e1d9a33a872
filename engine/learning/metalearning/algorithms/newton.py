"""Logistic regression heads by a few unrolled Newton steps (LRD2, arXiv 1805.08136, section 3.4).

The loss over W (C, d) is the sum of cross-entropies + l2 / 2 |W|^2. With p the probabilities, y
the one-hot targets, S_i = diag(p_i) - p_i p_i^T and W = A^T Z, a Newton step solves for the dual
A (n, C)

    (S (Z Z^T) + l2 I) a = S f + y - p,        f = Z W^T,

a weighted ridge regression of ways · n unknowns. S = L L^T with L_i = diag(sqrt p) - p sqrt(p)^T,
so the system is solved by the Cholesky factor of L^T (Z Z^T) L + l2 I. A step that raises the loss
is halved. The steps are unrolled: gradients flow through all of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.closed_form import (
    LOG_L2,
    LOG_SCALE,
    Closed,
    classes_only,
    learned,
    scaled,
)
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, masked, targets
from engine.learning.models.cholesky import cholesky

HALVINGS = 10


@dataclass(frozen=True, slots=True)
class Newton(Closed):
    """Multinomial logistic regression.

    Attributes:
        steps: Newton steps from 0.
        damping: largest fraction of a Newton step that is taken.
        l2: initial value of the learned penalty.
        scale: initial value of the learned factor of the logits.
        largest: maximum number of unknowns (ways x examples) of a task; cost is cubic in it.
    """

    steps: int = 3
    damping: float = 1.0
    l2: float = 0.1
    scale: float = 1.0
    largest: int = 2000

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return the log of penalty and scale, () each; see `Algorithm`."""
        del seed
        return learned(theta, l2=self.l2, scale=self.scale)

    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`.

        Raises:
            ValueError: the tasks are regression, or have more than `largest` unknowns.
        """
        classes_only("newton", batch)
        unknowns = batch.outputs * z.shape[1]
        if unknowns > self.largest:
            raise ValueError(
                f"`newton` would solve for {batch.outputs} ways x {z.shape[1]} examples = "
                f"{unknowns} unknowns per task, and its limit is {self.largest}; use `ridge`"
            )
        z_scaled = scaled(z, batch)
        y = targets(batch.support, batch.outputs)
        # Rows of padding are 0 in the Gram matrix, so their dual variables affect no weight.
        system = _System(z_scaled @ z_scaled.mT, y, theta[LOG_L2].exp(), batch.ways)
        dual = torch.zeros_like(system.y)
        for _ in range(self.steps):
            dual = self._step(dual, system)
        weight = dual.mT @ z_scaled * theta[LOG_SCALE].exp()
        return {
            task_heads.WEIGHT: weight / z.shape[2] ** 0.5,
            task_heads.BIAS: weight.new_zeros(weight.shape[:2]),
        }

    def _step(self, dual: Tensor, system: "_System") -> Tensor:
        target = system.solve(dual)
        with torch.no_grad():
            # The step size is piecewise constant in the features, so it has no gradient.
            before = system.loss(dual)
            rounding = 16 * torch.finfo(before.dtype).eps * before
            share = torch.full_like(before, self.damping)  # (T,)
            for _ in range(HALVINGS):
                worse = system.loss(_between(dual, target, share)) > before + rounding
                share = torch.where(worse, share / 2, share)
        return _between(dual, target, share)


@dataclass(frozen=True, slots=True)
class _System:
    """Dual problems of T logistic regressions.

    Attributes:
        gram: (T, n, n).
        y: (T, n, C) one-hot; rows of padding are 0.
        l2: ().
        ways: (T, C) or None.
    """

    gram: Tensor
    y: Tensor
    l2: Tensor
    ways: Tensor | None

    def loss(self, dual: Tensor) -> Tensor:
        """Return the sum of cross-entropies + l2 / 2 |W|^2: (T,)."""
        f = self.gram @ dual
        nats = -(masked(f, self.ways).log_softmax(2) * self.y).sum((1, 2))
        return nats + self.l2 / 2 * (dual * f).sum((1, 2))

    def solve(self, dual: Tensor) -> Tensor:
        """Return the dual (T, n, C) after a full Newton step."""
        f = self.gram @ dual
        log_p = masked(f, self.ways).log_softmax(2)
        p, root = log_p.exp(), (log_p / 2).exp()  # sqrt(p) has an infinite gradient at 0
        factor = torch.diag_embed(root) - p[..., None] * root[..., None, :]  # L: (T, n, C, C)
        curved = p * f - p * (p * f).sum(2, keepdim=True)
        right = curved + self.y - p
        # (S K + l2)^-1 = (1 - L (l2 + L^T K L)^-1 L^T K) / l2
        t, n, c = dual.shape
        inner = torch.einsum("tiab,tij,tjac->tibjc", factor, self.gram, factor)
        eye = torch.eye(n * c, dtype=dual.dtype, device=dual.device)
        matrix = inner.reshape(t, n * c, n * c) + self.l2 * eye
        pulled = torch.einsum("tiab,tia->tib", factor, self.gram @ right).reshape(t, n * c, 1)
        solution = torch.cholesky_solve(pulled, cholesky(matrix)).reshape(t, n, c)
        return (right - torch.einsum("tiab,tib->tia", factor, solution)) / self.l2


def _between(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return one + share[:, None, None] * (other - one)
