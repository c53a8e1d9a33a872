"""Layers that a decoder can mirror: the trunks of encoders. Shapes fit by construction."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

LEAST_SIDE = 4
"""Pixels of a side that two halvings need."""


def trunk(net: Mapping[str, Any], shape: Sequence[int]) -> tuple[list[nn.Module], int]:
    """The layers from an image (n, *shape) to features (n, width), and that width.

    Args:
        net: fields of a value in `engine.library.generative.coders`.
        shape: (channels, height, width) of the images.

    Raises:
        ValueError: the images are too small to be halved twice.
    """
    if net["kind"] == "mlp":
        return _mlp(net, shape)
    channels, height, width = shape
    if min(height, width) < LEAST_SIDE:
        raise ValueError(
            f"a conv coder halves images twice, and these have {height}x{width} pixels; "
            "take `net: {kind: mlp}`"
        )
    filters, maps = net["width"], (height // 2 // 2) * (width // 2 // 2)
    layers: list[nn.Module] = [
        nn.Conv2d(channels, filters, 4, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(filters, 2 * filters, 4, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(2 * filters * maps, net["hidden"]), nn.ReLU(),
    ]  # fmt: skip
    return layers, net["hidden"]


def mirror(net: Mapping[str, Any], shape: Sequence[int], inputs: int) -> list[nn.Module]:
    """The layers from a code (n, inputs) to what a likelihood takes: (n, *shape)."""
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
    """Draw a layer's weights: He (arXiv 1502.01852) before a ReLU, else Glorot; biases are 0."""
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
    """The way back from a halving of an image that may have had odd sides."""
    odd = large[0] - 2 * small[0], large[1] - 2 * small[1]
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, output_padding=odd)
