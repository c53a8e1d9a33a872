"""All runs of a store, read lazily: of a journal only its head and its end, in pieces of time.

How many cells a run has in which state, and in what it differs from the run before of the same
file, takes reading more: that is done later, for what is on the screen first.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.rundir import run_folder
from meta_tui.readers.request_diff import differences
from meta_tui.readers.run_header import Entry, asked, counted, read
from pipelines.core.errors import EnvironmentFault
from pipelines.core.text import safe_text

_LIST_SECONDS = 1.0
_YOUNG_SECONDS = 10.0
"""A run without a runner may be about to get one for so long."""


@dataclass(slots=True)
class History:
    """The reader. `entries` holds every run from the first `look` on, by its folder's name."""

    store: Path
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    entries: dict[str, Entry] = field(default_factory=dict, init=False)
    unread: list[str] = field(default_factory=list, init=False)
    """Those whose journal was not looked at yet, newest last."""
    _asked: float = field(default=float("-inf"), init=False)

    def look(self, budget_seconds: float = 0.05) -> bool:
        """Find new runs, and read of those that are not read or not over; whether all is told."""
        until = self.clock() + budget_seconds
        now = self.now()
        listing = now - self._asked >= _LIST_SECONDS
        if listing:
            self._asked = now
            self._list(now)
        changed = listing and any(entry.alive for entry in self.entries.values())
        while self.unread:
            name = self.unread.pop()
            changed |= self._read(name)
            if self.clock() >= until:
                break
        return changed

    def _list(self, now: float) -> None:
        try:
            found = {folder.path.name: folder for folder in run_folder.every(self.store)}
        except EnvironmentFault:
            # Those that are known stay, and tell each why no more can be read of it.
            found = {name: entry.folder for name, entry in self.entries.items()}
        gone = self.entries.keys() - found.keys()
        for name in gone:
            del self.entries[name]
        new = [name for name in found if name not in self.entries]
        for name in new:
            self.entries[name] = Entry(found[name])
        again = [name for name, entry in self.entries.items() if _may_go_on(entry, now)]
        self.unread = sorted({*self.unread, *new, *again} - gone)

    def order(self) -> list[Entry]:
        """Live runs first, then the newest."""
        newest = sorted(self.entries, reverse=True)
        return sorted((self.entries[name] for name in newest), key=lambda entry: not entry.alive)

    def _read(self, name: str) -> bool:
        """Read of a run anew; whether that tells anything new."""
        old = self.entries[name]
        new = read(old)
        self.entries[name] = new
        return new != old

    def fill(self, wanted: Iterable[Entry], budget_seconds: float = 0.02) -> bool:
        """Count cells and tell differences, in the order wanted; whether anything is new."""
        until = self.clock() + budget_seconds
        changed = False
        for entry in wanted:
            name = entry.folder.path.name
            known = self.entries.get(name, entry)
            # Which run is the one before is known when all are read.
            telling = known.differs is None and not self.unread
            if known.counts is not None and not telling and not known.alive:
                continue
            filled = counted(known)
            if telling:
                filled = self._compared(filled)
            self.entries[name] = filled
            changed |= filled != known
            if self.clock() >= until:
                break
        return changed

    def _compared(self, entry: Entry) -> Entry:
        """The entry with what differs from the run before of the same file."""
        before = self.before(entry)
        new = asked(entry)
        old = asked(before) if before else None
        if before is None or new is None or old is None:
            return replace(entry, differs=(), before="")
        return replace(entry, differs=differences(old, new), before=before.folder.id)

    def before(self, entry: Entry) -> Entry | None:
        """The run before of the same file."""
        if entry.request is None:
            return None
        own, file = entry.folder.path.name, entry.request.file
        same = (
            name
            for name, other in self.entries.items()
            if name < own and other.request is not None and other.request.file == file
        )
        found = max(same, default=None)
        return self.entries[found] if found else None


def _may_go_on(entry: Entry, now: float) -> bool:
    """Whether a journal that has no end may get more; a run that lost its runner gets no other."""
    if entry.code is not None:
        return False
    if entry.alive:
        return True
    return now - max(entry.latest, _written(entry.folder.path)) < _YOUNG_SECONDS


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def filtered(entries: Sequence[Entry], words: str) -> list[Entry]:
    """The entries in which every word occurs: in id, name, state or differences."""
    wanted = words.lower().split()
    return [entry for entry in entries if all(word in _text(entry) for word in wanted)]


def _text(entry: Entry) -> str:
    state = "lost" if entry.lost else entry.state.value
    file = safe_text(str(entry.request.file)) if entry.request else ""
    return " ".join([entry.folder.id, entry.name, state, file, *(entry.differs or ())]).lower()
