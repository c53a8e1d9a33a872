"""Labelled images, as a selection from files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact


@dataclass(frozen=True, slots=True)
class Part:
    """Some examples of one collection, in order.

    Attributes:
        images: logical name of the file that holds the images, or of a collection of several
            files.
        labels: logical name of what holds the labels.
        indices: positions in those files.
    """

    images: str
    labels: str
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, slots=True)
class Dataset(Artifact):
    """Labelled images: a selection from outside files, named by digest, never copied."""

    shown: ClassVar[bool] = False

    name: str
    """Collection: `digits`, `mnist`, `omniglot`, or `folder`."""
    task: str
    """Label under which its metrics appear: `high` in `high/accuracy`."""
    shape: tuple[int, int, int]
    """(channels, height, width) of one image."""
    classes: tuple[int, ...]
    """Labels in the files that it keeps, in the order of a head's outputs."""
    parts: Mapping[str, Part]
    """`train`, `val` and `test`."""
    files: Mapping[str, str]
    """Logical file name -> sha256 of its uncompressed content; of a folder, of all in it."""
    augment: Mapping[str, Any] = field(default_factory=dict)
    """Random changes of training images: {"rotate": degrees} for -degrees .. +degrees, and
    {"quarters": true} for turns by quarters of a circle."""
    shifted: Mapping[str, Any] = field(default_factory=dict)
    """Fixed change that makes the shifted test set: {"rotate": [low, high]} degrees."""
    names: tuple[str, ...] = ()
    """Of a folder: names of the classes, whose labels are numbers made of them."""
    labels: Literal["given", "shuffled"] = "given"
    """`shuffled` where those of training and validation images are permuted when they are read,
    within each part and among the images that it then has."""

    def write(self, folder: Path) -> None:
        """Write `dataset.json`; what is as usual is left out, and so the file as it always was."""
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
