"""Two steps of a VAE with their derivatives written out: fewer passes over memory than by autograd.

There are no second derivatives.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

LARGE = 40.0
"""log(1 + exp(x)) is x from here on, even in float64; torch has it so from 20."""


def bernoulli(logits: Tensor, images: Tensor) -> Tensor:
    """Log probability (n,) of images (n, *shape) of zeros and ones, or minus the cross-entropy."""
    found: Tensor = _Bernoulli.apply(logits, images)
    return found


def drawn(mean: Tensor, log_variance: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (n, z) of a Gaussian by standard normal noise, and its KL (z,) from the prior.

    The KL is the mean over the batch (arXiv 1312.6114, appendix B); all arguments are (n, z).
    """
    found: tuple[Tensor, Tensor] = _Drawn.apply(mean, log_variance, noise)
    return found


def no_second() -> None:
    """What `once_differentiable` does not tell where `autograd.grad` is asked for some inputs."""
    if torch.is_grad_enabled():
        raise RuntimeError("a coder has no second derivatives: ask for no graph of its gradient")


class _Bernoulli(torch.autograd.Function):
    """x l - log(1 + exp(l)), whose derivative in the logit l is x - sigmoid(l), and in x is l."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, images: Tensor) -> Tensor:
        ctx.save_for_backward(logits, images)
        nats = functional.softplus(logits, threshold=LARGE).addcmul_(logits, images, value=-1)
        return nats.flatten(1).sum(1).neg_()

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> tuple[Tensor | None, Tensor | None]:
        no_second()
        logits, images = ctx.saved_tensors
        each = pull.view(-1, *(1,) * (logits.ndim - 1))
        by_logits = by_images = None
        if ctx.needs_input_grad[0]:
            by_logits = logits.sigmoid().sub_(images).mul_(-each)
        if ctx.needs_input_grad[1]:
            by_images = logits * each
        return by_logits, by_images


class _Drawn(torch.autograd.Function):
    """z = m + s e and (m^2 + s^2 - 1 - v) / 2, with s = exp(v / 2)."""

    @staticmethod
    def forward(
        ctx: Any, mean: Tensor, log_variance: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        deviation = (log_variance / 2).exp_()
        moved = deviation * noise
        variance = deviation.square_()
        kl = (variance - log_variance).addcmul_(mean, mean).mean(0).sub_(1).div_(2)
        ctx.save_for_backward(mean, moved, variance)
        return mean + moved, kl

    @staticmethod
    def backward(ctx: Any, to_z: Tensor, to_kl: Tensor) -> tuple[Tensor, Tensor, None]:
        no_second()
        mean, moved, variance = ctx.saved_tensors
        share = to_kl / len(mean)
        by_mean = torch.addcmul(to_z, mean, share)
        by_log_variance = (to_z * moved).addcmul_(variance.sub(1), share).div_(2)
        return by_mean, by_log_variance, None
