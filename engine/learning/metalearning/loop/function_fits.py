"""Functions that a learner fits to tasks with one input and one output, by adaptation steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.base import predict
from engine.learning.metalearning.loop.evaluation import Learner
from engine.learning.metalearning.tasks.batches import Examples, TaskBatch
from engine.learning.metalearning.tasks.streams import Family, LinearFunctions, Sinusoids

Numbers = list[list[float]]
"""One list of numbers for each task."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Tasks, and the grid on which their functions are evaluated.

    Attributes:
        batch: the tasks with their examples.
        x: (G,) increasing inputs, over the range of inputs of all tasks.
        truth: (T, G) values of the true functions; None where they are unknown.
    """

    batch: TaskBatch
    x: Tensor
    truth: Tensor | None


@dataclass(frozen=True, slots=True)
class Fits:
    """Fitted functions of one learner.

    Attributes:
        curves: step -> (G,) outputs for each task; step None for a closed form.
        errors: step -> loss on the queries of each task.
    """

    curves: dict[int | None, Numbers]
    errors: dict[int | None, list[float]]


def scene(family: Family, numbers: Sequence[int], points: int) -> Scene:
    """Build a grid of `points` inputs for tasks of a family.

    Raises:
        ValueError: the tasks are not regression from one input to one output.
    """
    batch = family.batch(numbers)
    support = batch.support
    if batch.classified or support.x.shape[2:] != (1,) or batch.outputs != 1:
        raise ValueError(
            "fitted functions can only be plotted for regression with one input and one output"
        )
    pooled = batch.pooled
    every = pooled.x if pooled.kept is None else pooled.x[pooled.kept]
    x = torch.linspace(float(every.min()), float(every.max()), points, dtype=every.dtype)
    x = x.to(every.device)
    known = family if isinstance(family, Sinusoids | LinearFunctions) else None
    return Scene(batch, x, known.truth(numbers, x[None, :, None])[..., 0] if known else None)


@torch.no_grad()
def fits(learner: Learner, tasks: Scene, marks: Sequence[int]) -> Fits:
    """Return the functions that a learner fits after each number of steps in `marks`."""
    batch = tasks.batch
    # Query examples give the loss; the grid is appended to them only for its outputs.
    grid = tasks.x[None, :, None].expand(len(batch), -1, 1)
    m = batch.query.x.shape[1]
    query = Examples(torch.cat([batch.query.x, grid], 1), batch.query.y)
    both = TaskBatch(
        batch.support, query, batch.outputs, batch.loss, batch.test_loss, None, batch.numbers
    )
    # At least one step, to tell whether the algorithm has steps.
    steps = max(1, *marks)
    walk = learner.algorithm.walk(learner.net, learner.theta, both, steps, learner.state)
    outputs = [predict(learner.net, weights, both) for weights in walk]
    closed = len(outputs) == 1
    result = Fits({}, {})
    for step, output in enumerate(outputs):
        if closed or step in marks:
            mark = None if closed else step
            result.curves[mark] = output[:, m:, 0].double().tolist()
            losses = batch.test_loss(output[:, :m], batch.query, None)
            result.errors[mark] = losses.double().tolist()
    return result


def points(examples: Examples) -> list[tuple[list[float], list[float]]]:
    """Return inputs and targets of each task, without padding."""
    pairs = []
    for task in range(len(examples.x)):
        x, y = examples.x[task, :, 0], examples.y[task, :, 0]
        if examples.kept is not None:
            x, y = x[examples.kept[task]], y[examples.kept[task]]
        pairs.append((x.double().tolist(), y.double().tolist()))
    return pairs
