"""What a screen shows of a run, as plain immutable data. Every string in it is safe to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from meta_tui.model.curves import Curves


class State(Enum):
    """Where a cell stands, for who looks; the value is the word that is shown.

    A reader knows what events tell. Of the scheduler's `CellState`, waiting, ready and taken are
    one to it; done are two, by whether the result was there; what is left out is never told of.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"

    # That of Enum is written in Python, and states are counted by the thousand.
    __hash__ = object.__hash__

    @property
    def over(self) -> bool:
        """Nothing more will happen to such a cell in this run."""
        return self is not State.WAITING and self is not State.RUNNING

    @property
    def done(self) -> bool:
        """Such a cell has its result: neither a failed nor a stopped one has."""
        return self is State.DONE or self is State.CACHED


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell, as far as the events told."""

    ordinal: int
    name: str
    stage: str
    type: str
    axes: Mapping[str, str]
    needs: tuple[int, ...]
    state: State = State.WAITING
    why: str = ""
    """Why it runs, whom it waits for, or why it did not run."""
    key: str = ""
    loop: str = ""
    step: int = 0
    total: int = 0
    attempt: int = 1
    stopping: bool = False
    """It was asked to stop alone, and has not yet."""
    resumed: int = 0
    """Step from which it went on in this run; 0 from the start."""
    checkpoint: int = 0
    started: float | None = None
    seconds: float = 0.0
    """What it took; 0 until it is over."""
    scores: Mapping[str, float] = field(default_factory=dict)
    diverged: bool = False
    same_as: int | None = None
    error: str = ""
    traceback: tuple[str, ...] = ()
    curves: Curves = field(default_factory=dict, compare=False)

    @property
    def fraction(self) -> float | None:
        """How far its present loop is, 0 to 1; None where that is not known."""
        return min(1.0, self.step / self.total) if self.total else None

    def spent(self, now: float) -> float:
        """Seconds since it started."""
        return 0.0 if self.started is None else max(0.0, now - self.started)


@dataclass(frozen=True, slots=True)
class NoteView:
    """A remark on a cell, or on the whole run."""

    time: float
    text: str
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, as far as its events told."""

    run: str = ""
    name: str = ""
    device: str = ""
    host: str = ""
    continues: str = ""
    pid: int = 0
    """Process of the runner, on `host`."""
    gpu: str = ""
    """Number of its GPU there; empty where it computes on the CPU."""
    started: float | None = None
    latest: float = 0.0
    """Time of the newest event."""
    cells: tuple[CellView, ...] = ()
    notes: tuple[NoteView, ...] = ()
    ended: int = 0
    """Cells that are over."""
    running: int = 0
    """Cells that run now."""
    busiest: int = 1
    """The most cells that ran at once so far."""
    code: int | None = None
    """Exit code, once the run is over."""
    seconds: float = 0.0
    reason: str = ""

    @property
    def over(self) -> bool:
        """The run has ended."""
        return self.code is not None

    def elapsed(self, now: float) -> float:
        """Seconds since the start, or those that the whole run took."""
        if self.over or self.started is None:
            return self.seconds
        return max(0.0, now - self.started)

    def count(self, *states: State) -> int:
        """Cells in any of the states."""
        return sum(cell.state in states for cell in self.cells)
