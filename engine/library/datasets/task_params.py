"""Parameters of the stage `tasks`: kind, sizes, ranges and losses."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from engine.library.datasets import task_table
from pipelines.core.lineage import GENERATED, Held
from pipelines.core.stage import Params


class Span(Params):
    """Integers from `min` to `max`, sampled uniformly."""

    min: PositiveInt
    """Minimum."""
    max: PositiveInt
    """Maximum, inclusive."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("`min` is above `max`")
        return self


class Interval(Params):
    """Numbers from `min` to `max`, sampled uniformly."""

    min: FiniteFloat
    """Minimum."""
    max: FiniteFloat
    """Maximum."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("`min` is above `max`")
        return self


class Episode(Params):
    """The size of a task."""

    ways: PositiveInt | Span | None = None
    """Classes per task, or a range; only for `classified`."""
    shots: PositiveInt | Span
    """Support examples per class (per task for regression), or a range."""


class CrossEntropy(Params):
    """Cross-entropy, in nats."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Label smoothing over the classes of a task."""


class SquaredError(Params):
    """Squared error of a regression."""

    kind: Literal["squared_error"] = "squared_error"


Loss = Annotated[CrossEntropy | SquaredError, Field(discriminator="kind")]


class Tasks(Params):
    kind: Literal["classified", "sinusoid", "linear", "table"] = "classified"
    """`classified`: few-shot classification of classes of `data`; `sinusoid`: y = a sin(x - b);
    `linear`: y = w · x, with w and x standard normal; `table`: regression tasks from your own CSV
    file."""
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,40}$")] | None = None
    """Label of its metrics, as `test` in `test/accuracy`; by default that of the data, or the
    kind."""
    episode: Episode
    """Classes and support examples of a task."""
    queries: PositiveInt | Span = 15
    """Query examples per class (per task for regression), or a range."""
    count: PositiveInt | None = None
    """Number of tasks, always the same ones. By default the stream is endless: `meta_evaluate` uses
    600 tasks of it, and `meta_train` validates on 100."""
    labels: Literal["shuffled", "global"] = "shuffled"
    """`shuffled`: each task numbers its classes at random; `global`: an output is the same class of
    the data in all tasks, and classes that a task lacks are masked."""
    loss: Loss | None = None
    """Loss on the support set; by default cross-entropy for classes, otherwise squared error."""
    test_loss: Loss | None = None
    """Loss on the query set; `loss` by default."""
    part: Literal["all", "train", "val", "test"] = "all"
    """Part of the data to sample from; all by default, as few-shot learning holds out classes, not
    examples. For a table, tasks to sample: those with this value in the column `part`; without that
    column, 0.6, 0.2 and 0.2 of the tasks, by a fixed shuffle of their names."""
    stream: NonNegativeInt = 0
    """Number of the stream: other numbers give other tasks of the same family."""
    amplitude: Interval | None = None
    """Amplitude a of a sinusoid; 0.1 to 5 by default."""
    phase: Interval | None = None
    """Phase b of a sinusoid; 0 to π by default."""
    x: Interval | None = None
    """Inputs of a sinusoid; -5 to 5 by default."""
    inputs: PositiveInt | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Input dimensions of a linear function; 3 by default. For a table, names of the input columns;
    all but `task`, `part` and the targets by default."""
    noise: NonNegativeFloat | None = None
    """Standard deviation of the noise of a linear function; 0 by default."""
    file: Annotated[str | None, Field(json_schema_extra={"result": False})] = None
    """For a table, and required there: the CSV file, relative to the pipeline file. Its header
    names the columns, one of which is `task`. Results depend on its content, not on its path."""
    targets: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    """For a table, columns to predict; `y` by default."""
    scaling: Literal["none", "standard"] | None = None
    """For a table: `none`, the default, uses numbers as they are; `standard` scales each column to
    mean 0 and standard deviation 1 over the training tasks, and losses are in these units."""

    @property
    def choice(self) -> task_table.Choice:
        """Selection from a table."""
        inputs = self.inputs if isinstance(self.inputs, tuple) else None
        return task_table.Choice(inputs, self.targets or task_table.TARGETS, self.part)

    def files(self, folder: Path) -> Mapping[str, Path]:
        """See `Params.files`."""
        if self.kind != task_table.NAME or self.file is None:
            return {}
        return task_table.find(folder / self.file)


OWNERS: Mapping[str, tuple[str, ...]] = {
    "amplitude": ("sinusoid",), "phase": ("sinusoid",), "x": ("sinusoid",), "noise": ("linear",),
    "inputs": ("linear", task_table.NAME), "file": (task_table.NAME,),
    "targets": (task_table.NAME,), "scaling": (task_table.NAME,),
}  # fmt: skip
"""Parameter -> the only kinds of tasks that have it."""

REGRESSION: Mapping[str, Mapping[str, Any]] = {
    "sinusoid": {"amplitude": [0.1, 5.0], "phase": [0.0, math.pi], "x": [-5.0, 5.0]},
    "linear": {"inputs": 3, "noise": 0.0},
}
"""Kind -> what its numbers are drawn from, by default."""

DISTINGUISHED: Mapping[str, tuple[str, ...]] = {
    "sinusoid": ("amplitude", "phase"),
    "linear": ("inputs",),
}
"""Kind -> what makes other functions in the same stream. Where its inputs lie, how many examples
there are and how noisy they are leaves a task the function that it is."""


def plain(value: Any, usual: Any) -> Any:
    """The value of a parameter of regression as JSON has it, or the usual one."""
    if value is None:
        return usual
    return [value.min, value.max] if isinstance(value, Interval) else value


def generated(params: Tasks) -> frozenset[Held]:
    """What tasks that a formula gives are, whatever their label; empty for other kinds.

    Every stream of tasks begins with its task 0, so that two of them that are the same stream
    share tasks, however many each has.
    """
    if params.kind not in DISTINGUISHED:
        return frozenset()
    given = [
        f"{name} {plain(getattr(params, name), REGRESSION[params.kind][name])}"
        for name in DISTINGUISHED[params.kind]
    ]
    name = f"{params.kind} tasks of stream {params.stream}"
    return frozenset({(name, GENERATED, ", ".join([name, *given]), 0, 1)})


def span(value: int | Span | None) -> tuple[int, int]:
    """Fewest and most; (0, 0) for none."""
    if isinstance(value, Span):
        return value.min, value.max
    return (value, value) if value else (0, 0)
