"""Live runs in which cells are tried again and stopped alone, by requests in the run's folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Told
from engine.execution import launch
from engine.rundir import control
from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.events import (
    CellCached,
    CellCheckpointed,
    CellFailed,
    CellFinished,
    CellInterrupted,
    CellSkipped,
    CellStarted,
    Event,
    decode,
)
from pipelines.core.errors import UsageError

PATIENCE = 40.0


def watched(workshop, stages: str, watch: Callable[[Event], None], **options: Any) -> Told:
    """A run in this process, each event of which is shown to `watch` when it is told."""
    seen: list[Event] = []

    def observe(told: Any) -> None:
        if not isinstance(told, tuple):
            seen.append(told)
            watch(told)

    code = launch.run(workshop.request(stages, **options), observe)
    return Told(code, seen)


def first(told: Told, kind: type[Event]) -> Any:
    return next(event for event in told.events if isinstance(event, kind))


BROKEN = """
stages:
  bad: {{uses: fail, with: {{unless: '{folder}/mended', count: '{folder}/tries'}}}}
  twin: {{uses: fail, with: {{unless: '{folder}/mended', count: '{folder}/tries'}}}}
  after: {{uses: scale, from: {{number: bad}}}}
  both: {{uses: add, from: {{numbers: [after, worse]}}}}
  worse: {{uses: fail, with: {{unless: '{folder}/mended_too'}}}}
  long: {{uses: walk, with: {{steps: {steps}, nap: 0.01}}}}
  end: {{uses: scale, from: {{number: long.number}}}}
"""


def broken(workshop, steps: int = 300) -> str:
    """Cells that fail until a file is there, what needs them, and one that goes on meanwhile."""
    return BROKEN.format(folder=workshop.folder, steps=steps)


def test_a_cell_that_failed_is_tried_again_and_then_what_needs_it_runs(workshop):
    asked = []

    def watch(event: Event) -> None:
        if isinstance(event, CellFailed) and event.cell == names.index("twin"):
            (workshop.folder / "mended").touch()
            asked.append(control.ask(workshop.last(), "retry", "bad"))
        elif isinstance(event, CellFinished) and event.cell == names.index("end"):
            # The last thing that runs: this is heard all the same.
            (workshop.folder / "mended_too").touch()
            asked.append(control.ask(workshop.last(), "retry", "worse"))

    names = ["bad", "twin", "after", "worse", "both", "long", "end"]
    told = watched(workshop, broken(workshop, steps=120), watch, jobs=2)
    assert told.names == names
    assert told.code == 0
    assert told.of(RequestRefused) == []
    assert workshop.numbers(told)["both"] == 21.0
    assert (workshop.folder / "tries").read_text() == "xx"
    retried = [event for event in told.events if isinstance(event, CellRetried)]
    assert [(told.names[event.cell], event.attempt) for event in retried] == [
        ("bad", 2), ("twin", 2), ("worse", 2),
    ]  # fmt: skip
    assert [event.request for event in retried] == [asked[0], asked[0], asked[1]]
    assert all(event.by == f"pid {os.getpid()} on {os.uname().nodename}" for event in retried)
    whys = [e.why for e in told.events if isinstance(e, CellStarted) and e.cell == 0]
    assert whys == ["no earlier result", "no earlier result; attempt 2"]
    assert told.of(CellCached) == ["twin"]
    skips = [(told.names[e.cell], told.names[e.culprit]) for e in told.events
             if isinstance(e, CellSkipped)]  # fmt: skip
    assert skips.count(("both", "worse")) == 1
    written = [decode(line) for line in workshop.last().events.read_bytes().splitlines()]
    assert written == told.events
    assert list((workshop.store / "locks").iterdir()) == []
    again = workshop.run()
    assert (again.code, again.of(CellStarted)) == (0, [])


def test_an_attempt_that_fails_too_is_a_failure_with_its_own_words(workshop):
    def watch(event: Event) -> None:
        retries = [seen for seen in events if isinstance(seen, CellRetried)]
        events.append(event)
        if isinstance(event, CellFailed) and not retries:
            for cell in ("bad", "bad", "after", "long", "nobody"):
                control.ask(workshop.last(), "retry", cell)

    events: list[Event] = []
    stages = f"""
stages:
  bad: {{uses: fail, with: {{count: '{workshop.folder}/tries'}}}}
  after: {{uses: scale, from: {{number: bad}}}}
  long: {{uses: walk, with: {{steps: 80, nap: 0.01}}}}
"""
    told = watched(workshop, stages, watch, jobs=2)
    assert told.code == 1
    assert (workshop.folder / "tries").read_text() == "xx"
    assert told.of(CellFailed) == ["bad", "bad"]
    assert told.of(CellSkipped) == ["after", "after"]
    tried = "only what failed or was stopped can be tried"
    assert [event.text for event in told.events if isinstance(event, RequestRefused)] == [
        f"bad is waiting; {tried}", f"after is waiting; {tried}", f"long is running; {tried}",
        "the run has no cell nobody",
    ]  # fmt: skip


def test_a_cell_stopped_alone_keeps_its_checkpoint_and_goes_on_from_there(workshop):
    stages = """
stages:
  long: {uses: walk, with: {steps: 120, nap: 0.01}}
  end: {uses: scale, from: {number: long.number}}
  other: {uses: walk, with: {steps: 120, nap: 0.015}}
