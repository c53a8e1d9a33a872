"""Backbones as values: what a pipeline says of a net.

The code is in `engine.learning.models.backbones`.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipelines.core.stage import Params


class Conv4(Params):
    """Four blocks of 3x3 convolution, norm and ReLU; each halves the image while it can."""

    kind: Literal["conv4"] = "conv4"
    width: PositiveInt = 32
    """Filters of each convolution."""
    norm: Literal["group", "layer", "batch", "none"] = "group"
    """Normalisation after each convolution: over groups of four channels, over all of them, over
    the batch (its statistics then depend on the data that a net adapts to), or none."""
    downsample: Literal["pool", "stride"] = "pool"
    """How a block halves its image: by pooling maxima, or by a stride of 2, which needs a quarter
    of the work; the features are then means over the last maps, as in MAML's net for Omniglot."""


class Mlp(Params):
    """Fully connected layers with ReLU on the flattened image."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[PositiveInt, ...] = Field(default=(256, 256), min_length=1)
    """Units of each layer; the last one's are the features."""


Net = Annotated[Conv4 | Mlp, Field(discriminator="kind")]
