"""Cells run one after another in this process: for tests, debuggers and notebooks."""

import dataclasses
import errno
import re
import traceback
from dataclasses import dataclass, field
from types import TracebackType

from engine.rundir.events import MetricBatch
from engine.stage_api.run import Interrupted
from engine.store import Changed, Damaged
from engine.workers import Message, Task
from engine.workers.run_cell import perform
from pipelines.core import raised
from pipelines.core.errors import EnvironmentFault, MetaError
from pipelines.core.text import safe_text

TRACEBACK_CHARACTERS = 20_000
"""Its end says what went wrong; a recursion's would otherwise fill the journal."""
_FRAMES = 2000
"""Frames of an error that are told: formatting a million of them takes half a minute."""
_MEMORY = re.compile(
    r"DefaultCPUAllocator|out of memory|not enough memory|alloc_cpu|_ALLOC_FAILED", re.IGNORECASE
)
"""What torch's allocators say, each in an error of a general class."""


@dataclass(slots=True)
class Collected:
    """A channel that turns what a cell says into messages."""

    cell: int
    stopping: bool = False
    messages: list[Message] = field(default_factory=list)

    def metrics(self, batch: MetricBatch) -> None:
        """Points of live curves."""
        self.messages.append(Message(self.cell, "metrics", dataclasses.asdict(batch)))

    def note(self, text: str) -> None:
        """Something for the person who reads the numbers."""
        self.messages.append(Message(self.cell, "note", {"text": safe_text(text)}))

    def checkpointed(self, step: int) -> None:
        """The state was saved."""
        self.messages.append(Message(self.cell, "checkpointed", {"step": step}))


def outcome(cell: int, task: Task, channel: Collected | object) -> Message:
    """Run a cell and return its final message; nothing that a stage raises escapes."""
    try:
        return Message(cell, "done", perform(task, channel))  # type: ignore[arg-type]
    except Interrupted as stop:
        return Message(cell, "interrupted", {"step": stop.step})
    except BaseException as error:  # noqa: BLE001 (a stage may raise anything; the run goes on)
        return failure(cell, error)


def failure(cell: int, error: BaseException) -> Message:
    """The final message of a cell that raised."""
    body = {"error": _summary(error), "traceback": "", "code": 1, "fault": _fault(error)}
    kind = type(error)
    if issubclass(kind, Damaged) and isinstance(error, Damaged):
        damaged = [error.digest, error.reason, isinstance(error, Changed)]
        return Message(cell, "failed", {**body, "damaged": damaged})
    if issubclass(kind, MetaError):
        code = EnvironmentFault.exit_code if issubclass(kind, EnvironmentFault) else 1
        return Message(cell, "failed", {**body, "code": code})
    return Message(cell, "failed", {**body, "traceback": safe_text(_lines(error), lines=True)})


def _summary(error: BaseException) -> str:
    """Kind and first line of an error, whose own text may be broken or without end."""
    whole, kind = raised.text(error, TRACEBACK_CHARACTERS), raised.class_name(error)
    if issubclass(type(error), MetaError):
        return safe_text(whole)
    first = whole.strip().partition("\n")[0]
    if issubclass(type(error), SystemExit):
        first = f"{first or 0} (a stage returns or raises; it does not exit)"
    return safe_text(f"{kind}: {first}" if first else kind)


def _lines(error: BaseException) -> str:
    """The end of the traceback; of an error whose class breaks it, the frames and the word."""
    try:
        _shorten(error)
        return "".join(traceback.format_exception(error))[-TRACEBACK_CHARACTERS:]
    except BaseException:  # noqa: BLE001 (a class may break the formatting in any way)
        lines = traceback.format_tb(_innermost(raised.frames(error)))
        told = ["Traceback (most recent call last):\n", *lines, f"{_summary(error)}\n"]
        return "".join(told)[-TRACEBACK_CHARACTERS:]


def _shorten(error: BaseException) -> None:
    """Cut an error to its newest causes, and each of them to its innermost frames."""
    last = error
    for each in raised.chain(error):
        each.__traceback__ = _innermost(each.__traceback__)
        last = each
    if (oldest := raised.cause(last)) is not None:
        oldest.__traceback__ = oldest.__cause__ = oldest.__context__ = None


def _innermost(traceback_: TracebackType | None) -> TracebackType | None:
    """The last frames of a traceback."""
    first = last = traceback_
    for _ in range(_FRAMES):
        if last is None:
            return traceback_
        last = last.tb_next
    while first is not None and last is not None:
        first, last = first.tb_next, last.tb_next
    return first


def _fault(error: BaseException) -> str:
    """The class of a failure: `memory` where it, or what caused it, is a lack of memory."""
    return "memory" if any(map(_is_lack_of_memory, raised.chain(error))) else "error"


def _is_lack_of_memory(error: BaseException) -> bool:
    kind = type(error)
    if issubclass(kind, MemoryError) or raised.class_name(error) == "OutOfMemoryError":
        return True
    if raised.number(error) == errno.ENOMEM:
        return True
    return issubclass(kind, RuntimeError) and _MEMORY.search(_summary(error)) is not None


@dataclass(slots=True)
class Inline:
    """The executor of one slot in this process."""

    _queue: list[tuple[int, Task]] = field(default_factory=list)

    @property
    def free(self) -> int:
        """One cell at a time."""
        return 0 if self._queue else 1

    def submit(self, cell: int, task: Task) -> int:
        """Keep a cell for the next poll."""
        self._queue.append((cell, task))
        return 0

    def poll(self, timeout_seconds: float) -> list[Message]:
        """Run the cell that was submitted."""
        del timeout_seconds
        if not self._queue:
            return []
        cell, task = self._queue.pop()
        channel = Collected(cell)
        final = outcome(cell, task, channel)
        return [*channel.messages, final]

    def end(self, cell: int, why: str) -> None:
        """A cell that runs in this process cannot be ended."""

    def cancel(self, *, kill: bool, cell: int | None = None) -> None:
        """Drop a cell that has not begun; one that runs cannot be reached."""
        del kill
        self._queue = [item for item in self._queue if cell not in (None, item[0])]

    def close(self) -> None:
        """Nothing to end."""
