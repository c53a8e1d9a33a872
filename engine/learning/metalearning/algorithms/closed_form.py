"""Algorithms whose adaptation is a head fitted on features: what they share.

The backbone is not adapted; a head is a differentiable function of the support features, so the
meta-gradient is that of the query loss through it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.base import MetaGradient, differentiated
from engine.learning.metalearning.inner.spaces import backbone, once
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import Net, both_features, support_features
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, detached

LOG_L2, LOG_SCALE = "fit.log_l2", "fit.log_scale"


class Closed(ABC):
    """An algorithm that fits a head."""

    __slots__ = ()

    @abstractmethod
    def start(self, theta: Weights, seed: int) -> Weights:
        """See `Algorithm`."""

    @abstractmethod
    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """Heads (T, C, width) and (T, C) fitted on support features z (T, n, width)."""

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`."""
        shared = once(backbone(theta))
        return shared | self.fit(theta, support_features(net, shared, batch), batch)

    @torch.no_grad()
    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`; there are no steps, so this is the one adapted net."""
        del steps, state
        yield self.adapt(net, detached(theta), batch)

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`."""
        del state
        z, z_query = both_features(net, once(backbone(theta)), batch)
        outputs = task_heads.answer(self.fit(theta, z, batch), z_query)
        return differentiated(batch.test_loss(outputs, batch.query, batch.ways), theta)


def learned(theta: Weights, **values: float) -> Weights:
    """Learned positive numbers by their logarithms, which theta has: ()."""
    like = next(iter(theta.values()))
    return {
        f"fit.log_{name}": torch.tensor(math.log(value), dtype=like.dtype, device=like.device)
        for name, value in values.items()
    }


def classes_only(name: str, batch: TaskBatch) -> None:
    """Refuse tasks of regression.

    Raises:
        ValueError: their targets are not classes.
    """
    if not batch.classified:
        raise ValueError(f"{name} answers classes, and these tasks have real targets; use ridge")


def scaled(z: Tensor, batch: TaskBatch) -> Tensor:
    """Features z (T, n, d) over sqrt(d), so that penalties mean the same at any width.

    Rows of padding are 0, which takes them out of every sum over examples.
    """
    found = z / math.sqrt(z.shape[2])
    kept = batch.support.kept
    return found if kept is None else found * kept[..., None]
