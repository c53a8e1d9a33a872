"""Interfaces between a running cell and the engine: reporting and checkpoint storage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.rundir.events import MetricBatch


class Channel(Protocol):
    """Receiver of a cell's reports, and source of stop requests."""

    @property
    def stopping(self) -> bool:
        """Whether the cell is requested to save a checkpoint and stop."""

    def metrics(self, batch: MetricBatch) -> None:
        """Send points of live curves and the progress; a batch may have no points."""

    def note(self, text: str) -> None:
        """Send a note for readers of the results."""

    def checkpointed(self, step: int) -> None:
        """Report that the state after `step` was saved."""


class Scratch(Protocol):
    """Crash-safe checkpoint storage of one key."""

    def save(self, writer: Callable[[Path], None], step: int) -> None:
        """Save atomically the files that `writer` writes into a folder, as of `step`."""

    def load(self) -> Path | None:
        """Return the folder of the newest intact checkpoint, or None."""


@dataclass(slots=True)
class Silent:
    """A channel that only collects reports, for notebooks and tests."""

    stopping: bool = False
    batches: list[MetricBatch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def metrics(self, batch: MetricBatch) -> None:
        """Append the batch to `batches`."""
        self.batches.append(batch)

    def note(self, text: str) -> None:
        """Append the note to `notes`."""
        self.notes.append(text)

    def checkpointed(self, step: int) -> None:
        """Ignore the report."""
