"""What became of each cell of a run: results, failures, and cells that follow another's work."""

import time
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from engine.execution.scheduler import CellState, Reopened, Schedule
from engine.rundir import events
from engine.rundir.answers import CellRetried
from engine.rundir.journal import Journal
from engine.store import Result
from pipelines.pipeline import Cell

_NAMED = 3


@dataclass(slots=True)
class Ledger:
    """Outcomes, each told to the schedule and to the journal in the same breath."""

    cells: tuple[Cell, ...]
    schedule: Schedule
    journal: Journal
    results: dict[int, Result] = field(default_factory=dict)
    """Of the cells that are done."""
    damage: dict[int, str] = field(default_factory=dict)
    """Of cells that are computed because their result was damaged: how it was."""
    replaced: dict[int, Result] = field(default_factory=dict)
    """Damaged results of cells that were done and are not done again yet."""
    attempts: dict[int, int] = field(default_factory=dict)
    """Of cells that were tried again: which attempt is theirs."""
    left_out: frozenset[int] = frozenset()
    """Cells that the run does not cover."""
    _leaders: dict[str, int] = field(default_factory=dict)
    _followers: dict[int, list[int]] = field(default_factory=dict)
    _keys: dict[int, str] = field(default_factory=dict)
    """Cell -> the key for which it last asked to lead."""
    _followed: dict[int, int] = field(default_factory=dict)
    """Cells that failed or were stopped as another's work did -> that other."""
    _gone: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.schedule.leave_out(self.left_out)

    @property
    def failed(self) -> frozenset[int]:
        """Cells that failed."""
        return frozenset(self.schedule.cells_in(CellState.FAILED))

    @property
    def stopped(self) -> frozenset[int]:
        """Cells that were stopped alone, while the run went on."""
        return frozenset(self.schedule.cells_in(CellState.STOPPED))

    def lead(self, cell: int, key: str) -> bool:
        """Whether a cell is the one of this run that sees to a key.

        Any other cell with the key takes the outcome of the first, now or when it is there.
        """
        if self._keys.get(cell, key) != key:
            # It was tried again, and what it needs came out otherwise meanwhile.
            self._give_up_keys({cell})
        self._keys[cell] = key
        leader = self._leaders.setdefault(key, cell)
        if leader == cell:
            return True
        match self.schedule.state(leader):
            case CellState.DONE:
                self.cached(cell, key, self.results[leader], leader)
            case CellState.FAILED | CellState.STOPPED:
                self._follow(cell, leader)
            case _:
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
        """A cell failed, or its result cannot be healed: what needs it is skipped, and names it."""
        was_done = self.results.pop(cell, None) is not None
        skipped = self.schedule.failed(cell)
        if was_done:
            # Some of what is skipped may have been on its way to a worker.
            self._forget(skipped)
        now = time.time()
        self.tell(events.CellFailed(time=now, cell=cell, error=error, traceback=traceback))
        self._ended(cell, skipped)

    def stop(self, cell: int, step: int) -> None:
        """A cell was stopped alone: what needs it is skipped, and names it."""
        skipped = self.schedule.failed(cell, stopped=True)
        self.tell(events.CellInterrupted(time=time.time(), cell=cell, step=step))
        self._ended(cell, skipped)

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

    def try_again(self, cell: int, error: str, traceback: str, because: str) -> None:
        """A cell failed and may start once more at once; what needs it goes on waiting."""
        now = time.time()
        self.schedule.failed(cell)
        self.tell(events.CellFailed(time=now, cell=cell, error=error, traceback=traceback))
        revived = self.schedule.retry([cell])
        attempt = self.attempts[cell] = self.attempts.get(cell, 1) + 1
        self.tell(CellRetried(time=now, cell=cell, request="", attempt=attempt, because=because))
        for skipped, culprit in revived.moved.items():
            self._tell_skipped(skipped, culprit)

    def heal(self, damage: Mapping[int, str], reader: int | None = None) -> None:
        """Results are damaged: their cells are computed again, and what has not begun waits.

        Args:
            damage: cells that may heal (`Schedule.may_heal`) -> what is wrong with their results.
            reader: the running cell that met the damage; the caller puts it back.
        """
        for cell, why in sorted(damage.items()):
            self.replaced[cell] = self.results.pop(cell)
            self.tell_damaged(cell, why, reader)
        reopened = self.schedule.damaged(damage.keys())
        self._withdraw(reopened, [*damage, *reopened.withdrawn])

    def tell_damaged(self, cell: int, why: str, reader: int | None = None) -> None:
        """A cell's result is there and cannot be used."""
        self.damage[cell] = why
        self.tell(events.CellDamaged(time=time.time(), cell=cell, why=why, reader=reader))

    def put_back(self, cell: int, why: str = "") -> None:
        """A cell that was taken or runs did not get to its end, through no fault of its own.

        Args:
            cell: the cell.
            why: what it waits for; only told where it runs.
        """
        if self.schedule.state(cell) is CellState.RUNNING:
            self.tell(events.CellWaiting(time=time.time(), cell=cell, owner=why))
        self._withdraw(self.schedule.put_back(cell), [cell])

    def let_go(self) -> set[int]:
        """Cells that were taken and are no more, since the last call."""
        gone, self._gone = self._gone, set()
        return gone

    def _withdraw(self, reopened: Reopened, cells: Iterable[int]) -> None:
        self._tell_all_skipped(reopened)
        self._forget(cells)

    def _tell_all_skipped(self, reopened: Reopened) -> None:
        for skipped in reopened.skipped:
            culprit = self.schedule.culprit(skipped)
            if culprit is not None:
                self._tell_skipped(skipped, culprit)

    def _forget(self, cells: Iterable[int]) -> None:
        """Some cells see to no key any more: each asks again when it may start, perhaps another."""
        gone = set(cells)
        self._gone |= gone
        for leader, followers in self._followers.items():
            self._followers[leader] = [cell for cell in followers if cell not in gone]
        self._give_up_keys(gone)

    def _give_up_keys(self, leaders: Set[int]) -> None:
        """Cells that waited for the work of some others look for their keys themselves."""
        self._leaders = {key: cell for key, cell in self._leaders.items() if cell not in leaders}
        for follower in [it for leader in sorted(leaders) for it in self._pop(leader)]:
            # No queue has it: it was taken, and waited for its leader.
            self._tell_all_skipped(self.schedule.put_back(follower))

    def tell(self, event: events.Event) -> None:
        """Write an event."""
        self.journal.event(event)

    def _done(self, cell: int, key: str, result: Result) -> None:
        self.results[cell] = result
        self.schedule.done(cell)
        if (before := self.replaced.pop(cell, None)) is not None:
            self._compare(cell, before, result)
        for follower in self._pop(cell):
            self.cached(follower, key, result, cell)

    def _compare(self, cell: int, before: Result, result: Result) -> None:
        """Tell when a healed result is another than the damaged one was."""
        if before.digests == result.digests:
            return
        users = self.schedule.users(cell)
        done = [self.cells[it].name for it in users if self.schedule.state(it) is CellState.DONE]
        text = "it came out with other bytes than the damaged result had"
        if done:
            more = f" and {len(done) - _NAMED} more" if len(done) > _NAMED else ""
            names = ", ".join(done[:_NAMED])
            text += f"; {names}{more} read that one before: `meta run` again brings them up to date"
        self.tell(events.Note(time=time.time(), text=text, cell=cell))

    def _ended(self, cell: int, skipped: Iterable[int]) -> None:
        """What needs a cell that ended without a result does not run; its followers end with it."""
        for other in skipped:
            self._tell_skipped(other, cell)
        for follower in self._pop(cell):
            self._follow(follower, cell)

    def _tell_skipped(self, cell: int, culprit: int) -> None:
        failed = self.schedule.state(culprit) is CellState.FAILED
        because = "failed" if failed else "cancelled"
        now = time.time()
        self.tell(events.CellSkipped(time=now, cell=cell, culprit=culprit, because=because))

    def _follow(self, cell: int, leader: int) -> None:
        self._followed[cell] = leader
        if self.schedule.state(leader) is CellState.FAILED:
            self.fail(cell, f"the same work failed as {self.cells[leader].name}")
        else:
            self.stop(cell, 0)

    def _pop(self, cell: int) -> Iterable[int]:
        return self._followers.pop(cell, ())
