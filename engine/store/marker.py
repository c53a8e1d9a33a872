"""The marker: the file by which a folder is a store. We write it before anything else.

    meta-store.json    {"format": 1, "kind": "meta store"}

A folder without it is somebody else's: nothing in it is written, moved or removed.
"""

import json
import os
import re
from pathlib import Path

from engine.store import files
from pipelines.core import os_errors, reading
from pipelines.core.errors import EnvironmentFault

NAME = "meta-store.json"
FORMAT = 1
_KIND = "meta store"
_MOST_BYTES = 4096
_BEGUN = re.compile(r"\.meta-store\.[0-9a-f]{32}")
"""A marker that is being written, or that a kill left."""


def text() -> bytes:
    """What we write into it."""
    return json.dumps({"format": FORMAT, "kind": _KIND}).encode() + b"\n"


def begun(token: str) -> str:
    """Name of a marker while it is written; `token` is the hex of a uuid."""
    return f".meta-store.{token}"


def is_begun(name: str) -> bool:
    """Whether it is such a name."""
    return _BEGUN.fullmatch(name) is not None


def marked(root: Path) -> bool:
    """Whether a folder is a store that this program can use.

    Raises:
        EnvironmentFault: a newer program made it, its marker is damaged or may not be read.
    """
    path = root / NAME
    try:
        with files.opened(path) as stream:
            data = stream.read(_MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise os_errors.unreadable(path, error) from error
    found = _format(data)
    if found is None:
        raise EnvironmentFault(
            f"{path} is not what meta wrote there: delete that one file, and `meta run` takes the "
            "store over again where a result in it is whole"
        )
    if found > FORMAT:
        raise EnvironmentFault(
            f"{root} was made by a newer meta (format {found} of a store, this one knows "
            f"{FORMAT}): update meta, or set META_HOME to another folder"
        )
    return True


def _format(data: bytes) -> int | None:
    try:
        told = reading.decoded(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("kind") != _KIND:
        return None
    number = told.get("format")
    whole = isinstance(number, int) and not isinstance(number, bool) and number >= 1
    return number if whole else None


def empty(root: Path) -> bool:
    """Whether nothing but a marker that was begun lies in a folder."""
    with os.scandir(root) as entries:
        return all(is_begun(entry.name) for entry in entries)
