"""Leases: one process computes a key at a time; a dead one's lease is free at once.

The kernel's lock on `locks/<key>` is the truth and ends with its process. What is written in the
file only tells whom to wait for. No child inherits the descriptor.
"""

import errno
import fcntl
import json
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from engine.store import files, fs
from pipelines.core import reading
from pipelines.core.errors import EnvironmentFault

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclass(slots=True)
class Lease:
    """The right to compute a key, until released or until the process ends."""

    path: Path
    _disk: fs.Disk
    _descriptor: int | None = field(repr=False)

    def release(self) -> None:
        """Give it back; a second time does nothing."""
        if self._descriptor is None:
            return
        # Removed while held: whoever opened it meanwhile sees that it is no longer at its path.
        try:
            self._disk.remove(self.path)
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


def take(disk: fs.Disk, path: Path, owner: str) -> Lease | None:
    """The lease at a path, or None while another process holds it.

    Args:
        disk: the disk of the store.
        path: the lock's file; its folder exists.
        owner: the run that asks, to be told to those who wait.

    Raises:
        EnvironmentFault: the file system has no locks.
    """
    while True:
        descriptor = fs.open_lock(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            if error.errno not in _UNSUPPORTED:
                raise
            fault = f"{path}: the file system has no locks; set META_HOME to a local disk"
            raise EnvironmentFault(fault) from error
        if _still_at(path, descriptor):
            with fs.faults(path):
                fs.overwrite(descriptor, _owner(owner))
            return Lease(path, disk, descriptor)
        os.close(descriptor)


def owner(path: Path) -> str:
    """Who holds the lease at a path, as last told: `run 7f3a (pid 4123)`; empty when nobody."""
    try:
        data = reading.decoded(files.content(path))
        told = f"run {data['run']} (pid {data['pid']})"
        return told if data["host"] == socket.gethostname() else f"{told} on {data['host']}"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"  # Taken this instant: the owner has not written its name yet.


def _still_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner(run: str) -> bytes:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return json.dumps(
        {
            "run": run,
            "pid": os.getpid(),
            "start": _started(),
            "boot": boot.read_text("ascii").strip() if boot.exists() else "",
            "host": socket.gethostname(),
        }
    ).encode()


def _started() -> int:
    """When this process started, in clock ticks since boot: tells it from a later one's pid."""
    stat = Path("/proc/self/stat")
    # The name in parentheses may hold spaces, so fields are counted after it.
    return int(stat.read_text().rpartition(")")[2].split()[19]) if stat.exists() else 0
