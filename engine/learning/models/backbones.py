"""Backbones, and the network of a backbone with named linear heads."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from engine.learning.models.layers import trunk

ENCODER = "encoder"
"""Kind of a net that is the encoder of an autoencoder or VAE; its features are the latent code."""
GROUP_CHANNELS = 4
"""Channels of a group in group norm, where the width is divisible by it."""


class Heads(nn.Module):
    """Linear layers by task name; unlike `nn.ModuleDict` it accepts any name."""

    def __getitem__(self, task: str) -> nn.Linear:
        return cast("nn.Linear", self._modules[task])

    def __setitem__(self, task: str, head: nn.Linear) -> None:
        self._modules[task] = head

    def __delitem__(self, task: str) -> None:
        del self._modules[task]

    def __contains__(self, task: str) -> bool:
        return task in self._modules


class Network(nn.Module):
    """A backbone that turns images into features, and linear heads on them."""

    def __init__(self, backbone: nn.Sequential, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.width = width
        """Number of features."""
        self.heads = Heads()

    def features(self, x: Tensor) -> Tensor:
        """Return features (n, width) of images (n, channels, height, width)."""
        return cast("Tensor", self.backbone(x))

    def forward(self, x: Tensor, task: str) -> Tensor:
        """Return logits (n, classes) of the task's head."""
        return cast("Tensor", self.heads[task](self.features(x)))

    def train_statistics(self, *, train: bool) -> None:
        """Set batch norm to use and update batch statistics, or to use running statistics."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(train)


def build(net: Mapping[str, Any], shape: Sequence[int], seed: int) -> Network:
    """Build an untrained network without heads.

    Args:
        net: fields of `engine.library.nets.kinds.Conv4` or `engine.library.nets.kinds.Mlp`, or an
            encoder's: {"kind":
            "encoder", "net": fields of a value in `engine.library.generative.coders`, "z": 32}.
        shape: (channels, height, width) of its images.
        seed: of the weights; the same on every device.
    """
    layers, width = _LAYERS[net["kind"]](net, shape)
    network = Network(nn.Sequential(*layers), width)
    draws = torch.Generator().manual_seed(seed)
    for module in network.backbone.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            # He et al., arXiv 1502.01852: keeps the variance of activations through ReLU.
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=draws)
            nn.init.zeros_(cast("Tensor", module.bias))
    return network


def restore(
    net: Mapping[str, Any],
    shape: Sequence[int],
    weights: Mapping[str, Tensor],
    heads: Mapping[str, int],
) -> Network:
    """Build a network with given weights.

    Args:
        net: as in `build`.
        shape: as in `build`.
        weights: `backbone.*`, `heads.<task>.weight`, `heads.<task>.bias`.
        heads: task -> number of outputs.
    """
    network = build(net, shape, seed=0)
    for task, outputs in heads.items():
        network.heads[task] = nn.Linear(network.width, outputs)
    network.load_state_dict(dict(weights))
    return network


def _conv4(net: Mapping[str, Any], shape: Sequence[int]) -> tuple[Iterable[nn.Module], int]:
    """Four blocks of 3x3 convolution, norm, ReLU; each halves the image down to one pixel.

    With strides (arXiv 1703.03400, section 5.2) sides are halved rounding up, 28 to 2, and the
    features are means over the remaining pixels: 64 of 64 filters, as published.
    """
    layers: list[nn.Module] = []
    channels, height, width = shape
    filters, strided = net["width"], net.get("downsample") == "stride"
    for _ in range(4):
        halved = min(height, width) >= 2  # noqa: PLR2004 (a pool of two needs two)
        stride = 2 if halved and strided else 1
        layers.append(nn.Conv2d(channels, filters, 3, stride=stride, padding=1))
        layers += [*_norm(net["norm"], filters), nn.ReLU()]
        if stride == 2:  # noqa: PLR2004
            height, width = (height + 1) // 2, (width + 1) // 2
        elif halved:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        channels = filters
    if strided:
        return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()], filters
    return [*layers, nn.Flatten()], filters * height * width


def _norm(kind: str, channels: int) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    if kind == "layer":
        return [nn.GroupNorm(1, channels)]
    if kind == "group":
        return [nn.GroupNorm(channels // math.gcd(channels, GROUP_CHANNELS), channels)]
    return []


def _mlp(net: Mapping[str, Any], shape: Sequence[int]) -> tuple[Iterable[nn.Module], int]:
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    for hidden in net["hidden"]:
        layers += [nn.Linear(width, hidden), nn.ReLU()]
        width = hidden
    return layers, width


def _encoder(net: Mapping[str, Any], shape: Sequence[int]) -> tuple[Iterable[nn.Module], int]:
    layers, width = trunk(net["net"], shape)
    return [*layers, nn.Linear(width, net["z"])], net["z"]


_LAYERS = {"conv4": _conv4, "mlp": _mlp, ENCODER: _encoder}
