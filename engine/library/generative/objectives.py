"""Objectives of a VAE as values.

The code is in `engine.learning.generative.training.objective`.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipelines.core.stage import Params


class Elbo(Params):
    """The evidence lower bound (arXiv 1312.6114)."""

    kind: Literal["elbo"] = "elbo"


class Iwae(Params):
    """The importance weighted bound, which is tighter (arXiv 1509.00519)."""

    kind: Literal["iwae"]
    k: PositiveInt
    """Samples of the code for each image; 1 is the ELBO with a noisier KL estimate."""


Objective = Annotated[Elbo | Iwae, Field(discriminator="kind")]
