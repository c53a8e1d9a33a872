"""What functions a learner fits to tasks of one input and one output, before and after steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.base import predict
from engine.learning.metalearning.loop.evaluation import Learner
from engine.learning.metalearning.tasks.batches import Examples, TaskBatch
from engine.learning.metalearning.tasks.streams import Family, LinearFunctions, Sinusoids

Numbers = list[list[float]]
"""A list for each task."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Some tasks, and where their functions are looked at.

    Attributes:
        batch: their examples.
        x: (G,) inputs in order, from the least to the greatest of the tasks.
        truth: (T, G) what the true functions say there; None where they are not known.
    """

    batch: TaskBatch
    x: Tensor
    truth: Tensor | None


@dataclass(frozen=True, slots=True)
class Fits:
    """What one learner fits.

    Attributes:
        curves: step -> (G,) outputs for each task; step None for a closed form.
        errors: step -> loss on the queries of each task.
    """

    curves: dict[int | None, Numbers]
    errors: dict[int | None, list[float]]


def scene(family: Family, numbers: Sequence[int], points: int) -> Scene:
    """Tasks of a family with so many points to look at.

    Raises:
        ValueError: they have not one input and one output.
    """
    batch = family.batch(numbers)
    support = batch.support
    if batch.classified or support.x.shape[2:] != (1,) or batch.outputs != 1:
        raise ValueError("only functions of one number that give one number can be drawn")
    pooled = batch.pooled
    every = pooled.x if pooled.kept is None else pooled.x[pooled.kept]
    x = torch.linspace(float(every.min()), float(every.max()), points, dtype=every.dtype)
    x = x.to(every.device)
    known = family if isinstance(family, Sinusoids | LinearFunctions) else None
    return Scene(batch, x, known.truth(numbers, x[None, :, None])[..., 0] if known else None)


@torch.no_grad()
def fits(learner: Learner, shown: Scene, marks: Sequence[int]) -> Fits:
    """What a learner fits to the tasks after some numbers of steps."""
    batch = shown.batch
    # The queries are judged, the points beside them only looked at.
    looked = shown.x[None, :, None].expand(len(batch), -1, 1)
    m = batch.query.x.shape[1]
    query = Examples(torch.cat([batch.query.x, looked], 1), batch.query.y)
    both = TaskBatch(
        batch.support, query, batch.outputs, batch.loss, batch.test_loss, None, batch.numbers
    )
    # One step at least, to see whether there are steps.
    steps = max(1, *marks)
    walk = learner.algorithm.walk(learner.net, learner.theta, both, steps, learner.state)
    outputs = [predict(learner.net, weights, both) for weights in walk]
    closed = len(outputs) == 1
    found = Fits({}, {})
    for step, answer in enumerate(outputs):
        if closed or step in marks:
            mark = None if closed else step
            found.curves[mark] = answer[:, m:, 0].double().tolist()
            losses = batch.test_loss(answer[:, :m], batch.query, None)
            found.errors[mark] = losses.double().tolist()
    return found


def points(examples: Examples) -> list[tuple[list[float], list[float]]]:
    """Inputs and targets of each task, without padding."""
    found = []
    for task in range(len(examples.x)):
        x, y = examples.x[task, :, 0], examples.y[task, :, 0]
        if examples.kept is not None:
            x, y = x[examples.kept[task]], y[examples.kept[task]]
        found.append((x.double().tolist(), y.double().tolist()))
    return found
