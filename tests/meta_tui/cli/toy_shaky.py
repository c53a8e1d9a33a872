"""Stage types that fail, and wait, until a file is there: for tests of what a live run is asked."""

import time
from dataclasses import dataclass
from pathlib import Path

from engine.library.artifacts import Scores
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.stage import Params, stage


class Shaky(Params):
    length: float = 1.0
    """What it scores."""
    until: str = ""
    """File: it fails, or waits, while this is not there."""


@dataclass(frozen=True, slots=True)
class Rested:
    scores: Scores


class Sleeper:
    """A loop's state without any."""

    stopped = False

    def state_dict(self) -> dict[str, int]:
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing to take."""


@stage
def shaky(run: Run, params: Shaky, *, after: tuple[Scores, ...] = ()) -> Rested:
    """Fail while a file is not there."""
    print(f"looking for {Path(params.until).name}")  # noqa: T201 (goes to the cell's log)
    if params.until and not Path(params.until).exists():
        raise StageError("the net is down")
    return Rested(Scores({"dream/length": params.length + len(after)}))


@stage
def steady(run: Run, params: Shaky) -> Rested:
    """Go on, step by step, while a file is not there."""
    sleeper = Sleeper()
    for step in run.steps("sleep", 4000, sleeper):
        run.report(step, loss=1.0 / step)
        sleeper.stopped = Path(params.until).exists()
        time.sleep(0.0 if sleeper.stopped else 0.02)
    return Rested(Scores({"dream/length": params.length}))
