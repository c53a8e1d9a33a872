"""Examples on a device: one uint8 tensor a part, seeded batches, rotations.

A part that fits in memory needs no DataLoader: gathering by index is 10-30 times faster.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.learning.data import balanced as selection
from engine.learning.data import image_files as files

SHIFT_SEED = 20_240_607
"""The shifted test set is the same in every run, whatever its seeds."""
LABELS_SEED = 20_261_123
"""And so are labels that are shuffled."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """From stored pixels to what a net sees: (x / top - mean) / std."""

    top: float
    mean: float
    std: float


SCALINGS: Mapping[str, Scaling] = {
    "digits": Scaling(top=16, mean=0.3053, std=0.3760),
    "mnist": Scaling(top=255, mean=0.1307, std=0.3081),
    "omniglot": Scaling(top=225, mean=0.0805, std=0.2340),
    "folder": Scaling(top=255, mean=0.5, std=0.5),
}
"""By collection. Nobody knows what a folder holds before it is read, and a net may go from one
folder to another: so all are scaled alike."""


class DescribedPart(Protocol):
    """See `engine.library.artifacts.Part`."""

    @property
    def images(self) -> str: ...
    @property
    def labels(self) -> str: ...
    @property
    def indices(self) -> tuple[int, ...]: ...


class DescribedData(Protocol):
    """See `engine.library.artifacts.Dataset`."""

    @property
    def name(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def classes(self) -> tuple[int, ...]: ...
    @property
    def parts(self) -> Mapping[str, Any]: ...
    @property
    def files(self) -> Mapping[str, str]: ...
    @property
    def augment(self) -> Mapping[str, Any]: ...
    @property
    def shifted(self) -> Mapping[str, Any]: ...
    @property
    def labels(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Examples:
    """Images and what they show.

    Attributes:
        x: (n, channels, height, width) uint8 as stored.
        y: (n,) int64, positions in the task's classes.
        scaling: of the collection.
        angles: (n,) degrees by which the images are rotated when read, or None.
    """

    x: Tensor
    y: Tensor
    scaling: Scaling
    angles: Tensor | None = None

    def __len__(self) -> int:
        return len(self.y)

    def pictures(self, index: Tensor | slice, turn: Tensor | None = None) -> Tensor:
        """Some images as a net sees them.

        Args:
            index: which ones.
            turn: (len(index),) degrees by which to rotate them further.

        Returns:
            (len(index), channels, height, width) float32.
        """
        x = self.x[index].float() / self.scaling.top
        if self.angles is not None:
            x = rotate(x, self.angles[index])
        if turn is not None:
            x = rotate(x, turn)
        return (x - self.scaling.mean) / self.scaling.std


@dataclass(frozen=True, slots=True)
class Task:
    """A dataset on a device. Parts without examples are absent; `shifted` is one of the parts."""

    name: str
    classes: tuple[int, ...]
    shape: tuple[int, int, int]
    parts: Mapping[str, Examples]
    rotate: float = 0.0
    """Training images are rotated by up to this many degrees either way."""
    quarters: bool = False
    """Training images are turned by any number of quarters of a circle."""


def generator(seed: int) -> torch.Generator:
    """A stream of random numbers of its own, the same on every device."""
    return torch.Generator().manual_seed(seed)


def balanced(y: Tensor, count: int, seed: int) -> Tensor:
    """Ascending positions (min(count, n),) of a random sample with classes as equal as can be.

    Files are often sorted by class, so the first so many may lack most of the classes.

    Args:
        y: (n,) classes.
        count: examples to take.
        seed: of the draw.
    """
    if count >= len(y):
        return torch.arange(len(y), device=y.device)
    order = torch.randperm(len(y), generator=generator(seed)).tolist()
    return torch.tensor(selection.balanced(y.tolist(), order, count), device=y.device)


def proportional(y: Tensor, count: int | None, seed: int) -> Tensor:
    """Positions (min(count, n),) in random order, on the CPU: every beginning is a fair sample.

    In each beginning the classes have their shares of the whole, up to rounding.

    Args:
        y: (n,) classes.
        count: examples to take; None for all.
        seed: of the draw.
    """
    order = torch.randperm(len(y), generator=generator(seed)).tolist()
    return torch.tensor(selection.proportional(y.tolist(), order)[:count], dtype=torch.int64)


def load(data: DescribedData, paths: Mapping[str, Path], device: str) -> Task:
    """Put a dataset's parts onto a device.

    Args:
        data: which examples of which files.
        paths: sha256 of a file's uncompressed content -> where it lies.
        device: `cpu` or `cuda:0`.
    """
    parts = {
        name: _examples(data, part, paths, device)
        for name, part in data.parts.items()
        if part.indices
    }
    if data.labels == "shuffled":
        parts |= {name: _relabelled(parts[name]) for name in ("train", "val") if name in parts}
    if data.shifted and "test" in parts:
        parts["shifted"] = _shifted(parts["test"], *data.shifted["rotate"])
    shape: Any = tuple(next(iter(parts.values())).x.shape[1:])
    rotate, quarters = data.augment.get("rotate", 0.0), data.augment.get("quarters", False)
    return Task(data.task, data.classes, shape, parts, rotate, quarters)


def _examples(
    data: DescribedData, part: DescribedPart, paths: Mapping[str, Path], device: str
) -> Examples:
    index = np.array(part.indices, dtype=np.int64)
    x = files.chosen(paths, data.files, part.images, index, data.shape)
    labels = files.labels(paths, data.files, part.labels)[index].astype(np.int64)
    classes = np.array(data.classes, dtype=np.int64)
    order = np.argsort(classes)
    y = order[np.searchsorted(classes[order], labels).clip(max=len(order) - 1)]
    if (classes[y] != labels).any():
        raise ValueError(f"{data.name}: a selected example is of none of the classes")
    on = torch.from_numpy
    return Examples(on(x).to(device), on(y).to(device), SCALINGS[data.name])


def _relabelled(examples: Examples) -> Examples:
    """The same images with each other's labels, so that every class has as many as before."""
    order = torch.randperm(len(examples), generator=generator(LABELS_SEED))
    return replace(examples, y=examples.y[order.to(examples.y.device)])


