"""Reading what lies in a store: never through a link, and never waiting for a pipe or a device.

Whoever can write into a folder can put links, pipes and devices into it. A store holds folders and
regular files alone, so whatever else has the name of one is refused.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pipelines.core.reading
from pipelines.core import os_errors

LINK = "it is a link, and a store holds none: put there what it leads to, or set META_HOME"
NO_FILE = "it is no regular file"
MOST_BYTES = 1 << 26
"""Of a file that is read whole: a manifest, a request, a memo."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell what the machine needs when `path` cannot be read.

    Raises:
        EnvironmentFault: names the path and the remedy.
    """
    try:
        yield
    except OSError as error:
        raise os_errors.unreadable(path, error) from error


def open_regular(path: str | Path) -> int:
    """A descriptor for reading a regular file.

    Raises:
        OSError: it is not there, may not be read, is a link, or is no regular file.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            told = LINK if error.errno == errno.ELOOP else NO_FILE
            raise OSError(error.errno, told, os.fspath(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, NO_FILE, os.fspath(path))
    return descriptor


def opened(path: str | Path) -> BinaryIO:
    """A regular file for reading, without a buffer.

    Raises:
        OSError: as `open_regular`.
    """
    return os.fdopen(open_regular(path), "rb", buffering=0)


def content(path: str | Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file that is not too large; of one that is, nothing is read.

    Raises:
        OSError: as `open_regular`; or it has more bytes.
    """
    with opened(path) as stream:
        return pipelines.core.reading.whole(stream, os.fspath(path), most_bytes)


def real_folder(path: Path) -> bool:
    """Whether a folder is there that is no link; False where nothing is.

    Raises:
        OSError: it may not be looked at, is a link, or is something else.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, LINK, os.fspath(path))
    if not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is no folder", os.fspath(path))
    return True


def looks_readable(path: Path) -> None:
    """Try to list a folder of a store and to look into it, where it is there.

    Raises:
        OSError: who asks may not, or it is a link, or no folder.
    """
    if real_folder(path):
        with os.scandir(path):
            os.stat(f"{path}/.")  # noqa: PTH116 (a Path drops the dot)
