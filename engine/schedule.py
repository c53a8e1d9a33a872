"""Which cell may start next: a pure state machine with no threads, no clock, no files.

A cell waits until every cell that it needs is done. Of those that may start, the one with the
longest chain of cells behind it goes first (the critical path, one unit a cell). When a cell
fails, the cells that need it are skipped and name it; all others go on. A cell that failed may be
given another chance, and with it those that were skipped because of it alone.
"""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Revived:
    """What another chance for some cells means for those that were skipped.

    Attributes:
        waiting: cells that wait again, in order.
        moved: cells that stay skipped because of another failed cell: ordinal -> that one.
    """

    waiting: tuple[int, ...] = ()
    moved: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Schedule:
    """The state of all cells of a run.

    Attributes:
        needs: for each cell, the ordinals that it needs; cells are in topological order.
    """

    needs: Sequence[frozenset[int]]
    _left: list[int] = field(init=False)
    _users: list[list[int]] = field(init=False)
    _height: list[int] = field(init=False)
    _ready: list[tuple[int, int]] = field(init=False, default_factory=list)
    _over: set[int] = field(init=False, default_factory=set)
    _failed: set[int] = field(init=False, default_factory=set)
    _culprits: dict[int, int] = field(init=False, default_factory=dict)
    """Skipped cell -> the failed cell that it names."""

    def __post_init__(self) -> None:
        self._left = [len(needs) for needs in self.needs]
        self._users = [[] for _ in self.needs]
        for cell, needs in enumerate(self.needs):
            for need in needs:
                self._users[need].append(cell)
        self._height = [0] * len(self.needs)
        for cell in reversed(range(len(self.needs))):
            self._height[cell] = 1 + max(
                (self._height[user] for user in self._users[cell]), default=0
            )
        for cell, left in enumerate(self._left):
            if left == 0:
                self._push(cell)

    def _push(self, cell: int) -> None:
        heapq.heappush(self._ready, (-self._height[cell], cell))

    @property
    def finished(self) -> bool:
        """Whether every cell is done, failed or skipped."""
        return len(self._over) == len(self.needs)

    @property
    def ready(self) -> bool:
        """Whether a cell may start now."""
        return bool(self._ready)

    def next(self) -> int | None:
        """Take the cell that should start now, or None while there is none."""
        return heapq.heappop(self._ready)[1] if self._ready else None

    def rank(self, cell: int) -> int:
        """Lower goes first."""
        return -self._height[cell]

    def leave_out(self, cells: set[int]) -> None:
        """Take cells out of the run; no cell that stays may need one of them."""
        self._over |= cells
        self._ready = [item for item in self._ready if item[1] not in cells]
        heapq.heapify(self._ready)

    def done(self, cell: int) -> None:
        """A cell's result is there: those that waited only for it may start."""
        self._over.add(cell)
        for user in self._users[cell]:
            self._left[user] -= 1
            if self._left[user] == 0 and user not in self._over:
                self._push(user)

    def failed(self, cell: int) -> list[int]:
        """A cell that was taken ended without a result.

        Returns:
            The cells that are skipped because of it, in order.
        """
        self._over.add(cell)
        self._failed.add(cell)
        skipped = set[int]()
        queue = [cell]
        while queue:
            for user in self._users[queue.pop()]:
                if user not in self._over:
                    self._over.add(user)
                    skipped.add(user)
                    queue.append(user)
        self._culprits |= dict.fromkeys(skipped, cell)
        return sorted(skipped)

    def culprit(self, cell: int) -> int | None:
        """The failed cell because of which a cell is skipped; None of one that is not skipped."""
        return self._culprits.get(cell)

    def retry(self, cells: Collection[int]) -> Revived:
        """Cells that failed may start once more.

        Raises:
            ValueError: one of them did not fail.
        """
        if not self._failed.issuperset(cells):
            raise ValueError("only a cell that failed can be tried again")
        self._failed.difference_update(cells)
        waiting, moved = list[int](), dict[int, int]()
        # Cells are in topological order: of what a cell needs, all is settled before it.
        for skipped in sorted(cell for cell, why in self._culprits.items() if why in cells):
            left = [self._blame(need) for need in self.needs[skipped]]
            culprit = min((cell for cell in left if cell is not None), default=None)
            if culprit is None:
                del self._culprits[skipped]
                waiting.append(skipped)
            else:
                self._culprits[skipped] = moved[skipped] = culprit
        self._over.difference_update(cells, waiting)
        for cell in sorted(cells):
            self._push(cell)
        return Revived(tuple(waiting), moved)

    def _blame(self, cell: int) -> int | None:
        """The failed cell for lack of which nothing that needs this cell can start."""
        return cell if cell in self._failed else self._culprits.get(cell)
