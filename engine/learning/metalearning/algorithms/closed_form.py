"""Base of the algorithms that adapt by fitting a head on features, in closed form or unrolled.

The backbone is not adapted; the head is a differentiable function of the support features, so the
meta-gradient is that of the query loss through it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.base import MetaGradient, mean_gradient
from engine.learning.metalearning.inner.spaces import backbone, once
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import Net, both_features, support_features
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, detached

LOG_L2, LOG_SCALE = "fit.log_l2", "fit.log_scale"


class Closed(ABC):
    """Base class of algorithms that fit a head."""

    __slots__ = ()

    @abstractmethod
    def start(self, theta: Weights, seed: int) -> Weights:
        """See `Algorithm`."""

    @abstractmethod
    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """Return heads (T, C, width) and (T, C) fitted on support features z (T, n, width)."""

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`."""
        shared = once(backbone(theta))
        return shared | self.fit(theta, support_features(net, shared, batch), batch)

    @torch.no_grad()
    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`; there are no steps, so it yields the adapted net once."""
        del steps, state
        yield self.adapt(net, detached(theta), batch)

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`."""
        del state
        z, z_query = both_features(net, once(backbone(theta)), batch)
        outputs = task_heads.answer(self.fit(theta, z, batch), z_query)
        return mean_gradient(batch.test_loss(outputs, batch.query, batch.ways), theta)


def learned(theta: Weights, **values: float) -> Weights:
    """Return the logarithms () of positive numbers, as parameters of theta."""
    like = next(iter(theta.values()))
    return {
        f"fit.log_{name}": torch.tensor(math.log(value), dtype=like.dtype, device=like.device)
        for name, value in values.items()
    }


def classes_only(name: str, batch: TaskBatch) -> None:
    """Check that tasks are classification.

    Raises:
        ValueError: the tasks are regression.
    """
    if not batch.classified:
        raise ValueError(
            f"`{name}` supports classification only, and these are regression tasks; use `ridge`"
        )


def scaled(z: Tensor, batch: TaskBatch) -> Tensor:
    """Divide features z (T, n, d) by sqrt(d), so that a penalty means the same at any width.

    Rows of padding become 0, so they add nothing to sums over examples.
    """
    z_scaled = z / math.sqrt(z.shape[2])
    kept = batch.support.kept
    return z_scaled if kept is None else z_scaled * kept[..., None]
