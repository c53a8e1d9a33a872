"""What the machine refuses, told with what to do. Light: the command line begins with it."""

import errno
import os
import re
import resource
from pathlib import Path

from pipelines.core import raised
from pipelines.core.errors import EnvironmentFault

BARRED = frozenset({errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE})
"""Errors that speak of the machine or of who asks, not of what a file says."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk or a quota that is full, and of a limit on the size of files."""
_LIBRARIES = frozenset(
    {"builtins", "safetensors", "safetensors_rust", "numpy", "PIL", "torch", "zipfile"}
)
_IN_TEXT = re.compile(r"\(os error (\d+)\)")
_WRITTEN = re.compile(
    r"\d+ requested and \d+ written|encoder error|unexpected pos \d+|failed writing|write failed"
)
"""What libraries say of a write that failed, without why."""
_LITTLE = 1 << 20
_OWN = "set META_HOME to a folder of yours"
_NEEDED = {
    errno.EACCES: f"permission denied: {_OWN}",
    errno.EPERM: f"not permitted: {_OWN}",
    errno.ENOTDIR: f"it is not inside a folder: {_OWN}",
    errno.EMFILE: "too many open files: raise the limit (`ulimit -n 1024`)",
    errno.ENFILE: "the machine has too many open files: close some programs",
    errno.EIO: "the disk reports an error: check it (`dmesg`), or set META_HOME to another disk",
}


def no_room(error: BaseException, folder: Path, *, anywhere: bool = False) -> int:
    """Which lack of room made a library fail: an errno, or 0 where that was not it.

    Few say so by an `OSError` with its number: safetensors has an error of its own with the number
    in its text, numpy and Pillow say how much was written, torch where its file ends.

    Args:
        error: what was raised; what caused it is looked at too.
        folder: where it was written, to see what it lacks. An error that names a path outside of
            it is about something else.
        anywhere: who raised it may have written elsewhere, without naming it: a stage. Then it
            counts only where it names a path in the folder, or the folder's disk is full.
    """
    for cause in raised.chain(error):
        if number := _number(cause, folder):
            return number if not anywhere or _path(cause) or _is_full(folder) else 0
    return 0


def _number(error: BaseException, folder: Path) -> int:
    if number := raised.number(error):
        path = _path(error) if number in NO_ROOM else ""
        inside = not path or Path(path).is_relative_to(os.path.realpath(folder))
        return number if number in NO_ROOM and inside else 0
    # The text of an error of a stage's own class is the stage's code.
    if raised.module_name(error).partition(".")[0] not in _LIBRARIES:
        return 0
    text = raised.text(error)
    if found := _IN_TEXT.search(text):
        return int(found[1]) if int(found[1]) in NO_ROOM else 0
    if said := next((number for number in NO_ROOM if os.strerror(number) in text), 0):
        return said
    return _lacking(folder) if _WRITTEN.search(text) else 0


def _path(error: BaseException) -> str:
    """The path that an error names; empty where it names none."""
    named = raised.file_name(error)
    return os.path.realpath(os.fsdecode(named)) if named is not None else ""


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    little = found.f_bavail * found.f_frsize < _LITTLE
    return little or (found.f_files > 0 and found.f_favail == 0)


def _lacking(folder: Path) -> int:
    """What a folder lacks now: room, or files of a larger size."""
    if _is_full(folder):
        return errno.ENOSPC
    limited = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
    return errno.EFBIG if limited else 0


def unreadable(path: Path, error: OSError) -> EnvironmentFault:
    """The fault of a path that cannot be read, with what to do."""
    return EnvironmentFault(f"cannot read {path}: {_needed(error)}", error.errno or 0)


def told(error: OSError) -> EnvironmentFault:
    """The fault of an operation that nobody expected to fail."""
    place = f"cannot use {error.filename}: " if error.filename is not None else ""
    return EnvironmentFault(f"{place}{_needed(error)}", error.errno or 0)


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
