"""A cell's line to the runner: what its `Run` talks to, and where its task and requests come from.

One socket, owned by the process that the cell runs in. A process that the stage forked has a copy
of it and may not speak: the runner would take its words for the cell's.
"""

import fcntl
import json
import os
import socket
import threading
from typing import Any

from engine.rundir.events import MetricBatch
from engine.workers import Message
from engine.workers.messages import encode
from pipelines.core.errors import StageError
from pipelines.core.text import safe_text

GONE = 71
"""Exit status of a process whose socket was closed or replaced by the stage."""
READ_BYTES = 1 << 16
MOST_NOTE = 20_000
MOST_NOTES = 1000
"""Notes of one cell; a stage that writes more wants its log."""
MOST_NAME = 200
MOST_VALUES = 100_000
"""Values of curves in one message."""
_HIGH = 700
"""Out of the way of stages that close or write to every low descriptor."""


class Pipe:
    """A channel to the runner, for the cell at hand."""

    def __init__(self, held: socket.socket) -> None:
        self._socket = socket.socket(fileno=lifted(held.detach()))
        self._is = os.fstat(self._socket.fileno())
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._read = b""
        self._notes = 0
        self._stop = False
        self.cell = -1
        self._token = ""

    @property
    def stopping(self) -> bool:
        """Whether the runner asked the cell to stop after a checkpoint."""
        if not self._stop:
            order = self._next(wait=False)
            # A request to stop is for the cell before it, also where that has ended meanwhile.
            self._stop = order is not None and order.get("stop") == self.cell
        return self._stop

    def task(self) -> dict[str, Any]:
        """The next task; waits for it. The runner's end is the end of this process."""
        while True:
            order = self._next(wait=True)
            if order is not None and "task" in order:
                self.cell, self._token = order["cell"], order["token"]
                self._stop, self._notes = False, 0
                task: dict[str, Any] = order["task"]
                return task

    def metrics(self, batch: MetricBatch) -> None:
        """Points of live curves."""
        body = {
            "loop": safe_text(batch.loop, limit=MOST_NAME), "step": batch.step,
            "total": batch.total, "seconds": batch.seconds,
        }  # fmt: skip
        columns = {safe_text(name, limit=MOST_NAME): batch.values[name] for name in batch.values}
        rows = max(1, MOST_VALUES // max(1, len(columns)))
        for first in range(0, max(1, len(batch.steps)), rows):
            part = slice(first, first + rows)
            values = {name: list(column[part]) for name, column in columns.items()}
            steps = list(batch.steps[part])
            self.send(Message(self.cell, "metrics", {**body, "steps": steps, "values": values}))

    def note(self, text: str) -> None:
        """Something for the person who reads the numbers."""
        self._notes += 1
        if self._notes > MOST_NOTES + 1:
            return
        told = f"this cell has more than {MOST_NOTES} notes: the rest is left out"
        shown = safe_text(text, limit=MOST_NOTE) if self._notes <= MOST_NOTES else told
        self.send(Message(self.cell, "note", {"text": shown}))

    def checkpointed(self, step: int) -> None:
        """The state was saved."""
        self.send(Message(self.cell, "checkpointed", {"step": step}))

    def send(self, message: Message) -> None:
        """Write one message.

        Raises:
            StageError: this is another process than the cell's.
        """
        if os.getpid() != self._owner:
            raise StageError("a process that the stage forked cannot report: only its parent can")
        data = encode(message, self._token)
        with self._lock:
            try:
                self._check()
                self._socket.sendall(data)
            except OSError:
                self._leave()

    def _check(self) -> None:
        now = os.fstat(self._socket.fileno())
        if (now.st_dev, now.st_ino) != (self._is.st_dev, self._is.st_ino):
            raise OSError("the descriptor is another file by now")

    def _leave(self) -> None:
        """Nobody can hear this cell any more; who waits for it sees the exit status."""
        os._exit(GONE)

    def _next(self, *, wait: bool) -> dict[str, Any] | None:
        """The next order of the runner; None where it has not said anything, and need not."""
        while b"\n" not in self._read:
            try:
                self._check()
                data = self._socket.recv(READ_BYTES, 0 if wait else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError:
                self._leave()
            if not data:
                os._exit(0)
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        order: dict[str, Any] = json.loads(line)
        return order


def lifted(descriptor: int) -> int:
    """The same file at a high descriptor, where the limit on descriptors admits one."""
    try:
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:
        return descriptor
    os.close(descriptor)
    return high
