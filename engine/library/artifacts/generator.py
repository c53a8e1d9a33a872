"""Generator artifact: a trained encoder and decoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from engine import learning
from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Generator(Artifact):
    """An encoder and a decoder that were trained together."""

    shown: ClassVar[bool] = False
    learned: ClassVar[bool] = True

    kind: Literal["autoencoder", "vae"]
    """`autoencoder`: codes are points; `vae`: codes are Gaussians with the prior N(0, I)."""
    net: Mapping[str, Any]
    """Fields of a coder in `library.generative.coders`: {"kind": "mlp", "hidden": [400], ...}."""
    z: int
    """Dimensions of the latent code."""
    likelihood: Mapping[str, Any]
    """Likelihood of pixels: {"kind": "bernoulli"}; see `engine.library.generative.likelihoods`."""
    data: str
    """Collection that it was trained on, which determines the scaling of pixels."""
    shape: tuple[int, int, int]
    """(channels, height, width) of its images."""
    classes: tuple[int, ...]
    """Labels that it is conditioned on, in the order of its inputs; () if unconditional."""
    trained: Mapping[str, Any]
    """Training settings: `objective`, `beta`, `binarise`, `epochs`, `examples`."""
    weights: Mapping[str, "Tensor"] = field(repr=False)
    """On the CPU; see `engine.learning.generative.models.autoencoder`."""

    def write(self, folder: Path) -> None:
        """Write `generator.json` and `weights.safetensors`."""
        described = {
            item.name: getattr(self, item.name) for item in fields(self) if item.name != "weights"
        }
        artifact_json.dump(folder, "generator.json", described)
        learning.training.weights.save(self.weights, folder / "weights.safetensors")

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `generator.json` and `weights.safetensors`."""
        data = artifact_json.load(files, "generator.json")
        shape, classes = tuple(data.pop("shape")), tuple(data.pop("classes"))
        weights = learning.training.weights.load(files["weights.safetensors"])
        return cls(shape=shape, classes=classes, weights=weights, **data)
