"""The pool: what cells see, how they end, and what the runner hears of it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Workshop
from engine.execution.cell_task import Options, describe, reaches_outside
from engine.identity.resolver import resolver
from engine.planning.load import load
from engine.rundir import run_folder
from engine.workers import FINAL, Executor, Message, Task, processes
from engine.workers.inline import Inline
from engine.workers.local import Local
from engine.workers.pipe import Pipe
from pipelines.core.errors import EnvironmentFault

PATIENCE = 20.0


@pytest.fixture
def pool() -> Iterator[Local]:
    local = Local(2)
    yield local
    local.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Local]:
    """A pool of one slot for tests that leave it as it was."""
    local = Local(1)
    yield local
    local.close()


def tasks(workshop: Workshop, *cells: str) -> list[Task]:
    """Tasks of cells that need nothing, each `{uses: ..., with: ...}`."""
    stages = "".join(f"  s{number}: {cell}\n" for number, cell in enumerate(cells))
    request = workshop.request(f"stages:\n{stages}")
    pipeline = load(request)
    found = resolver(pipeline, request.store)
    folder = run_folder.create(request.store, b"", "")
    options = Options(stage_files=request.stage_files, checkpoint_seconds=0.05)
    return [
        describe(found, cell, f"{number:064x}", {}, folder.log(number), options)
        for number, cell in enumerate(pipeline.cells)
    ]


def final(executor: Executor, cell: int = 0) -> Message:
    """The last message of a cell."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for message in executor.poll(0.1):
            if message.cell == cell and message.kind in ("done", "failed", "interrupted", "lost"):
                return message
    raise AssertionError("no last message")


def until(executor: Executor, kind: str) -> Message:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for message in executor.poll(0.1):
            if message.kind == kind:
                return message
    raise AssertionError(f"no {kind}")


def pids(pool: Local) -> list[int]:
    """Processes in which cells run, or could."""
    return sorted(pid for slot in pool._slots for pid, _ in processes.below(slot.pid))


OURS = "{uses: dataset, with: {name: digits, classes: [0, %d]}}"
"""A cell of this project's own code, for a warm process."""


def test_a_pool_has_as_many_slots_as_it_was_given_and_keeps_its_workers_warm(workshop, pool):
    slow, fast, third = tasks(
        workshop, "{uses: give, with: {hold: 60}}", "{uses: give, with: {value: 2.0}}",
        "{uses: give, with: {value: 3.0}}",
    )  # fmt: skip
    assert pool.free == 2
    assert pool.submit(0, slow) == 0
    assert pool.submit(1, fast) == 1
    assert pool.free == 0
    assert final(pool, 1).kind == "done"
    assert pool.free == 1
    assert pool.submit(2, third) == 1
    assert final(pool, 2).kind == "done"
    pool.cancel(kill=True)
    assert final(pool, 0).kind == "lost"
    assert [slot.number for slot in pool._slots] == [0, 1]


def test_a_cell_is_alone_where_it_reaches_code_from_outside_by_its_stage_or_an_input(workshop):
    request = workshop.request("""
stages:
  images: {uses: dataset, with: {name: digits}}
  few: {uses: subset, from: {data: images}, with: {train: 20}}
  walk: {uses: walk, with: {steps: 3}}
  table: {uses: compare, from: {scores: [walk.scores]}}
""")
    found = resolver(load(request), request.store)
    outside = {cell.name: reaches_outside(found, cell) for cell in found.pipeline.cells}
    assert outside == {"images": False, "few": False, "walk": True, "table": True}


def test_a_poll_without_news_waits_no_longer_than_it_may(pool, monkeypatch):
    waits = []
    select = pool._selector.select
    monkeypatch.setattr(pool._selector, "select", lambda wait: waits.append(wait) or select(wait))
    assert pool.poll(0.05) == []
    assert waits == [0.05]


