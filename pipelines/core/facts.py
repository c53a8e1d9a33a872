"""What is known of a stage's outputs before anything runs, for checks of meaning."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from pipelines.core.lineage import Held


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an output before anything runs; flows along edges for checks of meaning."""

    known: bool = True
    """False where a fault upstream lets nothing be said: no conclusion may be drawn from what is
    absent."""
    task: str = ""
    """A dataset's task label."""
    classes: tuple[int, ...] = ()
    """Classes of a dataset, of a judge, and those that a generator or samples were told; of an
    unconditional generator ()."""
    names: Mapping[int, str] = field(default_factory=dict)
    """A dataset's classes that have names -> these."""
    sources: frozenset[Held] = frozenset()
    """Examples it was made from, as (collection/class, part, ...): for checks of leakage."""
    chosen: frozenset[Held] = frozenset()
    """Examples by which something of it was chosen or stopped, besides those it was made from."""
    validated: Mapping[str, frozenset[Held]] = field(default_factory=dict)
    """Scores: metric -> the examples that it was measured on, of metrics that choices go by."""
    heads: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """A model's heads: task -> classes; empty if unknown."""
    headless: bool = False
    """A model: it is known to have no head."""
    metrics: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Scores: metric name -> the steps of its curve, () where it has none."""
    validation: frozenset[str] = frozenset()
    """Scores: metrics measured on validation tasks, besides those named `task/val_*`."""
    examples: Mapping[str, int] = field(default_factory=dict)
    """A dataset's parts -> how many examples its smallest class has there; absent if unknown."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """A dataset's parts -> how many examples they have in all; absent if unknown."""
    net: Mapping[str, Any] = field(default_factory=dict)
    """A model or learner: fields of its backbone, `kind` among them; empty if unknown."""
    collection: str = ""
    """A dataset, generator, samples or judge: the collection of its images, `mnist`."""
    count: int | None = None
    """Samples: how many images; None if unknown."""
    shape: tuple[int, ...] = ()
    """(channels, height, width) of an image: of a dataset, generator, samples or judge, and of what
    a model takes; () if unknown."""
    z: int | None = None
    """A generator: numbers of a code."""
    turned: bool = False
    """A dataset: training images are turned by quarters at random."""
    ways: tuple[int, int] | None = None
    """A family of tasks: fewest and most classes of a task, (0, 0) for regression."""
    shots: tuple[int, int] | None = None
    """A family of tasks: fewest and most support examples of a class."""
    protocol: Mapping[str, Any] = field(default_factory=dict)
    """A learner: how it was trained, `steps`, `head`, its `outputs`, and whether shots were
    `pooled`. A family of tasks: `labels`, `count`, and of regression `inputs` and `targets`;
    `drawn` is equal for equal draws. Scores: `exam`, the `drawn` of what they were judged on. A
    generator:
    `kind`, `likelihood` and `binarise`. Empty where it is unknown."""

    @property
    def learned(self) -> frozenset[Held]:
        """Its sources without the test examples: what a stage that learns from it sees."""
        return frozenset(source for source in self.sources if source[1] != "test")


def as_number(label: str) -> float | None:
    """The finite number that a label is the text of; None where it is of none."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input comes from: a stage of the file and the labels of its axes."""

    stage: str
    axes: Mapping[str, str]
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Axis -> its value, where that is a number and the label is not the text of it."""
    once: tuple[str, ...] = ()
    """Stages upstream that were drawn once for all seeds of its row; see `shared_draws`."""

    def number(self, axis: str) -> float | None:
        """The value of an axis where it is a number, whatever its label is."""
        return self.numbers.get(axis, as_number(self.axes.get(axis, "")))

    def __str__(self) -> str:
        return "".join([self.stage, *(f"@{axis}={label}" for axis, label in self.axes.items())])


@dataclass(frozen=True, slots=True)
class Advice:
    """A warning with a code of its own, see `pipelines.core.codes`."""

    code: str
    place: str
    message: str
    hint: str


@dataclass(slots=True)
class Look:
    """What a stage type's `facts` function sees of one cell, and where it reports faults."""

    params: Any
    inputs: Mapping[str, tuple[Facts, ...]]
    sources: Mapping[str, tuple[Source, ...]]
    axes: Mapping[str, str] = field(default_factory=dict)
    """Axis -> label of this cell, inherited ones included."""
    folder: Path = field(default_factory=Path)
    """Where the pipeline file lies."""
    faults: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Severity, place, message and hint."""
    advice: list[Advice] = field(default_factory=list)
    chosen: frozenset[Held] = frozenset()
    """Examples by which this stage chooses; what it gives was chosen by them."""

    def one(self, port: str) -> Facts | None:
        """Facts of a single-valued port, or None where it is not connected."""
        found = self.inputs.get(port, ())
        return found[0] if found else None

    def error(self, place: str, message: str, hint: str = "") -> None:
        """Report an error at a parameter (`lr`, `net.width`) or a port (`from.retain`)."""
        self.faults.append(("error", place, message, hint))

    def warn(self, place: str, message: str, hint: str = "") -> None:
        """Report a warning at a parameter or a port."""
        self.faults.append(("warning", place, message, hint))

    def advise(self, code: str, place: str, message: str, hint: str) -> None:
        """Report a warning of a kind that a stage may silence by `allow: [code]`."""
        self.advice.append(Advice(code, place, message, hint))


FactsFunction = Callable[[Look], Mapping[str, Facts]]
