"""Evaluation on many tasks by number of adaptation steps, in chunks, resumable."""

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
"""Target number of examples in a chunk of tasks, a balance of speed and memory."""
TASKS = 50
"""Maximum number of tasks in a chunk."""


@dataclass(frozen=True, slots=True)
class Learner:
    """An algorithm with the net and weights that it adapts to a task.

    Attributes:
        algorithm: how to adapt.
        net: backbone.
        theta: initial weights.
        state: of the algorithm at the end of training; see `MetaGradient.state`.
    """

    algorithm: Algorithm
    net: Net
    theta: Weights
    state: Weights


def chunk(first: TaskBatch) -> int:
    """Return the tasks in a chunk: the same on every machine, since it changes rounding."""
    examples = first.support.y.shape[1] + first.query.y.shape[1]
    return max(1, min(TASKS, EXAMPLES // examples))


class Judging:
    """Resumable evaluation of tasks 0 .. count - 1; see `engine.stage_api.run.Trainer`."""

    stopped = False

    def __init__(
        self, learner: Learner, family: Family, count: int, size: int, marks: Sequence[int]
    ) -> None:
        """Prepare the evaluation.

        Args:
            learner: the learner to evaluate.
            family: distribution of tasks.
            count: number of tasks.
            size: tasks in a chunk.
            marks: numbers of adaptation steps after which to evaluate.
        """
        self.steps = -(-count // size)
        """Number of chunks."""
        self._learner = learner
        self._family = family
        self._count = count
        self._size = size
        self._marks = tuple(sorted(set(marks)))
        self._eval_steps = (0, *(mark for mark in self._marks if mark))
        self._scores: dict[str, list[Tensor]] = {}

    def step(self, step: int) -> None:
        """Evaluate one chunk, counted from 1."""
        first = (step - 1) * self._size
        batch = self._family.batch(range(first, min(first + self._size, self._count)))
        learner = self._learner
        scores = curve(
            learner.algorithm, learner.net, learner.theta, batch, self._eval_steps, learner.state
        )
        self._add("start", scores[0].losses)
        stepless = set(scores) == {0}
        for mark, score in scores.items():
            if not stepless and mark not in self._marks:
                continue
            self._add(f"loss {mark}", score.losses)
            if score.accuracies is not None:
                self._add(f"accuracy {mark}", score.accuracies)
            for metric, parts in score.by_class.items():
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
        """Return the evaluated numbers of steps of a metric; [0] for algorithms without steps."""
        names = (name.split() for name in self._scores)
        return sorted(int(name[1]) for name in names if name[0] == metric and len(name) > 1)

    def values(self, metric: str, mark: int) -> list[float]:
        """Return a metric of each task, in order, after `mark` steps."""
        return _joined(self._scores[f"{metric} {mark}"])

    def by_class(self, metric: str, mark: int) -> list[tuple[float, ...]]:
        """Return a metric by class for each task, in the order of labels; [] for regression."""
        values = iter(_joined(self._scores.get(f"classes {metric} {mark}", [])))
        return [tuple(islice(values, count)) for count in self.ways]

    @property
    def constant(self) -> float | None:
        """Squared error of the best constant prediction; None for classification."""
        targets = self._scores.get("targets")
        if not targets:
            return None
        return float(torch.cat(targets).double().var(0, unbiased=False).sum())

    def means(self) -> dict[str, float]:
        """Return mean loss (and accuracy for classification) after the most steps."""
        return {
            metric: _mean(self.values(metric, self.marks(metric)[-1]))
            for metric in ("accuracy", "loss")
            if self.marks(metric)
        }

    def exploded(self, mark: int, *, start: bool) -> int:
        """Return the number of tasks whose adaptation had diverged after `mark` steps.

        As in training: the loss is not finite, or above 1000 times the larger of its initial value
        and that of the best constant prediction. Classification without steps only counts losses
        that are not finite: distances to prototypes may be large without divergence.

        Args:
            mark: number of adaptation steps.
            start: whether the initial loss counts in the limit. Not for regression where theta was
                meta-trained, since that training may have diverged itself.
        """
        losses = self.values("loss", mark)
        limits = self._constants()
        if mark and (start or self.ways):
            limits = list(map(max, limits, _joined(self._scores["start"])))
        bounded = bool(mark) or not self.ways
        return sum(
            not math.isfinite(loss) or (bounded and loss > EXPLODED * limit)
            for loss, limit in zip(losses, limits, strict=True)
        )

    def _constants(self) -> list[float]:
        """Return the loss of the best constant prediction for each task."""
        if self.constant is not None:
            return [self.constant] * self._count
        return [math.log(max(2, ways)) for ways in self.ways]

    @property
    def members(self) -> list[tuple[int, ...]]:
        """Members that each task was sampled from; see `Family.members`."""
        return [self._family.members(number) for number in range(self._count)]

    @property
    def ways(self) -> list[int]:
        """Number of classes of each task, in order; empty for regression."""
        return [int(value) for value in _joined(self._scores.get("ways", []))]

    def state_dict(self) -> dict[str, Any]:
        """Return the scores so far."""
        return {name: list(values) for name, values in self._scores.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        self._scores = {name: list(values) for name, values in state.items()}


def evaluate(learner: Learner, family: Family, count: int, size: int, mark: int) -> Judging:
    """Evaluate tasks 0 .. count - 1 after `mark` steps, in one go."""
    judging = Judging(learner, family, count, size, (mark,))
    for step in range(1, judging.steps + 1):
        judging.step(step)
    return judging


def _joined(parts: Sequence[Tensor]) -> list[float]:
    values: list[float] = torch.cat(list(parts)).double().tolist() if parts else []
    return values


def _mean(values: Iterable[float]) -> float:
    items = list(values)
    return sum(items) / len(items)
