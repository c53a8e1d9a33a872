"""Table artifact: rows of metrics with confidence intervals, and tests of their differences."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from engine.stage_api import artifact_json
from engine.stage_api.scores import Units, parts
from pipelines.core.stage import Artifact
from pipelines.core.text import numbered, these

ONE_EACH = "one learner each"
"""Mark of a difference between two learners on the same tasks: training runs may differ more."""
AGAINST_ONE = "against one learner"
"""Mark of a difference between a row of several seeds and a row of one cell without a seed."""


def drawn_once(stages: Iterable[str]) -> str:
    """Return the mark of stages that ran once for all seeds of a row: `one draw of backbone`."""
    return f"one draw of {', '.join(stages)}"


@dataclass(frozen=True, slots=True)
class Interval:
    """Values of one metric over seeds, or over the tasks on which one learner was evaluated.

    `low` and `high` are the 95 % t interval of the mean, or None if n < 2, or if there are too few
    tasks or classes to generalise to others (then `least` and `most` are set). `dropped` counts
    diverged or missing cells.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    values: Mapping[str, float] = field(default_factory=dict)
    """Seed label -> value."""
    dropped: int = 0
    over: Literal["seeds", "tasks", "classes", "draws", "learners", "pairs"] = "seeds"
    """Sampling units that `n` counts and the interval is over. Classes are those of few-shot
    episodes. Draws are episodes of the same classes, of which alone the interval speaks. Learners
    are those of a row whose mean is compared with one learner: no interval. Pairs are of two cells
    without a seed: one, or none if a cell diverged."""
    draws: int = 0
    """Samples of these tasks or classes that the mean is over; 0 if each was sampled once."""
    least: float | None = None
    """Smallest mean of a task or class, if there are too few of them for an interval."""
    most: float | None = None
    """Largest mean of a task or class, likewise."""
    of_draws: float | None = None
    """Over classes, half the 95 % interval over sampled episodes, as in papers on few-shot
    learning; only for comparison with these, as it does not generalise to other classes."""

    @property
    def half(self) -> float | None:
        """Half the width of the interval; None without one."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def spans(self) -> str:
        """Description of the interval's units; empty without an interval.

        `± seeds (n=5)`, `± tasks (n=600, one learner)`, `± classes (n=28, 600 draws, one learner)`,
        or, for a range, `least to most of these tasks only (n=2, 600 draws, one learner)`.
        """
        drawn = f", {numbered(self.draws, 'draws')}" if self.draws else ""
        if self.least is not None:
            return (
                f"least to most of {these(self.n, self.over)} only (n={self.n}{drawn}, one learner)"
            )
        if self.low is None:
            return ""
        if self.over == "seeds":
            return f"± seeds (n={self.n})"
        if self.over == "draws":
            return f"± draws of these classes only (n={self.n}, one learner)"
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
    """Seeds of its cells, also diverged ones; one empty label for a single cell without a seed."""
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """For a row of one learner, metric -> value on each task, to compute paired differences if
    another row is chosen as the baseline."""
    family: str = ""
    """Digest of the tasks of `each`; only values with the same digest are paired."""
    by_class: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    """Metric -> value on each class of each task; see `Scores.by_class`."""
    units: Mapping[str, Units] = field(default_factory=dict)
    """See `Scores.units`."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Axis -> its value, if that is a number that differs from the label."""
    diverged: int = 0
    """Number of cells that diverged, which every interval leaves out."""
    exams: Mapping[str, str] = field(default_factory=dict)
    """Seed label -> digest of the sampled tasks on which the cell was evaluated. A difference of
    rows evaluated on different tasks has no interval, p or verdict."""
    once: tuple[str, ...] = ()
    """Upstream stages that ran with one seed for all seeds of the row: an interval over seeds does
    not cover their variation, so that no difference has a p or a verdict."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Difference left - right of one metric: paired, or of means against one learner.

    `p` is adjusted by Holm over the contrasts of the metric. It is None if n < 5, if the difference
    is the same in every pair, if a row has diverged cells or is one learner, or if an upstream
    stage ran with one seed for all seeds of a row.
    `verdict` is the text to show: "distinguishable at 5 % (Holm)", "not distinguishable: ...".
    """

    metric: str
    left: str
    right: str
    difference: Interval
    p: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Table(Artifact):
    """Comparison of rows by metrics, with contrasts and the points of a plot."""

    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    contrasts: tuple[Contrast, ...] = ()
    baseline: str = ""
    """Label of the row that the other rows are compared with."""
    spans: str = ""
    """Units of the intervals: "± seeds (n=5)", "± tasks (n=600, one learner)"; all of them if rows
    differ, and each interval has its own."""
    plot: Mapping[str, Any] = field(default_factory=dict)
    """{"kind", "x", "y", "series": [{"label", "points": [[x, y], ...]}]}, or empty. A point with
    a band is [x, y, low, high]; series of a frontier also have "spreads", each
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
