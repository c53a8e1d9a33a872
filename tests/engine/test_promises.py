"""What a run promises while it goes: order, leases, requests to stop, processes that begin."""

import os
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.execution import launch
from engine.planning.preview import preview
from engine.rundir.events import (
    CellCached,
    CellFailed,
    CellFinished,
    CellInterrupted,
    CellSkipped,
    CellStarted,
    CellWaiting,
    Event,
    Note,
    RunEnded,
    RunStarted,
    decode,
)
from engine.store import Lease, Miss, Result, Store
from engine.workers import processes
from engine.workers.local import Local
from pipelines.core.errors import EnvironmentFault

CHAIN = """
stages:
  first: {uses: give, with: {value: 3.0}}
  second: {uses: scale, from: {number: first}}
"""
LONG = "stages:\n  long: {uses: walk, with: {steps: 3000, nap: 0.005}}\n"
DEAF = "stages:\n  deaf: {uses: give, with: {hold: 60.0}}\n"


def watched(workshop, stages: str, watch: Callable[[Event], None], **options: Any) -> list[Event]:
    """Events of a run in this process, each shown to `watch` at the moment it is told."""
    seen: list[Event] = []

    def observe(told: Any) -> None:
        if not isinstance(told, tuple):
            seen.append(told)
            watch(told)

    launch.run(workshop.request(stages, **options), observe)
    return seen


def ends(events: list[Event]) -> RunEnded:
    last = events[-1]
    assert isinstance(last, RunEnded)
    return last


def signals(kind: type[Event], *numbers: int) -> Callable[[Event], None]:
    """Sends signals to this process when the first event of a kind is told."""
    left = list(numbers)

    def watch(event: Event) -> None:
        while left and isinstance(event, kind):
            os.kill(os.getpid(), left.pop(0))

    return watch


def test_a_cell_is_told_as_finished_only_when_its_result_is_in_the_store(shop):
    found = []

    def watch(event: Event) -> None:
        if isinstance(event, CellFinished):
            result = Store(shop.store, readonly=True).result(event.key)
            assert isinstance(result, Result)
            found.append(sorted(Store(shop.store).files(result.outputs["number"])))

    watched(shop, CHAIN, watch)
    assert found == [["number.txt"], ["number.txt"]]


def test_a_result_that_cannot_be_published_is_a_failure_and_not_told_as_finished(shop, monkeypatch):
    def refuse(*_: Any) -> None:
        raise ValueError("cannot publish: its score is not finite")

    monkeypatch.setattr(Store, "publish", refuse)
    told = shop.run(CHAIN)
    assert told.code == 1
    assert told.failures() == {"first": "cannot publish: its score is not finite"}
    assert told.of(CellSkipped) == ["second"]
    assert told.of(CellFinished) == []


def test_a_run_begins_and_ends_its_journal_and_names_the_run_before(shop):
    first, second = shop.run(CHAIN), None
    before = shop.last().id
    second = shop.run()
    for told in (first, second):
        assert isinstance(told.events[0], RunStarted)
        assert ends(told.events).code == 0
    assert second.events[0].continues == before
    assert second.events[0].run == shop.last().id
    written = [decode(line) for line in shop.last().events.read_bytes().splitlines()]
    assert written == second.events


def test_a_held_lease_is_free_again_after_success_failure_and_interruption(workshop):
    keys = []

    def watch(event: Event) -> None:
        if isinstance(event, CellStarted):
            keys.append(event.key)
            assert Store(workshop.store).lease(event.key, "other") is None

    stages = CHAIN + "  bad: {uses: fail}\n"
    watched(workshop, stages, watch)
    interrupt = signals(CellStarted, signal.SIGINT)
    watched(workshop, LONG, lambda event: (watch(event), interrupt(event)))
    assert len(keys) == 4
    for key in keys:
        lease = Store(workshop.store).lease(key, "other")
        assert lease is not None
        lease.release()
    assert list((workshop.store / "locks").iterdir()) == []


def test_a_cell_that_finished_gives_its_lease_back_while_the_run_goes_on(shop):
    free = []

    def watch(event: Event) -> None:
        if isinstance(event, CellStarted) and event.cell == 1:
            lease = Store(shop.store).lease(first[0], "other")
            free.append(lease is not None)
            if lease:
                lease.release()
        elif isinstance(event, CellFinished):
            first.append(event.key)

    first: list[str] = []
    watched(shop, CHAIN, watch)
    assert free == [True]


