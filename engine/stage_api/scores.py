"""Artifacts of evaluation: metrics of a model, and the candidate chosen by a metric."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact


@dataclass(frozen=True, slots=True)
class Units:
    """Independent sampling units behind the tasks of a family, for confidence intervals.

    An interval is over these units, not over the tasks, which may share units.
    """

    kind: Literal["tasks", "classes"]
    """The tasks of a table, or the classes of episodes (a character with all its rotations)."""
    count: int
    """Units to sample from."""
    members: tuple[tuple[int, ...], ...]
    """Indices of the units of each task, in order: the task itself, or its classes."""

    @property
    def most(self) -> int:
        """Number of units of the largest task: its ways."""
        return max(map(len, self.members))

    @classmethod
    def by_task(cls, data: Mapping[str, Any]) -> dict[str, Self]:
        """Build units by task label from the JSON of a file."""
        return {
            task: cls(item["kind"], item["count"], tuple(map(tuple, item["members"])))
            for task, item in data.items()
        }


def parts(data: Mapping[str, Any]) -> dict[str, tuple[tuple[float, ...], ...]]:
    """Return `Scores.by_class` from the lists of a JSON file."""
    return {name: tuple(map(tuple, values)) for name, values in data.items()}


@dataclass(frozen=True, slots=True)
class Scores(Artifact):
    """Metrics of a model, each named `task/metric`."""

    metrics: Mapping[str, float]
    """Final value of each metric; omit a metric that does not apply (shown as "n/a", never 0)."""
    curves: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    """Metric -> (step, value) pairs, which `metric@step=10` reads."""
    status: str = "ok"
    """`ok`, or `diverged`: training diverged, and statistics leave these metrics out."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Axis -> label that a `select` stage chose."""
    notes: tuple[str, ...] = ()
    """Notes for readers of the metrics: the protocol, a fallback that was used."""
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Metric, or point of its curve, -> value on each task; the metric is their mean. The order of
    tasks is the same for all learners, so that differences are paired."""
    family: str = ""
    """Digest of the tasks of `each`; only values with the same digest are paired."""
    by_class: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    """Metric, or point of its curve, -> for each task, its value on the queries of each class, in
    the order of `units`; their mean is the task's value. Only for tasks with classes."""
    units: Mapping[str, Units] = field(default_factory=dict)
    """Task label of a metric -> sampling units of its tasks; absent where every sampled task is a
    new one, as for sine waves."""

    def write(self, folder: Path) -> None:
        """Write `scores.json`, without the fields by task where there are no values by task."""
        data = asdict(self)
        if not self.each:
            del data["each"], data["family"], data["by_class"], data["units"]
        artifact_json.dump(folder, "scores.json", data)

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `scores.json`."""
        data = artifact_json.load(files, "scores.json")
        curves = {
            name: tuple((step, value) for step, value in curve)
            for name, curve in data.pop("curves").items()
        }
        each = {name: tuple(values) for name, values in data.pop("each", {}).items()}
        return cls(
            curves=curves,
            notes=tuple(data.pop("notes")),
            each=each,
            by_class=parts(data.pop("by_class", {})),
            units=Units.by_task(data.pop("units", {})),
            **data,
        )


@dataclass(frozen=True, slots=True)
class Choice(Artifact):
    """Candidate that a `select` stage chose by validation."""

    shown: ClassVar[bool] = False

    index: int
    """Index among the candidates; the engine passes on all outputs of that candidate."""
    axis: str
    label: str
    """Chosen label of the axis."""
    means: Mapping[str, float] = field(default_factory=dict)
    """Label -> mean score over its candidates; labels that diverged are absent."""
    edge: bool = False
    """Whether the choice is the first or last value of the grid: a wider grid may be better."""

    def write(self, folder: Path) -> None:
        """Write `choice.json`."""
        artifact_json.dump(folder, "choice.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `choice.json`."""
        return cls(**artifact_json.load(files, "choice.json"))
