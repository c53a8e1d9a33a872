"""A live run of real workers in which a cell fails, and another goes on, until files are there."""

import time
from pathlib import Path

from engine.execution import launch
from engine.planning.run_request import Request
from engine.rundir.run_folder import RunFolder

STAGES = Path(__file__).parent / "cli" / "toy_shaky.py"
PIPELINE = """\
version: 1
name: night
params: {{length: 1.0}}
stages:
  steady:
    uses: steady
    with: {{length: $params.length, until: '{place}/morning'}}
  shaky:
    uses: shaky
    with: {{length: $params.length, until: '{place}/net'}}
  after:
    uses: shaky
    from: {{after: shaky}}
  other:
    uses: steady
    with: {{length: $params.length, until: '{place}/noon'}}
"""


class Night:
    """A store with a run that went well, and what makes the next one do so."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.store = place / ".meta"
        self.file = place / "night.yaml"
        self.file.write_text(PIPELINE.format(place=place))
        self.net, self.morning, self.noon = place / "net", place / "morning", place / "noon"
        self.started: list[RunFolder] = []

    def start(self, length: float) -> RunFolder:
        """Start a run whose cells are all new."""
        request = Request(
            self.file, self.store, overrides=(f"length={length}",), jobs=3, stage_files=(STAGES,),
            checkpoint_seconds=0.05,
        )  # fmt: skip
        self.started.append(launch.start(request))
        return self.started[-1]

    def end(self) -> None:
        """Let nothing live on."""
        for run in self.started:
            if run.alive():
                run.request_stop(kill=True)
            over(run)


def over(run: RunFolder, seconds: float = 40.0) -> None:
    """Wait for the end of a run."""
    until = time.monotonic() + seconds
    while run.alive():
        assert time.monotonic() < until, run.events.read_text()
        time.sleep(0.02)
