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
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.store import abandoned, files, marker, names
from pipelines.core import os_errors, reading
from pipelines.core.errors import EnvironmentFault

CHUNK = 1 << 20

_NEEDED = {
    errno.ENOSPC: "the disk is full: free some space, or set META_HOME to a folder with room",
    errno.EDQUOT: "the disk quota is used up: free some space, or set META_HOME to another disk",
    errno.EFBIG: "a limit on the size of files was reached: raise it (`ulimit -f unlimited`)",
    errno.EROFS: "the file system is read-only: set META_HOME to a writable folder",
    errno.EACCES: "permission denied: make it writable, or set META_HOME to a folder of yours",
    errno.EPERM: "not permitted: make it writable, or set META_HOME to a folder of yours",
    errno.ENOENT: "its folder cannot be made there: set META_HOME to a folder of yours",
    errno.EIO: "the disk reports an error: check it (`dmesg`), or set META_HOME to another disk",
    errno.EMFILE: "too many open files: raise the limit (`ulimit -n 1024`)",
    errno.ENFILE: "the machine has too many open files: close some programs",
    errno.ENOTDIR: "it is not inside a folder: set META_HOME to a folder of yours",
}


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Tell what the machine needs when an operation that writes `path` fails.

    Raises:
        EnvironmentFault: names the path and the remedy.
    """
    try:
        yield
    except OSError as error:
        needed = _NEEDED.get(error.errno or 0, f"{error.strerror or error}")
        raise EnvironmentFault(f"cannot write {path}: {needed}", error.errno or 0) from error


@contextmanager
def room(folder: Path, *, anywhere: bool = False) -> Iterator[None]:
    """Tell what the machine needs when any library finds no room to write; all else passes.

    Args:
        folder: where it writes.
        anywhere: it may write elsewhere too, which is no fault of this folder.

    Raises:
        EnvironmentFault: names the folder and the remedy.
    """
    try:
        yield
    except Exception as error:
        fault = isinstance(error, EnvironmentFault)
        number = 0 if fault else os_errors.no_room(error, folder, anywhere=anywhere)
        if not number:
            raise
        told = f"cannot write in {folder}: {_NEEDED[number]}"
        raise EnvironmentFault(told, number) from error


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
        _no_link(path.parent)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags | os.O_NONBLOCK, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, files.NO_FILE)
        if new:
            sync_folder(path.parent)
        return descriptor


def open_lock(path: Path) -> int:
    """A descriptor of a file to lock, made where it is missing; no child inherits it."""
    with faults(path):
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(path, flags, 0o600)


def cut(path: Path, size: int, told: str) -> int:
    """Shorten a file to which others append, say so at its end, and return its new size."""
    with faults(path):
        os.truncate(path, size)
        descriptor = open_append(path)
        try:
            os.write(descriptor, told.encode())
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)


def overwrite(descriptor: int, data: bytes) -> None:
    """Replace the content of an open file that only its owner writes."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)


def _no_link(path: Path) -> None:
    """Refuse what has the name of a folder of a store and is none."""
    files.real_folder(path)


def chunks(path: Path) -> Iterator[bytes]:
    """The content of a regular file, piece by piece; a link is followed: it may be a person's."""
    with reading.opened(path) as stream:
        while block := stream.read(CHUNK):
            yield block


