"""Judge artifact: evaluation classifiers, which score generated images."""

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
    """Evaluation classifiers: two for feature distances, one with a class for corrupted images."""

    shown: ClassVar[bool] = False
    learned: ClassVar[bool] = True
    instrument: ClassVar[bool] = True

    net: Mapping[str, Any]
    """Fields of a net in `engine.library.nets.kinds`, the same for all classifiers."""
    data: str
    """Collection that they were trained on."""
    task: str
    """Label of the dataset that they were trained on."""
    shape: tuple[int, int, int]
    """(channels, height, width) of its images."""
    classes: tuple[int, ...]
    """Labels in the order of the outputs; the last output of `junk` is for corrupted images."""
    accuracies: Mapping[str, float]
    """Classifier (`plain`, `second` or `junk`) -> test accuracy."""
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
        """Read `judge.json` and `weights.safetensors`."""
        data = artifact_json.load(files, "judge.json")
        shape, classes = tuple(data.pop("shape")), tuple(data.pop("classes"))
        weights = learning.training.weights.load(files["weights.safetensors"])
        return cls(shape=shape, classes=classes, weights=weights, **data)