def test_a_worker_sees_only_what_it_may_of_the_environment(workshop, monkeypatch):
    for name in ("MY_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONSTARTUP", "LD_PRELOAD_"):
        monkeypatch.setenv(name, "sing-no-more-4711")
    monkeypatch.setenv("TZ", "UTC")
    local = Local(1, {"CUDA_VISIBLE_DEVICES": "1"})
    (task,) = tasks(workshop, "{uses: give, with: {hold: 30}}")
    local.submit(0, task)
    until(local, "begun")
    data = Path(f"/proc/{pids(local)[0]}/environ").read_bytes()
    seen = dict(item.split("=", 1) for item in data.decode().split("\0") if item)
    local.cancel(kill=True)
    local.close()
    assert "sing-no-more-4711" not in seen.values()
    assert (seen["TZ"], seen["CUDA_VISIBLE_DEVICES"], seen["OMP_NUM_THREADS"]) == ("UTC", "1", "1")


def test_a_worker_has_a_session_of_its_own_and_no_ctrl_c_of_the_terminal_ends_it(workshop, shared):
    (task,) = tasks(workshop, "{uses: walk, with: {steps: 20, nap: 0.02}}")
    shared.submit(0, task)
    until(shared, "metrics")
    (pid,) = pids(shared)
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGINT)
    assert final(shared).kind == "done"


def test_a_cell_asked_to_stop_saves_and_says_where(workshop, shared):
    (task,) = tasks(workshop, "{uses: walk, with: {steps: 5000, nap: 0.01}}")
    shared.submit(0, task)
    step = until(shared, "checkpointed").body["step"]
    shared.cancel(kill=False)
    message = final(shared)
    assert message.kind == "interrupted"
    assert step <= message.body["step"] < 5000
    assert shared.free == 1


def test_one_cell_is_stopped_or_killed_and_the_others_go_on(workshop):
    local = Local(3)
    endless = "{uses: walk, with: {steps: 5000, nap: 0.01}}"
    first, second, third = tasks(workshop, endless, "{uses: walk, with: {steps: 40, nap: 0.02}}",
                                 "{uses: give, with: {hold: 60}}")  # fmt: skip
    for cell, task in enumerate((first, second, third)):
        local.submit(cell, task)
    until(local, "checkpointed")
    local.cancel(kill=False, cell=0)
    local.cancel(kill=True, cell=2)
    ends = {}
    while len(ends) < 3:
        ends |= {m.cell: m.kind for m in local.poll(PATIENCE) if m.kind in FINAL}
    local.close()
    assert ends == {0: "interrupted", 1: "done", 2: "lost"}


def test_a_request_to_stop_that_comes_too_late_stops_no_later_cell():
    ours, theirs = socket.socketpair()
    with ours:
        pipe = Pipe(theirs)
        orders = [{"cell": 3, "token": "a", "task": {}}, {"stop": 3}, {"stop": 3},
                  {"cell": 4, "token": "b", "task": {"x": 1}}]  # fmt: skip
        ours.sendall(b"".join(json.dumps(order).encode() + b"\n" for order in orders))
        assert pipe.task() == {}
        assert pipe.stopping
        assert pipe.task() == {"x": 1}
        assert not pipe.stopping
        ours.sendall(b'{"stop": 4')
        assert not pipe.stopping
        ours.sendall(b"}\n")
        assert pipe.stopping
        pipe._socket.close()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (
            signal.SIGKILL,
            "its worker ended: killed by SIGKILL, out of memory? counted as `lost`",
        ),
        (
            signal.SIGSEGV,
            "its worker ended: killed by SIGSEGV: a fault in C code, or a recursion deeper than "
            "its stack; see the log",
        ),
    ],
)
def test_a_lost_worker_is_told_with_its_reason_and_replaced(workshop, shared, number, said):
    endless, short = tasks(workshop, "{uses: give, with: {hold: 60}}", "{uses: give}")
    shared.submit(0, endless)
    until(shared, "begun")
    os.kill(pids(shared)[0], number)
    message = final(shared)
    assert (message.kind, message.body["error"]) == ("lost", said)
    assert shared.free == 1
    assert shared.submit(1, short) == 0
    assert final(shared, 1).kind == "done"


