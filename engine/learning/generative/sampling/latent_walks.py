"""Ways through codes: between two of them, along one dimension, over a plane."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from engine.learning.generative.models.autoencoder import Codes
from engine.learning.generative.models.generator import Pair
from engine.learning.generative.training.objective import divergence

Path = Literal["linear", "spherical"]
PARALLEL = 1e-4
"""Radians between codes below which, and near to a half turn, the way is a line."""
EDGE = 0.01
"""Share of codes beyond either end of what counts as their range: outliers would stretch it."""


def between(left: Tensor, right: Tensor, steps: int, path: Path) -> Tensor:
    """Ways (n, steps, z) from codes (n, z) to others, which are their ends.

    `linear` is a line. `spherical` turns about 0 and changes the length on the way
    (arXiv 1609.04468, section 2.1): draws of N(0, I) in many dimensions lie near to a sphere, and
    the middle of a line is nearer to 0 than any of them.
    """
    # Near to a half turn, the arc divides two small numbers: float32 would lose its length.
    one, other = left.double(), right.double()
    t = torch.linspace(0, 1, steps, dtype=one.dtype, device=one.device)[:, None]
    line = (1 - t) * one[:, None] + t * other[:, None]
    if path == "linear":
        return line.to(left)
    angle = torch.cosine_similarity(one, other, dim=1).clamp(-1, 1).acos()[:, None, None]
    sine = angle.sin()
    arc = (((1 - t) * angle).sin() * one[:, None] + (t * angle).sin() * other[:, None]) / sine
    return torch.where(sine > PARALLEL, arc, line).to(left)


def along(start: Tensor, dimensions: Sequence[int], values: Tensor) -> Tensor:
    """Codes (d, steps, z): a code (z,) in which one dimension each takes values (d, steps)."""
    ways = start.repeat(*values.shape, 1)
    for row, dimension in enumerate(dimensions):
        ways[row, :, dimension] = values[row]
    return ways


def plane(across: Tensor, down: Tensor) -> Tensor:
    """Codes (rows, columns, 2): the first number is that of the column, the second of the row."""
    return torch.stack(torch.meshgrid(across, down, indexing="xy"), 2)


def standard(z: int) -> tuple[Tensor, Tensor, Tensor]:
    """A code of zeros (z,), and the means and spreads (z,) of N(0, I)."""
    return torch.zeros(z), torch.zeros(z), torch.ones(z)


def evenly(span: float, steps: int) -> Tensor:
    """Values (steps,) from -span to span; the middle of an odd number is 0 exactly."""
    half = torch.arange(steps, dtype=torch.float64) * 2 - (steps - 1)
    return (half * span / (steps - 1)).float()


def quantiles(side: int) -> Tensor:
    """Values that divide N(0, 1) into `side` parts of equal chance: the middle of each."""
    return torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side).float()


def reach(codes: Tensor, side: int) -> Tensor:
    """Values (z, side), evenly over the range of codes (n, z) in each dimension, less `EDGE`."""
    ends = torch.quantile(codes.double(), torch.tensor([EDGE, 1 - EDGE], dtype=torch.float64), 0)
    t = torch.linspace(0, 1, side, dtype=torch.float64)
    return (ends[0, :, None] + (ends[1] - ends[0])[:, None] * t).float()


def activity(codes: Codes) -> Tensor:
    """How much each dimension says: mean KL in nats, or the spread of points: (z,)."""
    if codes.log_variance is None:
        return codes.mean.double().std(0, correction=0).cpu()
    return divergence(codes).double().mean(0).cpu()


def effect(pair: Pair, start: Tensor, span: float, y: Tensor | None) -> Tensor:
    """How far each dimension moves a pixel, root mean square, from -span to span: (z,) float64.

    Args:
        pair: whose decoder tells.
        start: (z,) code of which one dimension at a time changes.
        span: greatest value.
        y: (1,) class, if it is conditional.
    """
    values = torch.tensor([-span, span]).to(start).expand(len(start), 2)
    ways = along(start, range(len(start)), values).flatten(0, 1)
    images = pair.images(ways, None if y is None else y.expand(len(ways)))
    low, high = images.view(len(start), 2, -1).unbind(1)
    return (high - low).double().square().mean(1).sqrt().cpu()
