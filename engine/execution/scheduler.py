"""Which cell may start next: a pure state machine with no threads, no clock, no files.

Every cell is in one `CellState`, and `TRANSITIONS` lists all changes of state that exist. A cell
waits until every cell that it needs is done. Of those that may start, the one with the longest
chain of cells behind it goes first (the critical path, one unit a cell). When a cell fails, the
cells that need it are skipped and name it; all others go on. A failed cell may be tried again, and
with it those that were skipped because of it alone. A result that turns out to be damaged takes
its cell back from done to waiting, once in a run, not counting what a known reader did; cells that
need it and have not finished wait for it again, those that finished stay as they are.
"""

import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class CellState(Enum):
    """Where a cell of a run stands."""

    WAITING = "waiting"
    """Something that it needs is not done."""
    READY = "ready"
    """It may start."""
    TAKEN = "taken"
    """The dispatcher has it: it waits for a slot, a lease, or a cell with the same key."""
    RUNNING = "running"
    """A worker has it."""
    DONE = "done"
    """Its result is there: found in the store, or computed."""
    FAILED = "failed"
    STOPPED = "stopped"
    """It was stopped alone, while the run went on."""
    SKIPPED = "skipped"
    """A cell that it needs failed or was stopped."""
    LEFT_OUT = "left out"
    """The run does not cover it."""

    # Enum's own hash is written in Python, and states are counted at every change.
    __hash__ = object.__hash__

    @property
    def final(self) -> bool:
        """Whether nothing more happens to such a cell by itself."""
        return self in FINAL_STATES


_S = CellState
FINAL_STATES = frozenset({_S.DONE, _S.FAILED, _S.STOPPED, _S.SKIPPED, _S.LEFT_OUT})

TRANSITIONS: Mapping[CellState, frozenset[CellState]] = {
    _S.WAITING: frozenset({_S.READY, _S.SKIPPED, _S.LEFT_OUT}),
    # Back to waiting: the result of a cell that it needs turned out to be damaged.
    _S.READY: frozenset({_S.TAKEN, _S.WAITING, _S.SKIPPED, _S.LEFT_OUT}),
    _S.TAKEN: frozenset(
        {_S.RUNNING, _S.DONE, _S.FAILED, _S.STOPPED, _S.WAITING, _S.READY, _S.SKIPPED}
    ),
    # Back to waiting: it could not read what it needs.
    _S.RUNNING: frozenset(
        {_S.DONE, _S.FAILED, _S.STOPPED, _S.WAITING, _S.READY, _S.SKIPPED}
    ),
    # Its result is damaged: the first time it is computed again, if what it needs is there.
    _S.DONE: frozenset({_S.WAITING, _S.READY, _S.FAILED, _S.SKIPPED}),
    # Somebody asked that it is tried again.
    _S.FAILED: frozenset({_S.READY, _S.WAITING, _S.SKIPPED}),
    _S.STOPPED: frozenset({_S.READY, _S.WAITING, _S.SKIPPED}),
    _S.SKIPPED: frozenset({_S.WAITING}),
    _S.LEFT_OUT: frozenset(),
}  # fmt: skip
"""State -> the states that may follow it."""

_ENDED = frozenset({_S.FAILED, _S.STOPPED})
_NOT_BEGUN = frozenset({_S.WAITING, _S.READY, _S.TAKEN})


@dataclass(frozen=True, slots=True)
class Revived:
    """What another chance for some cells means for those that were skipped.

    Attributes:
        waiting: cells that wait again, in order.
        moved: cells that stay skipped because of another failed cell: ordinal -> that one.
    """

    waiting: tuple[int, ...] = ()
    moved: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reopened:
    """What became of other cells when some went back.

    Attributes:
        withdrawn: cells that the dispatcher had taken and has no more, in order.
        skipped: cells that are skipped, because something that they need failed before.
    """

    withdrawn: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()


