"""What a way to draw images from a generator is: a value in YAML that is also the code."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine import learning
from engine.library.artifacts import Picture
from engine.library.generative.generator_session import Diverged, Scene
from pipelines.core.stage import Params

if TYPE_CHECKING:
    from torch import Tensor

Part = Literal["", "train", "judged"]
"""None, training images, or those of the part that models are judged on."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a way to draw gives.

    Attributes:
        pixels: (n, *shape) uint8.
        y: (n,) classes that a conditional generator was told.
        how: the way in words.
        shown: pictures.
        notes: what a reader must know.
    """

    pixels: "Tensor"
    y: "Tensor"
    how: str
    shown: tuple[Picture, ...]
    notes: tuple[str, ...] = ()


class Way(Params):
    """A way to draw."""

    kind: str
    """Name of the way."""

    def part(self, *, points: bool) -> Part:
        """Images of the dataset that it goes by.

        Args:
            points: whether codes are points: they have no prior then.
        """
        del points
        return ""

    @property
    def counted(self) -> bool:
        """Whether `count` tells how many images it makes."""
        return False

    def optional(self, *, points: bool) -> bool:
        """Whether it can do without those."""
        return not self.part(points=points)

    @abstractmethod
    def make(self, scene: Scene) -> Made:
        """Draw.

        Raises:
            StageError: the scene lacks what it needs.
            Diverged: the generator makes no numbers.
        """


def decoded(scene: Scene, z: "Tensor", y: "Tensor") -> "Tensor":
    """Images (n, *shape) uint8 of codes (n, z), told classes (n,) where that is wanted.

    Raises:
        Diverged: they are not numbers.
    """
    device = y.device
    images = scene.pair.images(z.to(device), scene.told_classes(y))
    if not images.isfinite().all():
        raise Diverged("it makes no numbers: it diverged when it was trained")
    return learning.generative.training.snapshots.shown(images)
