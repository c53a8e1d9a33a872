"""Gallery artifact: PNG pictures with captions, which are never decoded here."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from engine.stage_api import artifact_json
from pipelines.core import reading
from pipelines.core.stage import Artifact

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_HEADER = struct.Struct(">8sI4sII")
_BEGINNING = (b"\x89PNG\r\n\x1a\n", 13, b"IHDR")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: short name, used in the file name: `fits`, `samples-prior`.
        caption: explanation that is shown with the picture.
        png: content of the PNG file.
    """

    name: str
    caption: str
    png: bytes = field(repr=False)

    def __post_init__(self) -> None:
        # The name becomes a part of a file name.
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"invalid picture name {self.name!r}: use letters, digits and ._-")
        if len(self.png) < _HEADER.size or _HEADER.unpack_from(self.png)[:3] != _BEGINNING:
            raise ValueError(f"picture {self.name}: not a PNG file")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, from the PNG header."""
        width, height = _HEADER.unpack_from(self.png)[3:]
        return width, height


@dataclass(frozen=True, slots=True)
class Gallery(Artifact):
    """Pictures with captions, in the order in which they are shown."""

    pictures: tuple[Picture, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """File names of the pictures, in order: `000-fits.png`."""
        return tuple(f"{index:03}-{item.name}.png" for index, item in enumerate(self.pictures))

    def write(self, folder: Path) -> None:
        """Write `gallery.json` and a PNG for each picture."""
        described = [
            {"file": file, "name": item.name, "caption": item.caption}
            for file, item in zip(self.names, self.pictures, strict=True)
        ]
        artifact_json.dump(folder, "gallery.json", described)
        for file, item in zip(self.names, self.pictures, strict=True):
            (folder / file).write_bytes(item.png)

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `gallery.json` and its PNG files."""
        described = artifact_json.load(files, "gallery.json")
        return cls(
            tuple(
                Picture(
                    item["name"],
                    item["caption"],
                    reading.content(files[item["file"]], artifact_json.MOST_BYTES),
                )
                for item in described
            )
        )


def _png(path: Path) -> bytes:
    return reading.content(path, artifact_json.MOST_BYTES)
