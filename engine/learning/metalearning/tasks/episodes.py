"""n-way k-shot episodes: classification tasks with sampled classes and examples.

Training, validation and test split the classes, not the examples (arXiv 1606.04080). An episode is
a function of seed and number. Where ways or shots are a range, the tasks of a batch are padded to
the largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from engine.learning.data.device_data import Scaling
from engine.learning.metalearning.tasks.batches import CrossEntropy, Examples, Loss, TaskBatch
from engine.learning.metalearning.tasks.streams import generator

QUARTERS = 4
"""Number of 90-degree rotations."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Labelled images on a device.

    Attributes:
        x: (n, channels, height, width), stored pixels.
        members: for each class the positions (n_c,) int64 of its images.
        scaling: normalisation of stored pixels for a net; None for none.
        rotations: 4 where each 90-degree rotation is a class of its own, else 1. Class c rotated
            by r times 90 degrees is class 4 c + r.
    """

    x: Tensor
    members: tuple[Tensor, ...]
    scaling: Scaling | None = None
    rotations: Literal[1, 4] = 1

    @classmethod
    def of(
        cls,
        x: Tensor,
        y: Tensor,
        classes: Sequence[int],
        *,
        scaling: Scaling | None = None,
        rotations: Literal[1, 4] = 1,
    ) -> "Pool":
        """Build the pool of some classes.

        Args:
            x: (n, channels, height, width).
            y: (n,) int64.
            classes: values of y, in the order of their labels.
            scaling: see `Pool`.
            rotations: see `Pool`.
        """
        members = tuple((y == item).nonzero()[:, 0].cpu() for item in classes)
        return cls(x, members, scaling, rotations)

    def __len__(self) -> int:
        """Number of classes."""
        return len(self.members) * self.rotations

    def pictures(self, index: Tensor, quarters: Tensor) -> Tensor:
        """Return images, rotated and normalised for a net.

        Args:
            index: (m,) positions in x.
            quarters: (m,) number of 90-degree rotations.

        Returns:
            (m, channels, height, width) float.
        """
        images = self.x[index.to(self.x.device)]
        if self.rotations > 1:
            quarters = quarters.to(self.x.device)
            turned = torch.zeros_like(images)
            for turn in range(QUARTERS):
                rows = quarters == turn
                turned[rows] = torch.rot90(images[rows], turn, (2, 3))
            images = turned
        if self.scaling is None:
            return images
        return (images.float() / self.scaling.top - self.scaling.mean) / self.scaling.std


@dataclass(frozen=True, slots=True)
class Range:
    """Uniform distribution of the integers from `least` to `most`."""

    least: int
    most: int

    def draw(self, draws: torch.Generator) -> int:
        """Sample an integer."""
        return int(torch.randint(self.least, self.most + 1, (), generator=draws))


@dataclass(frozen=True, slots=True)
class Episodes:
    """A family of n-way k-shot classification tasks.

    Attributes:
        pool: the classes and their images.
        seed: of the stream.
        ways: classes of a task.
        shots: support examples of each class.
        queries: query examples of each class.
        labels: `shuffled` numbers the classes of each task from 0; `global` keeps the labels of the
            pool, so that a head has an output for each class of the pool.
        loss: of the support set.
        test_loss: of the query set.

    Raises:
        ValueError: the pool has too few classes, or a class too few examples.
    """

    pool: Pool
    seed: int
    ways: Range = Range(5, 5)
    shots: Range = Range(1, 1)
    queries: Range = Range(15, 15)
    labels: Literal["shuffled", "global"] = "shuffled"
    loss: Loss = field(default_factory=CrossEntropy)
    test_loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.ways.most > len(self.pool):
            raise ValueError(f"{self.ways.most} ways, but there are only {len(self.pool)} classes")
        needed = self.shots.most + self.queries.most
        least = min(len(item) for item in self.pool.members)
        if needed > least:
            raise ValueError(
                f"{self.shots.most} shots + {self.queries.most} queries = {needed} examples of a "
                f"class, but one class has only {least}"
            )

    @property
    def outputs(self) -> int:
        """Number of outputs of a head for these tasks."""
        return self.ways.most if self.labels == "shuffled" else len(self.pool)

    def batch(self, numbers: Sequence[int]) -> TaskBatch:
        """Return the tasks with these numbers; see `Family`."""
        sampled = [self._draw(number) for number in numbers]
        support = self._gathered([task.support for task in sampled])
        query = self._gathered([task.query for task in sampled])
        ways = None
        if any(len(task.labels) < self.outputs for task in sampled):
            ways = torch.zeros(len(sampled), self.outputs, dtype=torch.bool)
            for row, task in zip(ways, sampled, strict=True):
                row[task.labels] = True
            ways = ways.to(self.pool.x.device)
        return TaskBatch(
            support, query, self.outputs, self.loss, self.test_loss, ways, tuple(numbers)
        )

    def members(self, number: int) -> tuple[int, ...]:
        """See `Family`: classes of the pool; all rotations count as the same class."""
        task = self._draw(number)
        classes = [item // self.pool.rotations for item in task.classes.tolist()]
        return tuple(classes[index] for index in task.labels.argsort().tolist())

    def _draw(self, number: int) -> "_Task":
        rng = generator(self.seed, "episodes", number)
        ways, shots, queries = (item.draw(rng) for item in (self.ways, self.shots, self.queries))
        classes = torch.randperm(len(self.pool), generator=rng)[:ways]
        labels = torch.arange(ways) if self.labels == "shuffled" else classes
        rows = []
        for label_index, item in enumerate(classes.tolist()):
            members = self.pool.members[item // self.pool.rotations]
            order = torch.randperm(len(members), generator=rng)[: shots + queries]
            turn = torch.full_like(order, item % self.pool.rotations)
            rows.append(torch.stack([members[order], labels[label_index].expand_as(order), turn]))
        shuffled = torch.stack(rows, 2)  # (3, shots + queries, ways), so shots alternate classes
        support, query = shuffled[:, :shots].flatten(1), shuffled[:, shots:].flatten(1)
        return _Task(support, query, labels, classes)

    def _gathered(self, parts: list[Tensor]) -> Examples:
        """Build examples from positions, labels, rotations (3, n_t) of each task, padded."""
        most = max(part.shape[1] for part in parts)
        padded = torch.zeros(3, len(parts), most, dtype=torch.int64)
        kept = torch.zeros(len(parts), most, dtype=torch.bool)
        for task, part in enumerate(parts):
            padded[:, task, : part.shape[1]] = part
            kept[task, : part.shape[1]] = True
        index, labels, turns = padded
        x = self.pool.pictures(index.flatten(), turns.flatten()).unflatten(0, index.shape)
        device = self.pool.x.device
        if kept.all():
            return Examples(x, labels.to(device))
        x = x * kept.to(x)[:, :, None, None, None]
        return Examples(x, labels.to(device), kept.to(device))


@dataclass(frozen=True, slots=True)
class _Task:
    """A sampled task.

    Attributes:
        support: (3, n) rows of position, label and number of 90-degree rotations.
        query: the same.
        labels: (ways,) of its classes.
        classes: (ways,) their indices in the pool.
    """

    support: Tensor
    query: Tensor
    labels: Tensor
    classes: Tensor


def split(classes: int, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Split classes at random into disjoint parts.

    Args:
        classes: number of classes.
        sizes: of the parts.
        seed: of the split.

    Raises:
        ValueError: the parts need more classes than there are.
    """
    if sum(sizes) > classes:
        raise ValueError(f"parts of {list(sizes)} classes, but there are only {classes}")
    order = torch.randperm(classes, generator=generator(seed, "classes", 0)).tolist()
    ends = [sum(sizes[: part + 1]) for part in range(len(sizes))]
    return [sorted(order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
