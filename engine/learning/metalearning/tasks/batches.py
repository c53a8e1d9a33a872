"""Task batches: T tasks side by side, each with support and query examples, and their losses.

Shapes: T tasks, n examples a task, C outputs. Tasks of different sizes are padded: `kept` says
which examples are real, `ways` which outputs a task has. Losses are per example (for regression
summed over its dimensions), averaged within a task, never over tasks.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Weights = dict[str, Tensor]
"""Tensors by name. In `theta` they have their own shape, in a net `(T, *shape)` or, where all
tasks share them, `(1, *shape)`."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples of T tasks.

    Attributes:
        x: (T, n, *shape) inputs.
        y: (T, n) int64 classes, or (T, n, C) regression targets.
        kept: (T, n) bool, False for padding; None when all are real.
    """

    x: Tensor
    y: Tensor
    kept: Tensor | None = None

    def tasks(self, rows: slice | Tensor) -> "Examples":
        """The same of some tasks."""
        kept = None if self.kept is None else self.kept[rows]
        return Examples(self.x[rows], self.y[rows], kept)


class Loss(Protocol):
    """A mean over the examples of each task."""

    def __call__(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """Losses (T,) of outputs (T, n, C), where a task has the outputs `ways` (T, C) bool."""
        ...

    def each(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """Losses (T, n) of the examples, padding included."""
        ...


@dataclass(frozen=True, slots=True)
class SquaredError:
    """Squared error, summed over an example's dimensions."""

    def __call__(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """See `Loss`; y is (T, n, C)."""
        return mean(self.each(outputs, examples, ways), examples.kept)

    def each(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """See `Loss`."""
        error = (outputs - examples.y).square()
        if ways is not None:
            error = error * ways[:, None]
        return error.sum(2)


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """Cross-entropy in nats.

    Attributes:
        smoothing: share of the target that is spread evenly over the task's outputs.
    """

    smoothing: float = 0.0

    def __call__(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """See `Loss`; y is (T, n) int64."""
        return mean(self.each(outputs, examples, ways), examples.kept)

    def each(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """See `Loss`."""
        log_p = masked(outputs, ways).log_softmax(2)
        nats = -log_p.gather(2, examples.y[..., None]).squeeze(2)
        if self.smoothing:
            there = log_p if ways is None else log_p * ways[:, None]
            count = outputs.shape[2] if ways is None else ways.sum(1)[:, None]
            nats = (1 - self.smoothing) * nats - self.smoothing * there.sum(2) / count
        return nats


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """T tasks.

    Attributes:
        support: what a task is learned from.
        query: what the learned is judged on.
        outputs: C, the outputs of a head.
        loss: of the inner loop, on the support set.
        test_loss: of the outer loop, on the query set.
        ways: (T, C) bool, the outputs that each task has; None when it has all.
        numbers: cumulative number of each task, from which anything drawn for it derives.
    """

    support: Examples
    query: Examples
    outputs: int
    loss: Loss
    test_loss: Loss
    ways: Tensor | None = None
    numbers: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.support.x)

    @property
    def classified(self) -> bool:
        """Whether the targets are classes."""
        return not self.support.y.is_floating_point()

    @property
    def pooled(self) -> Examples:
        """Support and query examples together, in this order."""
        support, query = self.support, self.query
        kept = None
        if support.kept is not None or query.kept is not None:
            kept = torch.cat([_all_kept(support), _all_kept(query)], 1)
        return Examples(
            torch.cat([support.x, query.x], 1), torch.cat([support.y, query.y], 1), kept
        )

    def tasks(self, start: int, stop: int) -> "TaskBatch":
        """Some of the tasks."""
        rows = slice(start, stop)
        ways = None if self.ways is None else self.ways[rows]
        return TaskBatch(
            self.support.tasks(rows), self.query.tasks(rows), self.outputs, self.loss,
            self.test_loss, ways, self.numbers[rows],
        )  # fmt: skip

    def apart(self) -> Iterator["TaskBatch"]:
        """Its tasks, each as a batch of one."""
        for task in range(len(self)):
            yield self.tasks(task, task + 1)


def constant_loss(batch: TaskBatch) -> float:
    """The loss on queries of the best answer that is the same for all of them and all tasks."""
    query = batch.query
    if batch.classified:
        return math.log(max(2, batch.outputs))
    y = query.y if query.kept is None else query.y[query.kept]
    return float(y.double().flatten(0, -2).var(0, unbiased=False).sum())


def detached(theta: Weights) -> Weights:
    """The same without a graph: grad mode alone leaves views of leaves that require gradients."""
    return {name: item.detach() for name, item in theta.items()}


def _all_kept(examples: Examples) -> Tensor:
    if examples.kept is not None:
        return examples.kept
    return torch.ones(examples.x.shape[:2], dtype=torch.bool, device=examples.x.device)


def masked(outputs: Tensor, ways: Tensor | None) -> Tensor:
    """Outputs (T, n, C) with those that a task lacks so low that softmax gives them 0."""
    if ways is None:
        return outputs
    # Finite, so that its product with 0 is 0 in losses and in their gradients.
    return outputs.masked_fill(~ways[:, None], torch.finfo(outputs.dtype).min / 4)


def mean(values: Tensor, kept: Tensor | None) -> Tensor:
    """Means (T,) of values (T, n) over what is kept (T, n)."""
    if kept is None:
        return values.mean(1)
    return (values * kept).sum(1) / kept.sum(1)


def by_class(values: Tensor, examples: Examples, outputs: int) -> Tensor:
    """Means (T, C) of values (T, n) over the examples of each class; NaN where there is none.

    Args:
        values: one for each example.
        examples: their `y` is (T, n) int64.
        outputs: C.
    """
    own = torch.nn.functional.one_hot(examples.y, outputs).to(values.dtype)
    if examples.kept is not None:
        own = own * examples.kept[..., None]
    return (values[..., None] * own).sum(1) / own.sum(1)


def right(outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
    """Whether the largest output (T, n, C) of each example is that of its class: (T, n)."""
    return masked(outputs, ways).argmax(2) == examples.y


def accuracy(outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
    """Shares (T,) of examples whose largest output (T, n, C) is that of their class."""
    return mean(right(outputs, examples, ways).to(outputs.dtype), examples.kept)


def targets(examples: Examples, outputs: int) -> Tensor:
    """What a least-squares head fits: (T, n, C), one-hot for classes; rows of padding are 0.

    Args:
        examples: their `y` gives the kind and the dtype of `x` that of the result.
        outputs: C.
    """
    found = examples.y
    if not found.is_floating_point():
        found = torch.nn.functional.one_hot(found, outputs).to(examples.x.dtype)
    return found if examples.kept is None else found * examples.kept[..., None]
