"""Linear heads of T tasks: their initial weights, and their outputs.

learned   theta has a row for each output
shared    theta has one row, the initial value of every output, so that ways may vary
zero      theta has none; heads are initialised with 0, so in the first inner step the backbone has
          no gradient
"""

import math
from typing import Literal

import torch
from torch import Tensor

from engine.learning.metalearning.nets import layers
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights

Head = Literal["learned", "shared", "zero"]
WEIGHT, BIAS = "head.weight", "head.bias"


def theta_of(head: Head, width: int, outputs: int, seed: int) -> Weights:
    """Initialise theta's head: weight (rows, width) within ±1/sqrt(width), bias (rows,) of 0."""
    rows = {"learned": outputs, "shared": 1, "zero": 0}[head]
    if not rows:
        return {}
    draws = torch.rand(rows, width, generator=torch.Generator().manual_seed(seed))
    return {WEIGHT: (2 * draws - 1) / math.sqrt(width), BIAS: torch.zeros(rows)}


def start(head: Head, theta: Weights, batch: TaskBatch, width: int) -> Weights:
    """Return initial heads (T, C, width) and (T, C) of a batch.

    Raises:
        ValueError: a learned head has another number of outputs than the tasks.
    """
    tasks, outputs = len(batch), batch.outputs
    if head == "zero":
        like = next(iter(theta.values()))
        return {WEIGHT: like.new_zeros(tasks, outputs, width), BIAS: like.new_zeros(tasks, outputs)}
    weight, bias = theta[WEIGHT], theta[BIAS]
    if head == "learned" and len(weight) != outputs:
        raise ValueError(
            f"the learned head has {len(weight)} outputs, the tasks have {outputs}; "
            "use a `shared` or `zero` head where their number varies"
        )
    return {WEIGHT: weight.expand(tasks, outputs, width), BIAS: bias.expand(tasks, outputs)}


def answer(weights: Weights, z: Tensor) -> Tensor:
    """Return outputs (T, n, C) of features (T, n, width)."""
    return layers.linear(z, weights[WEIGHT], weights[BIAS])
