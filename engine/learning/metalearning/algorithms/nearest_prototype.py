"""Nearest prototype on fixed features, by distance (arXiv 1703.05175) or by angle.

By angle, a class prototype c is the normalised mean of its normalised support features, and logits
are s z · c with s = 10 / mean norm of the support features. The scale s does not change which
prototype is nearest; it makes the loss independent of the scale of the features.
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
"""Logit of a query in the direction of a prototype, with the mean norm of support features."""


@dataclass(frozen=True, slots=True)
class Nearest(Fixed, Closed):
    """Nearest-prototype classifier.

    Attributes:
        distance: `euclidean` or `cosine`.
    """

    distance: Literal["euclidean", "cosine"] = "euclidean"

    @torch.no_grad()
    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`.

        Raises:
            ValueError: the tasks are regression, or theta has LoRA adapters.
        """
        classes_only("prototype", batch)
        refuse_adapters(theta)
        if self.distance == "euclidean":
            return Protonet().fit(theta, z, batch)
        one_hot = targets(batch.support, batch.outputs).to(z)
        prototypes = functional.normalize(one_hot.mT @ functional.normalize(z, dim=2), dim=2)
        norm = mean(z.norm(dim=2), batch.support.kept)[:, None, None]
        weight = SHARPNESS * prototypes / norm.clamp_min(torch.finfo(z.dtype).tiny)
        return {task_heads.WEIGHT: weight, task_heads.BIAS: weight.new_zeros(weight.shape[:2])}
