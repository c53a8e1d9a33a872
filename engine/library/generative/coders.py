"""Pairs of an encoder and a decoder as values.

The code is in `engine.learning.generative.models.autoencoder`.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipelines.core.stage import Params


class MlpCoder(Params):
    """Fully connected layers; the decoder mirrors the encoder."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[PositiveInt, ...] = Field(default=(400,), min_length=1)
    """Units of each layer of the encoder, from the image on."""
    activation: Literal["relu", "tanh"] = "relu"
    """After each layer."""


class ConvCoder(Params):
    """Two convolutions that halve the image and a layer; the decoder mirrors them."""

    kind: Literal["conv"] = "conv"
    width: PositiveInt = 32
    """Filters of the first convolution; the second has twice as many."""
    hidden: PositiveInt = 256
    """Units of the layer between the maps and the code."""


Coder = Annotated[MlpCoder | ConvCoder, Field(discriminator="kind")]
