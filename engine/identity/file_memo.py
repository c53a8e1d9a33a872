"""What was computed from a file, kept until the file changes, so that nothing is read twice.

A file counts as unchanged while device, inode, size, mtime and ctime are. A file that changed so
recently that another change within the clock's tick could leave all of these equal is never kept
(the rule by which git calls an entry racy).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.store import files, fs
from engine.store.digest import seal, unseal
from pipelines.core import os_errors
from pipelines.core.errors import EnvironmentFault

SETTLED_NANOSECONDS = 2_000_000_000
"""Older than the coarsest clock of a file system in use (FAT: two seconds)."""
_ENTRIES = 20_000
_TRIES = 5


class Memo:
    """A mapping from files to what was computed from them, at `<store>/memo/<name>.json`.

    Only a run makes that folder: where it is not, nothing is kept, and nothing else is written.
    """

    def __init__(self, root: Path | None, name: str, version: str) -> None:
        self._root = root
        self._path = root / "memo" / f"{name}.json" if root else None
        self._version = version
        self._entries = self._load()
        self._changed = False

    def value(
        self,
        path: Path,
        compute: Callable[[Path], Any],
        stamp: Callable[[Path], list[Any]] | None = None,
        valid: Callable[[Any], bool] = lambda _: True,
    ) -> Any:
        """What `compute` makes of a file: a JSON value.

        Args:
            path: the file, or a folder that has a stamp of its own.
            compute: a function of the file's content alone.
            stamp: five values that change when the file does, the last two the newest mtime and
                ctime; by default those of a file.
            valid: whether a value that was kept can be what `compute` makes: the memo is a file,
                in which anything may stand.

        Raises:
            OSError: the file cannot be read.
            EnvironmentFault: it does not stay the same while it is read.
        """
        name, stamp = os.fspath(path), stamp or _stamp
        for _ in range(_TRIES):
            before = stamp(path)
            held = self._entries.get(name)
            if held is not None and held[0] == before and valid(held[1]):
                return held[1]
            value = compute(path)
            if stamp(path) == before:
                if _settled(before):
                    self._entries[name] = [before, value]
                    self._changed = True
                return value
        raise EnvironmentFault(f"{path} changes while it is read: wait until it is whole")

    def save(self) -> None:
        """Keep what is new for the next process, where a store has a folder for it."""
        if not self._changed or self._root is None or self._path is None:
            return
        kept = dict(list(self._entries.items())[-_ENTRIES:])
        self._changed = False
        try:
            data = seal({"version": self._version, "entries": kept})
            fs.Disk(self._root).publish_beside(self._path, [data])
        except EnvironmentFault:
            # It only saves time: a store that cannot be written can still be read.
            return

    def _load(self) -> dict[str, list[Any]]:
        if self._path is None:
            return {}
        try:
            files.real_folder(self._path.parent)
            data = unseal(files.content(self._path))
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in os_errors.BARRED:
                raise os_errors.unreadable(self._path, error) from error
            return {}  # None yet, or damaged: everything is computed anew.
        if not isinstance(data, dict) or data.get("version") != self._version:
            return {}
        found = data.get("entries")
        kept = found.items() if isinstance(found, dict) else ()
        return {path: entry for path, entry in kept if _is_entry(entry)}


def _is_entry(entry: Any) -> bool:
    """Whether it is a stamp and a value."""
    return isinstance(entry, list) and len(entry) == 2  # noqa: PLR2004


def _stamp(path: Path) -> list[Any]:
    stat = os.stat(path)  # noqa: PTH116 (a hundred of them a run, without making paths)
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _settled(stamp: list[Any]) -> bool:
    newest: int = max(stamp[3], stamp[4])
    return time.time_ns() - newest > SETTLED_NANOSECONDS
