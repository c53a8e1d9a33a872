"""What an adaptation method is: a value in YAML that is also the code."""

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
"""How a new head starts: at random, at 0, as fitted on the frozen features, or as the one that the
model has for these targets."""
NOTHING_TO_REPLAY = (
    "`replay` has nothing to draw from: no old task has both training images and a kept head"
)
Fault = tuple[str, str, str]
"""Field of a method, what is wrong with it, and the fix."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an adaptation learns from, on the device.

    Attributes:
        task: the new task; its head is named as it.
        replay: old tasks to draw from, with the heads that answer them.
        measure: the metrics of the net as it is now, for curves.
        others: heads that the net has already.
        kept: the one of all its heads that has the task's targets, if there is one.
    """

    task: "learning.data.device_data.Task"
    replay: tuple["learning.training.replay.Old", ...]
    measure: Callable[[], dict[str, float]]
    others: tuple[str, ...]
    kept: str | None = None


@dataclass(slots=True)
class Learned:
    """What an adaptation tells beside the net that it changed."""

    curves: Curves = field(default_factory=dict)
    status: str = "ok"
    notes: list[str] = field(default_factory=list)

    @classmethod
    def by(cls, trainer: "learning.training.trainer.Trainer") -> "Learned":
        """What a trainer tells at its end."""
        watch = trainer.watch
        notes = [f"stopped early; best at step {watch.best_step}"] if watch.stopped else []
        return cls(watch.curves, "diverged" if trainer.diverged else "ok", notes)

    def scores(self, metrics: Mapping[str, float]) -> Scores:
        """The same with final metrics; those that are not finite are left out."""
        return Scores(
            metrics={name: value for name, value in metrics.items() if isfinite(value)},
            curves={name: tuple(curve) for name, curve in self.curves.items()},
            status=self.status,
            notes=tuple(self.notes),
        )


class Method(Params):
    """A way to adapt a net to a new task."""

    kind: str
    """Name of the method."""

    @abstractmethod
    def adapt(self, run: Run, net: "learning.models.backbones.Network", lesson: Lesson) -> Learned:
        """Change the net in place so that it has a head, named as the task, that answers it."""


class FewShot(Params):
    """A way to adapt a net to many small tasks, side by side."""

    idle: ClassVar[Mapping[str, str]] = {}
    """Fields that mean nothing on small tasks -> what to do instead."""
    stepwise: ClassVar[bool] = True
    """It adapts step by step, so that its scores have a curve."""
    classes_only: ClassVar[bool] = False
    """Tasks of regression cannot be answered."""

    kind: str
    """Name of the method."""

    @abstractmethod
    def few_shot(self, seed: int = 0) -> "learning.metalearning.algorithms.base.Algorithm":
        """How it adapts to a batch of tasks; it has no meta-gradient.

        Args:
            seed: of what it draws, with the number of the task.
        """

    def few_shot_faults(
        self, *, lr: float | None = None, head: str | None = None, classified: bool | None = None
    ) -> list[Fault]:
        """What a file says of it that means nothing on small tasks.

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
        """What a reader of the scores should know.

        Args:
            fewest: support examples of a class, or of a task of regression.
        """
        del fewest
        return []

    def with_defaults(self, lr: float | None = None, head: Start | None = None) -> Self:
        """The same, with what the stage gives for all methods.

        Where the method says it too, `few_shot_faults` has refused the file. That cannot be asked
        again here: what reaches a worker has every field set.
        """
        given = {"lr": lr, "head": head}
        own = type(self).model_fields
        return self.model_copy(
            update={name: value for name, value in given.items() if name in own and value}
        )
