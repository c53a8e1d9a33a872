"""Ends cells that take too long or do not go on: `timeout` and `stall` of the pipeline file.

Progress is a step, a report, a note, a checkpoint or something printed. Also keeps the log of each
running cell within a bound.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.store import fs
from engine.workers import Executor, Message
from pipelines.pipeline import Cell

MOST_LOG_BYTES = 256 << 20
"""A log that is longer is cut to a quarter of that: its beginning stays, and what comes next."""


@dataclass(slots=True)
class Timed:
    """A running cell, and when it last went on."""

    cell: Cell
    log: Path
    began: float
    moved: float
    size: int = 0
    """Of its log, in bytes."""


@dataclass(slots=True)
class Limits:
    """Watches the running cells of one run."""

    executor: Executor
    clock: Callable[[], float] = time.monotonic
    _running: dict[int, Timed] = field(default_factory=dict)

    def hear(self, message: Message, cell: Cell, log: Path) -> None:
        """A cell said something that is not its last word; the first is that it has begun."""
        now = self.clock()
        if message.kind == "begun":
            self._running[message.cell] = Timed(cell, log, now, now, _size(log))
        elif message.cell in self._running:
            self._running[message.cell].moved = now

    def forget(self, cell: int) -> None:
        """A cell is over."""
        self._running.pop(cell, None)

    def look(self) -> None:
        """End each cell that is past a limit of its own."""
        for ordinal, timed in list(self._running.items()):
            why = self._over(timed)
            if why:
                del self._running[ordinal]
                self.executor.end(ordinal, why)

    def _over(self, timed: Timed) -> str:
        """Which limit a cell is past, in the words of its failure; nothing where it is not."""
        now, size = self.clock(), _size(timed.log)
        if size != timed.size:
            timed.size, timed.moved = size, now
        if size > MOST_LOG_BYTES:
            told = f"\n[cut here: this log had more than {MOST_LOG_BYTES >> 20} MiB]\n"
            timed.size = fs.cut(timed.log, MOST_LOG_BYTES // 4, told)
        timeout, stall = timed.cell.timeout, timed.cell.stall
        if timeout is not None and now - timed.began >= timeout:
            return f"not done after {timeout:g} s (timeout: {timeout:g})"
        if stall is not None and now - timed.moved >= stall:
            return f"no progress for {stall:g} s (stall: {stall:g})"
        return ""


def _size(log: Path) -> int:
    try:
        return os.stat(log).st_size  # noqa: PTH116 (several times a second)
    except FileNotFoundError:
        return 0
