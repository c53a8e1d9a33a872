"""Learner artifact: meta-trained weights and the algorithm that adapts them. Torch-free import."""

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
class Learner(Artifact):
    """A meta-trained net and the algorithm that adapts it to a task."""

    shown: ClassVar[bool] = False
    learned: ClassVar[bool] = True

    algorithm: Mapping[str, Any]
    """Fields of an algorithm in `engine.library.algorithms`: {"kind": "maml", "steps": 1, ...}."""
    net: Mapping[str, Any]
    """The backbone's own parameters: {"kind": "conv4", "width": 32, "norm": "batch"}."""
    shape: tuple[int, ...]
    """Shape of one input: (channels, height, width), or (inputs,)."""
    outputs: int
    """Outputs of the head in training."""
    trained: Mapping[str, Any]
    """Training settings: `ways`, `shots`, `queries`, `bn_stats`, `tasks`, `examples`, and
    `diverged` if training diverged."""
    weights: Mapping[str, "Tensor"] = field(repr=False)
    """On the CPU: `backbone.*`; `head.*`, `lora.*`, `rates.*` and `fit.*` where the algorithm has
    them; `state.*`, the state of Reptile's optimiser; `running.<layer>.mean` and `.variance`."""

    def write(self, folder: Path) -> None:
        """Write `learner.json` and `weights.safetensors`."""
        described = {
            item.name: getattr(self, item.name) for item in fields(self) if item.name != "weights"
        }
        artifact_json.dump(folder, "learner.json", described)
        learning.training.weights.save(self.weights, folder / "weights.safetensors")

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `learner.json` and `weights.safetensors`."""
        data = artifact_json.load(files, "learner.json")
        weights = learning.training.weights.load(files["weights.safetensors"])
        return cls(shape=tuple(data.pop("shape")), weights=weights, **data)
