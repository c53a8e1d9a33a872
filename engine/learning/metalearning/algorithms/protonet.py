"""Prototypical networks: nearest prototype, trained end to end (arXiv 1703.05175).

Eq. 1-2: the prototype c of a class is the mean of its support features, and logits are minus the
squared distance to it. The softmax cancels the query's own norm, which leaves a linear head with
weight 2 c and bias -|c|^2 (section 2.4).
"""

from dataclasses import dataclass

from torch import Tensor

from engine.learning.metalearning.algorithms.closed_form import Closed, classes_only
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, targets


@dataclass(frozen=True, slots=True)
class Protonet(Closed):
    """Nearest class mean."""

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return no extra parameters; see `Algorithm`."""
        del theta, seed
        return {}

    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`.

        Raises:
            ValueError: the tasks are regression.
        """
        del theta
        classes_only("protonet", batch)
        one_hot = targets(batch.support, batch.outputs).to(z.dtype)  # (T, n, C)
        # A class without examples is masked in the outputs; 1 keeps its mean finite.
        means = one_hot.mT @ z / one_hot.sum(1).clamp_min(1)[..., None]
        return {task_heads.WEIGHT: 2 * means, task_heads.BIAS: -means.square().sum(2)}
