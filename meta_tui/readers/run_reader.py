"""Reads a run's folder as it grows: new events into the view, metrics and log lines on demand.

One `poll` reads in small chunks until nothing is new or its time is over, so that a screen paints
before everything is loaded. A torn line is kept for the next poll by the tail; a line that is no
event is dropped. The folder may vanish at any time.
"""

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from engine.rundir.events import Event, MetricBatch, RunStarted, decode, decode_batch
from engine.rundir.journal import MOST_BYTES, Tail
from engine.rundir.run_folder import RunFolder
from meta_tui.model.run_reducer import INVALID_LINE, RunView, fold, fold_batches
from meta_tui.readers.log_reader import LogTail
from pipelines.core import os_errors

MOST_DROPPED = 1_000
"""Damaged lines after which a journal is not read on: a kill tears one."""
_CHUNK_BYTES, _MUCH_BYTES = 1 << 14, 1 << 15


@dataclass(slots=True)
class Feed:
    """The reader of one run. `view` is what is known so far."""

    folder: RunFolder
    clock: Callable[[], float] = time.monotonic
    listen: Callable[[RunView, Event], None] | None = None
    """Called with the view after each event, and the event."""
    view: RunView = field(default_factory=RunView, init=False)
    dropped: int = field(default=0, init=False)
    """Lines that were no events: a damaged journal is told, not hidden."""
    fault: str = field(default="", init=False)
    """Why the journal cannot be read on; empty where it can."""
    _error: OSError | None = field(default=None, init=False)
    _events: Tail = field(init=False)
    _metrics: dict[int, Tail] = field(default_factory=dict, init=False)
    _logs: dict[int, LogTail] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._events = Tail(self.folder.events, MOST_BYTES)

    def gone(self) -> bool:
        """The run's folder was deleted."""
        try:
            return not self.folder.path.is_dir()
        except PermissionError:
            return False  # It is there, and the journal's fault tells why nothing is read.

    def held(self) -> bool:
        """The runner lives; who may not look at its lock cannot say that it does not."""
        try:
            return self.folder.alive()
        except OSError:
            return True

    def poll(self, budget_seconds: float = 0.05) -> bool:
        """Read new events; whether there were any, or another fault."""
        before = self.fault
        try:
            changed = self._read(budget_seconds)
            self.fault = "it was cut, or is another one by now" if self._events.cut else ""
            self._error = None
        except OSError as error:
            changed, self.fault = False, error.strerror or "it is no file"
            self._error = error
        return changed or self.fault != before

    def check(self) -> None:
        """Tell a command, which shows no screen, why the journal cannot be read on.

        Raises:
            EnvironmentFault: names the file and the remedy.
        """
        if self._error is not None:
            raise os_errors.unreadable(self.folder.events, self._error) from self._error

    def _read(self, budget_seconds: float) -> bool:
        until = self.clock() + budget_seconds
        changed = False
        while lines := self._events.read(_CHUNK_BYTES):
            changed = True
            for line in lines:
                self._event(line)
            if self.dropped > MOST_DROPPED:
                told = f"more than {MOST_DROPPED:,} of its lines are damaged"
                raise OSError(errno.EINVAL, told, str(self.folder.events))
            if self.clock() >= until:
                break
        return changed

    def poll_metrics(self, ordinal: int, budget_seconds: float = 0.05) -> bool:
        """Read new points of one cell; whether there were any."""
        tail = self._tail(ordinal)
        until = self.clock() + budget_seconds
        changed = False
        while lines := _lines(tail):
            changed = True
            told = self._batches(lines)
            self.view, invalid = fold_batches(self.view, ordinal, told)
            self.dropped += invalid
            if self.clock() >= until:
                break
        return changed

    @property
    def behind(self) -> bool:
        """There are events that were not read yet."""
        return not self.fault and self._events.behind

    def metrics_behind(self, ordinal: int) -> bool:
        """A cell has points that were not read yet."""
        return not self.fault and self._tail(ordinal).behind

    def far_behind(self, cells: Iterable[int]) -> bool:
        """There is more to read of events, points or logs than comes between two polls."""
        tails: tuple[Tail | LogTail, ...] = (
            self._events,
            *map(self._tail, cells),
            *self._logs.values(),
        )
        return not self.fault and any(tail.unread > _MUCH_BYTES for tail in tails)

    def _tail(self, ordinal: int) -> Tail:
        return self._metrics.setdefault(ordinal, Tail(self.folder.metrics(ordinal)))

    def poll_log(self, ordinal: int, budget_seconds: float = 0.01) -> list[str]:
        """New lines of a cell's log, safe to show, as far as the time allows."""
        return self.log(ordinal).read(budget_seconds)

    def rewind_log(self, ordinal: int) -> None:
        """Let the next `poll_log` of the cell begin at the start; other logs are not read on."""
        self._logs = {}
        self.log(ordinal)

    def log(self, ordinal: int) -> LogTail:
        """The reader of a cell's log."""
        return self._logs.setdefault(ordinal, LogTail(self.folder.log(ordinal), self.clock))

    @property
    def logs_behind(self) -> bool:
        """A log that is read has more to read."""
        return any(tail.behind for tail in self._logs.values())

    def _event(self, line: bytes) -> None:
        try:
            event = decode(line)
            repeated = isinstance(event, RunStarted) and self.view.started is not None
            if event is None or repeated:
                return
            self.view = fold(self.view, event)
        except INVALID_LINE:
            self.dropped += 1
            return
        if self.listen is not None:
            self.listen(self.view, event)

    def _batches(self, lines: Sequence[bytes]) -> Iterator[MetricBatch]:
        for line in lines:
            try:
                yield decode_batch(line)
            except INVALID_LINE:
                self.dropped += 1


def _lines(tail: Tail) -> list[bytes]:
    """New lines of a cell's metrics: an ornament, without which the run is shown all the same."""
    try:
        return tail.read(_CHUNK_BYTES)
    except OSError:
        return []
