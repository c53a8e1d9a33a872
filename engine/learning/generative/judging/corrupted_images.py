"""Images that show none of the classes, made of real ones: what a judge learns to reject.

Each kind is one way in which a generator fails: noise, two classes at once, parts in the wrong
places, blur, the halves of two things, nothing at all, and lines that mean nothing. All are made
on the CPU from one seed, so that they are the same on every device.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.data.device_data import generator

PATCHES = 4
"""Patches along the shorter side of an image whose patches are shuffled."""
CORNERS = 7
"""Points that a scribble goes through."""
CHUNK = 1000
"""Scribbles drawn at a time."""
SOFT = 0.03
"""Widest blur, in sides of the image, under which an image still shows its class: .84 pixels of 28.

Generators draw soft edges. A judge that has only seen hard ones calls every soft edge junk, also
where anyone reads the digit; how soft samples are is told by their share of grey pixels instead.
"""
NO_BLUR = 0.01
"""In pixels: so narrow a Gaussian changes nothing."""
FLAT = 1e-6
"""Brightness below which an image is blank."""


@dataclass(frozen=True, slots=True)
class Real:
    """Real images to make junk of.

    Attributes:
        x: (n, channels, height, width) float32 from 0 to 1, on the CPU.
        other: (n, channels, height, width), for each of them an image of another class.
        draws: random numbers.
    """

    x: Tensor
    other: Tensor
    draws: torch.Generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """A number (n, 1, 1, 1), or numbers (n, *shape), for each image."""
        n = len(self.x)
        drawn = torch.rand(n, *(shape or (1, 1, 1)), generator=self.draws)
        return low + (high - low) * drawn


def make(images: Tensor, y: Tensor, count: int, seed: int) -> Tensor:
    """Junk of every kind, as equally as can be.

    Args:
        images: (n, channels, height, width) uint8, real ones of two classes or more.
        y: (n,) their classes.
        count: images to make.
        seed: of all that is drawn.

    Returns:
        (count, channels, height, width) uint8, of which `kinds` tells the kinds.
    """
    draws, images, y = generator(seed), images.cpu(), y.cpu()
    # Which image becomes which junk: all in turn, in random order.
    order = torch.cat(
        [torch.randperm(len(y), generator=draws) for _ in range(-(-count // len(y)))]
    )[:count]
    other = _another_class(y, order, draws)
    places = kinds(count)
    made = torch.empty(count, *images.shape[1:], dtype=torch.uint8)
    for place, kind in enumerate(KINDS.values()):
        of = places == place
        if not of.any():
            continue  # Of few images some kinds have none.
        real = Real(images[order[of]].float() / 255, images[other[of]].float() / 255, draws)
        made[of] = (kind(real).clamp(0, 1) * 255).round().to(torch.uint8)
    return made


def softened(images: Tensor, seed: int) -> Tensor:
    """Real images (n, channels, height, width) uint8 of which half are blurred a little, as `SOFT`.

    Those with no blur, and with the least, stay as they are.
    """
    draws = generator(seed)
    real = Real(images.cpu().float() / 255, images, draws)
    spread = real.uniform(0, SOFT) * (real.uniform(0, 1) < 0.5)  # noqa: PLR2004 (a fair coin)
    return (_blurred(real.x, spread) * 255).round().to(torch.uint8).to(images.device)


def kinds(count: int) -> Tensor:
    """(count,) the position in `KINDS` of each image of so much junk."""
    return torch.arange(count) % len(KINDS)


def _another_class(y: Tensor, order: Tensor, draws: torch.Generator) -> Tensor:
    """For each image of `order`, the position of one of another class."""
    found = torch.empty_like(order)
    for label in y[order].unique():
        others, of = (y != label).nonzero()[:, 0], y[order] == label
        found[of] = others[torch.randint(len(others), (int(of.sum()),), generator=draws)]
    return found


def _noise(real: Real) -> Tensor:
    """Each pixel is any pixel of any image: the right brightnesses, nowhere in particular."""
    every = real.x.flatten()
    return every[torch.randint(len(every), real.x.shape, generator=real.draws)]


def _blends(real: Real) -> Tensor:
    """Two images of different classes over each other."""
    share = real.uniform(0.35, 0.65)
    return share * real.x + (1 - share) * real.other


def _shuffled(real: Real) -> Tensor:
    """The patches of an image in random places; what is left at the edges stays."""
    n, channels, height, width = real.x.shape
    side = max(1, min(height, width) // PATCHES)
    down, across = height // side, width // side
    inner = real.x[:, :, : down * side, : across * side]
    cells = inner.reshape(n, channels, down, side, across, side).permute(0, 2, 4, 1, 3, 5)
    cells = cells.reshape(n, down * across, channels, side, side)
    places = real.uniform(0, 1, down * across).argsort(1)
    moved = cells[torch.arange(n)[:, None], places]
    moved = moved.reshape(n, down, across, channels, side, side).permute(0, 3, 1, 4, 2, 5)
    shuffled = real.x.clone()
    shuffled[:, :, : down * side, : across * side] = moved.reshape(inner.shape)
    return shuffled


def _blurs(real: Real) -> Tensor:
    """Images under a wide Gaussian, made brighter again by more or less."""
    blurred = _blurred(real.x, real.uniform(0.12, 0.25))
    top, full = (x.amax((1, 2, 3), keepdim=True).clamp_min(FLAT) for x in (blurred, real.x))
    return blurred * (full / top) ** real.uniform(0, 1)


def _blurred(x: Tensor, spread: Tensor) -> Tensor:
    """Images (n, channels, height, width) under Gaussians of (n, 1, 1, 1) sides of the image."""
    rows, columns = (_smoothing(side, spread[:, 0] * side) for side in x.shape[2:])
    return torch.einsum("nab,ncbd,ned->ncae", rows, x, columns)


def _smoothing(side: int, spread: Tensor) -> Tensor:
    """Matrices (n, side, side) that smooth along a side by Gaussians of spreads (n, 1, 1)."""
    places = torch.arange(side, dtype=torch.float32)
    away = (places[:, None] - places[None, :]) / spread.clamp_min(NO_BLUR)
    return torch.softmax(-away.square() / 2, -1)


def _splices(real: Real) -> Tensor:
    """One half of an image, and the other half of an image of another class."""
    _, _, height, width = real.x.shape
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    upright = real.uniform(0, 1) < 0.5  # noqa: PLR2004 (a fair coin)
    first = torch.where(upright, rows < height // 2, columns < width // 2)
    return torch.where(first, real.x, real.other)


def _greys(real: Real) -> Tensor:
    """One brightness all over."""
    return real.uniform(0, 1).expand(real.x.shape)


def _scribbles(real: Real) -> Tensor:
    """A thick line through random points."""
    n, _, height, width = real.x.shape
    corners, thick = real.uniform(0.1, 0.9, CORNERS, 2), real.uniform(0.04, 0.12)
    parts = [
        _drawn(corners[i : i + CHUNK], thick[i : i + CHUNK, 0], height, width)
        for i in range(0, n, CHUNK)
    ]
    return torch.cat(parts)[:, None].expand(real.x.shape)


def _drawn(corners: Tensor, thick: Tensor, height: int, width: int) -> Tensor:
    """Lines (n, height, width) through corners (n, points, 2), all in sides of the image."""
    rows, columns = (torch.arange(side) + 0.5 for side in (height, width))
    places = torch.stack(torch.meshgrid(rows / height, columns / width, indexing="ij"), -1)
    nearest = torch.full((len(corners), height, width), torch.inf)
    for i in range(corners.shape[1] - 1):
        start, end = corners[:, i, None, None], corners[:, i + 1, None, None]
        along = end - start
        from_start = places - start  # (n, height, width, 2)
        share = (from_start * along).sum(-1) / along.square().sum(-1).clamp_min(FLAT)
        away = (from_start - share.clamp(0, 1)[..., None] * along).norm(dim=-1)
        nearest = torch.minimum(nearest, away)
    # One pixel wide is the way from ink to none.
    return ((thick - nearest) * min(height, width) + 0.5).clamp(0, 1)


KINDS: Mapping[str, Callable[[Real], Tensor]] = {
    "noise": _noise,
    "blends": _blends,
    "shuffled": _shuffled,
    "blurs": _blurs,
    "splices": _splices,
    "greys": _greys,
    "scribbles": _scribbles,
}
"""Name of a kind -> images (n, channels, height, width) from 0 to 1 of that kind."""
