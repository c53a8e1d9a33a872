"""What the machine refuses, told with what to do. Light: the command line begins with it."""

import errno
from pathlib import Path

from pipelines.errors import EnvironmentFault

BARRED = frozenset({errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE})
"""Errors that speak of the machine or of who asks, not of what a file says."""
_OWN = "set META_HOME to a folder of yours"
_NEEDED = {
    errno.EACCES: f"permission denied: {_OWN}",
    errno.EPERM: f"not permitted: {_OWN}",
    errno.ENOTDIR: f"it is not inside a folder: {_OWN}",
    errno.EMFILE: "too many open files: raise the limit (`ulimit -n 1024`)",
    errno.ENFILE: "the machine has too many open files: close some programs",
    errno.EIO: "the disk reports an error: check it (`dmesg`), or set META_HOME to another disk",
}


def unreadable(path: Path, error: OSError) -> EnvironmentFault:
    """The fault of a path that cannot be read, with what to do."""
    return EnvironmentFault(f"cannot read {path}: {_needed(error)}")


def told(error: OSError) -> EnvironmentFault:
    """The fault of an operation that nobody expected to fail."""
    place = f"cannot use {error.filename}: " if error.filename is not None else ""
    return EnvironmentFault(f"{place}{_needed(error)}")


def _needed(error: OSError) -> str:
    return _NEEDED.get(error.errno or 0, error.strerror or str(error))


def working_folder() -> Path:
    """The working directory.

    Raises:
        EnvironmentFault: it was removed, or who asks may not know it.
    """
    try:
        return Path.cwd()
    except OSError as error:
        why = f"there is no working directory ({error.strerror}): `cd` to a folder that exists"
        raise EnvironmentFault(why) from error
