"""What a pair makes of the same images and of the same codes, again and again as it learns."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.learning.data.device_data import Task, balanced, generator
from engine.learning.generative.models import binarize
from engine.learning.generative.models.generator import Pair, pixels

IMAGES = 10
"""That are reconstructed; also columns of codes, which are classes where those are told."""
IMAGES_SEED = 20_261_132
"""The images are the same ones in every run, whatever its seeds."""
ROWS, LAST_ROWS = 3, 10
"""Of decoded codes: on the way, and at the end."""


def none(shape: tuple[int, ...]) -> Tensor:
    """No images of a shape, as bytes."""
    return torch.zeros((0, *shape), dtype=torch.uint8)


@dataclass(frozen=True, slots=True)
class Shot:
    """Images as bytes on the CPU.

    Attributes:
        step: after which they were made; 0 is before the first.
        reconstructions: (2 * n, *shape): the images as the pair sees them, then what it makes of
            their mean codes.
        samples: (rows * columns, *shape) of codes from the prior; None of an autoencoder.
    """

    step: int
    reconstructions: Tensor
    samples: Tensor | None


class Snapshots:
    """Shots of a pair."""

    def __init__(
        self, pair: Pair, task: Task, binarise: str, marks: Iterable[int], seed: int
    ) -> None:
        """None yet.

        Args:
            pair: whose decoder is looked at.
            task: images of its test part are shown or, where it has none, of another.
            binarise: see `binarised.fixed`.
            marks: steps after which shots are made.
            seed: of the codes.
        """
        self.part = next(part for part in ("test", "val", "train") if part in task.parts)
        """Part that the images are of."""
        self.marks = frozenset(marks)
        self.taken: list[Shot] = []
        examples = task.parts[self.part]
        # Of every class, as far as they go: a folder's images are sorted by class.
        chosen = balanced(examples.y, IMAGES, IMAGES_SEED)
        self._pair = pair
        self._images = binarize.fixed(pixels(examples), binarise)[chosen]
        self._y = examples.y[chosen]
        self.columns = min(pair.design.classes or IMAGES, IMAGES)
        """Of the samples."""
        z = torch.randn(LAST_ROWS * self.columns, pair.design.z, generator=generator(seed))
        self._z = z.to(chosen.device)

    def take(self, step: int) -> None:
        """Make a shot of a pair in evaluation mode, if this step is one of those."""
        if step in self.marks:
            self.taken.append(self.shot(step, ROWS))

    def shot(self, step: int, rows: int) -> Shot:
        """A shot of the pair as it is, with so many rows of samples."""
        made = self._pair.images(self._pair.codes(self._images, self._y).mean, self._y)
        both = shown(torch.cat([self._images, made]))
        if not self._pair.design.spread:
            return Shot(step, both, None)
        z = self._z[: rows * self.columns]
        classes = torch.arange(len(z), device=z.device) % self.columns
        return Shot(step, both, shown(self._pair.images(z, classes)))

    def state_dict(self) -> dict[str, Any]:
        """All shots so far."""
        return {"taken": [[item.step, item.reconstructions, item.samples] for item in self.taken]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back there."""
        self.taken = [Shot(*item) for item in state["taken"]]


def shown(images: Tensor) -> Tensor:
    """Images from 0 to 1 as bytes on the CPU; where one is not a number, it is grey."""
    return (images.nan_to_num(0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
