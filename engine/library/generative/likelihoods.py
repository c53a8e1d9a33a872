"""Likelihoods of pixels as values.

The code is in `engine.learning.generative.models.likelihoods`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import PositiveFloat

from pipelines.core.stage import Params


class Gaussian(Params):
    """Gaussian pixels with one standard deviation for all."""

    kind: Literal["gaussian"]
    """Name of the likelihood."""
    sigma: PositiveFloat | Literal["optimal", "learned"]
    """Standard deviation, for pixels from 0 to 1: a number, `optimal` (in closed form from each
    batch, arXiv 2006.13202), or `learned` by gradient descent."""


Likelihood = Literal["bernoulli", "logistic"] | Gaussian
"""`bernoulli` from logits; `logistic` discretised to the stored levels (arXiv 1606.04934, 2.3)."""


def fields(likelihood: Likelihood) -> Mapping[str, Any]:
    """A likelihood's fields, as a `Generator` keeps them."""
    if isinstance(likelihood, Gaussian):
        return likelihood.model_dump()
    return {"kind": likelihood}
