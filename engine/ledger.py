"""What became of each cell of a run: results, failures, and cells that follow another's work."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine import events
from engine.journal import Journal
from engine.schedule import Schedule
from engine.store import Result
from pipelines.pipeline import Cell


@dataclass(slots=True)
class Ledger:
    """Outcomes, each told to the schedule and to the journal in the same breath."""

    cells: tuple[Cell, ...]
    schedule: Schedule
    journal: Journal
    results: dict[int, Result] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    _leaders: dict[str, int] = field(default_factory=dict)
    _followers: dict[int, list[int]] = field(default_factory=dict)

    def lead(self, cell: int, key: str) -> bool:
        """Whether a cell is the one of this run that sees to a key.

        Any other cell with the key takes the outcome of the first, now or when it is there.
        """
        leader = self._leaders.setdefault(key, cell)
        if leader == cell:
            return True
        if leader in self.results:
            self.cached(cell, key, self.results[leader], leader)
        elif leader in self.failed:
            self._follow_failure(cell, leader)
        else:
            self._followers.setdefault(leader, []).append(cell)
        return False

    def cached(self, cell: int, key: str, result: Result, same_as: int | None = None) -> None:
        """A cell's result was there."""
        now = time.time()
        self.tell(events.CellCached(time=now, cell=cell, key=key, same_as=same_as))
        self._done(cell, key, result)

    def finished(self, cell: int, key: str, result: Result, seconds: float) -> None:
        """A cell's result was computed and published."""
        self.tell(
            events.CellFinished(
                time=time.time(),
                cell=cell,
                key=key,
                seconds=round(seconds, 3),
                scores=result.scores,
                status=result.status,
            )
        )
        self._done(cell, key, result)

    def fail(self, cell: int, error: str, traceback: str = "") -> None:
        """A cell failed: what needs it is skipped, and names it."""
        self.failed.add(cell)
        now = time.time()
        self.tell(events.CellFailed(time=now, cell=cell, error=error, traceback=traceback))
        for skipped in self.schedule.failed(cell):
            self.tell(events.CellSkipped(time=now, cell=skipped, culprit=cell))
        for follower in self._pop(cell):
            self._follow_failure(follower, cell)

    def tell(self, event: events.Event) -> None:
        """Write an event."""
        self.journal.event(event)

    def _done(self, cell: int, key: str, result: Result) -> None:
        self.results[cell] = result
        self.schedule.done(cell)
        for follower in self._pop(cell):
            self.cached(follower, key, result, cell)

    def _follow_failure(self, cell: int, leader: int) -> None:
        self.fail(cell, f"the same work failed as {self.cells[leader].name}")

    def _pop(self, cell: int) -> Iterable[int]:
        return self._followers.pop(cell, ())
