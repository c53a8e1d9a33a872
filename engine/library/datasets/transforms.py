"""Changes and choices of images, as a pipeline says them."""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from pipelines.core.stage import Params

Angle = Annotated[float, Field(ge=0, le=180)]


class Take(Params):
    """How many examples to keep of each part, with classes as equal as can be."""

    train: PositiveInt | None = None
    """Of the training part; all where it is absent."""
    val: PositiveInt | None = None
    """Of the validation part; all where it is absent."""
    test: PositiveInt | None = None
    """Of the test part; all where it is absent."""

    def of(self, part: str) -> int | None:
        """How many of a part."""
        return {"train": self.train, "val": self.val, "test": self.test}[part]


class Augment(Params):
    """Random changes of training images, drawn anew each time."""

    rotate: Annotated[float, Field(gt=0, le=180)]
    """Largest angle in degrees, either way."""


class Shifted(Params):
    """A fixed change of the test images: a second test set, out of distribution."""

    rotate: tuple[Angle, Angle]
    """Smallest and largest angle in degrees, either way."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.rotate[0] > self.rotate[1]:
            raise ValueError("`rotate` is [smallest, largest]")
        return self
