"""n-way k-shot episodes from classified examples: tasks whose classes and examples are drawn.

Classes are split between training, validation and test, not examples (arXiv 1606.04080). Each
episode is a function of a seed and its cumulative number. Where ways or shots are a range, the
tasks of a batch are padded to its largest.
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
"""Rotations by 90 degrees that make further classes."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Classified images on a device.

    Attributes:
        x: (n, channels, height, width), as stored or as a net sees them.
        members: for each class the positions (n_c,) int64 of its images.
        scaling: from stored pixels to what a net sees; None for no change.
        rotations: 4 where each rotation by 90 degrees is a class of its own, else 1. Class c turned
            by r quarters is class 4 c + r.
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
        """The images of some classes.

        Args:
            x: (n, channels, height, width).
            y: (n,) int64.
            classes: values of y, in the order that their labels have.
            scaling: see `Pool`.
            rotations: see `Pool`.
        """
        members = tuple((y == item).nonzero()[:, 0].cpu() for item in classes)
        return cls(x, members, scaling, rotations)

    def __len__(self) -> int:
        """Number of classes."""
        return len(self.members) * self.rotations

    def pictures(self, index: Tensor, quarters: Tensor) -> Tensor:
        """Images as a net sees them, turned.

        Args:
            index: (m,) positions in x.
            quarters: (m,) turns by 90 degrees.

        Returns:
            (m, channels, height, width) float.
        """
        found = self.x[index.to(self.x.device)]
        if self.rotations > 1:
            quarters = quarters.to(self.x.device)
            turned = torch.zeros_like(found)
            for turn in range(QUARTERS):
                rows = quarters == turn
                turned[rows] = torch.rot90(found[rows], turn, (2, 3))
            found = turned
        if self.scaling is None:
            return found
        return (found.float() / self.scaling.top - self.scaling.mean) / self.scaling.std


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `least` to `most`, all as likely."""

    least: int
    most: int

    def draw(self, draws: torch.Generator) -> int:
        """One of them."""
        return int(torch.randint(self.least, self.most + 1, (), generator=draws))


@dataclass(frozen=True, slots=True)
class Episodes:
    """A family of tasks.

    Attributes:
        pool: the classes.
        seed: of the stream.
        ways: classes of a task.
        shots: support examples of each class.
        queries: query examples of each class.
        labels: `shuffled` numbers a task's classes anew; `global` keeps the pool's numbers, and a
            head has an output for each class of the pool.
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
            raise ValueError(f"{self.ways.most} ways, and there are {len(self.pool)} classes")
        needed = self.shots.most + self.queries.most
        least = min(len(item) for item in self.pool.members)
        if needed > least:
            raise ValueError(
                f"{self.shots.most} shots + {self.queries.most} queries = {needed} examples of a "
                f"class, and one class has {least}"
            )

    @property
    def outputs(self) -> int:
        """Outputs of a head for these tasks."""
        return self.ways.most if self.labels == "shuffled" else len(self.pool)

    def batch(self, numbers: Sequence[int]) -> TaskBatch:
        """The tasks with these cumulative numbers; see `Family`."""
        drawn = [self._draw(number) for number in numbers]
        support = self._gathered([task.support for task in drawn])
        query = self._gathered([task.query for task in drawn])
        ways = None
        if any(len(task.labels) < self.outputs for task in drawn):
            ways = torch.zeros(len(drawn), self.outputs, dtype=torch.bool)
            for row, task in zip(ways, drawn, strict=True):
                row[task.labels] = True
            ways = ways.to(self.pool.x.device)
        return TaskBatch(
            support, query, self.outputs, self.loss, self.test_loss, ways, tuple(numbers)
        )

    def members(self, number: int) -> tuple[int, ...]:
        """See `Family`: classes of the pool, all rotations of one being the same."""
        found = self._draw(number)
        classes = [item // self.pool.rotations for item in found.classes.tolist()]
        return tuple(classes[place] for place in found.labels.argsort().tolist())

    def _draw(self, number: int) -> "_Task":
        draws = generator(self.seed, "episodes", number)
        ways, shots, queries = (item.draw(draws) for item in (self.ways, self.shots, self.queries))
        classes = torch.randperm(len(self.pool), generator=draws)[:ways]
        labels = torch.arange(ways) if self.labels == "shuffled" else classes
        rows = []
        for place, item in enumerate(classes.tolist()):
            members = self.pool.members[item // self.pool.rotations]
            order = torch.randperm(len(members), generator=draws)[: shots + queries]
            turn = torch.full_like(order, item % self.pool.rotations)
            rows.append(torch.stack([members[order], labels[place].expand_as(order), turn]))
        found = torch.stack(rows, 2)  # (3, shots + queries, ways): support has every class in turn
        support, query = found[:, :shots].flatten(1), found[:, shots:].flatten(1)
        return _Task(support, query, labels, classes)

    def _gathered(self, parts: list[Tensor]) -> Examples:
        """Examples of positions, labels and turns (3, n_t) of each task, padded to the longest."""
        most = max(part.shape[1] for part in parts)
        padded = torch.zeros(3, len(parts), most, dtype=torch.int64)
        kept = torch.zeros(len(parts), most, dtype=torch.bool)
        for place, part in enumerate(parts):
            padded[:, place, : part.shape[1]] = part
            kept[place, : part.shape[1]] = True
        index, labels, turns = padded
        x = self.pool.pictures(index.flatten(), turns.flatten()).unflatten(0, index.shape)
        device = self.pool.x.device
        if kept.all():
            return Examples(x, labels.to(device))
        x = x * kept.to(x)[:, :, None, None, None]
        return Examples(x, labels.to(device), kept.to(device))


@dataclass(frozen=True, slots=True)
class _Task:
    """What is drawn for one task.

    Attributes:
        support: rows of position, label and turn (3, n).
        query: the same.
        labels: (ways,) of its classes.
        classes: (ways,) their places in the pool.
    """

    support: Tensor
    query: Tensor
    labels: Tensor
    classes: Tensor


def split(classes: int, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Classes drawn into parts that share none.

    Args:
        classes: how many there are.
        sizes: of the parts.
        seed: of the draw.

    Raises:
        ValueError: the parts need more classes than there are.
    """
    if sum(sizes) > classes:
        raise ValueError(f"parts of {list(sizes)} classes, and there are {classes}")
    order = torch.randperm(classes, generator=generator(seed, "classes", 0)).tolist()
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    return [sorted(order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
