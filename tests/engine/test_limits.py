"""Cells that take too long, do not go on or fail are ended and tried again as their file says."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import Told, Workshop
from engine.execution import limits
from engine.execution.limits import Limits
from engine.execution.retries import Retries
from engine.planning.load import load
from engine.rundir.answers import CellRetried
from engine.rundir.events import CellCheckpointed, CellFailed, CellSkipped, CellStarted, Event
from engine.workers import Message, processes
from pipelines.pipeline import Cell, Retry


class Ends:
    """Takes what is to be ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, str]] = []

    def end(self, cell: int, why: str) -> None:
        self.ended.append((cell, why))


def cell(workshop: Workshop, **options: Any) -> Cell:
    return replace(load(workshop.request("stages:\n  a: {uses: give}\n")).cells[0], **options)


def test_a_cell_is_ended_at_its_limits_and_progress_puts_the_stall_off(workshop, tmp_path):
    now, ends, log = [100.0], Ends(), tmp_path / "0.log"
    watch = Limits(ends, clock=lambda: now[0])  # type: ignore[arg-type]

    def at(time: float, message: str = "") -> list[tuple[int, str]]:
        now[0] = 100.0 + time
        if message:
            watch.hear(Message(0, message, {}), timed, log)  # type: ignore[arg-type]
        watch.look()
        return ends.ended

    timed = cell(workshop, timeout=30.0, stall=10.0)
    assert at(0, "metrics") == []
    assert at(500) == []  # It has not begun: it waits for imports.
    assert at(500, "begun") == []
    assert at(509.9, "metrics") == []
    assert at(519.8, "checkpointed") == []
    log.write_text("x")
    assert at(525) == []
    assert at(529.9) == []
    assert at(530) == [(0, "not done after 30 s (timeout: 30)")]
    assert at(900) == ends.ended[:1]
    timed = cell(workshop, stall=10.0)
    assert at(1000, "begun") == ends.ended[:1]
    assert at(1009.9) == ends.ended[:1]
    assert at(1010) == [*ends.ended[:1], (0, "no progress for 10 s (stall: 10)")]
    at(2000, "begun")
    watch.forget(0)
    assert len(at(9000)) == 2


def test_without_limits_nothing_is_ended_and_the_log_stays_within_its_bound(
    workshop, tmp_path, monkeypatch
):
    monkeypatch.setattr(limits, "MOST_LOG_BYTES", 1 << 20)
    ends, log = Ends(), tmp_path / "0.log"
    watch = Limits(ends)  # type: ignore[arg-type]
    watch.hear(Message(0, "begun", {}), cell(workshop), log)
    with log.open("ab", buffering=0) as stage:
        for _ in range(9):
            stage.write(b"y" * (1 << 18))
            watch.look()
        assert log.stat().st_size < 1 << 20
        stage.write(b"the end\n")
    text = log.read_text()
    assert text.count("[cut here: this log had more than 1 MiB]") == 1
    assert text.endswith("the end\n")
    assert ends.ended == []


def test_attempts_are_counted_by_class(workshop):
    retries, tried = Retries(), cell(workshop, retry=Retry(lost=2, memory=1))
    grant = [retries.grant(tried, {"fault": fault}) for fault in ("lost", "memory", "lost")]
    assert grant == ["retry 1 of 2 after its process was lost", "retry 1 of 1 after out of memory",
                     "retry 2 of 2 after its process was lost"]  # fmt: skip
    assert [retries.grant(tried, {"fault": fault}) for fault in Retry.__slots__] == ["", "", ""]
    assert retries.grant(replace(tried, ordinal=1), {"fault": "lost"}).startswith("retry 1 of 2")
    always = replace(tried, ordinal=2, retry=Retry(9, 9, 9))
    assert retries.grant(always, {"fault": "error", "code": 3}) == ""


def test_limits_and_retries_are_in_no_key(shop):
    stage = "stages:\n  a: {{uses: give{}}}\n"
    first = shop.run(stage.format(""))
    for more in (", timeout: 30", ", timeout: 1h, stall: 5m", ", retry: 3", ", retry: {lost: 2}"):
        told = shop.run(stage.format(more))
        assert told.keys() == first.keys()
        assert told.of(CellStarted) == []


def test_a_cell_past_its_timeout_fails_with_its_stacks_and_the_run_goes_on(workshop):
    told = workshop.run("""
stages:
  slow: {uses: give, with: {hold: 600}, timeout: 0.5}
  after: {uses: scale, from: {number: slow}}
  other: {uses: give, with: {value: 2.0}, timeout: 1d, stall: 1h}
""")
    assert told.code == 1
    assert told.failures() == {"slow": "not done after 0.5 s (timeout: 0.5)"}
    assert told.of(CellSkipped) == ["after"]
    log = workshop.last().log(0).read_text()
    assert "not done after 0.5 s (timeout: 0.5); the stacks of its threads:\n" in log
    assert "in give\n" in log


