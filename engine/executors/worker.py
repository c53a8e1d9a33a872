"""A warm worker process: reads tasks from stdin, runs one at a time, writes messages to stdout.

What a stage prints goes to its cell's log, because file descriptors 1 and 2 point there while it
runs. The worker dies with its runner: by PR_SET_PDEATHSIG where the kernel has it, and by the end
of stdin everywhere. Started as `python -P -m engine.executors.worker <pid of the runner>`.
"""

import ctypes
import dataclasses
import faulthandler
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from engine.events import MetricBatch
from engine.executors import Message, Task
from engine.executors.inline import outcome
from engine.store import fs
from pipelines.text import safe_text

PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Pipe:
    """A channel to the runner, for the cell at hand."""

    out: TextIO
    stop: threading.Event = field(default_factory=threading.Event)
    cell: int = -1

    @property
    def stopping(self) -> bool:
        """Whether the runner asked the cell to stop after a checkpoint."""
        return self.stop.is_set()

    def metrics(self, batch: MetricBatch) -> None:
        """Points of live curves."""
        self.send(Message(self.cell, "metrics", dataclasses.asdict(batch)))

    def note(self, text: str) -> None:
        """Something for the person who reads the numbers."""
        self.send(Message(self.cell, "note", {"text": safe_text(text)}))

    def checkpointed(self, step: int) -> None:
        """The state was saved."""
        self.send(Message(self.cell, "checkpointed", {"step": step}))

    def send(self, message: Message) -> None:
        """Write one message as a line."""
        line = {"cell": message.cell, "kind": message.kind, "body": dict(message.body)}
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()


def die_with(runner: int) -> None:
    """Let the kernel kill this process when the runner ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != runner:
        os._exit(1)


def listen(inbox: "queue.Queue[tuple[int, Task]]", stop: threading.Event) -> None:
    """Read the runner's lines; the end of stdin is the end of this process, at once.

    A request to stop is for the cell before it in the pipe, also where that had ended meanwhile.
    """
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        if order.get("stop"):
            stop.set()
        else:
            stop.clear()
            inbox.put((order["cell"], order["task"]))
    os._exit(0)


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Send all that is printed, from C code too, to a cell's log."""
    kept = os.dup(1), os.dup(2)
    log = fs.open_append(path)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, old in zip((1, 2), kept, strict=True):
            os.dup2(old, descriptor)
            os.close(old)
        os.close(log)


def main() -> None:
    """Serve until the runner goes."""
    die_with(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    pipe = Pipe(out)
    inbox: queue.Queue[tuple[int, Task]] = queue.Queue()
    threading.Thread(target=listen, args=(inbox, pipe.stop), daemon=True).start()
    while True:
        pipe.cell, task = inbox.get()
        with logged(Path(task["log"])):
            message = outcome(pipe.cell, task, pipe)
        pipe.send(message)


if __name__ == "__main__":
    main()
