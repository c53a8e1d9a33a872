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

from engine import machine
from engine.key import sha256
from engine.store import files, fs, names
from pipelines.errors import EnvironmentFault, MetaError


class Damaged(MetaError):  # noqa: N818 (what it says of the object, not of us)
    """An object is missing or its bytes are not those it is named by; compute it again."""

    exit_code: ClassVar[int] = 1

    def __init__(self, digest: str, reason: str) -> None:
        self.digest = digest
        self.reason = reason
        super().__init__(f"object {digest[:12]} {reason}; it will be computed again")


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
        self._verified: dict[str, tuple[int, ...]] = {}

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
            self._disk.publish(target, content, mode=0o444)
        return FileRef(digest, size)

    def fault(self, ref: FileRef) -> str:
        """What is wrong with an object at first sight: nothing when it is there with its size."""
        try:
            found = os.lstat(f"{self._folder}/{ref.sha256[:2]}/{ref.sha256}")
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            self._barred(ref.sha256, error)
            return f"cannot be read ({error.strerror})"
        if not stat.S_ISREG(found.st_mode):
            return "is a link or no file"
        size = found.st_size
        return "" if size == ref.bytes else f"has {size} bytes instead of {ref.bytes}"

    def _barred(self, digest: str, error: OSError) -> None:
        """Who may not read is told so: the object may be whole."""
        if error.errno in machine.BARRED:
            raise machine.unreadable(self.path(digest), error) from error

    def verified(self, digest: str) -> Path:
        """An object's path, after its content was compared with its name.

        Raises:
            Damaged: it is missing, or it is not what it is named by and was put in quarantine.
        """
        path = self.path(digest)
        try:
            seen = _stamp(path)
            if self._verified.get(digest) == seen:
                return path
            found, _ = _measure(path)
        except FileNotFoundError:
            raise Damaged(digest, "is missing") from None
        except OSError as error:
            self._barred(digest, error)
            raise Damaged(digest, f"cannot be read ({error.strerror})") from error
        if found != digest:
            raise Damaged(digest, self.quarantine(path, f"its content has the sha256 {found}"))
        self._verified[digest] = seen
        return path

    def quarantine(self, path: Path, reason: str) -> str:
        """Put a damaged file aside, with the reason beside it; returns the reason to tell."""
        if self._readonly:
            return reason
        aside = self._disk.root / "quarantine" / f"{path.name[:64]}.{uuid.uuid4().hex[:8]}"
        try:
            self._disk.publish(aside.with_suffix(".reason"), [f"{reason}\n".encode()])
            self._disk.move(path, aside)
        except EnvironmentFault as error:
            return f"{reason}; it could not be put aside ({error})"
        return f"{reason}; it was put in {aside.parent}"

    def _intact(self, digest: str, path: Path) -> bool:
        try:
            _stamp(path)
            return _measure(path)[0] == digest
        except OSError:
            return False  # Missing or unreadable: it is written anew.


def _stamp(path: Path) -> tuple[int, ...]:
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, files.NO_FILE, os.fspath(path))
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
