"""Reads a file only after a look at what it is and how large: a file from outside may be anything.

A pipe would be waited for, a device never ends, and a file of gigabytes fills the memory before
anything can be said of it.
"""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

PIPELINE_BYTES = 256 * 1024
"""Of a pipeline file."""
_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def opened(path: Path) -> BinaryIO:
    """An ordinary file, open for reading, without a buffer.

    Raises:
        OSError: it is not there, cannot be opened, or is no ordinary file; `strerror` says which.
    """
    try:
        # Looked at before it is opened: opening a device may do something.
        _ordinary(path, os.stat(path).st_mode)  # noqa: PTH116 (a thousand of them a run)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError as error:
        raise OSError(errno.EINVAL, "its name holds a NUL character", str(path)) from error
    try:
        _ordinary(path, os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", 0)


def _ordinary(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, f"it is {what}, not a file", str(path))


def content(path: Path, most_bytes: int) -> bytes:
    """All of a file that is not too large; of one that is, nothing is read.

    Raises:
        OSError: see `opened`; or it has more bytes, as `strerror` then says.
    """
    with opened(path) as file:
        return whole(file, str(path), most_bytes)


def whole(file: BinaryIO, name: str, most_bytes: int) -> bytes:
    """All of an open file that is not too large; of one that is, nothing is read.

    Raises:
        OSError: it has more bytes, as `strerror` then says; or it cannot be read.
    """
    size, found = os.fstat(file.fileno()).st_size, b""
    if size <= most_bytes:
        # Some files, as those of /proc, tell no size, and any may grow meanwhile.
        found = _read(file, most_bytes + 1)
        size = max(size, len(found))
    if size > most_bytes:
        told = f"it has {size:,} bytes; at most {most_bytes:,} are read"
        raise OSError(errno.EFBIG, told, name)
    return found


def _read(file: BinaryIO, most_bytes: int) -> bytes:
    pieces = []
    while most_bytes > 0 and (piece := file.read(min(most_bytes, 1 << 20))):
        pieces.append(piece)
        most_bytes -= len(piece)
    return b"".join(pieces)


def decoded(data: bytes | str) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: it is no JSON, or is nested too deep.
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
