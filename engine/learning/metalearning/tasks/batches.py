"""Batches of T tasks, each with support and query examples, and their losses.

Shapes: T tasks, n examples per task, C outputs. Tasks of different sizes are padded: `kept` marks
real examples, `ways` the outputs that a task has. Losses are per example (for regression
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
        """Return the examples of some tasks."""
        kept = None if self.kept is None else self.kept[rows]
        return Examples(self.x[rows], self.y[rows], kept)


class Loss(Protocol):
    """Loss of each task: a mean over its examples."""

    def __call__(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """Return losses (T,) of outputs (T, n, C); `ways` (T, C) bool masks outputs."""
        ...

    def each(self, outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
        """Return losses (T, n) of the examples, including padding."""
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
            available = log_p if ways is None else log_p * ways[:, None]
            count = outputs.shape[2] if ways is None else ways.sum(1)[:, None]
            nats = (1 - self.smoothing) * nats - self.smoothing * available.sum(2) / count
        return nats


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """T tasks.

    Attributes:
        support: examples to adapt to.
        query: examples to evaluate the adapted net on.
        outputs: C, the outputs of a head.
        loss: of the inner loop, on the support set.
        test_loss: of the outer loop, on the query set.
        ways: (T, C) bool, the outputs that each task has; None when it has all.
        numbers: number of each task in its stream, which seeds all random choices for it.
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
        """Support and query examples concatenated, in this order."""
        support, query = self.support, self.query
        kept = None
        if support.kept is not None or query.kept is not None:
            kept = torch.cat([_all_kept(support), _all_kept(query)], 1)
        return Examples(
            torch.cat([support.x, query.x], 1), torch.cat([support.y, query.y], 1), kept
        )

    def tasks(self, start: int, stop: int) -> "TaskBatch":
        """Return the tasks start .. stop - 1."""
        rows = slice(start, stop)
        ways = None if self.ways is None else self.ways[rows]
        return TaskBatch(
            self.support.tasks(rows), self.query.tasks(rows), self.outputs, self.loss,
            self.test_loss, ways, self.numbers[rows],
        )  # fmt: skip

    def apart(self) -> Iterator["TaskBatch"]:
        """Yield each task as a batch of one."""
        for task in range(len(self)):
            yield self.tasks(task, task + 1)


def constant_loss(batch: TaskBatch) -> float:
    """Return the query loss of the best constant prediction, the same for all tasks."""
    query = batch.query
    if batch.classified:
        return math.log(max(2, batch.outputs))
    y = query.y if query.kept is None else query.y[query.kept]
    return float(y.double().flatten(0, -2).var(0, unbiased=False).sum())


def detached(theta: Weights) -> Weights:
    """Return theta detached: under `no_grad` alone, views of leaves still require gradients."""
    return {name: item.detach() for name, item in theta.items()}


def _all_kept(examples: Examples) -> Tensor:
    if examples.kept is not None:
        return examples.kept
    return torch.ones(examples.x.shape[:2], dtype=torch.bool, device=examples.x.device)


def masked(outputs: Tensor, ways: Tensor | None) -> Tensor:
    """Mask outputs (T, n, C) that a task lacks with a value that softmax maps to 0."""
    if ways is None:
        return outputs
    # Finite, so that its product with 0 is 0 in losses and in their gradients.
    return outputs.masked_fill(~ways[:, None], torch.finfo(outputs.dtype).min / 4)


def mean(values: Tensor, kept: Tensor | None) -> Tensor:
    """Return means (T,) of values (T, n) over real examples, `kept` (T, n)."""
    if kept is None:
        return values.mean(1)
    return (values * kept).sum(1) / kept.sum(1)


def by_class(values: Tensor, examples: Examples, outputs: int) -> Tensor:
    """Return means (T, C) of values (T, n) by class; NaN where a task has no example of it.

    Args:
        values: one for each example.
        examples: their `y` is (T, n) int64.
        outputs: C.
    """
    one_hot = torch.nn.functional.one_hot(examples.y, outputs).to(values.dtype)
    if examples.kept is not None:
        one_hot = one_hot * examples.kept[..., None]
    return (values[..., None] * one_hot).sum(1) / one_hot.sum(1)


def right(outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
    """Return (T, n) bool: whether the largest of the outputs (T, n, C) is that of the class."""
    return masked(outputs, ways).argmax(2) == examples.y


def accuracy(outputs: Tensor, examples: Examples, ways: Tensor | None) -> Tensor:
    """Return accuracies (T,), between 0 and 1, of outputs (T, n, C)."""
    return mean(right(outputs, examples, ways).to(outputs.dtype), examples.kept)


def targets(examples: Examples, outputs: int) -> Tensor:
    """Return least-squares targets (T, n, C), one-hot for classes; rows of padding are 0.

    Args:
        examples: one-hot targets have the dtype of their `x`.
        outputs: C.
    """
    y = examples.y
    if not y.is_floating_point():
        y = torch.nn.functional.one_hot(y, outputs).to(examples.x.dtype)
    return y if examples.kept is None else y * examples.kept[..., None]