@dataclass(slots=True)
class Schedule:
    """The state of all cells of a run.

    Attributes:
        needs: for each cell, the ordinals that it needs; cells are in topological order.
    """

    needs: Sequence[frozenset[int]]
    _states: list[CellState] = field(init=False)
    _counts: Counter[CellState] = field(init=False)
    _left: list[int] = field(init=False)
    """For each cell, how many of the cells that it needs are not done."""
    _users: list[list[int]] = field(init=False)
    _height: list[int] = field(init=False)
    _ready: list[tuple[int, int]] = field(init=False, default_factory=list)
    """A heap; entries of cells that are no longer ready are dropped when they come up."""
    _culprits: dict[int, int] = field(init=False, default_factory=dict)
    """Skipped cell -> the failed cell that it names."""
    _healed: set[int] = field(init=False, default_factory=set)
    """Cells that went back from done to waiting, and were not excused."""

    def __post_init__(self) -> None:
        size = len(self.needs)
        self._states = [CellState.WAITING] * size
        self._counts = Counter({CellState.WAITING: size})
        self._left = [len(needs) for needs in self.needs]
        self._users = [[] for _ in self.needs]
        for cell, needs in enumerate(self.needs):
            for need in needs:
                self._users[need].append(cell)
        self._height = [0] * size
        for cell in reversed(range(size)):
            self._height[cell] = 1 + max(
                (self._height[user] for user in self._users[cell]), default=0
            )
        for cell, left in enumerate(self._left):
            if left == 0:
                self._move(cell, CellState.READY)

    def _move(self, cell: int, to: CellState) -> None:
        """The only place that changes a state.

        Raises:
            ValueError: the table does not allow it.
        """
        old = self._states[cell]
        if to not in TRANSITIONS[old]:
            raise ValueError(f"cell {cell} cannot go from {old.value} to {to.value}")
        self._counts[old] -= 1
        self._counts[to] += 1
        self._states[cell] = to
        if to is CellState.READY:
            heapq.heappush(self._ready, (-self._height[cell], cell))

    def state(self, cell: int) -> CellState:
        """Where a cell stands."""
        return self._states[cell]

    def cells_in(self, *states: CellState) -> list[int]:
        """Cells in any of some states, in order."""
        return [cell for cell, state in enumerate(self._states) if state in states]

    def count(self, state: CellState) -> int:
        """How many cells are in a state."""
        return self._counts[state]

    @property
    def finished(self) -> bool:
        """Whether every cell is in a final state."""
        return sum(self._counts[state] for state in FINAL_STATES) == len(self.needs)

    @property
    def ready(self) -> bool:
        """Whether a cell may start now."""
        return self._counts[CellState.READY] > 0

    def next(self) -> int | None:
        """Take the cell that should start now, or None while there is none."""
        while self._ready:
            cell = heapq.heappop(self._ready)[1]
            if self._states[cell] is CellState.READY:
                self._move(cell, CellState.TAKEN)
                return cell
        return None

    def rank(self, cell: int) -> int:
        """Lower goes first."""
        return -self._height[cell]

    def users(self, cell: int) -> Sequence[int]:
        """Cells that need a cell, in order."""
        return self._users[cell]

    def leave_out(self, cells: Collection[int]) -> None:
        """Take cells out of the run; no cell that stays may need one of them."""
        for cell in cells:
            self._move(cell, CellState.LEFT_OUT)

    def running(self, cell: int) -> None:
        """A worker has a cell that was taken."""
        self._move(cell, CellState.RUNNING)

    def done(self, cell: int) -> None:
        """A cell's result is there: those that waited only for it may start."""
        self._move(cell, CellState.DONE)
        for user in self._users[cell]:
            self._left[user] -= 1
            if self._left[user] == 0 and self._states[user] is CellState.WAITING:
                self._move(user, CellState.READY)

    def failed(self, cell: int, *, stopped: bool = False) -> list[int]:
        """A cell ended without a result, or its result cannot be healed.

        Args:
            cell: one that was taken, runs or is done.
            stopped: it was stopped alone.

        Returns:
            The cells that are skipped because of it, in order.
        """
        was_done = self._states[cell] is CellState.DONE
        self._move(cell, CellState.STOPPED if stopped else CellState.FAILED)
        if was_done:
            self._lose(cell)
        return self._skip_users(cell, cell)

    def culprit(self, cell: int) -> int | None:
        """The failed cell because of which a cell is skipped; None of one that is not skipped."""
        return self._culprits.get(cell)

    def may_heal(self, cell: int) -> bool:
        """Whether a cell is done and may go back to waiting: once, or when it is excused."""
        return self._states[cell] is CellState.DONE and cell not in self._healed

    def excuse_damage(self, cell: int) -> None:
        """A known reader damaged the result of a cell, which may heal again therefore."""
        self._healed.discard(cell)

    def damaged(self, cells: Collection[int]) -> Reopened:
        """The results of some cells that are done are damaged: they wait or may start again.

        Raises:
            ValueError: one of them may not heal.
        """
        if not all(self.may_heal(cell) for cell in cells):
            raise ValueError("only a cell that is done may heal, once")
        taken = self.cells_in(CellState.TAKEN)
        self._healed.update(cells)
        skipped = list[int]()
        for cell in sorted(cells):
            # Of two that are damaged the first is not done any more when the second is looked at.
            skipped += self._reopen(cell)
            self._lose(cell)
        withdrawn = [cell for cell in taken if self._states[cell] is not CellState.TAKEN]
        return Reopened(tuple(withdrawn), tuple(sorted(skipped)))

    def put_back(self, cell: int) -> Reopened:
        """A cell that was taken or runs did not get to its end, through no fault of its own.

        It waits for what it needs, may start again, or is skipped where that has failed.
        """
        return Reopened((), tuple(sorted(self._reopen(cell))))

    def retry(self, cells: Collection[int]) -> Revived:
        """Cells that failed or were stopped may start once more.

        Raises:
            ValueError: one of them did not fail.
        """
        if not all(self._states[cell] in _ENDED for cell in cells):
            raise ValueError("only a cell that failed can be tried again")
        waiting, moved = list[int](), dict[int, int]()
        for cell in sorted(cells):
            moved |= {other: self._culprits[other] for other in self._reopen(cell)}
        # Cells are in topological order: of what a cell needs, all is settled before it.
        for skipped in sorted(cell for cell, why in self._culprits.items() if why in cells):
            culprit = self._culprit_of(skipped)
            if culprit is None:
                del self._culprits[skipped]
                self._move(skipped, CellState.WAITING)
                waiting.append(skipped)
            else:
                self._culprits[skipped] = moved[skipped] = culprit
        return Revived(tuple(waiting), moved)

    def _reopen(self, cell: int) -> list[int]:
        """Let a cell wait or start again; returns the cells that are skipped instead, if any."""
        culprit = self._culprit_of(cell)
        if culprit is None:
            self._move(cell, CellState.WAITING if self._left[cell] else CellState.READY)
            return []
        self._move(cell, CellState.SKIPPED)
        self._culprits[cell] = culprit
        return [cell, *self._skip_users(cell, culprit)]

    def _lose(self, cell: int) -> None:
        """A cell is done no more: those that need it and have not begun wait for it."""
        for user in self._users[cell]:
            self._left[user] += 1
            if self._states[user] in {CellState.READY, CellState.TAKEN}:
                self._move(user, CellState.WAITING)

    def _skip_users(self, cell: int, culprit: int) -> list[int]:
        """Skip all that needs a cell and has not begun; returns them in order."""
        skipped = set[int]()
        queue = [cell]
        while queue:
            for user in self._users[queue.pop()]:
                if self._states[user] in _NOT_BEGUN:
                    self._move(user, CellState.SKIPPED)
                    skipped.add(user)
                    queue.append(user)
        self._culprits |= dict.fromkeys(skipped, culprit)
        return sorted(skipped)

    def _culprit_of(self, cell: int) -> int | None:
        """The failed cell for lack of which a cell cannot start; the first of several."""
        blamed = [
            need if self._states[need] in _ENDED else self._culprits.get(need)
            for need in self.needs[cell]
        ]
        return min((need for need in blamed if need is not None), default=None)
