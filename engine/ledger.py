"""What became of each cell of a run: results, failures, and cells that follow another's work."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine import events
from engine.answers import CellRetried
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
    stopped: set[int] = field(default_factory=set)
    """Cells that were stopped alone, while the run went on."""
    attempts: dict[int, int] = field(default_factory=dict)
    """Of cells that were tried again: which attempt is theirs."""
    left_out: frozenset[int] = frozenset()
    """Cells that the run does not cover."""
    _leaders: dict[str, int] = field(default_factory=dict)
    _followers: dict[int, list[int]] = field(default_factory=dict)
    _followed: dict[int, int] = field(default_factory=dict)
    """Cells that failed or were stopped as another's work did -> that other."""

    def __post_init__(self) -> None:
        self.schedule.leave_out(set(self.left_out))

    def lead(self, cell: int, key: str) -> bool:
        """Whether a cell is the one of this run that sees to a key.

        Any other cell with the key takes the outcome of the first, now or when it is there.
        """
        leader = self._leaders.setdefault(key, cell)
        if leader == cell:
            return True
        if leader in self.results:
            self.cached(cell, key, self.results[leader], leader)
        elif leader in self.failed or leader in self.stopped:
            self._follow(cell, leader)
        else:
            self._followers.setdefault(leader, []).append(cell)
        return False

    def leader(self, cell: int) -> int | None:
        """The cell on whose work this one waits; None of one that waits on no other's."""
        return next((lead for lead, cells in self._followers.items() if cell in cells), None)

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
        self._skip(cell)

    def stop(self, cell: int, step: int) -> None:
        """A cell was stopped alone: what needs it is skipped, and names it."""
        self.stopped.add(cell)
        self.tell(events.CellInterrupted(time=time.time(), cell=cell, step=step))
        self._skip(cell)

    def retry(self, cell: int, request: str, by: str) -> None:
        """A cell that failed or was stopped may start once more.

        With it go the cells of the same work, which ended as it did, and those that were skipped.
        """
        leader = self._followed.get(cell, cell)
        same = [other for other, lead in self._followed.items() if lead == leader]
        group = dict.fromkeys([cell, leader, *same])
        revived = self.schedule.retry(group)
        now, waiting = time.time(), revived.waiting
        for member in group:
            self.failed.discard(member)
            self.stopped.discard(member)
            self._followed.pop(member, None)
            attempt = self.attempts[member] = self.attempts.get(member, 1) + 1
            self.tell(
                CellRetried(
                    time=now, cell=member, request=request, attempt=attempt, by=by, revived=waiting
                )
            )
            waiting = ()
        for skipped, culprit in revived.moved.items():
            self._tell_skipped(skipped, culprit)

    def tell(self, event: events.Event) -> None:
        """Write an event."""
        self.journal.event(event)

    def _done(self, cell: int, key: str, result: Result) -> None:
        self.results[cell] = result
        self.schedule.done(cell)
        for follower in self._pop(cell):
            self.cached(follower, key, result, cell)

    def _skip(self, cell: int) -> None:
        """What needs a cell that ended without a result does not run; its followers end with it."""
        for skipped in self.schedule.failed(cell):
            self._tell_skipped(skipped, cell)
        for follower in self._pop(cell):
            self._follow(follower, cell)

    def _tell_skipped(self, cell: int, culprit: int) -> None:
        because = "failed" if culprit in self.failed else "cancelled"
        now = time.time()
        self.tell(events.CellSkipped(time=now, cell=cell, culprit=culprit, because=because))

    def _follow(self, cell: int, leader: int) -> None:
        self._followed[cell] = leader
        if leader in self.failed:
            self.fail(cell, f"the same work failed as {self.cells[leader].name}")
        else:
            self.stop(cell, 0)

    def _pop(self, cell: int) -> Iterable[int]:
        return self._followers.pop(cell, ())
