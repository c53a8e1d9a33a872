"""What killed processes left in a folder of a store: by name, age and lock. Nothing is removed."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator

SECONDS = 3600.0
"""A temporary file that nobody holds open and that is older than this was left by a kill."""


def names_in(folder: int, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Names in an open folder of what was left there.

    Args:
        folder: its descriptor.
        wanted: whether a name is one that we give to what is temporary.
    """
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if wanted(entry.name)]
    for name in found:
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(name, flags, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM):
                continue  # Its owner has just published it; or it is a link, or not ours.
            raise
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old = time.time() - _newest(descriptor) > SECONDS
        except (BlockingIOError, FileNotFoundError):
            old = False  # Somebody is writing it, or removing it.
        finally:
            os.close(descriptor)
        if old:
            yield name


def _newest(descriptor: int) -> float:
    """The mtime of an open file; of a folder, the newest of it and of all in it."""
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        times = [found.st_mtime]
        for _, _, others, opened in os.fwalk(dir_fd=descriptor):
            times.append(os.fstat(opened).st_mtime)
            found_times = (os.stat(it, dir_fd=opened, follow_symlinks=False) for it in others)
            times += [each.st_mtime for each in found_times]
        return max(times)
    return found.st_mtime if stat.S_ISREG(found.st_mode) else time.time()
