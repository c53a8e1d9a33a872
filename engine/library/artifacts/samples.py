"""Images that somebody made, to look at and to judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from engine import learning
from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Samples(Artifact):
    """Images that a generator, or anything else, made."""

    shown: ClassVar[bool] = False

    data: str
    """Collection that they imitate."""
    shape: tuple[int, int, int]
    """(channels, height, width) of one."""
    how: str
    """In words: `prior`, `matched`, `classifier backwards`; or why there are none."""
    pixels: "Tensor" = field(repr=False)
    """(n, *shape) uint8, 0 to 255 for 0 to 1: what a screen shows and the metrics see. None of a
    generator that diverged."""
    labels: tuple[int, ...] = ()
    """Label that each was asked to show; () where none was."""

    def __len__(self) -> int:
        return len(self.pixels)

    def write(self, folder: Path) -> None:
        """Write `samples.json` and `samples.safetensors`."""
        described = {
            "data": self.data, "shape": self.shape, "how": self.how, "labels": self.labels,
        }  # fmt: skip
        artifact_json.dump(folder, "samples.json", described)
        learning.training.weights.save({"pixels": self.pixels}, folder / "samples.safetensors")

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read what `write` wrote."""
        found = artifact_json.load(files, "samples.json")
        pixels = learning.training.weights.load(files["samples.safetensors"])["pixels"]
        labels, shape = tuple(found["labels"]), tuple(found["shape"])
        return cls(found["data"], shape, found["how"], pixels, labels)