"""

    def watch(event: Event) -> None:
        if isinstance(event, CellCheckpointed) and event.cell == 0 and not asked:
            asked.append(control.ask(workshop.last(), "cancel", "long"))
        elif isinstance(event, CellInterrupted):
            asked.append(control.ask(workshop.last(), "retry", "long"))

    asked: list[str] = []
    # Forced: what an earlier run left is not taken, but what this one saved is.
    told = watched(workshop, stages, watch, jobs=2, checkpoint_seconds=0.05, force=("long",))
    assert told.code == 0
    stopped = first(told, CellInterrupted)
    assert (first(told, CellCancelled).request, stopped.cell) == (asked[0], 0)
    skipped = first(told, CellSkipped)
    assert (skipped.cell, skipped.culprit, skipped.because) == (1, 0, "cancelled")
    assert first(told, CellRetried).revived == (1,)
    starts = [(e.step, e.why) for e in told.events if isinstance(e, CellStarted) and e.cell == 0]
    assert starts == [(0, "forced"), (stopped.step, "forced; attempt 2")]
    assert stopped.step > 0
    assert [event.cell for event in told.events if isinstance(event, CellInterrupted)] == [0]
    numbers = workshop.numbers(told)
    # The same walk at another pace, which nobody stopped.
    assert numbers["long"] == numbers["other"]
    assert numbers["end"] == 2.0 * numbers["long"]


def test_a_cell_that_does_not_listen_is_killed_alone_and_a_run_without_it_is_interrupted(workshop):
    stages = """
stages:
  deaf: {uses: give, with: {hold: 60.0}}
  same: {uses: give, with: {hold: 60.0}}
  after: {uses: add, from: {numbers: [deaf, same]}}
  other: {uses: walk, with: {steps: 150, nap: 0.01}}
"""

    def watch(event: Event) -> None:
        if isinstance(event, CellStarted) and event.cell == 0:
            for do, cell in (("cancel", "deaf"), ("kill", "same"), ("kill", "deaf")):
                control.ask(workshop.last(), do, cell)

    told = watched(workshop, stages, watch, jobs=2)
    assert told.code == 130
    assert told.of(CellInterrupted) == ["deaf", "same"]
    assert told.of(CellSkipped) == ["after"]
    assert told.of(CellFinished) == ["other"]
    assert told.of(CellFailed) == []
    waits = "same waits for the same work of deaf; only a running cell can be stopped"
    assert first(told, RequestRefused).text == waits
    assert list((workshop.store / "locks").iterdir()) == []


def test_a_run_that_was_to_stop_at_the_first_failure_tries_nothing_again(workshop):
    def watch(event: Event) -> None:
        if isinstance(event, CellFailed):
            control.ask(workshop.last(), "retry", "bad")

    stages = "stages:\n  bad: {uses: fail}\n  deaf: {uses: give, with: {hold: 1.0}}\n"
    told = watched(workshop, stages, watch, jobs=2, fail_fast=True)
    assert told.code == 1
    assert told.of(CellRetried) == []
    assert first(told, RequestRefused).text.startswith("the run is stopping")


def test_garbage_beside_requests_never_ends_a_run(workshop):
    def watch(event: Event) -> None:
        if isinstance(event, CellStarted):
            place = workshop.last().path / "control"
            place.mkdir()
            (place / "0").mkdir()
            (place / "1.json").write_bytes(b"\xff\x1b[2J" * 100)
            os.mkfifo(place / "2.json")
            for number in range(40):
                (place / f"3{number}.json").write_text('{"version": 1, "do": "retry", "cell": 7}')

    told = watched(workshop, "stages:\n  a: {uses: walk, with: {steps: 100, nap: 0.01}}\n", watch)
    assert told.code == 0
    refused = [event.text for event in told.events if isinstance(event, RequestRefused)]
    assert len(refused) == 43
    assert all(text.isprintable() for text in refused)


def spawn(workshop) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "meta_tui", "run", "pipeline.yaml", "--stages", "toys.py",
         "--json", "--checkpoint", "0.05", "-j", "3"],
        cwd=workshop.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def until(process: subprocess.Popen, wanted: Callable[[Event], bool]) -> None:
    """Read events up to one that is wanted."""
    assert process.stdout is not None
    for line in process.stdout:
        event = decode(line)
        if event is not None and wanted(event):
            return
    raise AssertionError(process.stderr.read())


@pytest.mark.slow
@pytest.mark.parametrize("answered", [False, True])
def test_after_a_kill_of_the_runner_at_a_request_the_same_command_goes_on(workshop, answered):
    workshop.request(broken(workshop))
    process = spawn(workshop)
    until(process, lambda event: isinstance(event, CellFailed))
    until(process, lambda event: isinstance(event, CellCheckpointed))
    folder = workshop.last()
    (workshop.folder / "mended").touch()
    (workshop.folder / "mended_too").touch()
    if not answered:
        # Asked, and not yet read: the runner stands still until it is killed.
        process.send_signal(signal.SIGSTOP)
    name = control.ask(folder, "retry", "bad")
    deadline = time.monotonic() + PATIENCE
    while answered and name not in folder.events.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert (name in folder.events.read_text()) == answered
    told = workshop.run()
    assert told.code == 0
    assert workshop.numbers(told)["both"] == 21.0
    starts = {told.names[e.cell]: e for e in told.events if isinstance(e, CellStarted)}
    assert starts["long"].step > 0
    assert answered or starts["bad"].why == "no earlier result"
    assert told.of(CellRetried) == []
    with pytest.raises(UsageError, match="does not run"):
        control.ask(folder, "retry", "worse")
