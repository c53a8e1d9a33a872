"""Grey images as black and white ones: anew each time in training, fixed where models are judged.

A Bernoulli likelihood is one of binary images alone; of greys it is a cross-entropy.
"""

import torch
from torch import Tensor

SEED = 20_250_722
"""The binarisation of judged images is the same in every run, whatever its seeds."""
HALF = 0.5
WAYS = ("none", "dynamic", "threshold")


def fixed(images: Tensor, how: str) -> Tensor:
    """Judged images as a generator that was trained with `binarise: how` has to explain them.

    Args:
        images: (n, channels, height, width) float32 from 0 to 1: a whole part in its order, for
            the draws of an image depend on its place.
        how: `none`; `threshold`; or `dynamic`, of which this is one fixed draw.

    Returns:
        The same on the same device: as it is, or of zeros and ones.
    """
    if how != "dynamic":
        return _still(images, how)
    # Drawn on the CPU, so that every device judges the same images.
    draws = torch.rand(images.shape, generator=torch.Generator().manual_seed(SEED))
    return (draws.to(images.device) < images).to(images.dtype)


def drawn(images: Tensor, how: str, draws: torch.Generator) -> Tensor:
    """Training images of one step: `dynamic` draws each pixel anew, on with its grey as chance.

    Args:
        images: (n, channels, height, width) float32 from 0 to 1.
        how: see `fixed`.
        draws: the stream, on the device of the images.
    """
    if how != "dynamic":
        return _still(images, how)
    # 16 bits a pixel are exact to 2e-5, at 0 and 1 wholly, and ten times as fast as bernoulli().
    count = images.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64, device=images.device)
    words.random_(-(2**63), None, generator=draws)
    levels = words.view(torch.int16)[:count].view(images.shape).to(images.dtype)
    return levels.lt_(images * 2**16 - 2**15)


def _still(images: Tensor, how: str) -> Tensor:
    if how not in WAYS:
        raise ValueError(f"{how!r} is no way to make images binary: {', '.join(WAYS)}")
    return images if how == "none" else (images > HALF).to(images.dtype)
