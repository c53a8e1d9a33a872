"""A comparison: rows over seeds with intervals, and which differences are real."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from engine.artifacts import storage
from pipelines.stage import Artifact

ONE_EACH = "over tasks, one learner each"
"""Said of a difference of two learners on the same tasks: another training run may differ more."""
_NORMAL = 1.96
"""Standard errors in half a 95 % interval of many values; few-shot papers print this one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Values of one metric over seeds, or over the tasks on which one learner was judged.

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
    over: Literal["seeds", "tasks"] = "seeds"
    """What `n` counts, and so what the interval spans."""

    @classmethod
    def of_tasks(cls, each: Sequence[float], values: Mapping[str, float] | None = None) -> Self:
        """Mean ± 1.96 standard errors of one learner's values on each of two tasks or more."""
        n = len(each)
        mean = math.fsum(each) / n
        half = _NORMAL * math.sqrt(math.fsum((v - mean) ** 2 for v in each) / (n - 1) / n)
        return cls(mean, mean - half, mean + half, n, values or {}, over="tasks")

    @property
    def half(self) -> float | None:
        """Half the interval's width; None where there is none."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def spans(self) -> str:
        """`± seeds (n=5)` or `± tasks (n=600, one learner)`; empty where there is no interval."""
        if self.low is None:
            return ""
        return f"± {self.over} (n={self.n}{', one learner' if self.over == 'tasks' else ''})"


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


@dataclass(frozen=True, slots=True)
class Contrast:
    """A paired difference left - right of one metric.

    `p` is adjusted by Holm over the contrasts of the metric, None below n = 5 or at zero variance.
    `verdict` is the sentence to show: "distinguishable at 5 % (Holm)", "within ±0.031", ...
    Of a difference over tasks it ends with "over tasks, one learner each".
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
        storage.dump(folder, "table.json", asdict(self))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `table.json`."""
        data = storage.load(files, "table.json")
        rows = tuple(
            Row(
                **{
                    **row,
                    "values": {name: Interval(**value) for name, value in row["values"].items()},
                    "notes": tuple(row["notes"]),
                    "seeds": tuple(row.get("seeds", ())),
                    "each": {name: tuple(v) for name, v in row.get("each", {}).items()},
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
