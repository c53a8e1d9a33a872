"""Checkpoints of a key that is being computed: private, two generations, never half of one.

partial/<key>/<n>/            what the writer put there
partial/<key>/<n>.manifest    written last: its existence means that the generation is whole
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.store import fs
from engine.store.seal import seal, unseal


@dataclass(frozen=True, slots=True)
class Partials:
    """The folder `partial/` of a store. Only the holder of a key's lease writes below it."""

    disk: fs.Disk

    def folder(self, key: str) -> Path:
        """Where the checkpoints of a key lie, or would lie."""
        return self.disk.root / "partial" / key

    def save(self, key: str, writer: Callable[[Path], None], note: Mapping[str, Any]) -> None:
        """Keep what `writer` puts into an empty folder as the newest generation.

        Raises:
            EnvironmentFault: the disk does not take it; the generations before are still there.
        """
        home = self.disk.folder(self.folder(key))
        number = max((_number(path) for path in home.iterdir()), default=0) + 1
        folder = self.disk.folder(home / str(number))
        try:
            with fs.faults(folder):
                writer(folder)
                files = {}
                for path in _files(folder):
                    fs.sync_file(path, 0o600)
                    files[path.name] = [_digest(path), path.stat().st_size]
                fs.sync_folder(folder)
            manifest = home / f"{number}.manifest"
            self.disk.publish(manifest, [seal({"note": note, "files": files})])
        except BaseException:
            fs.remove_tree(folder)
            raise
        self._forget(home, number)

    def load(self, key: str) -> Path | None:
        """The folder of the newest generation whose every byte is as it was written."""
        for _, folder, manifest in self._generations(key):
            sizes = manifest["files"]
            held = {path.name: [_digest(path), path.stat().st_size] for path in _files(folder)}
            if held == sizes:
                return folder
        return None

    def note(self, key: str) -> Mapping[str, Any] | None:
        """What was noted with the newest generation whose files have their sizes."""
        for _, folder, manifest in self._generations(key):
            sizes = {name: size for name, (_, size) in manifest["files"].items()}
            if {path.name: path.stat().st_size for path in _files(folder)} == sizes:
                return dict(manifest["note"])
        return None

    def drop(self, key: str) -> None:
        """Remove all checkpoints of a key."""
        fs.remove_tree(self.folder(key))

    def _generations(self, key: str) -> Iterator[tuple[int, Path, dict[str, Any]]]:
        """Generations with an intact manifest, newest first."""
        home = self.folder(key)
        paths = home.glob("*.manifest") if home.is_dir() else ()
        for path in sorted(paths, key=_number, reverse=True):
            folder = path.with_suffix("")
            try:
                manifest = unseal(path.read_bytes())
            except (OSError, ValueError):
                continue  # A damaged generation: the one before it serves.
            if folder.is_dir():
                yield _number(path), folder, manifest

    def _forget(self, home: Path, newest: int) -> None:
        """Remove generations before the last two; manifests first, so that none is half there."""
        keep = {newest, newest - 1}
        old = [path for path in home.iterdir() if _number(path) not in keep]
        for path in sorted(old, key=lambda path: path.suffix == ""):
            fs.remove_tree(path) if path.is_dir() else fs.remove(path)


def _number(path: Path) -> int:
    stem = path.name.partition(".")[0]
    return int(stem) if stem.isdecimal() else 0


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for block in fs.chunks(path):
        digest.update(block)
    return digest.hexdigest()
