"""Nearest prototype on fixed features, by distance (arXiv 1703.05175) or by angle.

By angle, a class points where its support features do on average, each taken as a direction. Its
logits are s z · c, and s is 10 over the mean length of the support features: what is nearest does
not depend on it, and the loss then means the same at any scale of the features.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from engine.learning.metalearning.algorithms.closed_form import Closed, classes_only
from engine.learning.metalearning.algorithms.fixed_features import Fixed, refuse_adapters
from engine.learning.metalearning.algorithms.protonet import Protonet
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, mean, targets

SHARPNESS = 10.0
"""Logit of a query that points exactly to a class and has the mean length."""


@dataclass(frozen=True, slots=True)
class Nearest(Fixed, Closed):
    """The class with the nearest prototype.

    Attributes:
        distance: `euclidean` or `cosine`.
    """

    distance: Literal["euclidean", "cosine"] = "euclidean"

    @torch.no_grad()
    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`.

        Raises:
            ValueError: tasks of regression, or theta has adapters that this would leave out.
        """
        classes_only("prototype", batch)
        refuse_adapters(theta)
        if self.distance == "euclidean":
            return Protonet().fit(theta, z, batch)
        one_hot = targets(batch.support, batch.outputs).to(z)
        toward = functional.normalize(one_hot.mT @ functional.normalize(z, dim=2), dim=2)
        length = mean(z.norm(dim=2), batch.support.kept)[:, None, None]
        weight = SHARPNESS * toward / length.clamp_min(torch.finfo(z.dtype).tiny)
        return {task_heads.WEIGHT: weight, task_heads.BIAS: weight.new_zeros(weight.shape[:2])}
