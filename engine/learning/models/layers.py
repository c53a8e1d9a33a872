"""Encoder trunks, and the decoders that mirror them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

LEAST_SIDE = 4
"""Minimum side in pixels of an image that is halved twice."""


def trunk(net: Mapping[str, Any], shape: Sequence[int]) -> tuple[list[nn.Module], int]:
    """Return the layers from images (n, *shape) to features (n, width), and the width.

    Args:
        net: fields of a value in `engine.library.generative.coders`.
        shape: (channels, height, width) of the images.

    Raises:
        ValueError: the images are smaller than 4x4 for a convolutional trunk.
    """
    if net["kind"] == "mlp":
        return _mlp(net, shape)
    channels, height, width = shape
    if min(height, width) < LEAST_SIDE:
        raise ValueError(
            f"a conv encoder needs images of at least {LEAST_SIDE}x{LEAST_SIDE} pixels, but these "
            f"have {height}x{width}; use `net: {{kind: mlp}}`"
        )
    filters, maps = net["width"], (height // 2 // 2) * (width // 2 // 2)
    layers: list[nn.Module] = [
        nn.Conv2d(channels, filters, 4, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(filters, 2 * filters, 4, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(2 * filters * maps, net["hidden"]), nn.ReLU(),
    ]  # fmt: skip
    return layers, net["hidden"]


def mirror(net: Mapping[str, Any], shape: Sequence[int], inputs: int) -> list[nn.Module]:
    """Return the layers from codes (n, inputs) to likelihood parameters (n, *shape)."""
    if net["kind"] == "mlp":
        layers: list[nn.Module] = []
        for hidden in reversed(net["hidden"]):
            layers += [nn.Linear(inputs, hidden), _activation(net)]
            inputs = hidden
        return [*layers, nn.Linear(inputs, math.prod(shape)), nn.Unflatten(1, tuple(shape))]
    channels, height, width = shape
    filters, half, quarter = net["width"], (height // 2, width // 2), (height // 4, width // 4)
    maps = (2 * filters, *quarter)
    return [
        nn.Linear(inputs, net["hidden"]), nn.ReLU(),
        nn.Linear(net["hidden"], math.prod(maps)), nn.ReLU(), nn.Unflatten(1, maps),
        _doubled(2 * filters, filters, quarter, half), nn.ReLU(),
        _doubled(filters, channels, half, (height, width)),
    ]  # fmt: skip


def start(
    layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, draws: Any, *, rectified: bool
) -> None:
    """Initialise a layer in place: He (arXiv 1502.01852) before a ReLU, else Glorot; biases 0."""
    if rectified:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=draws)
    else:
        nn.init.xavier_uniform_(layer.weight, generator=draws)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _mlp(net: Mapping[str, Any], shape: Sequence[int]) -> tuple[list[nn.Module], int]:
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    for hidden in net["hidden"]:
        layers += [nn.Linear(width, hidden), _activation(net)]
        width = hidden
    return layers, width


def _activation(net: Mapping[str, Any]) -> nn.Module:
    return nn.Tanh() if net["activation"] == "tanh" else nn.ReLU()


def _doubled(
    inputs: int, outputs: int, small: tuple[int, int], large: tuple[int, int]
) -> nn.ConvTranspose2d:
    """Return the transposed convolution that inverts a halving, also of odd sides."""
    odd = large[0] - 2 * small[0], large[1] - 2 * small[1]
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, output_padding=odd)
