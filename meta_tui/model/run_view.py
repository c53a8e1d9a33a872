"""Immutable view of a run and its cells. Every string in it is safe to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from meta_tui.model.curves import Curves


class State(Enum):
    """State of a cell as events report it; the value is the word that is shown.

    Coarser than the scheduler's `CellState`: waiting, ready and taken are all WAITING. Finer in
    one place: a done cell is DONE or CACHED. Cells that are left out have no events.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"

    # The hash of Enum is written in Python and slow; states are counted by the thousand.
    __hash__ = object.__hash__

    @property
    def over(self) -> bool:
        """Whether a cell in this state is finished for this run."""
        return self is not State.WAITING and self is not State.RUNNING

    @property
    def done(self) -> bool:
        """Whether a cell in this state has a result."""
        return self is State.DONE or self is State.CACHED


@dataclass(frozen=True, slots=True)
class CellView:
    """View of one cell."""

    ordinal: int
    name: str
    stage: str
    type: str
    axes: Mapping[str, str]
    needs: tuple[int, ...]
    state: State = State.WAITING
    why: str = ""
    """Reason for its state: why it runs, what it waits for, or why it did not run."""
    key: str = ""
    loop: str = ""
    step: int = 0
    total: int = 0
    attempt: int = 1
    stopping: bool = False
    """Whether a request to stop this cell is pending."""
    resumed: int = 0
    """Step from which it resumed in this run; 0 if it started from scratch."""
    checkpoint: int = 0
    started: float | None = None
    seconds: float = 0.0
    """Duration; 0 until it has finished."""
    scores: Mapping[str, float] = field(default_factory=dict)
    diverged: bool = False
    same_as: int | None = None
    error: str = ""
    traceback: tuple[str, ...] = ()
    curves: Curves = field(default_factory=dict, compare=False)

    @property
    def fraction(self) -> float | None:
        """Progress of the current loop, 0 to 1; None if unknown."""
        return min(1.0, self.step / self.total) if self.total else None

    def spent(self, now: float) -> float:
        """Return the seconds since it started."""
        return 0.0 if self.started is None else max(0.0, now - self.started)


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note on a cell, or on the whole run."""

    time: float
    text: str
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """View of a run."""

    run: str = ""
    name: str = ""
    device: str = ""
    host: str = ""
    continues: str = ""
    pid: int = 0
    """Process id of the runner on `host`."""
    gpu: str = ""
    """Index of its GPU; empty if it runs on the CPU."""
    started: float | None = None
    latest: float = 0.0
    """Time of the newest event."""
    cells: tuple[CellView, ...] = ()
    notes: tuple[NoteView, ...] = ()
    ended: int = 0
    """Number of finished cells, failed and skipped ones included."""
    running: int = 0
    """Number of running cells."""
    busiest: int = 1
    """Largest number of cells that ran at once so far."""
    code: int | None = None
    """Exit code; None while the run is not over."""
    seconds: float = 0.0
    reason: str = ""

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.code is not None

    def elapsed(self, now: float) -> float:
        """Return the seconds since the start, or the duration of a finished run."""
        if self.over or self.started is None:
            return self.seconds
        return max(0.0, now - self.started)

    def count(self, *states: State) -> int:
        """Return the number of cells in any of the states."""
        return sum(cell.state in states for cell in self.cells)
