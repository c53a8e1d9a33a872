"""Model artifact: a backbone with named heads. Torch-free import."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from engine import learning
from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Head:
    """Description of a head: a linear layer that classifies the features for one task."""

    classes: tuple[int, ...]
    """Labels in the order of its outputs."""
    data: str
    """Digest of the dataset that it was trained for."""
    made_by: str
    """Stage type that added it."""


@dataclass(frozen=True, slots=True)
class Model(Artifact):
    """A backbone with named heads.

    An untrained model whose image shape is not known yet has no weights, only the seed from which
    the first stage with images initialises them.
    """

    shown: ClassVar[bool] = False
    learned: ClassVar[bool] = True

    net: Mapping[str, Any]
    """The backbone's own parameters: {"kind": "conv4", "width": 32, "norm": "group"}."""
    shape: tuple[int, ...] | None
    """Shape of one input: (channels, height, width), or (inputs,); None if not known yet."""
    heads: Mapping[str, Head]
    """Task -> head, whose weights are `heads.<task>.weight` and `.bias`."""
    weights: Mapping[str, "Tensor"] = field(repr=False)
    """Weights of the backbone (`backbone.*`) and the heads, on the CPU."""
    seed: int | None = None
    """Seed of the weights, if they are not initialised yet."""

    def write(self, folder: Path) -> None:
        """Write `model.json` and `weights.safetensors`."""
        described = {
            "net": dict(self.net),
            "shape": self.shape,
            "heads": {task: asdict(head) for task, head in self.heads.items()},
            "seed": self.seed,
        }
        artifact_json.dump(folder, "model.json", described)
        learning.training.weights.save(self.weights, folder / "weights.safetensors")

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `model.json` and `weights.safetensors`."""
        data = artifact_json.load(files, "model.json")
        heads = {
            task: Head(tuple(head["classes"]), head["data"], head["made_by"])
            for task, head in data["heads"].items()
        }
        shape = tuple(data["shape"]) if data["shape"] else None
        weights = learning.training.weights.load(files["weights.safetensors"])
        return cls(data["net"], shape, heads, weights, data["seed"])
