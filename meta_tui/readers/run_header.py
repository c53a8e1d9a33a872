"""A run in a list of many: what head and end of its journal tell, and on demand a little more."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.planning.run_request import Request
from engine.rundir.events import RunEnded, decode
from engine.rundir.run_folder import RunFolder
from engine.store import files
from meta_tui.model.run_reducer import State
from pipelines.core.text import safe_text

_HEAD_BYTES, _TAIL_BYTES = 1 << 10, 1 << 12
_COUNTED_BYTES = 1 << 23
"""Journals that are longer are not counted."""
_STRING = r'("(?:[^"\\]|\\.)*")'
_BEGAN = re.compile(
    rf'{{"kind": "run_started", "time": ([0-9.e+]+), "run": {_STRING}, "name": {_STRING}'
)
_COUNTED: Mapping[State, bytes] = {
    State.DONE: b"cell_finished", State.CACHED: b"cell_cached", State.FAILED: b"cell_failed",
    State.SKIPPED: b"cell_skipped", State.STOPPED: b"cell_interrupted",
}  # fmt: skip
_REOPENED = (b'\n{"kind": "cell_retried"', b'\n{"kind": "cell_damaged"')
"""After these a cell that was over may end once more."""
_OF_CELL = re.compile(rb'^{"kind": "(cell_\w+)", "time": [^,]*, "cell": (\d+)')
_REVIVED = re.compile(rb'"revived": \[([\d, ]*)\]}$')


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in the list. Every string is safe to show."""

    folder: RunFolder
    name: str = ""
    """Of its pipeline; empty while it is not known."""
    started: float | None = None
    latest: float = 0.0
    """Time of the last event."""
    alive: bool = False
    code: int | None = None
    seconds: float = 0.0
    reason: str = ""
    request: Request | None = None
    cells: int = 0
    counts: Mapping[State, int] | None = None
    """Cells that are over; None while they are not counted."""
    differs: tuple[str, ...] | None = None
    """From the run before of the same file; None while that is not known."""
    fault: str = ""
    """Why nothing more is known of it; empty where all is that was asked for."""
    before: str = ""
    """Id of that run."""

    @property
    def state(self) -> State:
        """Where the run as a whole stands."""
        if self.code is None:
            if self.alive:
                return State.RUNNING
            return State.WAITING if self.started is None else State.STOPPED
        if self.code == 0:
            return State.DONE
        return State.FAILED if self.code in {1, 3} else State.STOPPED

    @property
    def lost(self) -> bool:
        """It has no runner, and no end."""
        return self.code is None and self.started is not None and not self.alive

    def spent(self, now: float) -> float:
        """Seconds from its start to its end, or to what is known of it."""
        if self.code is not None or self.started is None:
            return self.seconds
        return max(0.0, (now if self.alive else self.latest) - self.started)


def read(old: Entry) -> Entry:
    """What head and end of a journal tell of a run."""
    folder = old.folder
    try:
        # Asked before reading: what a runner wrote before it went is read after.
        alive = old.code is None and folder.alive()
        head, tail = _ends(folder.events)
    except OSError as error:
        return replace(old, fault=f"cannot be read: {error.strerror}")
    ended, latest = _end(tail)
    latest = max(latest, old.latest)
    found = replace(old, alive=alive and ended is None, latest=latest, fault="")
    if old.request is None:
        found = replace(found, request=_request(folder))
    began = _BEGAN.match(head.decode("utf-8", "replace"))
    if began and old.started is None:
        started, name = float(began[1]), safe_text(json.loads(began[3]), limit=100)
        found = replace(found, started=started, name=name)
    if ended is None:
        return found
    reason = safe_text(ended.reason, limit=500)
    return replace(found, code=int(ended.code), seconds=float(ended.seconds), reason=reason)


def _ends(path: Path) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file; nothing of one that is not there."""
    try:
        with files.opened(path) as file:
            head = file.read(_HEAD_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return head, file.read(_TAIL_BYTES)
    except FileNotFoundError:
        return b"", b""


def _end(tail: bytes) -> tuple[RunEnded | None, float]:
    """The end of a run, where its journal has come to it; the time of its last event."""
    whole = tail[: tail.rfind(b"\n")].rpartition(b"\n")[2]
    try:
        event = decode(whole)
    except ValueError:
        return None, 0.0  # Torn, or longer than what was read.
    return (event if isinstance(event, RunEnded) else None), event.time if event else 0.0


def _request(folder: RunFolder) -> Request | None:
    try:
        return Request.decode(files.content(folder.request))
    except (OSError, ValueError, TypeError, KeyError):
        return None  # It is listed all the same, without what it was asked for.


def asked(entry: Entry) -> tuple[Request, str] | None:
    """What it was asked for, with the text of its pipeline; None where that is not there."""
    if entry.request is None:
        return None
    try:
        return entry.request, files.content(entry.folder.pipeline).decode("utf-8", "replace")
    except OSError:
        return None


def counted(entry: Entry) -> Entry:
    """The entry with its cells by state."""
    try:
        data = files.content(entry.folder.events, _COUNTED_BYTES)
    except OSError:
        return replace(entry, counts={})  # Not there, or not ours: `read` told why.
    first = data.partition(b"\n")[0]
    if any(mark in data for mark in _REOPENED):
        counts = _last(data)
    else:
        counts = {state: data.count(b'\n{"kind": "%b"' % kind) for state, kind in _COUNTED.items()}
    told = {state: count for state, count in counts.items() if count}
    return replace(entry, counts=told, cells=first.count(b'"needs": ['))


def _last(data: bytes) -> dict[State, int]:
    """Cells by the last that was told of each: one may end more than once."""
    kinds = {kind: state for state, kind in _COUNTED.items()}
    states: dict[int, State] = {}
    for line in data.splitlines():
        found = _OF_CELL.match(line)
        if found is None:
            continue
        kind, cell = found[1], int(found[2])
        if kind in kinds:
            states[cell] = kinds[kind]
        elif kind in {b"cell_retried", b"cell_damaged"}:
            states.pop(cell, None)
            revived = _REVIVED.search(line)
            for other in revived[1].split(b",") if revived else ():
                states.pop(int(other or -1), None)
    return {state: list(states.values()).count(state) for state in _COUNTED}
