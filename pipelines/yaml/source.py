"""YAML text -> data, and the place of every key and value.

In this order: size, bytes, UTF-8, characters, then libyaml's events (`reader`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.errors import Mark, PipelineError, Problem
from pipelines.core.reading import PIPELINE_BYTES
from pipelines.core.text import safe_text
from pipelines.yaml.reader import REFUSED, Path, Place, Reader, Unreadable, mark_at

BYTES = PIPELINE_BYTES

_BLOCK = 3
"""Steps to a block of a stage, as `stages.a.with`."""
_DIRECTIVE = re.compile("^%", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a file, and where each part of it stands."""

    file: str
    text: str
    data: Any
    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]
    lines: list[str] = field(repr=False)
    problems: tuple[Problem, ...] = ()
    """Of values for which an `Unreadable` stands."""

    def unreadable(self, path: Path) -> bool:
        """Whether a fault at a path only comes of an `Unreadable`: at it, or around it in a part.

        A stage and its blocks (`with`, `matrix`) have faults of their own.
        """
        value = self.data if self.problems else None
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
        around = len(path) > _BLOCK
        return Unreadable.within(value) if around else isinstance(value, Unreadable)

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Where a value (or its key) stands; of what is not in the file, where it would belong."""
        if key and path in self.keys:
            return self._mark(self.keys[path])
        while path not in self.values and path:
            path = path[:-1]
        return self._mark(self.values.get(path, (0, 0, 1)))

    def _mark(self, place: Place) -> Mark:
        return mark_at(self.file, self.lines, place)


def parse(text: bytes | str, file: str) -> Document:
    """Read a pipeline file's text.

    Raises:
        PipelineError: it is not YAML, or YAML that this language has no use for.
    """
    document = read(text, file)
    if document.problems:
        raise PipelineError(document.problems)
    return document


def read(text: bytes | str, file: str) -> Document:
    """Read a text of which the rest is to be checked where single values cannot be read.

    Raises:
        PipelineError: its structure cannot be read.
    """
    plain = _decoded(text, file)
    reader = Reader(file, plain.split("\n"))
    for pattern, message in (
        (REFUSED, "a pipeline file holds no control characters and only \\n or \\r\\n line ends"),
        (_DIRECTIVE, "a pipeline file has no % directives"),
    ):
        if found := pattern.search(plain):
            line = plain.count("\n", 0, found.start())
            column = found.start() - (plain.rfind("\n", 0, found.start()) + 1)
            reader.stop((line, column, 1), f"{message}; found {safe_text(found.group())}")
    data = reader.read(plain)
    problems = tuple(reader.unreadable)
    return Document(file, plain, data, reader.values, reader.keys, reader.lines, problems)


def _decoded(text: bytes | str, file: str) -> str:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > BYTES:
        message = f"the file has {len(raw):,} bytes; a pipeline has at most {BYTES:,}"
        raise PipelineError([Problem(message, Mark(file, 1, 1))])
    try:
        plain = text if isinstance(text, str) else text.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        message = f"the file is not UTF-8: byte 0x{raw[error.start]:02x}"
        mark = Mark(file, line, column, before[before.rfind("\n") + 1 :])
        raise PipelineError([Problem(message, mark, "save it as UTF-8")]) from None
    return plain.removeprefix("\ufeff")
