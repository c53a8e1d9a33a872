"""Families of tasks, as a pipeline says them: their kind, sizes, ranges and losses."""

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
    """Whole numbers between two bounds, each as likely."""

    min: PositiveInt
    """Fewest."""
    max: PositiveInt
    """Most."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("`min` is above `max`")
        return self


class Interval(Params):
    """Numbers between two bounds, each as likely."""

    min: FiniteFloat
    """Least."""
    max: FiniteFloat
    """Greatest."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("`min` is above `max`")
        return self


class Episode(Params):
    """The size of a task."""

    ways: PositiveInt | Span | None = None
    """Classes of a task, or a range; for `classified` only."""
    shots: PositiveInt | Span
    """Labelled examples to learn from, of each class where there are classes; or a range."""


class CrossEntropy(Params):
    """Nats that the right class costs."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the target that is spread evenly over a task's classes."""


class SquaredError(Params):
    """Squared error of a regression."""

    kind: Literal["squared_error"] = "squared_error"


Loss = Annotated[CrossEntropy | SquaredError, Field(discriminator="kind")]


class Tasks(Params):
    kind: Literal["classified", "sinusoid", "linear", "table"] = "classified"
    """`classified`: each task has some classes of the data; `sinusoid`: y = a sin(x - b);
    `linear`: y = w · x, with w and x standard normal; `table`: regression tasks from a CSV file of
    one's own."""
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,40}$")] | None = None
    """Label under which its metrics appear, as `test` in `test/accuracy`; by default that of the
    data, or the kind."""
    episode: Episode
    """How many classes a task has, and how many examples to learn from."""
    queries: PositiveInt | Span = 15
    """Examples to judge what was learned, of each class where there are classes; or a range."""
    count: PositiveInt | None = None
    """How many tasks there are, always the same ones; an endless stream by default, of which
    `meta_evaluate` judges 600 and `meta_train` validates on 100."""
    labels: Literal["shuffled", "global"] = "shuffled"
    """`shuffled`: each task numbers its classes anew; `global`: an output means one class of the
    data in all tasks, and those that a task lacks are masked."""
    loss: Loss | None = None
    """What is minimised on the examples to learn from: cross-entropy for classes, else squared
    error by default."""
    test_loss: Loss | None = None
    """What is counted on the queries; `loss` by default."""
    part: Literal["all", "train", "val", "test"] = "all"
    """Examples of the data to draw from. Few-shot learning holds out classes, not examples, so all
    by default. Of a table, tasks to draw: those whose column `part` says so, or where it has none,
    0.6, 0.2 and 0.2 of the tasks, always the same ones, by a shuffle of their names."""
    stream: NonNegativeInt = 0
    """Another number gives other tasks of the same family."""
    amplitude: Interval | None = None
    """Of a sinusoid; 0.1 to 5 by default."""
    phase: Interval | None = None
    """Of a sinusoid; 0 to π by default."""
    x: Interval | None = None
    """Inputs of a sinusoid; -5 to 5 by default."""
    inputs: PositiveInt | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Dimensions of the inputs of a linear function; 3 by default. Of a table: names of its
    columns; all but `task`, `part` and the targets by default."""
    noise: NonNegativeFloat | None = None
    """Standard deviation of what is added to a linear function; 0 by default."""
    file: Annotated[str | None, Field(json_schema_extra={"result": False})] = None
    """Of a table, where it is needed: the CSV file, relative to the pipeline file. Its first line
    names the columns, of which one is `task`. Only locates: results depend on the content."""
    targets: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    """Of a table: columns to predict; `y` by default."""
    scaling: Literal["none", "standard"] | None = None
    """Of a table: `none`, the default, takes numbers as they are; `standard` makes every column
    mean 0 and deviation 1 over the rows of the training tasks, and losses are in these units."""

    @property
    def choice(self) -> task_table.Choice:
        """What of a table is chosen."""
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
