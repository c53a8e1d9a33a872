"""Where cells run. An executor has four calls: submit, poll, cancel, close.

A task and a message are plain JSON values, so that a cell can run in this process, in a worker
process, or on another machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Task = Mapping[str, Any]
"""What a worker needs to run one cell; made by `engine.task.describe`."""


@dataclass(frozen=True, slots=True)
class Message:
    """News of a submitted cell.

    `metrics`, `note` and `checkpointed` may come many times; exactly one of `done`, `failed`,
    `interrupted` and `lost` (the worker died) is the last.
    """

    cell: int
    kind: Literal["metrics", "note", "checkpointed", "done", "failed", "interrupted", "lost"]
    body: Mapping[str, Any]


FINAL = frozenset({"done", "failed", "interrupted", "lost"})


class Executor(Protocol):
    """Runs cells somewhere."""

    @property
    def free(self) -> int:
        """How many cells may be submitted now."""

    def submit(self, cell: int, task: Task) -> int:
        """Start a cell; returns the number of the worker that has it."""

    def poll(self, timeout_seconds: float) -> list[Message]:
        """News since the last call; waits up to the timeout for the first."""

    def cancel(self, *, kill: bool, cell: int | None = None) -> None:
        """Ask every running cell, or one alone, to stop after a checkpoint, or kill it now."""

    def close(self) -> None:
        """End all workers."""
