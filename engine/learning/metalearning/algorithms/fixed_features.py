"""Adaptation that nothing was meta-learned for: what a pretrained net is judged with."""

from collections.abc import Mapping

from torch import Tensor

from engine.learning.metalearning.algorithms.base import MetaGradient
from engine.learning.metalearning.inner.spaces import ADAPTER
from engine.learning.metalearning.nets.stacked import Net
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights


class Fixed:
    """What such ways share: theta needs nothing more, and is not moved."""

    __slots__ = ()

    def start(self, theta: Weights, seed: int) -> Weights:
        """Nothing; see `Algorithm`."""
        del theta, seed
        return {}

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`.

        Raises:
            TypeError: always.
        """
        del net, theta, batch, state
        raise TypeError(
            f"{type(self).__name__} adapts a net and cannot train one; use maml or ridge for that"
        )


def refuse_adapters(theta: Mapping[str, Tensor]) -> None:
    """Refuse a theta whose net is more than its backbone.

    Raises:
        ValueError: it has adapters, whose scale belongs to the algorithm that learned them.
    """
    found = [name for name in theta if name.startswith(f"{ADAPTER}.")]
    if found:
        raise ValueError(
            f"the learner has adapters of its own ({found[0]}, ...), which another method would "
            "leave out; adapt it by its own algorithm, or merge them into its backbone first"
        )
