"""Artifacts: what flows along the edges of a pipeline. Typed files, no torch at import."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from engine import learning
from pipelines.stage import Artifact

if TYPE_CHECKING:
    from torch import Tensor


def _dump(folder: Path, name: str, value: Any) -> None:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    (folder / name).write_text(text, encoding="utf-8")


def _load(files: Mapping[str, Path], name: str) -> Any:
    return json.loads(files[name].read_bytes())


@dataclass(frozen=True, slots=True)
class Part:
    """Some examples of one collection, in order.

    Attributes:
        images: logical name of the file that holds the images.
        labels: logical name of the file that holds the labels.
        indices: positions in those files.
    """

    images: str
    labels: str
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, slots=True)
class Dataset(Artifact):
    """Labelled images: a selection from outside files, named by digest, never copied."""

    name: str
    """Collection: `digits`, `mnist`."""
    task: str
    """Label under which its metrics appear: `high` in `high/accuracy`."""
    shape: tuple[int, int, int]
    """(channels, height, width) of one image."""
    classes: tuple[int, ...]
    """Labels in the files that it keeps, in the order of a head's outputs."""
    parts: Mapping[str, Part]
    """`train`, `val` and `test`."""
    files: Mapping[str, str]
    """Logical file name -> sha256 of its uncompressed content."""
    augment: Mapping[str, Any] = field(default_factory=dict)
    """Random changes of training images: {"rotate": degrees} for -degrees .. +degrees."""
    shifted: Mapping[str, Any] = field(default_factory=dict)
    """Fixed change that makes the shifted test set: {"rotate": [low, high]} degrees."""

    def write(self, folder: Path) -> None:
        """Write `dataset.json`."""
        _dump(folder, "dataset.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `dataset.json`."""
        data = _load(files, "dataset.json")
        parts = {
            name: Part(part["images"], part["labels"], tuple(part["indices"]))
            for name, part in data.pop("parts").items()
        }
        shape, classes = tuple(data.pop("shape")), tuple(data.pop("classes"))
        return cls(shape=shape, classes=classes, parts=parts, **data)


@dataclass(frozen=True, slots=True)
class Head:
    """A linear layer on the features, and which task it answers."""

    classes: tuple[int, ...]
    """Labels in the order of its outputs."""
    data: str
    """Digest of the dataset that it was made for."""
    made_by: str
    """Stage type that made it."""


@dataclass(frozen=True, slots=True)
class Model(Artifact):
    """A backbone with named heads.

    An untrained model without an image shape yet holds no weights, only the seed from which the
    first stage that shows it an image draws them.
    """

    net: Mapping[str, Any]
    """The backbone's own parameters: {"kind": "conv4", "width": 32, "norm": "group"}."""
    shape: tuple[int, int, int] | None
    """(channels, height, width) of its images."""
    heads: Mapping[str, Head]
    """Task -> head; its weights are `heads.<task>.weight` and `.bias`."""
    weights: Mapping[str, "Tensor"] = field(repr=False)
    """Backbone (`backbone.*`) and heads, on the CPU."""
    seed: int | None = None
    """Seed of the weights where they are not drawn yet."""

    def write(self, folder: Path) -> None:
        """Write `model.json` and `weights.safetensors`."""
        described = {
            "net": dict(self.net),
            "shape": self.shape,
            "heads": {task: asdict(head) for task, head in self.heads.items()},
            "seed": self.seed,
        }
        _dump(folder, "model.json", described)
        learning.weights.save(self.weights, folder / "weights.safetensors")

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `model.json` and `weights.safetensors`."""
        data = _load(files, "model.json")
        heads = {
            task: Head(tuple(head["classes"]), head["data"], head["made_by"])
            for task, head in data["heads"].items()
        }
        shape = tuple(data["shape"]) if data["shape"] else None
        weights = learning.weights.load(files["weights.safetensors"])
        return cls(data["net"], shape, heads, weights, data["seed"])


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

    def write(self, folder: Path) -> None:
        """Write `scores.json`."""
        _dump(folder, "scores.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `scores.json`."""
        data = _load(files, "scores.json")
        curves = {
            name: tuple((step, value) for step, value in curve)
            for name, curve in data.pop("curves").items()
        }
        return cls(curves=curves, notes=tuple(data.pop("notes")), **data)


@dataclass(frozen=True, slots=True)
class Interval:
    """Values of one metric over seeds.

    `low` and `high` bound a 95 % interval of the mean, None where n < 2. `dropped` counts diverged
    or missing cells.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    values: Mapping[str, float] = field(default_factory=dict)
    """Seed label -> value."""
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a stage and its axes without the seed."""

    label: str
    stage: str
    axes: Mapping[str, str]
    values: Mapping[str, Interval]
    """Metric -> interval; absent means "n/a"."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Axis -> label, or labels joined by "/", that a `select` chose."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contrast:
    """A paired difference left - right of one metric.

    `p` is adjusted by Holm over the contrasts of the metric, None below n = 5 or at zero variance.
    `verdict` is the sentence to show: "distinguishable at 5 % (Holm)", "within ±0.031", ...
    """

    metric: str
    left: str
    right: str
    difference: Interval
    p: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Table(Artifact):
    """A comparison: rows by metrics, contrasts, and the points of a plot."""

    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    contrasts: tuple[Contrast, ...] = ()
    baseline: str = ""
    """Label of the row that all others are compared with."""
    spans: str = ""
    """What the intervals span: "± seeds (n=5)"."""
    plot: Mapping[str, Any] = field(default_factory=dict)
    """{"kind", "x", "y", "series": [{"label", "points": [[x, y], ...]}]}, or empty."""
    notes: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `table.json`."""
        _dump(folder, "table.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `table.json`."""
        data = _load(files, "table.json")
        rows = tuple(
            Row(
                **{
                    **row,
                    "values": {name: Interval(**value) for name, value in row["values"].items()},
                    "notes": tuple(row["notes"]),
                }
            )
            for row in data.pop("rows")
        )
        contrasts = tuple(
            Contrast(**{**item, "difference": Interval(**item["difference"])})
            for item in data.pop("contrasts")
        )
        metrics, notes = tuple(data.pop("metrics")), tuple(data.pop("notes"))
        return cls(metrics=metrics, rows=rows, contrasts=contrasts, notes=notes, **data)


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
        _dump(folder, "choice.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `choice.json`."""
        return cls(**_load(files, "choice.json"))
