"""Samples artifact: generated images, to view and to evaluate."""

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
    """Generated images."""

    shown: ClassVar[bool] = False

    data: str
    """Collection whose images are generated."""
    shape: tuple[int, int, int]
    """(channels, height, width) of one image."""
    how: str
    """Sampler: `prior`, `matched`, `classifier backwards`; or why there are no images."""
    pixels: "Tensor" = field(repr=False)
    """(n, *shape) uint8, 0 to 255; empty if the generator diverged."""
    labels: tuple[int, ...] = ()
    """Label that each image is conditioned on; () if unconditional."""

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
        """Read `samples.json` and `samples.safetensors`."""
        data = artifact_json.load(files, "samples.json")
        pixels = learning.training.weights.load(files["samples.safetensors"])["pixels"]
        labels, shape = tuple(data["labels"]), tuple(data["shape"])
        return cls(data["data"], shape, data["how"], pixels, labels)
