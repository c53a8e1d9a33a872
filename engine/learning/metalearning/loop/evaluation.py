"""Judging on many tasks: a curve by adaptation steps for each, in chunks, resumable."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.base import Algorithm, curve
from engine.learning.metalearning.nets.stacked import Net
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights
from engine.learning.metalearning.tasks.streams import Family
from engine.learning.training.loss_log import EXPLODED

EXAMPLES = 1000
"""Examples of one chunk of tasks: enough for speed, little enough for memory."""
TASKS = 50
"""Tasks of one chunk, at most."""


@dataclass(frozen=True, slots=True)
class Learner:
    """All that adapts to a task.

    Attributes:
        algorithm: how.
        net: backbone.
        theta: where from.
        state: what the algorithm carries from training.
    """

    algorithm: Algorithm
    net: Net
    theta: Weights
    state: Weights


def chunk(first: TaskBatch) -> int:
    """Tasks at a time, of a size like the first. The same on every machine: it changes rounding."""
    examples = first.support.y.shape[1] + first.query.y.shape[1]
    return max(1, min(TASKS, EXAMPLES // examples))


class Judging:
    """Scores of tasks 0 .. count - 1; `engine.stage_api.run.Trainer` says how it is saved."""

    stopped = False

    def __init__(
        self, learner: Learner, family: Family, count: int, size: int, marks: Sequence[int]
    ) -> None:
        """Judge nothing yet.

        Args:
            learner: who is judged.
            family: the tasks.
            count: how many.
            size: tasks at a time.
            marks: adaptation steps after which they are judged.
        """
        self.steps = -(-count // size)
        """Chunks in all."""
        self._learner = learner
        self._family = family
        self._count = count
        self._size = size
        self._marks = tuple(sorted(set(marks)))
        self._looks = (0, *(mark for mark in self._marks if mark))
        self._scores: dict[str, list[Tensor]] = {}

    def step(self, step: int) -> None:
        """Judge one chunk, counted from 1."""
        first = (step - 1) * self._size
        batch = self._family.batch(range(first, min(first + self._size, self._count)))
        who = self._learner
        found = curve(who.algorithm, who.net, who.theta, batch, self._looks, who.state)
        self._add("start", found[0].losses)
        stepless = set(found) == {0}
        for mark, judged in found.items():
            if not stepless and mark not in self._marks:
                continue
            self._add(f"loss {mark}", judged.losses)
            if judged.accuracies is not None:
                self._add(f"accuracy {mark}", judged.accuracies)
            for metric, parts in judged.by_class.items():
                self._add(
                    f"classes {metric} {mark}",
                    parts.flatten() if batch.ways is None else parts[batch.ways],
                )
        if not batch.classified:
            self._add("targets", batch.query.y.flatten(0, -2))
        if batch.classified:
            ways = torch.full((len(batch),), batch.outputs)
            self._add("ways", ways if batch.ways is None else batch.ways.sum(1))

    def _add(self, name: str, values: Tensor) -> None:
        self._scores.setdefault(name, []).append(values.detach().cpu())

    def marks(self, metric: str) -> list[int]:
        """Steps at which a metric was judged: fewer than asked for where there are no steps."""
        names = (name.split() for name in self._scores)
        return sorted(int(name[1]) for name in names if name[0] == metric and len(name) > 1)

    def values(self, metric: str, mark: int) -> list[float]:
        """A metric of each task, in order, after so many steps."""
        return _joined(self._scores[f"{metric} {mark}"])

    def by_class(self, metric: str, mark: int) -> list[tuple[float, ...]]:
        """A metric of the classes of each task, in the order of their labels; [] for regression."""
        values = iter(_joined(self._scores.get(f"classes {metric} {mark}", [])))
        return [tuple(islice(values, count)) for count in self.ways]

    @property
    def constant(self) -> float | None:
        """Squared error of the best constant answer to all queries; None for classes."""
        targets = self._scores.get("targets")
        if not targets:
            return None
        return float(torch.cat(targets).double().var(0, unbiased=False).sum())

    def means(self) -> dict[str, float]:
        """Mean loss, and accuracy for classes, after the most steps that were judged."""
        return {
            metric: _mean(self.values(metric, self.marks(metric)[-1]))
            for metric in ("accuracy", "loss")
            if self.marks(metric)
        }

    def exploded(self, mark: int, *, start: bool) -> int:
        """Tasks whose adaptation had diverged after so many steps.

        As of a training: the loss is no number, or above 1000 times the larger of its start and of
        what the best constant answer gets. Classes that are answered without a step are left out:
        far distances to prototypes are no explosion.

        Args:
            mark: steps of adaptation.
            start: whether the loss before the first step counts. Not of numbers where theta was
                meta-trained: its start may have exploded in that training.
        """
        losses = self.values("loss", mark)
        limits = self._constants()
        if mark and (start or self.ways):
            limits = list(map(max, limits, _joined(self._scores["start"])))
        judged = bool(mark) or not self.ways
        return sum(
            not math.isfinite(loss) or (judged and loss > EXPLODED * limit)
            for loss, limit in zip(losses, limits, strict=True)
        )

    def _constants(self) -> list[float]:
        """For each task the loss of the best constant answer, of numbers the same for all."""
        if self.constant is not None:
            return [self.constant] * self._count
        return [math.log(max(2, ways)) for ways in self.ways]

    @property
    def members(self) -> list[tuple[int, ...]]:
        """What each task was drawn from; see `Family.members`."""
        return [self._family.members(number) for number in range(self._count)]

    @property
    def ways(self) -> list[int]:
        """Classes of each task, in order; empty for regression."""
        return [int(value) for value in _joined(self._scores.get("ways", []))]

    def state_dict(self) -> dict[str, Any]:
        """What was found so far."""
        return {name: list(values) for name, values in self._scores.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back there."""
        self._scores = {name: list(values) for name, values in state.items()}


def judged(learner: Learner, family: Family, count: int, size: int, mark: int) -> Judging:
    """Tasks 0 .. count - 1, judged after so many steps."""
    judging = Judging(learner, family, count, size, (mark,))
    for step in range(1, judging.steps + 1):
        judging.step(step)
    return judging


def _joined(parts: Sequence[Tensor]) -> list[float]:
    found: list[float] = torch.cat(list(parts)).double().tolist() if parts else []
    return found


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
