"""What a running cell talks to: where its reports go, and where its checkpoints lie."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.rundir.events import MetricBatch


class Channel(Protocol):
    """Where a run's reports go, and where requests to stop come from."""

    @property
    def stopping(self) -> bool:
        """Whether the cell has been asked to stop after a checkpoint."""

    def metrics(self, batch: MetricBatch) -> None:
        """Points of live curves, or mere progress."""

    def note(self, text: str) -> None:
        """Something for the person who reads the numbers."""

    def checkpointed(self, step: int) -> None:
        """The state was saved."""


class Scratch(Protocol):
    """Private, crash-safe place of one key for its checkpoints."""

    def save(self, writer: Callable[[Path], None], step: int) -> None:
        """Keep what `writer` puts into a folder, atomically; `step` says how far it is."""

    def load(self) -> Path | None:
        """The newest intact folder."""


@dataclass(slots=True)
class Silent:
    """A channel to nobody, for notebooks and tests."""

    stopping: bool = False
    batches: list[MetricBatch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def metrics(self, batch: MetricBatch) -> None:
        """Keep the batch."""
        self.batches.append(batch)

    def note(self, text: str) -> None:
        """Keep the note."""
        self.notes.append(text)

    def checkpointed(self, step: int) -> None:
        """Nobody needs to know."""
