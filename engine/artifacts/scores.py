"""Numbers that judge a model, and what was chosen by them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from engine.artifacts import storage
from pipelines.stage import Artifact


@dataclass(frozen=True, slots=True)
class Scores(Artifact):
    """Numbers that judge a model, each named `task/metric`."""

    metrics: Mapping[str, float]
    """Final value of each metric; a metric that does not apply is absent ("n/a", never 0)."""
    curves: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    """Metric -> (step, value) pairs, for `metric@step=10`."""
    status: str = "ok"
    """`ok`, or `diverged`: then the metrics say how far it got, and no statistic uses them."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Axis -> label that a `select` chose."""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers must know: the protocol, a fall-back that was taken."""
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Metric, or a point of its curve, -> its value on each task, of which it is the mean: in the
    order of the tasks, which is the same for all learners, so that differences are paired."""
    family: str = ""
    """Digest of the tasks of `each`; values on other tasks are not paired with them."""

    def write(self, folder: Path) -> None:
        """Write `scores.json`; scores without values by task are the file that they always were."""
        data = asdict(self)
        if not self.each:
            del data["each"], data["family"]
        storage.dump(folder, "scores.json", data)

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `scores.json`."""
        data = storage.load(files, "scores.json")
        curves = {
            name: tuple((step, value) for step, value in curve)
            for name, curve in data.pop("curves").items()
        }
        each = {name: tuple(values) for name, values in data.pop("each", {}).items()}
        return cls(curves=curves, notes=tuple(data.pop("notes")), each=each, **data)


@dataclass(frozen=True, slots=True)
class Choice(Artifact):
    """Which candidate a `select` chose by validation."""

    index: int
    """Position among the candidates; the engine passes on all outputs of that one."""
    axis: str
    label: str
    """Value of the axis that was chosen."""
    means: Mapping[str, float] = field(default_factory=dict)
    """Label -> mean of the score over the pool; a label that diverged is absent."""
    edge: bool = False
    """The choice is the grid's first or last value: a wider grid may hold a better one."""

    def write(self, folder: Path) -> None:
        """Write `choice.json`."""
        storage.dump(folder, "choice.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `choice.json`."""
        return cls(**storage.load(files, "choice.json"))