def test_a_warm_process_that_died_idle_costs_no_cell(workshop, pool):
    first, second, third = tasks(workshop, OURS % 1, OURS % 2, OURS % 3)
    pool.submit(0, first)
    assert final(pool).kind == "done"
    (warm,) = pids(pool)
    pool.submit(1, second)
    assert final(pool, 1).kind == "done"
    assert pids(pool) == [warm]
    os.kill(warm, signal.SIGKILL)
    pool.submit(2, third)
    assert final(pool, 2).kind == "done"
    assert len(pids(pool)) == 1
    assert pids(pool) != [warm]


def test_a_keeper_that_died_idle_costs_no_cell(workshop, pool):
    first, second = tasks(workshop, "{uses: give}", "{uses: give, with: {value: 2.0}}")
    pool.submit(0, first)
    assert final(pool).kind == "done"
    (slot,) = pool._slots
    os.kill(slot.pid, signal.SIGKILL)
    os.waitid(os.P_PID, slot.pid, os.WEXITED | os.WNOWAIT)
    assert pool.submit(1, second) == 1
    assert final(pool, 1).kind == "done"


def test_a_keeper_that_dies_as_it_is_handed_a_cell_is_told(workshop, pool, monkeypatch):
    first, second = tasks(workshop, "{uses: give}", "{uses: give, with: {value: 2.0}}")
    pool.submit(0, first)
    assert final(pool).kind == "done"
    (slot,) = pool._slots
    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "poll", lambda _: None)
        os.kill(slot.pid, signal.SIGKILL)
        os.waitid(os.P_PID, slot.pid, os.WEXITED | os.WNOWAIT)
        pool.submit(1, second)
    message = final(pool, 1)
    assert message.kind == "lost"
    assert message.body["error"].startswith("the process above its own ended: killed by SIGKILL")


def test_a_machine_that_gives_no_process_is_told(workshop, pool, monkeypatch):
    (task,) = tasks(workshop, "{uses: give}")

    def none_left() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", none_left)
    with pytest.raises(EnvironmentFault, match="cannot start a process for cells: Too many open f"):
        pool.submit(0, task)
    monkeypatch.undo()
    pool.submit(0, task)
    assert final(pool).kind == "done"


def test_a_kill_ends_running_cells_and_closing_ends_the_rest(workshop):
    local = Local(2)
    (task,) = tasks(workshop, "{uses: give, with: {hold: 60}}")
    local.submit(0, task)
    until(local, "begun")
    local.cancel(kill=True)
    assert final(local).kind == "lost"
    local.close()


def test_closing_a_pool_ends_its_processes_though_a_cell_runs(workshop):
    local = Local(1)
    (task,) = tasks(workshop, "{uses: walk, with: {steps: 5000, nap: 0.02}}")
    local.submit(0, task)
    until(local, "metrics")
    (slot,) = local._slots
    (pid,) = pids(local)
    local.close()
    assert slot._keeper.returncode == 0
    assert processes.started(pid) == ""


def test_what_a_stage_prints_is_its_log_and_no_message(workshop, shared):
    (task,) = tasks(workshop, "{uses: give}")
    shared.submit(0, task)
    heard: list[Message] = []
    while not heard or heard[-1].kind not in FINAL:
        heard += shared.poll(0.2)
    assert [message.kind for message in heard] == ["begun", "metrics", "done"]
    assert Path(task["log"]).read_text() == "given 1.0\n"


def test_inline_runs_one_cell_after_another_in_this_process(workshop):
    inline = Inline()
    good, bad = tasks(workshop, "{uses: give}", "{uses: fail}")
    assert inline.poll(0.0) == []
    assert inline.free == 1
    inline.submit(0, good)
    assert inline.free == 0
    assert final(inline).kind == "done"
    inline.submit(1, bad)
    message = final(inline, 1)
    assert message.kind == "failed"
    assert message.body["error"].startswith("ValueError: broken")
    assert "toys.py" in message.body["traceback"]
    inline.submit(0, good)
    inline.cancel(kill=False)
    assert (inline.free, inline.poll(0.0)) == (1, [])
    inline.close()
