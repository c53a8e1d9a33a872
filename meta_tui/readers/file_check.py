"""The faults of a pipeline file, asked for anew when it is saved. Every string is safe to show."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.planning.load import load
from engine.planning.run_request import Request
from engine.stage_api.catalogue import forget
from pipelines.core.errors import MetaError, PipelineError, Problem
from pipelines.core.text import safe_text

_LOOK_SECONDS = 1.0
_Stamp = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a file told."""

    problems: tuple[Problem, ...] = ()
    """Faults, or of a file without faults its warnings."""
    stages: int = 0
    cells: int = 0

    @property
    def faults(self) -> int:
        """How many of the problems let no run begin."""
        return sum(problem.severity == "error" for problem in self.problems)


@dataclass(slots=True)
class Watched:
    """Looks once a second whether the file, or one of its `--stages`, was saved: time and size."""

    request: Request
    now: Callable[[], float]
    _asked: float = field(default=float("-inf"), init=False)
    _stamp: _Stamp | str = field(default="never looked", init=False)

    def saved(self) -> bool:
        """Whether a file is another than when this was last asked; true the first time."""
        now = self.now()
        if now - self._asked < _LOOK_SECONDS:
            return False
        self._asked = now
        before, self._stamp = self._stamp, tuple(map(_look, _files(self.request)))
        return before != self._stamp


def _files(request: Request) -> tuple[Path, ...]:
    return request.file, *request.stage_files


def _look(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # The check tells why.
    return found.st_mtime_ns, found.st_size


def check(request: Request) -> Checked:
    """All that can be said of the file. Takes up to some seconds: stage types are imported."""
    forget(request.stage_files)
    try:
        pipeline = load(request)
    except PipelineError as error:
        return Checked(error.problems)
    except MetaError as error:
        return Checked((Problem(safe_text(str(error))),))
    stages = len({cell.stage for cell in pipeline.cells})
    return Checked(pipeline.warnings, stages, len(pipeline.cells))
