"""Stage types of a person's own, for tests of the commands."""

import time
from dataclasses import dataclass

from engine.library.artifacts import Scores
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.stage import Params, stage


class Nap(Params):
    seconds: float = 0.0
    """How long it takes."""
    fail: bool = False
    """Whether it fails in the end."""


@dataclass(frozen=True, slots=True)
class Rested:
    scores: Scores


@stage
def nap(run: Run, params: Nap, *, after: tuple[Scores, ...] = ()) -> Rested:
    """Sleep, report and print."""
    until = time.monotonic() + params.seconds
    for step in range(1, 4):
        run.report(step, loss=1.0 / step)
    print("good night")  # noqa: T201 (what a stage prints goes to its log)
    while time.monotonic() < until:
        time.sleep(0.02)
    if params.fail:
        raise StageError("a bad dream; sleep again")
    return Rested(Scores({"dream/length": 0.5 + len(after)}))
