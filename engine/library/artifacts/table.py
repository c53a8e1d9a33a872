"""A comparison: rows over seeds with intervals, and which differences are real."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from engine.stage_api import artifact_json
from engine.stage_api.scores import Units, parts
from pipelines.core.stage import Artifact

ONE_EACH = "one learner each"
"""Said of a difference of two learners on the same tasks: another training run may differ more."""
AGAINST_ONE = "against one learner"
"""Said of a difference of a row of several seeds and a row of one cell without a seed."""


def drawn_once(stages: Iterable[str]) -> str:
    """`one draw of backbone`, `one draw of few, backbone`: of stages behind all seeds of a row."""
    return f"one draw of {', '.join(stages)}"


@dataclass(frozen=True, slots=True)
class Interval:
    """Values of one metric over seeds, or over the tasks on which one learner was judged.

    `low` and `high` bound a 95 % t interval of the mean, None where there is none: n < 2, or too
    few tasks or classes to speak of others (then `least` and `most` are told). `dropped` counts
    diverged or missing cells.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    values: Mapping[str, float] = field(default_factory=dict)
    """Seed label -> value."""
    dropped: int = 0
    over: Literal["seeds", "tasks", "classes", "learners"] = "seeds"
    """What `n` counts, and so what the interval spans. Classes are those of few-shot episodes.
    Learners are those of a row whose mean is compared with one learner, without an interval."""
    draws: int = 0
    """Draws of these tasks or classes that the mean is over; 0 where each was drawn once."""
    least: float | None = None
    """The least mean of a task or class, where there are too few of them for an interval."""
    most: float | None = None
    """The greatest."""
    of_draws: float | None = None
    """Over classes, half the 95 % interval over their draws, as papers on few-shot learning print
    it: for comparison with them, as it says nothing of other classes."""

    @property
    def half(self) -> float | None:
        """Half the interval's width; None where there is none."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def spans(self) -> str:
        """What the interval spans; empty where there is none.

        `± seeds (n=5)`, `± tasks (n=600, one learner)`, `± classes (n=28, 600 draws, one learner)`,
        or, of a range, `least to most of these tasks only (n=2, one learner)`.
        """
        if self.least is not None:
            return f"least to most of these {self.over} only (n={self.n}, one learner)"
        if self.low is None:
            return ""
        if self.over == "seeds":
            return f"± seeds (n={self.n})"
        drawn = f", {self.draws} draws" if self.draws else ""
        return f"± {self.over} (n={self.n}{drawn}, one learner)"


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
    seeds: tuple[str, ...] = ()
    """Seeds of its cells, diverged ones too; one empty label for a row of one cell without one."""
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Metric -> value on each task, of a row that is one learner: what differences are paired on
    where another row is chosen as the baseline."""
    family: str = ""
    """Digest of the tasks of `each`; values on other tasks are not paired with them."""
    by_class: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    """Metric -> value on each class of each task; see `Scores.by_class`."""
    units: Mapping[str, Units] = field(default_factory=dict)
    """See `Scores.units`."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Axis -> its value, where that is a number and the label is not the text of it."""
    diverged: int = 0
    """How many of its cells diverged; they are `dropped` by every interval."""
    exams: Mapping[str, str] = field(default_factory=dict)
    """Seed label -> digest of the tasks on which the cell was judged, where these were drawn. A
    difference of rows that were judged on other tasks has no interval, p or verdict."""
    once: tuple[str, ...] = ()
    """Stages upstream that were drawn once for all of its seeds: an interval over these does not
    span what another draw of them would give, so that no difference has a p or a verdict."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference left - right of one metric: paired, or of means against one learner.

    `p` is adjusted by Holm over the contrasts of the metric. It is None below n = 5, where the
    difference is the same in every pair, where a row has diverged cells, where a row is one
    learner, and where something upstream was drawn once for all seeds of a row.
    `verdict` is the sentence to show: "distinguishable at 5 % (Holm)", "not distinguishable: ...".
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
    """What the intervals span: "± seeds (n=5)", "± tasks (n=600, one learner)"; where rows
    differ in it both are told, and each interval says its own."""
    plot: Mapping[str, Any] = field(default_factory=dict)
    """{"kind", "x", "y", "series": [{"label", "points": [[x, y], ...]}]}, or empty. A point with
    a band is [x, y, low, high]; those of a frontier have "spreads" beside them, each
    [x low, x high, y low, y high] or four None, and "names"."""
    notes: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `table.json`."""
        artifact_json.dump(folder, "table.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `table.json`."""
        data = artifact_json.load(files, "table.json")
        rows = tuple(
            Row(
                **{
                    **row,
                    "values": {name: Interval(**value) for name, value in row["values"].items()},
                    "notes": tuple(row["notes"]),
                    "seeds": tuple(row.get("seeds", ())),
                    "once": tuple(row.get("once", ())),
                    "each": {name: tuple(v) for name, v in row.get("each", {}).items()},
                    "by_class": parts(row.get("by_class", {})),
                    "units": Units.by_task(row.get("units", {})),
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
