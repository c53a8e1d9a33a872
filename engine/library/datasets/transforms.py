"""Parameters of augmentation, shifted test sets and numbers of examples."""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from pipelines.core.stage import Params

Angle = Annotated[float, Field(ge=0, le=180)]


class Take(Params):
    """Number of examples to keep of each part, with classes as balanced as possible."""

    train: PositiveInt | None = None
    """Training examples to keep; all by default."""
    val: PositiveInt | None = None
    """Validation examples to keep; all by default."""
    test: PositiveInt | None = None
    """Test examples to keep; all by default."""

    def of(self, part: str) -> int | None:
        """Return the number of examples to keep of a part, or None for all."""
        return {"train": self.train, "val": self.val, "test": self.test}[part]


class Augment(Params):
    """Random augmentation of training images, different at every pass."""

    rotate: Annotated[float, Field(gt=0, le=180)]
    """Maximum angle in degrees, in either direction."""


class Shifted(Params):
    """Fixed transform of the test images: a second test set, out of distribution."""

    rotate: tuple[Angle, Angle]
    """Minimum and maximum angle in degrees, in either direction."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.rotate[0] > self.rotate[1]:
            raise ValueError("`rotate` is [smallest, largest]")
        return self
