"""Objects: files by the sha256 of their content. What cannot be verified is never served."""

import errno
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from engine.store import files, fs, names
from engine.store.digest import sha256
from engine.store.touched import Stamp, Touched
from pipelines.core import os_errors
from pipelines.core.errors import EnvironmentFault, MetaError

_OTHER_BYTES = "has other bytes"
_MACHINE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN})
"""Errors that say nothing about the file."""


class Damaged(MetaError):  # noqa: N818 (what it says of the object, not of us)
    """An object is missing or its bytes are not those it is named by; compute it again.

    Attributes:
        digest: the object.
        reason: what is wrong with it, as a sentence about it goes on: "has other bytes".
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, digest: str, reason: str) -> None:
        self.digest = digest
        self.reason = reason
        super().__init__(f"object {digest[:12]} {reason}")


class Changed(Damaged):
    """An object was whole when a cell began to read it, and is not any more."""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file in the store: its digest and its size."""

    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        # A digest becomes a path: nothing but hex digits may reach the file system.
        names.sha256_name(self.sha256)
        if not isinstance(self.bytes, int) or isinstance(self.bytes, bool) or self.bytes < 0:
            raise ValueError(f"{self.bytes!r} is no number of bytes")


class Objects:
    """The folder `objects/` of a store."""

    def __init__(self, disk: fs.Disk, *, readonly: bool) -> None:
        self._disk = disk
        self._readonly = readonly
        self._folder = os.fspath(disk.root / "objects")
        self._verified: dict[str, Stamp] = {}
        self._touched = Touched(disk)

    def path(self, digest: str) -> Path:
        """Where an object lies, or would lie. Says nothing about its content."""
        return Path(self._folder, names.sha256_name(digest)[:2], digest)

    def put(self, source: Path | bytes) -> FileRef:
        """Keep bytes or a copy of a file.

        Raises:
            EnvironmentFault: the disk does not take it.
        """
        digest, size = _measure(source)
        target = self.path(digest)
        if self._intact(digest, target):
            # Whoever put it may have been killed before its name was durable.
            self._disk.folder(target.parent)
            with fs.faults(target):
                fs.sync_folder(target.parent)
        else:
            content = [source] if isinstance(source, bytes) else _checked(source, digest)
            if target.is_dir():
                self.quarantine(target, "is no file")
            self._disk.publish(target, content, mode=0o444)
        return FileRef(digest, size)

    def fault(self, ref: FileRef, since: int | None = None) -> str:
        """What is wrong with an object at first sight: nothing when it is there with its size.

        Args:
            ref: the object.
            since: when the result that names it was published, in nanoseconds: an object that was
                touched after that is read to its end.

        Raises:
            EnvironmentFault: this process may or can not read now.
        """
        try:
            found = os.lstat(f"{self._folder}/{ref.sha256[:2]}/{ref.sha256}")
        except OSError as error:
            return unreadable(self.path(ref.sha256), error)
        if not stat.S_ISREG(found.st_mode):
            return "is a link or no file"
        if found.st_size != ref.bytes:
            return f"has {found.st_size} bytes instead of {ref.bytes}"
        if touched_after(found, since) or self._touched.knows(ref.sha256):
            return self._changed(ref.sha256, _stamp_of(found))
        return ""

    def verified(self, digest: str) -> Path:
        """An object's path, after its content was compared with its name.

        Raises:
            Damaged: it is missing, or it is not what it is named by and was put in quarantine.
            EnvironmentFault: this process may or can not read now.
        """
        path = self.path(digest)
        try:
            stamp = _stamp(path)
            if self._verified.get(digest) == stamp:
                return path
            found, _ = _measure(path)
        except OSError as error:
            reason = unreadable(path, error)
            self.quarantine(path, reason)
            raise Damaged(digest, reason) from error
        if found != digest:
            self._touched.keep(digest, stamp, found)
            self._touched.save()
            self.quarantine(path, f"its content has the sha256 {found}")
            raise Damaged(digest, _OTHER_BYTES)
        self._verified[digest] = stamp
        return path

    def damage(self, digest: str) -> str:
        """What is wrong with an object, after its content was compared with its name."""
        try:
            self.verified(digest)
        except Damaged as error:
            return error.reason
        return ""

    def quarantine(self, path: Path, reason: str) -> None:
        """Put a damaged file aside, with the reason beside it, if it is there and that can be."""
        if self._readonly or not os.path.lexists(path):
            return
        aside = self._disk.root / "quarantine" / f"{path.name[:64]}.{uuid.uuid4().hex[:8]}"
        try:
            self._disk.publish(
                aside.with_suffix(".reason"), [f"{reason}\n".encode("utf-8", "replace")]
            )
            self._disk.move(path, aside)
        except EnvironmentFault:
            return  # It stays where it is; it is not served, and writing it anew tells why not.

    def remember(self) -> None:
        """Keep for later processes what was found out about objects that were touched."""
        self._touched.save()

    def _changed(self, digest: str, stamp: Stamp) -> str:
        """What is wrong with the content of an object that was touched; nothing where it is well.

        What was found before counts as long as the file stays as it is.
        """
        if self._verified.get(digest) == stamp:
            return ""
        found = self._touched.found(digest, stamp)
        if found:
            return "" if found == digest else _OTHER_BYTES
        reason = self.damage(digest)
        if not reason:
            self._touched.keep(digest, stamp, digest)
        return reason

    def _intact(self, digest: str, path: Path) -> bool:
        try:
            _stamp(path)
            return _measure(path)[0] == digest
        except OSError:
            return False  # Missing or unreadable: it is written anew.


def touched_after(found: os.stat_result, since: int | None) -> bool:
    """Whether a file was written, renamed or given another mode after a time in nanoseconds."""
    return since is not None and max(found.st_mtime_ns, found.st_ctime_ns) > since


def unreadable(path: Path, error: OSError) -> str:
    """What is wrong with a file of the store that cannot be read.

    Raises:
        EnvironmentFault: the fault is not the file's, or it is for another user to read.
    """
    if error.errno in _MACHINE or (error.errno in os_errors.BARRED and not _is_ours(path)):
        raise os_errors.unreadable(path, error) from error
    if isinstance(error, FileNotFoundError):
        return "is missing"
    return f"cannot be read ({error.strerror})"


def _is_ours(path: Path) -> bool:
    """Whether a file is there and this user's, whatever its mode is by now."""
    try:
        return os.lstat(path).st_uid == os.geteuid()
    except OSError:
        return False


def _stamp(path: Path) -> Stamp:
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, files.NO_FILE, os.fspath(path))
    return _stamp_of(found)


def _stamp_of(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _measure(source: Path | bytes) -> tuple[str, int]:
    if isinstance(source, bytes):
        return sha256(source), len(source)
    digest, size = hashlib.sha256(), 0
    for block in fs.chunks(source):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def _checked(source: Path, expected: str) -> Iterator[bytes]:
    """The file's bytes; fails before the end is published when they have changed meanwhile."""
    digest = hashlib.sha256()
    for block in fs.chunks(source):
        digest.update(block)
        yield block
    if digest.hexdigest() != expected:
        raise EnvironmentFault(f"{source} changed while it was copied into the store; run again")
