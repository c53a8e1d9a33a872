"""The only module of the engine that creates, renames, removes and syncs files.

A file becomes visible whole or not at all: a new file under `tmp/` (O_EXCL) → fsync → rename →
fsync of the folder. Whoever sees it under its name after that finds it there after a power loss.
The disk's own faults (full, read-only, broken, over a limit) leave no temporary file behind and
become an `EnvironmentFault` that says what is needed.
"""

import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import EnvironmentFault

CHUNK = 1 << 20
ABANDONED_SECONDS = 3600.0
"""A temporary file that nobody holds open and that is older than this was left by a kill."""

_NEEDED = {
    errno.ENOSPC: "the disk is full: free some space, or set META_HOME to a folder with room",
    errno.EDQUOT: "the disk quota is used up: free some space, or set META_HOME to another disk",
    errno.EFBIG: "a limit on the size of files was reached: raise it (`ulimit -f unlimited`)",
    errno.EROFS: "the file system is read-only: set META_HOME to a writable folder",
    errno.EACCES: "permission denied: make it writable, or set META_HOME to a folder of yours",
    errno.EPERM: "not permitted: make it writable, or set META_HOME to a folder of yours",
    errno.ENOENT: "its folder cannot be made there: set META_HOME to a folder of yours",
    errno.EIO: "the disk reports an error: check it (`dmesg`), or set META_HOME to another disk",
}


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Tell what the machine needs when an operation on `path` fails.

    Raises:
        EnvironmentFault: names the path and the remedy.
    """
    try:
        yield
    except OSError as error:
        needed = _NEEDED.get(error.errno or 0, f"{error.strerror or error}")
        raise EnvironmentFault(f"cannot write {path}: {needed}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path, mode: int) -> None:
    """Give a file its mode and make its content durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_data(descriptor: int) -> None:
    """Make what was appended to an open file durable."""
    os.fdatasync(descriptor)


def open_append(path: Path) -> int:
    """A descriptor for appending, 0600 in a folder 0700, both made where they are missing."""
    with faults(path):
        new = not path.exists()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        if new:
            sync_folder(path.parent)
        return descriptor


def open_lock(path: Path) -> int:
    """A descriptor of a file to lock, made where it is missing; no child inherits it."""
    with faults(path):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def overwrite(descriptor: int, data: bytes) -> None:
    """Replace the content of an open file that only its owner writes."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)


def remove(path: Path) -> None:
    """Remove a file; one that is gone already is fine."""
    with faults(path):
        path.unlink(missing_ok=True)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it; one that is gone already is fine."""
    with faults(folder):
        if folder.exists():
            shutil.rmtree(folder)


def chunks(path: Path) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            yield block


class Disk:
    """Writes below one root folder, which is made at the first write and not before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._durable: set[Path] = set()
        self._swept = False

    def folder(self, path: Path) -> Path:
        """A folder at or below the root, made with mode 0700 where missing; its name is durable.

        Folders found are synced once per process too: another process may have made one and been
        killed before it came to that.
        """
        if path in self._durable:
            return path
        with faults(path):
            if path == self.root:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            else:
                self.folder(path.parent)
                path.mkdir(mode=0o700, exist_ok=True)
            sync_folder(path.parent)
        self._durable.add(path)
        return path

    def publish(self, target: Path, content: Iterable[bytes], mode: int = 0o600) -> None:
        """Put a whole file at `target`, in place of any that is there.

        Raises:
            EnvironmentFault: the disk is full, read-only, broken; nothing was left behind.
        """
        temporary = self.temporary()
        self.folder(target.parent)
        with faults(target):
            try:
                self._write(temporary, content, mode)
                temporary.rename(target)
                sync_folder(target.parent)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def temporary(self) -> Path:
        """A path under `tmp/` that nothing has yet."""
        folder = self.folder(self.root / "tmp")
        if not self._swept:
            self._swept = True
            with faults(folder):
                _sweep(folder)
        return folder / uuid.uuid4().hex

    def move(self, source: Path, target: Path) -> None:
        """Rename within the root."""
        self.folder(target.parent)
        with faults(target):
            source.rename(target)
            sync_folder(target.parent)
            sync_folder(source.parent)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty private folder, removed at the end."""
        folder = self.folder(self.temporary())
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(descriptor)
            self._durable.discard(folder)
            remove_tree(folder)

    def _write(self, path: Path, content: Iterable[bytes], mode: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            # Held while it is written, so that nobody's sweep takes it for abandoned.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for block in content:
                view = memoryview(block)
                while view:
                    view = view[os.write(descriptor, view) :]
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left under `tmp/`."""
    for path in folder.iterdir():
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # Its owner has just published or removed it.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old = time.time() - os.fstat(descriptor).st_mtime > ABANDONED_SECONDS
        except BlockingIOError:
            old = False  # Somebody is writing it.
        finally:
            os.close(descriptor)
        if old:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