ONCE = """
import pathlib
count = pathlib.Path({count!r})
with count.open('a') as file: file.write('x')
if len(count.read_text()) < 3: {fault}
result = 5.0
"""


def once(workshop: Workshop, fault: str) -> str:
    """A stage that fails twice."""
    workshop.stage_files = (workshop.folder / "toys.py", workshop.folder / "act.py")
    code = ONCE.format(count=str(workshop.folder / "tries"), fault=fault)
    return json.dumps({"code": code})


@pytest.mark.parametrize(
    ("fault", "retry", "words"),
    [
        ("os.kill(os.getppid(), 9)", "{lost: 2}", "its process was lost"),
        ("raise MemoryError", "{memory: 2}", "out of memory"),
        ("raise ValueError", "2", "an error"),
    ],
)
def test_a_cell_that_fails_is_tried_again(workshop, fault, retry, words):
    told = workshop.run(f"""
stages:
  a: {{uses: act, with: {once(workshop, fault)}, retry: {retry}}}
  b: {{uses: act, with: {{code: "result = 2.0"}}}}
""")
    assert told.code == 0
    assert workshop.numbers(told)["a"] == 5.0
    assert (workshop.folder / "tries").read_text() == "xxx"
    assert told.of(CellFailed) == ["a", "a"]
    retried = [event for event in told.events if isinstance(event, CellRetried)]
    assert [event.because for event in retried] == [f"retry {n} of 2 after {words}" for n in (1, 2)]
    starts = [e.why for e in told.events if isinstance(e, CellStarted) and e.cell == 0]
    assert [why.partition("; ")[2] for why in starts] == ["", "attempt 2", "attempt 3"]
    assert told.of(CellSkipped) == []


def test_what_the_file_does_not_allow_is_not_tried_again(workshop):
    told = workshop.run(f"""
stages:
  a: {{uses: act, with: {once(workshop, "raise ValueError(7)")}, retry: {{lost: 5, error: 1}}}}
  b: {{uses: act, with: {{code: "os._exit(4)"}}, retry: {{error: 5, memory: 5}}}}
""")
    assert told.code == 1
    assert told.failures() == {"a": "ValueError: 7", "b": "its worker ended: exit code 4"}
    assert (workshop.folder / "tries").read_text() == "xx"


def test_a_cell_that_ran_out_of_memory_is_tried_again_alone(workshop):
    spans: dict[str, list[float]] = {}

    told = workshop.run(f"""
stages:
  big: {{uses: act, with: {once(workshop, "raise MemoryError")}, retry: {{memory: 2}}}}
  b: {{uses: give, with: {{hold: 0.2, value: 2.0}}}}
  c: {{uses: give, with: {{hold: 0.2, value: 3.0}}}}
  d: {{uses: give, with: {{hold: 0.2, value: 4.0}}}}
""", jobs=2)  # fmt: skip
    assert told.code == 0
    running: set[int] = set()
    for event in told.events:
        if isinstance(event, CellStarted):
            if event.cell == 0 and "attempt" in event.why:
                assert running == set()
                spans["alone"] = [event.time]
            elif spans.get("alone"):
                assert 0 not in running
            running.add(event.cell)
        elif getattr(event, "cell", None) in running and event.kind in KINDS_OF_ENDS:
            running.discard(event.cell)
    assert spans["alone"]


KINDS_OF_ENDS = {"cell_finished", "cell_failed"}


def test_a_lost_cell_goes_on_from_its_checkpoint_to_the_same_bits(workshop):
    killed: list[int] = []

    def watch(event: Event) -> None:
        if isinstance(event, CellCheckpointed) and event.cell == 0 and not killed:
            below = {pid for pid, _ in processes.below(os.getpid())}
            parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().split()[3]) for pid in below}
            killed.extend(pid for pid, parent in parents.items() if parent in below)
            os.kill(killed[0], signal.SIGKILL)

    text = """
stages:
  long: {uses: walk, with: {steps: 120, nap: 0.01}, retry: {lost: 1}}
  same: {uses: walk, with: {steps: 120}}
"""
    told = watched(workshop, text, watch, jobs=1, checkpoint_seconds=0.05)
    assert told.code == 0
    first, again = (e for e in told.events if isinstance(e, CellStarted) and e.cell == 0)
    assert (first.step, again.step > 0) == (0, True)
    numbers = workshop.numbers(told)
    assert numbers["long"] == numbers["same"]


def watched(workshop: Workshop, stages: str, watch: Any, **options: Any) -> Told:
    from engine.execution import launch

    seen: list[Event] = []

    def observe(told: Any) -> None:
        if not isinstance(told, tuple):
            seen.append(told)
            watch(told)

    code = launch.run(workshop.request(stages, **options), observe)
    return Told(code, seen)
