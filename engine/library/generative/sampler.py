"""Base class of samplers of a generator: parameters in YAML, which also make the images."""

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
    """Images of a sampler.

    Attributes:
        pixels: (n, *shape) uint8.
        y: (n,) classes that a conditional generator was conditioned on.
        how: name of the sampler.
        shown: pictures.
        notes: notes for readers of the results.
    """

    pixels: "Tensor"
    y: "Tensor"
    how: str
    shown: tuple[Picture, ...]
    notes: tuple[str, ...] = ()


class Way(Params):
    """Sampler of a generator."""

    kind: str
    """Name of the sampler."""

    def part(self, *, points: bool) -> Part:
        """Return the part of the dataset that it needs.

        Args:
            points: whether codes are points: they have no prior then.
        """
        del points
        return ""

    @property
    def counted(self) -> bool:
        """Whether `count` sets the number of images."""
        return False

    def optional(self, *, points: bool) -> bool:
        """Return whether the dataset is optional."""
        return not self.part(points=points)

    @abstractmethod
    def make(self, scene: Scene) -> Made:
        """Make images.

        Raises:
            StageError: the dataset that it needs is missing.
            Diverged: outputs of the generator are not finite.
        """


def decoded(scene: Scene, z: "Tensor", y: "Tensor") -> "Tensor":
    """Decode codes (n, z), with classes (n,) if conditional, to images (n, *shape) uint8.

    Raises:
        Diverged: the images are not finite.
    """
    device = y.device
    images = scene.pair.images(z.to(device), scene.told_classes(y))
    if not images.isfinite().all():
        raise Diverged("it makes no numbers: it diverged when it was trained")
    return learning.generative.training.snapshots.shown(images)
