"""What families of tasks are made of: sizes, ranges and losses, as a pipeline says them."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FiniteFloat, PositiveInt, model_validator

from pipelines.stage import Params


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


REGRESSION: Mapping[str, Mapping[str, Any]] = {
    "sinusoid": {"amplitude": [0.1, 5.0], "phase": [0.0, math.pi], "x": [-5.0, 5.0]},
    "linear": {"inputs": 3, "noise": 0.0},
}
"""Kind -> its own parameters, with what they are by default."""


def span(value: int | Span | None) -> tuple[int, int]:
    """Fewest and most; (0, 0) for none."""
    if isinstance(value, Span):
        return value.min, value.max
    return (value, value) if value else (0, 0)
