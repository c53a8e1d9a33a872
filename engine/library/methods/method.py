"""Base classes of adaptation methods: parameters in YAML, which also adapt the net."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar, Literal, Self

from engine import learning
from engine.library.artifacts import Scores
from engine.stage_api.run import Run
from pipelines.core.stage import Params

Curves = dict[str, list[tuple[int, float]]]
Start = Literal["random", "zero", "probe", "kept"]
"""Initial head: random, zero, fitted on the frozen features, or the model's own for the classes."""
NOTHING_TO_REPLAY = (
    "`replay` has nothing to draw from: no old task has both training images and a kept head"
)
Fault = tuple[str, str, str]
"""Field of a method, what is wrong with it, and the fix."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Data and heads of an adaptation, on the device.

    Attributes:
        task: the new task, after which its head is named.
        replay: previous tasks to replay, with their heads.
        measure: returns the current metrics of the net, for curves.
        others: names of the existing heads.
        kept: the existing head with the task's classes, if any.
    """

    task: "learning.data.device_data.Task"
    replay: tuple["learning.training.replay.Old", ...]
    measure: Callable[[], dict[str, float]]
    others: tuple[str, ...]
    kept: str | None = None


@dataclass(slots=True)
class Learned:
    """Curves, status and notes of an adaptation."""

    curves: Curves = field(default_factory=dict)
    status: str = "ok"
    notes: list[str] = field(default_factory=list)

    @classmethod
    def by(cls, trainer: "learning.training.trainer.Trainer") -> "Learned":
        """Build from a trainer that has finished."""
        watch = trainer.watch
        notes = [f"stopped early; best at step {watch.best_step}"] if watch.stopped else []
        return cls(watch.curves, "diverged" if trainer.diverged else "ok", notes)

    def scores(self, metrics: Mapping[str, float]) -> Scores:
        """Return scores with final metrics, without those that are not finite."""
        return Scores(
            metrics={name: value for name, value in metrics.items() if isfinite(value)},
            curves={name: tuple(curve) for name, curve in self.curves.items()},
            status=self.status,
            notes=tuple(self.notes),
        )


class Method(Params):
    """Method that adapts a net to a new task."""

    kind: str
    """Name of the method."""

    @abstractmethod
    def adapt(self, run: Run, net: "learning.models.backbones.Network", lesson: Lesson) -> Learned:
        """Adapt the net in place and add a head, which is named as the task."""


class FewShot(Params):
    """Method that adapts a net to many few-shot tasks in parallel."""

    idle: ClassVar[Mapping[str, str]] = {}
    """Parameters that are not supported on few-shot tasks -> what to do instead."""
    stepwise: ClassVar[bool] = True
    """Whether it adapts in steps, so that its scores have a curve."""
    classes_only: ClassVar[bool] = False
    """Whether regression tasks are not supported."""

    kind: str
    """Name of the method."""

    @abstractmethod
    def few_shot(self, seed: int = 0) -> "learning.metalearning.algorithms.base.Algorithm":
        """Build the algorithm that adapts to a batch of tasks, without a meta-gradient.

        Args:
            seed: seed of its random numbers, combined with the index of the task.
        """

    def few_shot_faults(
        self, *, lr: float | None = None, head: str | None = None, classified: bool | None = None
    ) -> list[Fault]:
        """Return errors for parameters that are not supported on few-shot tasks.

        Args:
            lr: what the stage gives for all methods, if anything.
            head: the same.
            classified: whether tasks have classes, where it is known.
        """
        found = [
            (name, f"{self.kind} on tasks of a few examples has no `{name}`", hint)
            for name, hint in self.idle.items()
            if name in self.model_fields_set
        ]
        for name in [name for name, value in {"lr": lr, "head": head}.items() if value is not None]:
            if name not in type(self).model_fields:
                hint = f"give `{name}` to the methods that have one"
                found.append((name, f"{self.kind} has no `{name}`", hint))
            elif name in self.model_fields_set:
                hint = "keep one of them"
                found.append((name, f"the stage and its method both give `{name}`", hint))
        if self.classes_only and classified is False:
            hint = "take `probe`, whose closed form answers numbers too"
            found.append(("kind", f"{self.kind} answers classes, and these tasks have none", hint))
        return found

    def few_shot_notes(self, fewest: int) -> list[str]:
        """Return notes for readers of the scores.

        Args:
            fewest: support examples of a class, or of a task of regression.
        """
        del fewest
        return []

    def with_defaults(self, lr: float | None = None, head: Start | None = None) -> Self:
        """Return a copy with the stage's values for all methods.

        `few_shot_faults` has refused pipelines that set them in both places. That cannot be checked
        here, because in a worker every field is set.
        """
        given = {"lr": lr, "head": head}
        own = type(self).model_fields
        return self.model_copy(
            update={name: value for name, value in given.items() if name in own and value}
        )