def _shifted(test: Examples, low: float, high: float) -> Examples:
    """The test images, each rotated by a fixed angle between `low` and `high`, either way."""
    draws = torch.rand(2, len(test), generator=generator(SHIFT_SEED))
    angles = (low + (high - low) * draws[0]) * torch.where(draws[1] < 0.5, -1.0, 1.0)  # noqa: PLR2004
    return Examples(test.x, test.y, test.scaling, angles.to(test.x.device))


def rotate(x: Tensor, degrees: Tensor) -> Tensor:
    """Images turned about their middle, bilinear, with zeros from outside.

    Args:
        x: (n, channels, height, width) float.
        degrees: (n,) counter-clockwise.
    """
    angle = degrees.to(x) * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # In units of half an image, so that an image that is not square is turned, not sheared.
    ratio = x.shape[-2] / x.shape[-1]
    rows = [torch.stack([cos, -sin * ratio, zero], 1), torch.stack([sin / ratio, cos, zero], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def quartered(x: Tensor, quarters: Tensor) -> Tensor:
    """Square images (n, channels, side, side), each turned by its quarters (n,) of a circle."""
    turns = torch.stack([torch.rot90(x, quarter, (2, 3)) for quarter in range(4)])
    return turns[quarters, torch.arange(len(x), device=x.device)]


class Batches:
    """Endless batches without replacement within a pass: one permutation laid after another.

    A pass need not be a multiple of the batch: a batch may end one and begin the next, so that
    every batch is full and no example is left out.
    """

    def __init__(self, count: int, seed: int, device: str) -> None:
        self.count = count
        self._device = device
        self._generator = generator(seed)
        self._order = torch.empty(0, dtype=torch.int64, device=device)

    def take(self, size: int) -> Tensor:
        """The next indices: (size,) int64."""
        while len(self._order) < size:
            more = torch.randperm(self.count, generator=self._generator).to(self._device)
            self._order = torch.cat([self._order, more])
        taken, self._order = self._order[:size], self._order[size:]
        return taken

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is."""
        return {"order": self._order, "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back there."""
        self._order = state["order"].to(self._device)
        self._generator.set_state(state["generator"])