def test_a_key_that_another_run_holds_is_waited_for_and_taken_from_it(shop):
    shop.run(CHAIN)
    other = Store(shop.store)
    changed = CHAIN.replace("3.0", "4.0")
    _, plan = preview(shop.request(changed))
    key = plan.cells[0].key
    held = other.lease(key, "b0b0")
    assert held is not None
    done = other.result(shop.run(CHAIN).keys()["first"])

    def watch(event: Event) -> None:
        if isinstance(event, CellWaiting):
            assert event.owner == f"run b0b0 (pid {os.getpid()})"
            other.publish(key, done)
            held.release()

    told = watched(shop, changed, watch)
    assert [type(event) for event in told if getattr(event, "cell", 0) == 0][1:3] == [
        CellWaiting, CellCached,
    ]  # fmt: skip
    assert not any(isinstance(event, CellStarted) for event in told)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_lets_running_cells_save_starts_no_other_and_gives_its_code(
    workshop, number, code
):
    stages = LONG + "  queued: {uses: give}\n  after: {uses: scale, from: {number: long.number}}\n"
    told = watched(workshop, stages, signals(CellStarted, number), jobs=1)
    assert ends(told).code == code
    assert [event.cell for event in told if isinstance(event, CellStarted)] == [0]
    assert [event.cell for event in told if isinstance(event, CellInterrupted)] == [0]
    assert not any(isinstance(event, CellSkipped | CellFailed) for event in told)
    assert sum(isinstance(event, Note) and "stopping" in event.text for event in told) == 1
    _, plan = preview(workshop.request())
    assert [cell.state for cell in plan.cells] == ["resume", "run", "pending"]


def test_a_second_interrupt_kills_a_cell_that_does_not_listen(workshop):
    told = watched(workshop, DEAF, signals(CellStarted, signal.SIGINT, signal.SIGINT))
    assert ends(told).code == 130
    assert any(isinstance(event, CellInterrupted) for event in told)
    assert not any(isinstance(event, CellFailed | CellFinished) for event in told)


def test_a_cell_that_does_not_listen_is_killed_at_the_end_of_the_grace(workshop, monkeypatch):
    monkeypatch.setattr("engine.execution.execution.GRACE_SECONDS", 0.4)
    told = watched(workshop, DEAF, signals(CellStarted, signal.SIGHUP))
    assert ends(told).code == 128 + signal.SIGHUP
    assert any(isinstance(event, CellInterrupted) for event in told)
    assert not any(isinstance(event, CellFailed | CellFinished) for event in told)


def test_a_kill_asked_in_the_folder_ends_a_cell_that_does_not_listen(workshop):
    def watch(event: Event) -> None:
        if isinstance(event, CellStarted):
            workshop.last().request_stop(kill=True)

    assert ends(watched(workshop, DEAF, watch)).code == 130


def test_fail_fast_stops_at_the_first_failure_and_exits_1(shop):
    stages = "stages:\n  bad: {uses: fail}\n  other: {uses: give}\n"
    told = shop.run(stages, jobs=1, fail_fast=True)
    assert told.code == 1
    assert told.of(CellStarted) == ["bad"]
    assert shop.run(jobs=1).of(CellFinished) == ["other"]


def test_a_fault_of_the_machine_ends_the_run_with_3_its_reason_and_no_lease(workshop):
    stages = DEAF + "  bad: {uses: fail, with: {how: full}}\n  other: {uses: give}\n"
    told = workshop.run(stages, jobs=2)
    assert told.code == 3
    assert told.failures() == {"bad": "the disk is full"}
    assert ends(told.events).reason == "the disk is full"
    assert told.of(CellStarted) == ["bad", "deaf"]
    assert list((workshop.store / "locks").iterdir()) == []


def test_a_result_published_between_look_and_lease_is_taken_and_the_lease_given_back(
    shop, monkeypatch
):
    done = Store(shop.store).result(shop.run(CHAIN).keys()["first"])
    real = Store.lease

    def late(store: Store, key: str, owner: str) -> Any:
        store.publish(key, done)
        return real(store, key, owner)

    monkeypatch.setattr(Store, "lease", late)
    told = shop.run(CHAIN.replace("value: 3.0", "value: 3.0, hold: 0.001"))
    assert told.of(CellCached) == ["first", "second"]
    assert told.of(CellStarted) == []
    assert list((shop.store / "locks").iterdir()) == []


def test_what_needs_a_cell_that_failed_as_another_did_is_skipped_too(shop):
    told = shop.run("""
stages:
  a: {uses: fail}
  b: {uses: fail}
  then: {uses: scale, from: {number: a}}
  last: {uses: scale, from: {number: then}}
  after: {uses: scale, from: {number: b}}
""")
    assert told.failures()["b"] == "the same work failed as a"
    skips = [event for event in told.events if isinstance(event, CellSkipped)]
    assert {told.names[event.cell]: told.names[event.culprit] for event in skips} == {
        "then": "a", "last": "a", "after": "b",
    }  # fmt: skip


