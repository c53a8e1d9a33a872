"""Who judges samples: classifiers that took no part in making them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from engine import learning
from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Judge(Artifact):
    """Classifiers of real images: two for distances, and one that also knows junk."""

    shown: ClassVar[bool] = False
    learned: ClassVar[bool] = True
    instrument: ClassVar[bool] = True

    net: Mapping[str, Any]
    """Fields of a value in `engine.library.nets.kinds`, the same for all."""
    data: str
    """Collection that they were trained on."""
    task: str
    """Label of the dataset that they were trained on."""
    shape: tuple[int, int, int]
    """(channels, height, width) of its images."""
    classes: tuple[int, ...]
    """Labels in the order of their outputs; the last output of `junk` is junk."""
    accuracies: Mapping[str, float]
    """Net -> share of test images that it gets right: `plain`, `second`, `junk`."""
    weights: Mapping[str, "Tensor"] = field(repr=False)
    """On the CPU: `plain.*`, `second.*` (the same with another seed) and `junk.*`."""

    def write(self, folder: Path) -> None:
        """Write `judge.json` and `weights.safetensors`."""
        described = {
            item.name: getattr(self, item.name) for item in fields(self) if item.name != "weights"
        }
        artifact_json.dump(folder, "judge.json", described)
        learning.training.weights.save(self.weights, folder / "weights.safetensors")

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read what `write` wrote."""
        found = artifact_json.load(files, "judge.json")
        shape, classes = tuple(found.pop("shape")), tuple(found.pop("classes"))
        weights = learning.training.weights.load(files["weights.safetensors"])
        return cls(shape=shape, classes=classes, weights=weights, **found)
