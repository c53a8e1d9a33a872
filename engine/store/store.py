"""The store: results by key, objects by content, checkpoints, leases. Files only, no database.

    objects/ab/<sha256>   results/ab/<key>   partial/<key>/   locks/   tmp/   quarantine/   runs/

Nothing is made before something is written. A read-only store repairs nothing and writes nothing.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from engine.store import fs, leases, names
from engine.store.checkpoints import Partials
from engine.store.leases import Lease
from engine.store.objects import FileRef, Objects
from engine.store.results import Miss, Output, Result, Results
from pipelines.core import reading

MOST_BYTES = 1 << 28
"""Of an object that is read at once: curves, and code that a result came from."""


class Store:
    """The store at a root folder, which need not exist yet."""

    def __init__(self, root: Path, *, readonly: bool = False) -> None:
        self.root = root
        self.disk = fs.Disk(root)
        self.objects = Objects(self.disk, readonly=readonly)
        self.results = Results(self.disk, self.objects)
        self.partials = Partials(self.disk)

    def put(self, source: Path | bytes) -> FileRef:
        """Keep bytes or a copy of a file as an object."""
        return self.objects.put(source)

    def sweep(self) -> None:
        """Remove what killed processes left; only a run does."""
        self.disk.sweep()

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty folder on the store's disk, removed at the end of the block."""
        return self.disk.scratch()

    def publish(self, key: str, result: Result) -> None:
        """Make a result visible and durable, then drop the key's checkpoints."""
        self.results.publish(key, result)
        self.partials.drop(key)

    def result(self, key: str) -> Result | Miss:
        """The whole result of a key, or why there is none."""
        return self.results.read(key)

    def manifest(self, key: str) -> Result | None:
        """A result as its manifest tells it, its objects not looked at; None where it is damaged.

        For those who read single objects, each of which is verified then.
        """
        return self.results.manifest(key)

    def remember(self) -> None:
        """Keep for later processes what was found out about objects that were touched."""
        self.objects.remember()

    def files(self, output: Output) -> dict[str, Path]:
        """Files of an output by name, each verified against its digest.

        Raises:
            Damaged: one is missing or changed; compute the result again.
        """
        return {name: self.objects.verified(ref.sha256) for name, ref in output.files.items()}

    def read_object(self, digest: str) -> bytes:
        """Content of an object, verified.

        Raises:
            Damaged: it is missing or changed.
            OSError: it has more bytes than are read at once.
        """
        return reading.content(self.objects.verified(digest), MOST_BYTES)

    def partial(self, key: str) -> Path:
        """Where the checkpoints of a key lie, or would lie."""
        return self.partials.folder(key)

    def checkpoint_save(
        self,
        key: str,
        writer: Callable[[Path], None],
        note: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a checkpoint: all files that `writer` puts into an empty folder.

        Args:
            key: what is being computed; its lease is held.
            writer: fills the folder.
            note: told by `checkpoint_note`, without reading the files: `{"step": 120}`.
        """
        self.partials.save(key, writer, note or {})

    def checkpoint_load(self, key: str) -> Path | None:
        """Folder of the newest intact checkpoint."""
        return self.partials.load(key)

    def checkpoint_note(self, key: str) -> Mapping[str, Any] | None:
        """Note of the newest checkpoint, or None where there is none."""
        return self.partials.note(key)

    def checkpoint_drop(self, key: str) -> None:
        """Remove all checkpoints of a key."""
        self.partials.drop(key)

    def lease(self, key: str, owner: str) -> Lease | None:
        """The right to compute a key; None while another process holds it.

        Args:
            key: what is to be computed.
            owner: id of the run that asks.
        """
        name = names.sha256_name(key)
        return leases.take(self.disk, self.disk.folder(self.root / "locks") / name, owner)

    def lease_owner(self, key: str) -> str:
        """Who computes a key now: `run 7f3a (pid 4123)`; empty when nobody does."""
        return leases.owner(self.root / "locks" / names.sha256_name(key))
