"""Numbers that judge a model, and what was chosen by them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact


@dataclass(frozen=True, slots=True)
class Units:
    """What the tasks of a family were drawn from, and which of these each task has.

    These are what was drawn independently: an interval spans them, not their draws.
    """

    kind: Literal["tasks", "classes"]
    """The tasks of a table, or the classes of episodes (a character with all its rotations)."""
    count: int
    """How many there are to draw from."""
    members: tuple[tuple[int, ...], ...]
    """For each task in order the numbers of its units: one task, or its classes."""

    @property
    def most(self) -> int:
        """Units of the largest task: its ways."""
        return max(map(len, self.members))

    @classmethod
    def by_task(cls, data: Mapping[str, Any]) -> dict[str, Self]:
        """From the fields as they lie in a file, by task label."""
        return {
            task: cls(item["kind"], item["count"], tuple(map(tuple, item["members"])))
            for task, item in data.items()
        }


def parts(data: Mapping[str, Any]) -> dict[str, tuple[tuple[float, ...], ...]]:
    """`Scores.by_class` from the lists of a file."""
    return {name: tuple(map(tuple, values)) for name, values in data.items()}


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
    by_class: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    """Metric, or a point of its curve, -> for each task its value on the queries of each class,
    in the order of `units`; the value on the task is their mean. Only where tasks have classes."""
    units: Mapping[str, Units] = field(default_factory=dict)
    """Task label of a metric -> what its tasks were drawn from; absent where every draw is a new
    task, as of sine waves."""

    def write(self, folder: Path) -> None:
        """Write `scores.json`; scores without values by task are the file that they always were."""
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
    """Which candidate a `select` chose by validation."""

    shown: ClassVar[bool] = False

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
        artifact_json.dump(folder, "choice.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `choice.json`."""
        return cls(**artifact_json.load(files, "choice.json"))
