"""A coder with its likelihood: all that is trained, restored, and drawn from."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from engine.learning.data.device_data import SCALINGS, Examples
from engine.learning.generative.models import likelihoods
from engine.learning.generative.models.autoencoder import Coder, Codes, Design, build

CHUNK = 1000
"""Images at a time where no gradient is needed."""


class Pair(nn.Module):
    """A coder and its likelihood. Weights: `coder.*`, `likelihood.*`."""

    def __init__(self, coder: Coder, likelihood: likelihoods.Likelihood) -> None:
        super().__init__()
        self.coder = coder
        self.likelihood = likelihood

    @property
    def design(self) -> Design:
        """Of the coder."""
        return self.coder.design

    @torch.no_grad()
    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (n, *shape) from 0 to 1 of codes (n, z), and of classes (n,) if conditional."""
        parts = [
            self.likelihood.mean(self.coder.decode(z[i : i + CHUNK], _some(y, i)))
            for i in range(0, len(z), CHUNK)
        ]
        return torch.cat(parts) if parts else z.new_zeros(0, *self.design.shape)

    @torch.no_grad()
    def codes(self, images: Tensor, y: Tensor | None = None) -> Codes:
        """Codes of images (n, *shape) from 0 to 1, told their classes (n,) if conditional."""
        parts = [
            self.coder.encode(images[i : i + CHUNK], _some(y, i))
            for i in range(0, len(images), CHUNK)
        ]
        mean = torch.cat([part.mean for part in parts])
        spreads = [part.log_variance for part in parts if part.log_variance is not None]
        return Codes(mean, torch.cat(spreads) if spreads else None)


class Described(Protocol):
    """See `engine.library.artifacts.Generator`."""

    @property
    def kind(self) -> str: ...
    @property
    def net(self) -> Mapping[str, Any]: ...
    @property
    def z(self) -> int: ...
    @property
    def likelihood(self) -> Mapping[str, Any]: ...
    @property
    def data(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def classes(self) -> tuple[int, ...]: ...
    @property
    def weights(self) -> Mapping[str, Tensor]: ...


def begin(design: Design, likelihood: Mapping[str, Any], seed: int) -> Pair:
    """An untrained pair."""
    return Pair(build(design, seed), likelihoods.build(likelihood, levels(design.data)))


def restore(described: Described, device: str) -> Pair:
    """The pair of a `Generator` on a device, in evaluation mode."""
    design = Design(
        described.net, described.shape, described.z, described.data,
        classes=len(described.classes), spread=described.kind == "vae",
    )  # fmt: skip
    pair = begin(design, described.likelihood, 0)
    pair.load_state_dict(dict(described.weights))
    return pair.eval().to(device)


def levels(data: str) -> int:
    """Values that a stored pixel of a collection may have."""
    return int(SCALINGS[data].top) + 1


def pixels(examples: Examples, index: Tensor | slice = slice(None)) -> Tensor:
    """Some images of a part as stored, (n, channels, height, width) float32 from 0 to 1."""
    # index_select gathers ten times as fast as an index in brackets.
    found = examples.x[index] if isinstance(index, slice) else examples.x.index_select(0, index)
    # From bytes in one pass: the same bits as by way of float(), and one large tensor less.
    return found / examples.scaling.top


def _some(y: Tensor | None, start: int) -> Tensor | None:
    return None if y is None else y[start : start + CHUNK]
