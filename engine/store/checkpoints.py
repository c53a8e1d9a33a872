"""Checkpoints of a key that is being computed: private, two generations, never half of one.

partial/<key>/<n>/            what the writer put there
partial/<key>/<n>.manifest    written last: its existence means that the generation is whole
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from engine.store import files, fs, names
from engine.store.digest import seal, unseal

_GENERATION = re.compile(r"([0-9]{1,12})(\.manifest)?")


@dataclass(frozen=True, slots=True)
class Partials:
    """The folder `partial/` of a store. Only the holder of a key's lease writes below it."""

    disk: fs.Disk

    def folder(self, key: str) -> Path:
        """Where the checkpoints of a key lie, or would lie."""
        return self.disk.root / "partial" / names.sha256_name(key)

    def save(self, key: str, writer: Callable[[Path], None], note: Mapping[str, Any]) -> None:
        """Keep what `writer` puts into an empty folder as the newest generation.

        Raises:
            EnvironmentFault: the disk does not take it; the generations before are still there.
        """
        home = self.disk.folder(self.folder(key))
        number = max((_number(path) for path in home.iterdir()), default=0) + 1
        folder = self.disk.folder(home / str(number))
        try:
            with fs.faults(folder), fs.room(folder):
                writer(folder)
                files = {}
                for path in _files(folder):
                    fs.sync_file(path, 0o600)
                    files[path.name] = [_digest(path), path.stat().st_size]
                fs.sync_folder(folder)
            manifest = home / f"{number}.manifest"
            self.disk.publish(manifest, [seal({"note": note, "files": files})])
        except BaseException:
            self.disk.remove_tree(folder)
            raise
        self._forget(home, number)

    def load(self, key: str) -> Path | None:
        """The folder of the newest generation whose every byte is as it was written."""
        found = self._newest(key)
        return found[0] if found is not None else None

    def note(self, key: str) -> Mapping[str, Any] | None:
        """What was noted with the generation that `load` gives, where its cell goes on."""
        found = self._newest(key)
        return found[1].note if found is not None else None

    def drop(self, key: str) -> None:
        """Remove all checkpoints of a key."""
        self.disk.remove_tree(self.folder(key))

    def _newest(self, key: str) -> "tuple[Path, Manifest] | None":
        """The newest generation whose every byte is as it was written."""
        for folder, manifest in self._generations(key):
            held = {path.name: (_digest(path), os.lstat(path).st_size) for path in _files(folder)}
            if held == manifest.files:
                return folder, manifest
        return None

    def _generations(self, key: str) -> Iterator[tuple[Path, "Manifest"]]:
        """Generations with an intact manifest, newest first."""
        home = self.folder(key)
        with files.reading(home):
            there = files.real_folder(home)
        paths = [path for path in home.iterdir() if _number(path)] if there else []
        for path in sorted(paths, key=_number, reverse=True):
            folder = path.with_suffix("")
            if path.suffix != ".manifest":
                continue
            try:
                manifest = Manifest.of(unseal(files.content(path)))
                whole = files.real_folder(folder)
            except (OSError, ValueError):
                continue  # A damaged generation: the one before it serves.
            if whole:
                yield folder, manifest

    def _forget(self, home: Path, newest: int) -> None:
        """Remove generations before the last two; manifests first, so that none is half there."""
        old = [path for path in home.iterdir() if 0 < _number(path) < newest - 1]
        for path in sorted(old, key=lambda path: path.suffix == ""):
            self.disk.remove_tree(path)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds: its note, and digest and size of each file."""

    note: Mapping[str, Any]
    files: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, plain: Any) -> Self:
        """From the JSON value of a manifest's file.

        Raises:
            ValueError: it is none.
        """
        try:
            note, listed = plain["note"], plain["files"]
            step = note.get("step", 0)
            held = {name: (names.sha256_name(it[0]), int(it[1])) for name, it in listed.items()}
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f"no manifest of a checkpoint: {error}") from error
        if not isinstance(step, int) or isinstance(step, bool) or step < 0:
            raise ValueError(f"{str(step)[:80]!r} is no number of a step")
        return cls(note, held)


def _number(path: Path) -> int:
    """The number of a generation, in the name of its folder or manifest; 0 for another's name."""
    found = _GENERATION.fullmatch(path.name)
    return int(found[1]) if found else 0


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if stat.S_ISREG(os.lstat(path).st_mode))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for block in fs.chunks(path):
        digest.update(block)
    return digest.hexdigest()