def test_a_cell_that_comes_later_to_work_that_is_done_takes_it(workshop):
    told = workshop.run("""
stages:
  one: {uses: give, with: {value: 1.0}}
  a: {uses: scale, from: {number: one}, with: {times: 4.0}}
  slow: {uses: give, with: {value: 0.5, hold: 0.8}}
  same: {uses: scale, from: {number: slow}}
  b: {uses: scale, from: {number: same}, with: {times: 4.0}}
  end: {uses: add, from: {numbers: [a, b]}}
""", jobs=2)  # fmt: skip
    assert told.of(CellCached) == ["b"]
    assert workshop.numbers(told)["end"] == 8.0


def test_a_forced_cell_starts_over_and_says_so(workshop):
    watched(workshop, LONG, signals(CellStarted, signal.SIGINT))
    _, plan = preview(workshop.request())
    assert plan.cells[0].state == "resume"
    interrupt = signals(CellStarted, signal.SIGINT)
    told = watched(workshop, "", interrupt, force=("long",))
    (started,) = (event for event in told if isinstance(event, CellStarted))
    assert (started.step, started.why) == (0, "forced")


def test_a_cache_that_is_off_keeps_nothing_and_passes_results_on(shop):
    told = shop.run(CHAIN, cache="off")
    assert told.code == 0
    assert told.of(CellFinished) == ["first", "second"]
    store = Store(shop.store)
    assert all(isinstance(store.result(key), Miss) for key in told.keys().values())
    assert shop.run(cache="off").of(CellStarted) == ["first", "second"]


def test_as_many_cells_run_at_once_as_jobs_and_no_more(workshop):
    gives = "".join(f"  g{n}: {{uses: give, with: {{value: {n}.0}}}}\n" for n in range(4))
    running, most = 0, 0
    for event in workshop.run(f"stages:\n{gives}", jobs=2).events:
        running += isinstance(event, CellStarted) - isinstance(event, CellFinished)
        most = max(most, running)
    assert most == 2


def test_code_that_changes_while_a_run_goes_on_fails_its_cells(shop):
    helper = shop.folder / "scaling.py"

    def watch(event: Event) -> None:
        if isinstance(event, CellStarted) and event.cell == 0:
            helper.write_text(helper.read_text().replace("value * times", "value * times + 1"))

    told = watched(shop, CHAIN, watch)
    (failed,) = (event for event in told if isinstance(event, CellFailed))
    assert failed.error == "code changed since the run began (scaling.py); run again"
    assert ends(told).code == 1
    assert not any(isinstance(event, CellFinished) for event in told)


def program(folder: Path, text: str) -> str:
    """A stand-in for Python that is no runner."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(stat.S_IRWXU)
    return str(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("echo no module named engine >&2; exit 1", "no module named engine"),
     ("exit 0", "no word from its runner")],
)  # fmt: skip
def test_a_runner_that_cannot_begin_is_told_with_what_it_said(workshop, monkeypatch, text, said):
    monkeypatch.setattr(sys, "executable", program(workshop.folder, text))
    with pytest.raises(EnvironmentFault, match=rf"run [0-9a-f]+ did not begin: {said}"):
        launch.start(workshop.request(CHAIN))


def test_a_runner_that_never_begins_is_ended(workshop, monkeypatch):
    monkeypatch.setattr("engine.execution.launch.START_SECONDS", 0.3)
    text = f"echo $$ > {workshop.folder}/pid; exec sleep 60"
    monkeypatch.setattr(sys, "executable", program(workshop.folder, text))
    with pytest.raises(EnvironmentFault, match="no word from its runner"):
        launch.start(workshop.request(CHAIN))
    pid = int((workshop.folder / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_detached_runner_has_no_terminal_no_stdin_and_a_session_of_its_own(workshop):
    folder = launch.start(workshop.request(LONG))
    while not folder.events.read_bytes().endswith(b"\n"):
        time.sleep(0.01)
    started = decode(folder.events.read_bytes().splitlines()[0])
    assert isinstance(started, RunStarted)
    assert Path(f"/proc/{started.pid}/fd/0").resolve() == Path("/dev/null")
    assert os.getsid(started.pid) == started.pid
    assert Path(f"/proc/{started.pid}/fd/1").resolve() == (folder.path / "runner.log").resolve()
    folder.request_stop(kill=True)
    deadline = time.monotonic() + 20
    while folder.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.alive()
    assert (folder.path / "runner.log").read_text() == ""


def test_after_a_fault_what_still_runs_is_killed_before_its_lease_is_given_back(
    workshop, monkeypatch
):
    done: list[str] = []
    close, release = Local.close, Lease.release

    def closing(pool: Local) -> None:
        close(pool)
        done.append(f"{len(processes.below(os.getpid()))} left")

    def releasing(lease: Lease) -> None:
        done.append("release")
        release(lease)

    monkeypatch.setattr(Local, "close", closing)
    monkeypatch.setattr(Lease, "release", releasing)
    stages = DEAF + "  bad: {uses: fail, with: {how: full}}\n"
    assert workshop.run(stages, jobs=2).code == 3
    assert done == ["release", "0 left", "release", "0 left"]
