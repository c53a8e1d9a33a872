"""What an inner loop trains, as values.

The code is in `engine.learning.metalearning.inner.spaces`.
"""

from typing import Annotated, Literal

from pydantic import Field

from engine import learning
from engine.library.methods.lora import LowRank
from pipelines.core.stage import Params


class Whole(Params):
    """All weights of the backbone, and the head."""

    kind: Literal["all"] = "all"

    def inner(self) -> "learning.metalearning.inner.spaces.Inner":
        """The code."""
        return learning.metalearning.inner.spaces.All()


class HeadOnly(Params):
    """The head on features that stay as they are."""

    kind: Literal["head"] = "head"

    def inner(self) -> "learning.metalearning.inner.spaces.Inner":
        """The code."""
        return learning.metalearning.inner.spaces.HeadOnly()


Inner = Annotated[Whole | HeadOnly | LowRank, Field(discriminator="kind")]
