"""What was found in objects that somebody touched after their result was published.

A hit looks at sizes and times only. An object whose file changed after the result that names it
was published is read to its end, once: what was found is kept in `memo/objects.json` beside the
file's stamp, so that the next process need not read it again as long as the file stays as it is.
So is damage that a reader found who may move nothing, such as `meta show`: the next run knows it.
"""

import time
from pathlib import Path

from engine.store import files, fs
from engine.store.digest import seal, unseal
from pipelines.core.errors import EnvironmentFault

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, mtime and ctime in nanoseconds."""

_FORMAT = 1
_MOST = 20_000
_SETTLED_NANOSECONDS = 2_000_000_000
"""A younger file could change again within the same tick of a coarse clock."""


class Touched:
    """Digest of an object -> the sha256 that its file had, and the stamp that it had then."""

    def __init__(self, disk: fs.Disk) -> None:
        self._disk = disk
        self._path: Path = disk.root / "memo" / "objects.json"
        self._entries: dict[str, tuple[Stamp, str]] | None = None
        self._changed = False

    def knows(self, digest: str) -> bool:
        """Whether something was found out about an object, perhaps of a file that has changed."""
        return digest in self._loaded()

    def found(self, digest: str, stamp: Stamp) -> str:
        """The sha256 of an object's file as it is now; empty where that is not known."""
        held = self._loaded().get(digest)
        return held[1] if held is not None and held[0] == stamp else ""

    def keep(self, digest: str, stamp: Stamp, found: str) -> None:
        """Remember the sha256 of an object's file."""
        self._loaded()[digest] = stamp, found
        self._changed = True

    def save(self) -> None:
        """Let other processes know, where a run has made the folder for it."""
        if not self._changed:
            return
        self._changed = False
        young = time.time_ns() - _SETTLED_NANOSECONDS
        settled = [item for item in self._loaded().items() if max(item[1][0][3:]) < young]
        kept = dict(settled[-_MOST:])
        try:
            self._disk.publish_beside(self._path, [seal({"format": _FORMAT, "objects": kept})])
        except EnvironmentFault:
            return  # It only saves time: a store that cannot be written can still be read.

    def _loaded(self) -> dict[str, tuple[Stamp, str]]:
        if self._entries is None:
            self._entries = self._load()
        return self._entries

    def _load(self) -> dict[str, tuple[Stamp, str]]:
        try:
            files.real_folder(self._path.parent)
            data = unseal(files.content(self._path))
            if data["format"] != _FORMAT:
                return {}
            return {
                digest: ((a, b, c, d, e), str(found))
                for digest, ((a, b, c, d, e), found) in data["objects"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # None yet, or damaged: objects are read again.
