"""Dataset artifact: labelled images, selected by index from external files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact


@dataclass(frozen=True, slots=True)
class Part:
    """Examples of one part of a dataset, in order.

    Attributes:
        images: logical name of the file, or collection of files, with the images.
        labels: logical name of the file, or collection of files, with the labels.
        indices: positions in those files.
    """

    images: str
    labels: str
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, slots=True)
class Dataset(Artifact):
    """Labelled images: indices into external files, which are named by digest and never copied."""

    shown: ClassVar[bool] = False

    name: str
    """Collection: `digits`, `mnist`, `omniglot`, or `folder`."""
    task: str
    """Label under which its metrics appear: `high` in `high/accuracy`."""
    shape: tuple[int, int, int]
    """(channels, height, width) of one image."""
    classes: tuple[int, ...]
    """Labels, as in the files, in the order of a head's outputs."""
    parts: Mapping[str, Part]
    """`train`, `val` and `test`."""
    files: Mapping[str, str]
    """Logical file name -> sha256 of its uncompressed content, or of a folder's whole content."""
    augment: Mapping[str, Any] = field(default_factory=dict)
    """Augmentation of training images: {"rotate": degrees} for -degrees .. +degrees, and
    {"quarters": true} for 90-degree rotations."""
    shifted: Mapping[str, Any] = field(default_factory=dict)
    """Fixed transform of the shifted test set: {"rotate": [low, high]} degrees."""
    names: tuple[str, ...] = ()
    """For an image folder, names of the classes, in the order of `classes`."""
    labels: Literal["given", "shuffled"] = "given"
    """`shuffled` to permute the labels of training and validation images when they are loaded,
    within each part."""

    def write(self, folder: Path) -> None:
        """Write `dataset.json`, without `names` and `labels` where they have their defaults."""
        data = asdict(self)
        if not self.names:
            del data["names"]
        if self.labels == "given":
            del data["labels"]
        artifact_json.dump(folder, "dataset.json", data)

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `dataset.json`."""
        data = artifact_json.load(files, "dataset.json")
        parts = {
            name: Part(part["images"], part["labels"], tuple(part["indices"]))
            for name, part in data.pop("parts").items()
        }
        shape, classes = tuple(data.pop("shape")), tuple(data.pop("classes"))
        names = tuple(data.pop("names", ()))
        return cls(shape=shape, classes=classes, parts=parts, names=names, **data)
