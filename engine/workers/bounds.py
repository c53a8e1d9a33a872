"""What the process of a cell may do, and what the stage in it took away from itself.

A stage may lower a limit of its own process, change its user or its root folder. What is refused
because of that is refused to this cell alone: no fault of the machine, and the run goes on.
"""

import errno
import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipelines.core.errors import StageError

_FREE = 16
"""Descriptors that are free after a stage, at least: results are written with a few open."""
_LIMITS: Mapping[int, tuple[tuple[str, str], ...]] = {
    errno.EFBIG: (("RLIMIT_FSIZE", "the size of files"),),
    errno.EMFILE: (("RLIMIT_NOFILE", "open files"),),
    errno.ENOMEM: (("RLIMIT_AS", "memory"), ("RLIMIT_DATA", "memory")),
    errno.EAGAIN: (("RLIMIT_NPROC", "processes"),),
}
"""Error -> limits that cause it: name, and what it bounds."""
_NAMES = tuple(name for limits in _LIMITS.values() for name, _ in limits)
_REMEDY = "do that in a process that the stage starts"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What this process may do at the time of `now`."""

    limits: Mapping[str, int]
    """Soft limits by name; absent where the system has none of that name."""
    user: int
    root: tuple[int, int]
    """Device and inode of `/`."""
    umask: int

    @classmethod
    def now(cls) -> Self:
        """The bounds of this process as they are."""
        known = {name: getattr(resource, name, None) for name in _NAMES}
        limits = {
            name: resource.getrlimit(number)[0]
            for name, number in known.items()
            if number is not None
        }
        found = Path("/").stat()
        # A mask can only be read by setting it.
        umask = os.umask(0o077)
        os.umask(umask)
        return cls(limits, os.geteuid(), (found.st_dev, found.st_ino), umask)

    def check(self) -> None:
        """Look that the stage left its process able to write results.

        Raises:
            StageError: it did not; the store and the machine are not to blame.
        """
        if told := self.moved():
            raise StageError(told)
        opened: list[int] = []
        try:
            while len(opened) < _FREE:
                opened += os.pipe()
        except OSError as error:
            raise StageError(
                self.refused(error.errno)
                or f"the stage left no descriptors to write its result ({error.strerror}): close "
                "the files that it opens"
            ) from error
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def moved(self) -> str:
        """How this process came out of reach of the store since; empty where it did not."""
        now = Bounds.now()
        if now.user != self.user:
            return (
                f"the stage changed the user of its process from {self.user} to {now.user}, who "
                f"cannot write its result: {_REMEDY}"
            )
        if now.root != self.root:
            return (
                "the stage changed the root folder of its process (chroot), from which its result "
                f"cannot be written: {_REMEDY}"
            )
        return ""

    def refused(self, number: int | None) -> str:
        """What the stage did that explains an error; empty where it did nothing of the kind.

        Args:
            number: the errno of the error.
        """
        if told := self.moved():
            return told
        now = Bounds.now()
        if number in (errno.EACCES, errno.EPERM) and now.umask & ~self.umask & 0o700:
            return (
                f"it set the umask of its process to {now.umask:03o}, with which it may not use "
                f"what it makes: {_REMEDY}"
            )
        for name, what in _LIMITS.get(number or 0, ()):
            before, after = self.limits.get(name), now.limits.get(name)
            if before != after and _is_lower(after, before):
                return f"it lowered its own limit on {what} ({name}) to {after}: {_REMEDY}"
        return ""


def _is_lower(after: int | None, before: int | None) -> bool:
    if after is None or before is None or after == resource.RLIM_INFINITY:
        return False
    return before == resource.RLIM_INFINITY or after < before
