"""A number, which most stages of the tests make."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipelines.core.stage import Artifact


@dataclass(frozen=True, slots=True)
class Number(Artifact):
    """A number."""

    value: float

    def write(self, folder: Path) -> None:
        """Write `number.txt`."""
        (folder / "number.txt").write_text(repr(self.value))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read `number.txt`."""
        return cls(float(files["number.txt"].read_text()))


@dataclass(frozen=True, slots=True)
class Made:
    """One number."""

    number: Number
