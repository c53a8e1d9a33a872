"""Base of adaptation methods without meta-training, as baselines for pretrained nets."""

from collections.abc import Mapping

from torch import Tensor

from engine.learning.metalearning.algorithms.base import MetaGradient
from engine.learning.metalearning.inner.spaces import ADAPTER
from engine.learning.metalearning.nets.stacked import Net
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights


class Fixed:
    """Base class of methods that have no parameters to meta-learn."""

    __slots__ = ()

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return no extra parameters; see `Algorithm`."""
        del theta, seed
        return {}

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """Not supported.

        Raises:
            TypeError: always.
        """
        del net, theta, batch, state
        raise TypeError(f"{type(self).__name__} cannot be meta-trained; use `maml` or `ridge`")


def refuse_adapters(theta: Mapping[str, Tensor]) -> None:
    """Check that theta has no LoRA adapters.

    Raises:
        ValueError: it has some; only the algorithm that learned them knows their scale.
    """
    adapters = [name for name in theta if name.startswith(f"{ADAPTER}.")]
    if adapters:
        raise ValueError(
            f"the learner has LoRA adapters ({adapters[0]}, ...), which this method would ignore; "
            "adapt it with its own algorithm, or merge the adapters into the backbone first"
        )
