"""Parameters of encoder and decoder pairs.

The code is in `engine.learning.generative.models.autoencoder`.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipelines.core.stage import Params


class MlpCoder(Params):
    """Fully connected layers; the decoder mirrors the encoder."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[PositiveInt, ...] = Field(default=(400,), min_length=1)
    """Units of each hidden layer of the encoder; the decoder has them in reverse."""
    activation: Literal["relu", "tanh"] = "relu"
    """Activation after each layer."""


class ConvCoder(Params):
    """Two convolutions of stride 2 and a dense layer; the decoder mirrors them."""

    kind: Literal["conv"] = "conv"
    width: PositiveInt = 32
    """Filters of the first convolution; the second has twice as many."""
    hidden: PositiveInt = 256
    """Units of the dense layer between the feature maps and the code."""


Coder = Annotated[MlpCoder | ConvCoder, Field(discriminator="kind")]
