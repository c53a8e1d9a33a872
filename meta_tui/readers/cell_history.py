"""What happened to one cell of a run, from its journal."""

from dataclasses import dataclass, field

from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.events import (
    CellCached,
    CellCheckpointed,
    CellDamaged,
    CellFailed,
    CellFinished,
    CellInterrupted,
    CellSkipped,
    CellStarted,
    CellWaiting,
    Event,
    decode,
)
from engine.rundir.journal import MOST_BYTES, Tail
from engine.rundir.run_folder import RunFolder
from pipelines.core.text import safe_text

_CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class Happened:
    """What a run's journal tells of one cell, read as it grows: (seconds since start, words)."""

    folder: RunFolder
    cell: int
    told: list[tuple[float, str]] = field(default_factory=list, init=False)
    _tail: Tail = field(init=False)
    _saves: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._tail = Tail(self.folder.events, MOST_BYTES)

    def read(self) -> bool:
        """Read what is new; whether it tells anything of the cell."""
        before = (len(self.told), self._saves)
        mark = f'"cell": {self.cell},'.encode()
        try:
            while lines := self._tail.read(_CHUNK_BYTES):
                for line in lines:
                    if mark in line:
                        self._line(line)
        except OSError:
            return False  # The same journal is read for the heading, which tells why it cannot be.
        return before != (len(self.told), self._saves)

    def _line(self, line: bytes) -> None:
        try:
            event = decode(line)
            words = _words(event)
        except (ValueError, TypeError, AttributeError):
            return  # A damaged line; the feed counts it.
        if event is None or not words or getattr(event, "cell", None) != self.cell:
            return
        if isinstance(event, CellCheckpointed):
            self._saves += 1
            if self._saves > 1:
                # The last of many saves is the one to go on from.
                self.told[-1] = (event.time, f"{words}, {self._saves} saves since it began")
                return
        else:
            self._saves = 0
        self.told.append((event.time, words))


def _words(event: Event | None) -> str:
    match event:
        case CellStarted():
            resumed = f"went on from step {event.step}" if event.step else "started"
            return f"{resumed}: {safe_text(event.why, limit=500)}" if event.why else resumed
        case CellCheckpointed():
            return f"saved at step {event.step}"
        case CellDamaged():
            return safe_text(event.why, limit=500)
        case CellWaiting():
            return f"waited for {safe_text(event.owner, limit=200)}"
        case CellCancelled() | CellRetried() | RequestRefused():
            return _answer(event)
        case _:
            return _ending(event)


def _answer(event: CellCancelled | CellRetried | RequestRefused) -> str:
    if isinstance(event, RequestRefused):
        return f"refused: {safe_text(event.text, limit=500)}"
    by = safe_text(event.by, limit=200)
    if isinstance(event, CellCancelled):
        return f"asked to stop by {by}"
    because = safe_text(event.because, limit=200) or f"asked by {by}"
    return f"attempt {int(event.attempt)}, {because}"


def _ending(event: Event | None) -> str:
    match event:
        case CellFinished():
            return "finished" if event.status == "ok" else safe_text(event.status, limit=40)
        case CellInterrupted():
            return f"stopped, saved at step {event.step}" if event.step else "stopped"
        case CellCached():
            return "its result was there"
        case CellFailed():
            return f"failed: {safe_text(event.error, limit=500)}"
        case CellSkipped():
            return "skipped"
        case _:
            return ""