class Disk:
    """Writes below one root folder, which is made at the first write and not before.

    Nothing is written, renamed or removed below a root that is no store: one that has our marker,
    or that was not there, or empty, and gets it first. No way below the root leads through a link.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._durable: set[Path] = set()

    def folder(self, path: Path) -> Path:
        """A folder at or below the root, made with mode 0700 where missing; its name is durable.

        Folders found are synced once per process too: another process may have made one and been
        killed before it came to that.

        Raises:
            EnvironmentFault: the disk does not take it; something else has its name; the root is a
                folder of other things.
        """
        if path in self._durable:
            if os.path.lexists(path):
                return path
            if path == self.root:
                told = "it was removed while meta used it; nobody may remove a store in a run"
                raise EnvironmentFault(f"cannot write in {path}: {told}", errno.ENOENT)
            # A folder inside was removed: what was in it is lost, is found so, and made again.
            self._durable -= {it for it in self._durable if it.is_relative_to(path)}
        with faults(path):
            if path == self.root:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._claim()
            else:
                self.folder(path.parent)
                self._real(path)
                path.mkdir(mode=0o700, exist_ok=True)
            sync_folder(path.parent)
        self._durable.add(path)
        return path

    def _claim(self) -> None:
        """Make sure that the root is a store; only an empty folder becomes one here."""
        if marker.marked(self.root):
            return
        # Asked again: another process may have begun the same store between the two looks.
        if not marker.empty(self.root) and not marker.marked(self.root):
            raise EnvironmentFault(
                f"{self.root} is no store of meta and holds other things, which stay as they are: "
                "set META_HOME to another folder"
            )
        self.mark()

    def mark(self) -> None:
        """Write the marker into the root; who calls knows that the folder may become a store."""
        begun = self.root / marker.begun(uuid.uuid4().hex)
        with faults(self.root):
            try:
                self._write(begun, [marker.text()], 0o600)
                begun.rename(self.root / marker.NAME)
                sync_folder(self.root)
            except BaseException:
                begun.unlink(missing_ok=True)
                raise

    def publish(self, target: Path, content: Iterable[bytes], mode: int = 0o600) -> None:
        """Put a whole file at `target`, in place of any that is there.

        Raises:
            EnvironmentFault: the disk is full, read-only, broken; nothing was left behind.
        """
        self._put(self.temporary(), target, content, mode)

    def publish_beside(self, target: Path, content: Iterable[bytes]) -> None:
        """As `publish`, with nothing written outside the folder of `target`, which is there."""
        with faults(target):
            if not (marker.marked(self.root) and files.real_folder(target.parent)):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            self._put(target.with_name(uuid.uuid4().hex), target, content, 0o600)

    def _put(self, temporary: Path, target: Path, content: Iterable[bytes], mode: int) -> None:
        self.folder(target.parent)
        with faults(target):
            self._real(target.parent)
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
        with faults(folder):
            _no_link(folder)
        return folder / uuid.uuid4().hex

    def move(self, source: Path, target: Path) -> None:
        """Rename within the root; of a link, the link itself."""
        self.folder(target.parent)
        with faults(target):
            self._real(source.parent)
            self._real(target.parent)
            source.rename(target)
            sync_folder(target.parent)
            sync_folder(source.parent)

    def remove(self, path: Path) -> None:
        """Remove a file or a link below the root; one that is gone already is fine."""
        with faults(path), self._within(path.parent) as parent:
            if parent is not None:
                _unlink(path.name, parent)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder below the root and all in it, or a link alone; gone already is fine."""
        with faults(path), self._within(path.parent) as parent:
            if parent is not None:
                _remove(path.name, parent)

    def sweep(self) -> None:
        """Remove what killed processes left: names that we make, old, in folders of a store."""
        for name in ("tmp", "memo"):
            folder = self.root / name
            with faults(folder), self._within(folder) as descriptor:
                if descriptor is not None:
                    _sweep(descriptor)
        with faults(self.root), self._within(self.root) as descriptor:
            if descriptor is not None:
                _sweep(descriptor, markers=True)

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
            self.remove_tree(folder)

    @contextmanager
    def _within(self, folder: Path) -> Iterator[int | None]:
        """A descriptor of a folder at or below the root, reached without a link.

        None where there is none, or the root is no store: there is nothing of ours to remove.
        """
        try:
            descriptor = os.open(self.root, _FOLDER) if marker.marked(self.root) else None
        except FileNotFoundError:
            descriptor = None
        try:
            for part in folder.relative_to(self.root).parts:
                if descriptor is None:
                    break
                above, descriptor = descriptor, None
                descriptor = _step(above, part)
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _real(self, folder: Path) -> None:
        """Look that no folder on the way from the root became a link meanwhile."""
        while folder != self.root:
            _no_link(folder)
            folder = folder.parent

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


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def _step(parent: int, name: str) -> int | None:
    """The descriptor of a folder in an open one, which is closed; a link is refused."""
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(errno.ELOOP, files.LINK) from error
        raise
    finally:
        os.close(parent)


def _unlink(name: str, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return


def _remove(name: str, parent: int) -> None:
    """Remove an entry of an open folder; of a link the link, of a folder all in it."""
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            # By descriptors: what became a link since we looked is not followed.
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return


def _sweep(folder: int, *, markers: bool = False) -> None:
    """Remove what killed processes left in an open folder; whatever is not named by us stays."""
    for name in abandoned.names_in(folder, marker.is_begun if markers else names.is_scratch):
        _remove(name, folder)
