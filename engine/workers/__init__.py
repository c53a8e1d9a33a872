"""Where cells run. An executor has five calls: submit, poll, cancel, end, close.

A task and a message are plain JSON values, so that a cell can run in this process, in a worker
process, or on another machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Task = Mapping[str, Any]
"""What a worker needs to run one cell; made by `engine.execution.cell_task.describe`."""

PRELOAD = "engine.learning.preload"
"""What a process loads once for all that are forked from it, where cells make optimisers."""

STACK_SECONDS = 1.0
"""What a cell that is ended has to write the stacks of its threads, before the kill."""

UNASKED = "it says that it was interrupted, though nobody asked it to stop; nothing was saved"
"""The error of a cell whose stage raises `Interrupted` on its own."""

Kind = Literal[
    "begun",
    "metrics",
    "note",
    "checkpointed",
    "done",
    "failed",
    "interrupted",
    "lost",
    "unfit",
    "loaded",
]


@dataclass(frozen=True, slots=True)
class Message:
    """News of a submitted cell.

    `begun` is the first. `metrics`, `note` and `checkpointed` may come many times; exactly one of
    `done`, `failed`, `interrupted` and `lost` (its process ended, or was ended) is the last.
    The body of `failed` and `lost` has `error` and `fault`, the class of the failure: `error`,
    `memory` or `lost`. Two never leave an executor: `unfit` (a warm process refuses the cell) and
    `loaded` (libraries that later processes should have from the start).
    """

    cell: int
    kind: Kind
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

    def end(self, cell: int, why: str) -> None:
        """Kill a cell that does not go on, with all that it started.

        The stacks of its threads go into its log; its last message is `lost`, its error `why`.
        """

    def close(self) -> None:
        """End all workers, and wait until they have ended; a second call does nothing."""
