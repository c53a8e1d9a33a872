import os
import platform
import signal
import time
from pathlib import Path

import pytest

from meta_tui.model.run_view import RunView
from meta_tui.readers.device_usage import Usage

HERE = platform.node()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def proc(tmp_path):
    """A /proc whose processes are written by `proc(pid, ticks, children)`."""

    def write(pid: int, ticks: int, children: str = "") -> None:
        (tmp_path / str(pid) / "task" / str(pid)).mkdir(parents=True, exist_ok=True)
        (tmp_path / str(pid) / "task" / str(pid) / "children").write_text(children)
        # The name may hold blanks and brackets; the system's ticks stand behind the user's.
        numbers = " ".join(["S", *["0"] * 10, str(ticks - 1), "1", *["9"] * 20])
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a ) b) {numbers}\n")

    write.path = tmp_path
    return write


def cpu_run(pid: int = 7, **told) -> RunView:
    return RunView(**{"pid": pid, "host": HERE, "started": 0.0, **told})


def smi(folder, script: str) -> dict[str, str]:
    """An environment whose `nvidia-smi` is a script; its calls are lines in `asked`."""
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n{script}\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def answered(usage: Usage, view: RunView) -> str:
    """What is told after the program has answered."""
    usage.poll(view, alive=True)
    until = time.monotonic() + 20
    while usage._asked is not None and time.monotonic() < until:
        time.sleep(0.01)
        usage.poll(view, alive=True)
    return usage.text


def test_the_load_is_that_of_the_runner_and_its_workers_between_two_looks(proc, clock):
    ticks = os.sysconf("SC_CLK_TCK")
    usage = Usage(clock=clock, proc=proc.path)
    proc(7, 50, "8 ")
    proc(8, 1000, "9 ")  # A keeper, and the process of a cell below it.
    proc(9, 2000)
    assert not usage.poll(cpu_run(), alive=True)
    assert usage.text == ""
    proc(8, 1000 + 2 * ticks, "9 ")
    proc(9, 2000 + ticks)
    clock.now += 1.9
    assert not usage.poll(cpu_run(), alive=True)
    clock.now += 0.1
    assert usage.poll(cpu_run(), alive=True)
    assert usage.text == "cpu 150%"


def test_a_worker_that_ended_makes_no_negative_load(proc, clock):
    usage = Usage(clock=clock, proc=proc.path)
    proc(7, 50, "8")
    proc(8, 1000)
    usage.poll(cpu_run(), alive=True)
    proc(7, 50, "8 99")
    (proc.path / "8" / "stat").unlink()
    clock.now += 2
    usage.poll(cpu_run(), alive=True)
    assert usage.text == "cpu 0%"


@pytest.mark.parametrize("told", [
    {"pid": 0}, {"host": "elsewhere"}, {"code": 0}, {"pid": 8},
], ids=["no pid", "another machine", "over", "no such process"])  # fmt: skip
def test_where_nothing_can_be_known_nothing_is_told(proc, clock, told):
    usage = Usage(clock=clock, proc=proc.path)
    proc(7, 50)
    for _ in range(2):
        usage.poll(cpu_run(**told), alive=True)
        clock.now += 2
    assert usage.text == ""


def test_a_run_that_lost_its_runner_has_no_load(proc, clock):
    usage = Usage(clock=clock, proc=proc.path)
    proc(7, 50)
    usage.poll(cpu_run(), alive=True)
    clock.now += 2
    usage.poll(cpu_run(), alive=True)
    assert usage.text == "cpu 0%"
    assert usage.poll(cpu_run(), alive=False)
    assert usage.text == ""


def test_this_process_has_a_load():
    usage = Usage(clock=(clock := Clock()))
    usage.poll(cpu_run(os.getpid()), alive=True)
    clock.now += 2
    usage.poll(cpu_run(os.getpid()), alive=True)
    if Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        assert usage.text.startswith("cpu ")


@pytest.mark.parametrize(("said", "told"), [
    ("81, 6349, 24576", "GPU1 81% 6.2/24G"),
    ("[N/A], 512, 143771", "GPU1 0.5/140G"),
    ("7, [N/A], [N/A]", "GPU1 7%"),
    ("No devices were found", ""),
    ("", ""),
])  # fmt: skip
def test_a_gpu_is_told_by_what_nvidia_smi_says_of_it(tmp_path, clock, said, told):
    usage = Usage(clock=clock, environment=smi(tmp_path, f"echo '{said}'"))
    assert answered(usage, cpu_run(gpu="1")) == told
    assert (tmp_path / "asked").read_text().startswith("--id=1 --query-gpu=")


def test_a_gpu_is_asked_at_most_every_two_seconds(tmp_path, clock):
    usage = Usage(clock=clock, environment=smi(tmp_path, "echo 5, 1024, 2048"))
    for _ in range(5):
        answered(usage, cpu_run(gpu="0"))
        clock.now += 0.5
    # At 0 and at 2 seconds.
    assert len((tmp_path / "asked").read_text().splitlines()) == 2


def test_nobody_waits_for_a_program_that_does_not_answer(tmp_path, clock):
    usage = Usage(clock=clock, environment=smi(tmp_path, "exec sleep 60"))
    usage.poll(cpu_run(gpu="0"), alive=True)
    usage.poll(cpu_run(gpu="0"), alive=True)
    process = usage._asked
    assert process is not None
    assert process.poll() is None
    clock.now += 7
    usage.poll(cpu_run(gpu="0"), alive=True)
    assert process.returncode == -signal.SIGKILL


def test_a_program_that_fails_is_not_asked_for_ever(tmp_path, clock):
    usage = Usage(clock=clock, environment=smi(tmp_path, "exit 9"))
    for _ in range(6):
        assert answered(usage, cpu_run(gpu="0")) == ""
        clock.now += 2
    assert len((tmp_path / "asked").read_text().splitlines()) == 3


def test_without_the_program_nothing_is_told(tmp_path, clock):
    usage = Usage(clock=clock, environment={"PATH": str(tmp_path)})
    assert answered(usage, cpu_run(gpu="0")) == ""


def test_closing_leaves_no_process_behind(tmp_path, clock):
    usage = Usage(clock=clock, environment=smi(tmp_path, "exec sleep 60"))
    usage.poll(cpu_run(gpu="0"), alive=True)
    process = usage._asked
    usage.close()
    usage.close()
    assert process is not None
    assert process.returncode is not None
