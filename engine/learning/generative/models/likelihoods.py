"""How likely images are, given what a decoder says: log densities in nats per image.

Every image is a sum over its pixels, never a mean. Images and means are from 0 to 1.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.learning.generative.models import fused_terms

LEAST_SIGMA = 1e-3
"""Least spread of a Gaussian that is fitted: without it a perfect fit has an infinite density."""


class Likelihood(nn.Module):
    """p(image | what a decoder says)."""

    fitted = False
    """Whether something in it is fixed by `settle` once it is trained."""

    @abstractmethod
    def log_prob(self, said: Tensor, images: Tensor) -> Tensor:
        """Nats (n,) of images (n, *shape), given what the decoder said (n, *shape)."""

    @abstractmethod
    def mean(self, said: Tensor) -> Tensor:
        """The images (n, *shape) to show, from 0 to 1."""

    def constant(self, pixels: int) -> float | None:
        """Nats per image of an answer that is the same for all, an upper bound of the best one's.

        None where nats may be negative, as those of a density are.
        """
        del pixels
        return None

    def settle(self, squared_error: float, pixels: int) -> None:
        """Fix what is fitted in closed form, from the mean squared error per image of training."""
        del squared_error, pixels


class Bernoulli(Likelihood):
    """Each pixel is on or off; of greys it is the cross-entropy, and no likelihood."""

    def constant(self, pixels: int) -> float | None:
        """See `Likelihood`: one half everywhere."""
        return pixels * math.log(2)

    def log_prob(self, said: Tensor, images: Tensor) -> Tensor:
        """See `Likelihood`; `said` are logits."""
        return fused_terms.bernoulli(said, images)

    def mean(self, said: Tensor) -> Tensor:
        """See `Likelihood`."""
        return said.sigmoid()


class Gaussian(Likelihood):
    """Each pixel has Gaussian noise of one spread sigma."""

    def __init__(self, sigma: float | str) -> None:
        super().__init__()
        start = sigma if isinstance(sigma, float) else 1.0
        log = torch.tensor(math.log(start))
        self.fitted = sigma == "optimal"
        if sigma == "learned":
            self.log_sigma = nn.Parameter(log)
        else:
            self.register_buffer("log_sigma", log)

    def log_prob(self, said: Tensor, images: Tensor) -> Tensor:
        """See `Likelihood`; with `optimal`, training takes the batch's own best spread.

        Of that the gradient is the same whether it flows through the spread or not
        (arXiv 2006.13202, eq. 7), since it is the best.
        """
        error = (said - images).square().flatten(1).sum(1)
        pixels = images[0].numel()
        log_sigma = self._log_sigma(error, pixels)
        return -error / (2 * (2 * log_sigma).exp()) - pixels * (
            log_sigma + math.log(2 * math.pi) / 2
        )

    def _log_sigma(self, error: Tensor, pixels: int) -> Tensor:
        if self.fitted and self.training:
            return _best(error.detach().mean(), pixels)
        if isinstance(self.log_sigma, nn.Parameter):
            # The least spread is added and not clamped at, for there a gradient would vanish.
            return (
                torch.logaddexp(
                    2 * self.log_sigma, self.log_sigma.new_tensor(2 * math.log(LEAST_SIGMA))
                )
                / 2
            )
        return self.log_sigma

    def mean(self, said: Tensor) -> Tensor:
        """See `Likelihood`."""
        return said.clamp(0, 1)

    def settle(self, squared_error: float, pixels: int) -> None:
        """See `Likelihood`."""
        if self.fitted:
            self.log_sigma.copy_(_best(torch.tensor(squared_error), pixels))


class Logistic(Likelihood):
    """Each stored level is a bin of a logistic density of one learned scale (arXiv 1606.04934)."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self._top = levels - 1
        self.log_scale = nn.Parameter(torch.tensor(math.log(0.1)))

    def constant(self, pixels: int) -> float | None:
        """See `Likelihood`: each level as likely."""
        return pixels * math.log(self._top + 1)

    def log_prob(self, said: Tensor, images: Tensor) -> Tensor:
        """See `Likelihood`; the first and last bins reach to infinity."""
        half = 0.5 / self._top
        scale = self.log_scale.exp()
        upper, lower = (images + half - said) / scale, (images - half - said) / scale
        low, high = images < half, images > 1 - half
        # log(sigmoid(u) - sigmoid(l)) without cancellation: l < u.
        inside = (
            functional.logsigmoid(upper)
            + functional.logsigmoid(-lower)
            + torch.log(-torch.expm1(lower - upper))
        )
        nats = torch.where(
            low,
            functional.logsigmoid(upper),
            torch.where(high, functional.logsigmoid(-lower), inside),
        )
        return nats.flatten(1).sum(1)

    def mean(self, said: Tensor) -> Tensor:
        """See `Likelihood`."""
        return said.clamp(0, 1)


def build(fields: Mapping[str, Any], levels: int) -> Likelihood:
    """The likelihood of a value in `engine.library.generative.likelihoods`.

    Args:
        fields: of the value.
        levels: of a stored pixel: 256 for bytes.
    """
    if fields["kind"] == "bernoulli":
        return Bernoulli()
    if fields["kind"] == "logistic":
        return Logistic(levels)
    return Gaussian(fields["sigma"])


def _best(squared_error: Tensor, pixels: int) -> Tensor:
    """The log spread that makes images with this mean squared error the likeliest."""
    return (squared_error / pixels).clamp_min(LEAST_SIGMA**2).log() / 2
