"""What a batch costs, in nats per image: the evidence lower bound and what people change about it.

With q(z|x) the encoder, p(x|z) the likelihood, p(z) = N(0, I) the prior and KL that of q and p:

elbo    log p(x|z) - KL, with z from q (arXiv 1312.6114). A `beta` weighs the KL (beta-VAE), a
        warm-up lets beta rise from 0 by a line (arXiv 1602.02282), and free bits let each dimension
        have so many nats of KL for nothing (arXiv 1606.04934, eq. 15: of the batch's mean).
iwae    log of the mean over k draws of p(x|z) p(z) / q(z|x) (arXiv 1509.00519, eq. 8)
plain   log p(x|code): an autoencoder, whose codes are points
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.generative.models import fused_terms
from engine.learning.generative.models.autoencoder import Codes
from engine.learning.generative.models.generator import Pair


@dataclass(frozen=True, slots=True)
class Objective:
    """What is made small.

    Attributes:
        beta: weight of the KL.
        kl_warmup: share of the steps in which that weight rises from 0.
        free_bits: nats that the KL of each dimension has for nothing.
        draws: k of the importance weighted bound; None takes the ELBO.
    """

    beta: float = 1.0
    kl_warmup: float = 0.0
    free_bits: float = 0.0
    draws: int | None = None

    def weight(self, step: int, steps: int) -> float:
        """Weight of the KL at a step, counted from 1, of so many."""
        rising = round(self.kl_warmup * steps)
        return self.beta * min(1.0, step / rising) if rising else self.beta


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a batch, in nats per image.

    Attributes:
        loss: what is made small.
        reconstruction: mean of minus log p(x|z).
        kl: its mean, without weight or free bits; None where codes are points.
    """

    loss: Tensor
    reconstruction: Tensor
    kl: Tensor | None = None


def cost(
    pair: Pair,
    objective: Objective,
    images: Tensor,
    y: Tensor,
    *,
    weight: float,
    draws: torch.Generator,
) -> Cost:
    """What a batch costs.

    Args:
        pair: a coder and its likelihood.
        objective: of which `weight` gives that of the KL now.
        images: (n, *shape) from 0 to 1.
        y: (n,) classes; only a conditional pair looks at them.
        weight: of the KL; the importance weighted bound has none.
        draws: the noise of the codes, on their device.
    """
    codes = pair.coder.encode(images, y)
    if codes.log_variance is None:
        reconstruction = -pair.likelihood.log_prob(pair.coder.decode(codes.mean, y), images).mean()
        return Cost(reconstruction, reconstruction)
    if objective.draws is not None:
        kl = divergence(codes)
        bound, log_prob = importance(pair, codes, images, y, objective.draws, draws)
        return Cost(-bound.mean(), -log_prob.mean(), kl.sum(1).mean())
    noise = torch.empty_like(codes.mean).normal_(generator=draws)
    z, each = fused_terms.drawn(*codes.gaussian, noise)
    reconstruction = -pair.likelihood.log_prob(pair.coder.decode(z, y), images).mean()
    paid = each.clamp_min(objective.free_bits) if objective.free_bits else each
    return Cost(reconstruction + weight * paid.sum(), reconstruction, each.sum())


def divergence(codes: Codes) -> Tensor:
    """KL of q(z|x) and N(0, I) in nats: (n, z), a dimension each (arXiv 1312.6114, appendix B)."""
    mean, log_variance = codes.gaussian
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def importance(
    pair: Pair, codes: Codes, images: Tensor, y: Tensor, k: int, draws: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The importance weighted bound (n,) of log p(x) by k draws, and log p(x|z) of each (k, n)."""
    n, z_size = codes.mean.shape
    noise = codes.mean.new_empty(k, n, z_size).normal_(generator=draws)
    z = codes.noisy(noise)
    # log p(z) - log q(z|x): what both have of log(2 pi) cancels.
    ratio = ((codes.gaussian[1] + noise.square() - z.square()) / 2).sum(2)
    said = pair.coder.decode(z.flatten(0, 1), y.repeat(k))
    repeated = images.repeat(k, *(1,) * (images.ndim - 1))
    log_prob = pair.likelihood.log_prob(said, repeated).view(k, n)
    return (log_prob + ratio).logsumexp(0) - math.log(k), log_prob
