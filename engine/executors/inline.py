"""Cells run one after another in this process: for tests, debuggers and notebooks."""

import dataclasses
import traceback
from dataclasses import dataclass, field

from engine.events import MetricBatch
from engine.executors import Message, Task
from engine.perform import perform
from engine.run import Interrupted
from engine.store import Damaged
from pipelines.errors import MetaError
from pipelines.text import safe_text

TRACEBACK_CHARACTERS = 20_000
"""Its end says what went wrong; a recursion's would otherwise fill the journal."""


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
    """Run a cell and return its final message; no exception of a stage escapes."""
    try:
        return Message(cell, "done", perform(task, channel))  # type: ignore[arg-type]
    except Interrupted as stop:
        return Message(cell, "interrupted", {"step": stop.step})
    except Damaged as error:
        body = {"error": str(error), "code": 1, "damaged": [error.digest, error.reason]}
        return Message(cell, "failed", body)
    except MetaError as error:
        body = {"error": safe_text(str(error)), "traceback": "", "code": error.exit_code}
        return Message(cell, "failed", body)
    except Exception as error:  # noqa: BLE001 (a stage may raise anything; the run goes on)
        summary = safe_text(f"{type(error).__name__}: {error}".splitlines()[0])
        lines = "".join(traceback.format_exception(error))[-TRACEBACK_CHARACTERS:]
        body = {"error": summary, "traceback": safe_text(lines, lines=True), "code": 1}
        return Message(cell, "failed", body)


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

    def cancel(self, *, kill: bool, cell: int | None = None) -> None:
        """Drop a cell that has not begun; one that runs cannot be reached."""
        del kill
        self._queue = [item for item in self._queue if cell not in (None, item[0])]

    def close(self) -> None:
        """Nothing to end."""
