"""Parameters of backbones.

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
    """Normalisation after each convolution: group norm with groups of four channels, layer norm,
    batch norm (whose statistics change as the net adapts), or none."""
    downsample: Literal["pool", "stride"] = "pool"
    """Downsampling of each block: 2x2 max pooling, or stride 2, which needs a quarter of the
    computation and ends in global average pooling, as in MAML's net for Omniglot."""


class Mlp(Params):
    """Fully connected layers with ReLU on the flattened image."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[PositiveInt, ...] = Field(default=(256, 256), min_length=1)
    """Units of each layer; the outputs of the last layer are the features."""


Net = Annotated[Conv4 | Mlp, Field(discriminator="kind")]
