"""What earlier runs of a pipeline made of its cells: for saying why one runs again."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.rundir.events import CellCached, CellFinished, Event, RunStarted, decode
from engine.rundir.journal import whole
from engine.rundir.run_folder import RunFolder
from engine.store import Store

LOOK_BACK = 20
"""Runs that are searched for the last one of a pipeline."""


@dataclass(slots=True)
class History:
    """The last run of a pipeline of this name, and the keys of its cells.

    `runs` are searched from the newest to the oldest, when first asked.
    """

    store: Store
    name: str
    runs: list[RunFolder]
    _keys: dict[str, str] | None = field(default=None, init=False)
    _run: str = field(default="", init=False)

    @property
    def run(self) -> str:
        """Id of the last run, or empty."""
        self._load()
        return self._run

    def key(self, cell: str) -> str:
        """Key of the last result of a cell of this name, or empty."""
        return self._load().get(cell, "")

    def components(self, cell: str) -> Mapping[str, Any] | None:
        """Key components of the last result of a cell of this name, where it is still there."""
        key = self.key(cell)
        found = self.store.manifest(key) if key else None
        return found.components if found is not None else None

    def _load(self) -> dict[str, str]:
        if self._keys is None:
            self._keys = {}
            for run in reversed(self.runs[-LOOK_BACK:]):
                keys, complete = _keys(run, self.name)
                if keys is None:
                    continue
                self._run = self._run or run.id
                # An older run fills in the cells that newer, interrupted ones did not reach.
                self._keys = {**keys, **self._keys}
                if complete:
                    break
        return self._keys


def _keys(run: RunFolder, name: str) -> tuple[dict[str, str] | None, bool]:
    """Cell name -> key of a run's results, None when it ran another pipeline; whether of all."""
    first, *events = _events(run) or [None]
    if not isinstance(first, RunStarted) or first.name != name:
        return None, False
    names = {ordinal: cell.name for ordinal, cell in enumerate(first.cells)}
    found = {
        names[event.cell]: event.key
        for event in events
        if isinstance(event, CellCached | CellFinished) and event.cell in names
    }
    return found, len(found) == len(names)


def _events(run: RunFolder) -> list[Event | None]:
    """What a run's journal tells; a line that is damaged, or a file that is none, tells nothing."""
    events: list[Event | None] = []
    with contextlib.suppress(OSError):
        for line in whole(run.events):
            with contextlib.suppress(ValueError):
                events.append(decode(line))
    return events
