"""What an adaptation method is: a value in YAML that is also the code."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite

from engine import learning
from engine.artifacts import Scores
from engine.run import Run
from pipelines.stage import Params

Curves = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an adaptation learns from, on the device.

    Attributes:
        task: the new task; its head is named as it.
        replay: old tasks to draw from, with the heads that answer them.
        measure: the metrics of the net as it is now, for curves.
        others: heads that the net has already.
    """

    task: "learning.data.Task"
    replay: tuple["learning.mixture.Old", ...]
    measure: Callable[[], dict[str, float]]
    others: tuple[str, ...]


@dataclass(slots=True)
class Learned:
    """What an adaptation tells beside the net that it changed."""

    curves: Curves = field(default_factory=dict)
    status: str = "ok"
    notes: list[str] = field(default_factory=list)

    @classmethod
    def by(cls, trainer: "learning.train.Trainer") -> "Learned":
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
    def adapt(self, run: Run, net: "learning.nets.Network", lesson: Lesson) -> Learned:
        """Change the net in place so that it has a head, named as the task, that answers it."""
