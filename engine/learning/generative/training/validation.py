"""How well a pair explains a part: the same numbers whatever was drawn before.

neg_elbo       minus log p(x|z) plus the KL, in nats per image, one draw of z each: the plain bound,
               whatever was trained
kl             mean KL of q(z|x) and the prior, in nats per image
active_dims    dimensions whose mean KL is above 0.1 nats
squared_error  of the images that the mean codes give, summed over pixels
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.data.device_data import Examples, generator, proportional
from engine.learning.generative.models import binarize
from engine.learning.generative.models.autoencoder import Codes
from engine.learning.generative.models.generator import CHUNK, Pair, pixels
from engine.learning.generative.training.objective import divergence

SEED = 20_250_723
"""Judged codes have the same noise in every run, whatever its seeds: seeds are paired."""
ACTIVE = 0.1
"""Nats of KL from which on a dimension counts as used."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """Of a part.

    Attributes:
        metrics: by name, see the module.
        kl: of each dimension, in nats; () where codes are points.
    """

    metrics: dict[str, float]
    kl: tuple[float, ...] = ()


@torch.no_grad()
def assess(pair: Pair, examples: Examples, binarise: str) -> Assessed:
    """Judge a pair by a part.

    Args:
        pair: is left in evaluation mode.
        examples: the part.
        binarise: as it was trained, see `binarised.fixed`.
    """
    pair.eval()
    images = binarize.fixed(pixels(examples), binarise)
    y = examples.y
    codes = pair.codes(images, y)
    error = (pair.images(codes.mean, y) - images).square().flatten(1).sum(1)
    found = {"squared_error": _mean(error)}
    if codes.log_variance is None:
        return Assessed(found)
    each = divergence(codes).double().mean(0)
    nats = _nats(pair, _noisy(codes, generator(SEED)), images, y)
    found["kl"] = float(each.sum())
    found["neg_elbo"] = _mean(nats) + found["kl"]
    found["active_dims"] = float((each > ACTIVE).sum()) if each.isfinite().all() else math.nan
    return Assessed(found, tuple(each.tolist()))


@torch.no_grad()
def settle(pair: Pair, examples: Examples, *, limit: int | None = None) -> None:
    """Fix what the likelihood fits in closed form, by codes with noise, as training has them.

    Args:
        pair: whose likelihood changes, if it has such a thing.
        examples: the training part; what is fitted in closed form takes greys.
        limit: images to take at most.
    """
    if not pair.likelihood.fitted:
        return
    pair.eval()
    index, total, draws = _fitted_by(examples, limit), 0.0, generator(SEED)
    for chosen in index.split(CHUNK):
        images, y = pixels(examples, chosen), examples.y[chosen]
        codes = pair.coder.encode(images, y)
        z = codes.mean if codes.log_variance is None else _noisy(codes, draws)
        total += float((pair.coder.decode(z, y) - images).square().double().sum())
    pair.likelihood.settle(total / len(index), examples.x[0].numel())


def _fitted_by(examples: Examples, limit: int | None) -> Tensor:
    """Places (n,) of the images by which a likelihood is fitted: all, or a fair sample of them."""
    if limit is None or limit >= len(examples):
        return torch.arange(len(examples), device=examples.y.device)
    return proportional(examples.y, limit, SEED).sort().values.to(examples.y.device)


def _noisy(codes: Codes, draws: torch.Generator) -> Tensor:
    """One z of each code, drawn on the CPU, so that every device judges the same ones."""
    noise = torch.randn(codes.mean.shape, generator=draws).to(codes.mean)
    return codes.noisy(noise)


def _nats(pair: Pair, z: Tensor, images: Tensor, y: Tensor) -> Tensor:
    """Minus log p(x|z) of images (n, *shape) and codes (n, z): (n,)."""
    parts = []
    for i in range(0, len(images), CHUNK):
        said = pair.coder.decode(z[i : i + CHUNK], y[i : i + CHUNK])
        parts.append(-pair.likelihood.log_prob(said, images[i : i + CHUNK]))
    return torch.cat(parts)


def _mean(values: Tensor) -> float:
    return float(values.double().mean())
