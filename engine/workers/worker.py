"""The process in which cells run: it takes a task, runs the cell, and answers on its socket.

A process for a cell of outside code runs that one and ends. A process for cells of this project's
own code stays warm: before each cell its global state must be what it was at the start.

What a stage prints goes to its cell's log, because descriptors 1 and 2 point there while it runs;
its stdin is at its end. Forked by `executors.keeper`; where forking is not safe, started as
`python -P -m engine.workers.worker <descriptor> <pid of the keeper> <warm or alone>`.
"""

import faulthandler
import os
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.store import fs
from engine.workers import PRELOAD, Message
from engine.workers.global_state import State
from engine.workers.inline import failure, outcome
from engine.workers.pipe import Pipe, lifted
from engine.workers.processes import die_with
from pipelines.core.errors import MetaError, StageError

STACKS = signal.SIGQUIT
"""On it a cell's process writes the stacks of all its threads to its log, whoever holds the GIL."""

MOST_FRAMES = 1_000_000
"""Deepest recursion in a cell of outside code. Python keeps frames on the heap: without a bound a
function that calls itself for ever takes the machine's memory, and the kernel ends the process."""
_SLOW = "sympy"
"""Torch loads it, with much of its own, at the first optimiser."""


def serve(held: socket.socket, keeper: int, *, alone: bool) -> None:
    """Run cells until the runner goes, or one cell; never returns.

    Args:
        held: socket to the runner.
        keeper: process above, with which this one dies.
        alone: end after one cell.
    """
    code = 1
    try:
        die_with(keeper)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _point(os.devnull, os.O_RDONLY, 0)
        owner = os.getpid()
        pipe = Pipe(held)
        state = None if alone else State.record()
        if alone:
            _bound_recursion()
        while True:
            final = _one(pipe, state)
            if os.getpid() != owner:
                break  # A process that the stage forked came back from the stage, too.
            if alone and _SLOW in sys.modules:
                pipe.send(Message(pipe.cell, "loaded", {"modules": [PRELOAD]}))
            pipe.send(final)
            if alone:
                code = 0
                break
    except BaseException:  # noqa: BLE001 (nothing may run on into the code of who forked this)
        traceback.print_exc()
    finally:
        os._exit(code)


def _one(pipe: Pipe, state: State | None) -> Message:
    """Take a task, and run its cell unless an earlier one left something changed."""
    task = pipe.task()
    changed = state.changed() if state else ""
    if changed:
        return Message(pipe.cell, "unfit", {"changed": changed})
    pipe.send(Message(pipe.cell, "begun", {}))
    try:
        with logged(Path(task["log"])):
            final = outcome(pipe.cell, task, pipe)
            _flush()
    except MetaError as error:
        return failure(pipe.cell, error)
    except (OSError, ValueError) as error:
        told = f"what it printed cannot be written to its log: {error}"
        return failure(pipe.cell, StageError(told))
    return final


def _bound_recursion() -> None:
    """Make `sys.setrecursionlimit` set no limit above `MOST_FRAMES`; say so in the cell's log."""
    unbounded = sys.setrecursionlimit

    def setrecursionlimit(limit: int, /) -> None:
        if limit > MOST_FRAMES:
            told = f"a recursion limit of {limit}: a cell has at most {MOST_FRAMES}"
            warnings.warn(told, RuntimeWarning, stacklevel=2)
        unbounded(min(limit, MOST_FRAMES))

    sys.setrecursionlimit = setrecursionlimit


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Send all that is printed, from C code too, to a cell's log; afterwards nowhere.

    Raises:
        EnvironmentFault: the log cannot be opened.
    """
    log = lifted(fs.open_append(path))
    # Opened before the stage: it may leave no descriptor to open anything with.
    nowhere = lifted(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))
    os.dup2(log, 1)
    os.dup2(log, 2)
    # By a descriptor of its own: a stage that has closed 2 can still hang.
    faulthandler.enable(log)
    faulthandler.register(STACKS, log, all_threads=True)
    try:
        yield
    finally:
        faulthandler.unregister(STACKS)
        faulthandler.disable()
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.close(log)
        os.close(nowhere)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _point(path: str, flags: int, *descriptors: int) -> None:
    opened = os.open(path, flags)
    for descriptor in descriptors:
        os.dup2(opened, descriptor)
    if opened not in descriptors:
        os.close(opened)


def main() -> None:
    """Serve as a started process."""
    held = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(held.fileno(), False)
    serve(held, int(sys.argv[2]), alone=sys.argv[3] == "alone")


if __name__ == "__main__":
    main()
