"""What the cells of earlier runs took: it tells how long a run takes before it shows a pace."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.rundir import run_folder
from engine.rundir.events import CellFinished, RunStarted, decode
from engine.rundir.journal import whole
from engine.rundir.previous_runs import LOOK_BACK
from engine.rundir.run_folder import RunFolder
from pipelines.core.errors import EnvironmentFault

_FINISHED = f'"{CellFinished.kind}"'.encode()


@dataclass(slots=True)
class Past:
    """Reads the runs before one, newest first, a run a step, so that no screen waits for them."""

    run: RunFolder
    seconds: dict[str, float] = field(default_factory=dict, init=False)
    """Name of a cell -> what its newest computed result took, of runs of the same pipeline."""
    _left: Iterator[RunFolder] | None = field(default=None, init=False)
    _over: bool = field(default=False, init=False)

    def read_all(self, pipeline: str) -> None:
        """Read all that is worth reading, where nobody waits for a screen."""
        while not self._over and pipeline:
            self.read(pipeline)

    def read(self, pipeline: str) -> bool:
        """Read one more run; whether it told anything new. `pipeline` is the name of ours."""
        if self._over or not pipeline:
            return False
        if self._left is None:
            # A run's folder is named by its time.
            self._left = iter(self._before()[: -LOOK_BACK - 1 : -1])
        run = next(self._left, None)
        if run is None:
            self._over = True
            return False
        known = len(self.seconds)
        for cell, seconds in _took(run, pipeline).items():
            self.seconds.setdefault(cell, seconds)
        return len(self.seconds) > known

    def _before(self) -> list[RunFolder]:
        """The runs before ours; none where who asks may not list them, as the screen tells."""
        try:
            every = run_folder.every(self.run.disk.root)
        except EnvironmentFault:
            return []
        return [it for it in every if it.path.name < self.run.path.name]


def _took(run: RunFolder, pipeline: str) -> dict[str, float]:
    """Seconds of the cells that a run finished; nothing of a run of another pipeline."""
    found: dict[str, float] = {}
    try:
        lines = whole(run.events)
        began = decode(next(lines, b""))
        if not isinstance(began, RunStarted) or began.name != pipeline:
            return found
        for line in lines:
            event = decode(line) if _FINISHED in line else None
            if isinstance(event, CellFinished) and 0 <= event.cell < len(began.cells):
                found[began.cells[event.cell].name] = float(event.seconds)
    except (ValueError, TypeError, KeyError, AttributeError, OSError):
        # A damaged journal tells what stands before the damage; `meta runs` names it.
        return found
    return found
