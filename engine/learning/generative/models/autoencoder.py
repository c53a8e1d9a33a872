"""Encoder and decoder as one module; a label enters each as a one-hot input would.

Images are (n, channels, height, width) float32 from 0 to 1 everywhere outside this module; what the
encoder sees is scaled as the collection's other nets see it, so that it can serve as a backbone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.learning.data.device_data import SCALINGS
from engine.learning.generative.models import convolutions
from engine.learning.models.backbones import ENCODER
from engine.learning.models.layers import mirror, start, trunk

FEW = 4
"""Channels up to which images are drawn by products."""


@dataclass(frozen=True, slots=True)
class Design:
    """What a coder is built from.

    Attributes:
        net: fields of a value in `engine.library.generative.coders`.
        shape: (channels, height, width).
        z: numbers of a code.
        data: collection, by which images are scaled.
        classes: labels that it is told; 0 where it is unconditional.
        spread: whether codes are Gaussians (a VAE) or points.
    """

    net: Mapping[str, Any]
    shape: tuple[int, int, int]
    z: int
    data: str
    classes: int = 0
    spread: bool = True


@dataclass(frozen=True, slots=True)
class Codes:
    """What an encoder says of images: means (n, z), and log variances (n, z) of Gaussians."""

    mean: Tensor
    log_variance: Tensor | None = None

    @property
    def gaussian(self) -> tuple[Tensor, Tensor]:
        """Means and log variances.

        Raises:
            ValueError: these codes are points.
        """
        if self.log_variance is None:
            raise ValueError("these codes are points: only a VAE's are Gaussians")
        return self.mean, self.log_variance

    def noisy(self, noise: Tensor) -> Tensor:
        """Draws (..., n, z) by standard normal noise, through which gradients flow."""
        mean, log_variance = self.gaussian
        return mean + (log_variance / 2).exp() * noise


class Coder(nn.Module):
    """An encoder and a decoder.

    Weights: `trunk.*`, `mean.*` and `spread.*` of the encoder, `decoder.*`, and `told.weight`
    (width of the first layer, classes), the columns that one-hot labels would have in it.
    """

    def __init__(self, design: Design) -> None:
        super().__init__()
        layers, width = trunk(design.net, design.shape)
        self.design = design
        self.trunk = nn.Sequential(*layers)
        self.mean = nn.Linear(width, design.z)
        self.spread = nn.Linear(width, design.z) if design.spread else None
        self.told = (
            nn.Linear(design.classes, _outputs(self._first), bias=False) if design.classes else None
        )
        self.decoder = nn.Sequential(*mirror(design.net, design.shape, design.z + design.classes))
        self._scaling = SCALINGS[design.data]

    def encode(self, images: Tensor, y: Tensor | None = None) -> Codes:
        """Codes of images (n, *shape), told their classes y (n,) where it is conditional."""
        x = (images - self._scaling.mean).mul_(1 / self._scaling.std)
        if self.told is None:
            features = _through(self.trunk, x)
        else:
            layers, place = list(self.trunk), self._place
            first = _through(layers[: place + 1], x)
            told = self.told(self._one_hot(y))
            told = told.view(*told.shape, *(1,) * (first.ndim - 2))
            features = _through(layers[place + 1 :], first + told)
        if self.spread is None:
            return Codes(self.mean(features))
        # One product: two narrow ones take twice as long.
        weight = torch.cat([self.mean.weight, self.spread.weight])
        bias = torch.cat([self.mean.bias, self.spread.bias])
        return Codes(*functional.linear(features, weight, bias).chunk(2, 1))

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """What a likelihood takes, (n, *shape), from codes (n, z) and classes (n,)."""
        if self.design.classes:
            z = torch.cat([z, self._one_hot(y)], 1)
        return _through(self.decoder, z)

    def _one_hot(self, y: Tensor | None) -> Tensor:
        if y is None:
            raise ValueError("a conditional coder has to be told classes")
        return functional.one_hot(y, self.design.classes).to(self.mean.weight.dtype)

    @property
    def _place(self) -> int:
        """Of the first layer with weights in the trunk."""
        return next(i for i, layer in enumerate(self.trunk) if isinstance(layer, _WEIGHTED))

    @property
    def _first(self) -> nn.Module:
        return self.trunk[self._place]

    def backbone(self) -> dict[str, Tensor]:
        """The encoder's means as weights of `backbones.build(encoder(design), ...)`.

        Told no class, a conditional encoder takes the mean over all of them.
        """
        found = {f"backbone.{name}": item for name, item in self.trunk.state_dict().items()}
        if self.told is not None:
            bias = f"backbone.{self._place}.bias"
            found[bias] = found[bias] + self.told.weight.mean(1)
        mean = {f"backbone.{len(self.trunk)}.{n}": x for n, x in self.mean.state_dict().items()}
        return found | mean


_WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def build(design: Design, seed: int) -> Coder:
    """An untrained coder; the same seed gives the same weights on every device."""
    coder = Coder(design)
    draws = torch.Generator().manual_seed(seed)
    rectified = design.net["kind"] == "conv" or design.net["activation"] == "relu"
    for layers in (coder.trunk, coder.decoder):
        weighted = [layer for layer in layers if isinstance(layer, _WEIGHTED)]
        for layer in weighted:
            last = layers is coder.decoder and layer is weighted[-1]
            start(layer, draws, rectified=rectified and not last)
    for linear in (coder.mean, coder.spread, coder.told):
        if linear is not None:
            start(linear, draws, rectified=False)
    return coder


def restore(design: Design, weights: Mapping[str, Tensor]) -> Coder:
    """A coder with given weights."""
    coder = Coder(design)
    coder.load_state_dict(dict(weights))
    return coder


def encoder(design: Design) -> dict[str, Any]:
    """Fields by which `backbones.build` makes the encoder a backbone whose features are z."""
    return {"kind": ENCODER, "net": dict(design.net), "z": design.z}


def _through(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """What layers of `trunks` make of x; on a CPU, convolutions by `convolutions`."""
    for layer in layers:
        if x.is_cuda:
            x = layer(x)
        elif isinstance(layer, nn.Conv2d):
            x = convolutions.halved(convolutions.beside(x), layer.weight, _bias(layer))
        elif isinstance(layer, nn.ConvTranspose2d):
            few = layer.out_channels <= FEW
            double = convolutions.doubled_few if few else convolutions.doubled
            x = double(convolutions.beside(x), layer.weight, _bias(layer), layer.output_padding)
        elif isinstance(layer, nn.ReLU):
            x = x.relu_()  # always of a layer with weights, whose gradient does not need its result
        elif isinstance(layer, nn.Flatten):
            x = layer(convolutions.stacked(x))
        else:
            x = layer(x)
    return x


def _bias(layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    return cast("Tensor", layer.bias)


def _outputs(layer: nn.Module) -> int:
    if isinstance(layer, nn.Linear):
        return layer.out_features
    return cast("nn.Conv2d", layer).out_channels
