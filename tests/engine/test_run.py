"""`Run.steps`: resume, written once, with a trainer small enough to check by hand."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.channel import Silent
from engine.run import Interrupted, Run


class Walk:
    """A random walk: its next step depends on its state, its generator and the global one."""

    def __init__(self) -> None:
        self.x = torch.zeros(3, dtype=torch.float64)
        self.generator = torch.Generator().manual_seed(5)
        self.stopped = False

    def step(self) -> float:
        self.x = self.x + torch.randn(3, generator=self.generator, dtype=torch.float64)
        self.x = self.x * (1 + torch.rand(1, dtype=torch.float64))
        return float(self.x.sum())

    def state_dict(self) -> dict[str, Any]:
        return {"x": self.x, "generator": self.generator.get_state(), "stopped": self.stopped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.x = state["x"]
        self.generator.set_state(state["generator"])
        self.stopped = state["stopped"]


class Folder:
    """A scratch of one generation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.saves = 0

    def save(self, writer: Callable[[Path], None], step: int) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()
        writer(self.path)
        self.saves += 1

    def load(self) -> Path | None:
        return self.path if self.path.exists() else None


def stage(run: Run, loops: tuple[tuple[str, int], ...] = (("train", 10),)) -> list[list[float]]:
    torch.manual_seed(3)
    ends = []
    for name, total in loops:
        walk = Walk()
        for step in run.steps(name, total, walk):
            run.report(step, x=walk.step())
        ends.append(walk.x.tolist())
    run.close()
    return ends


def interrupted(tmp_path: Path, step: int, loops: tuple[tuple[str, int], ...]) -> Folder:
    """A checkpoint of `stage` stopped after `step` steps over all loops."""
    folder = Folder(tmp_path / "scratch")
    channel = Silent()
    run = Run(channel=channel, scratch=folder)
    taken = 0
    torch.manual_seed(3)

    def work() -> None:
        nonlocal taken
        for name, total in loops:
            walk = Walk()
            for at in run.steps(name, total, walk):
                run.report(at, x=walk.step())
                taken += 1
                channel.stopping = taken == step

    with pytest.raises(Interrupted):
        work()
    return folder


@pytest.mark.parametrize("step", [1, 5, 9])
def test_a_resumed_loop_ends_in_the_same_bits(tmp_path: Path, step: int) -> None:
    folder = interrupted(tmp_path, step, (("train", 10),))
    assert stage(Run(scratch=folder)) == stage(Run())


@pytest.mark.parametrize("step", [4, 5, 8])
def test_a_finished_loop_is_skipped_and_a_later_one_goes_on(tmp_path: Path, step: int) -> None:
    loops = (("warm", 4), ("train", 6))
    folder = interrupted(tmp_path, step, loops)
    channel = Silent()
    assert stage(Run(scratch=folder, channel=channel), loops) == stage(Run(), loops)
    # Only steps that remained were taken: those before come from the checkpoint's curves.
    assert channel.batches[0].step == min(step, 4)


def test_curves_are_whole_after_a_resume_and_shown_again(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, 4, (("train", 10),))
    resumed, whole, channel = Run(scratch=folder, channel=Silent()), Run(), Silent()
    resumed.channel = channel
    stage(resumed)
    stage(whole)
    assert resumed.curves == whole.curves
    assert channel.batches[0].steps == (1, 2, 3, 4)
    assert json.loads(json.dumps(whole.curves))["train"]["x"][0][0] == 1


def test_a_trainer_that_stops_early_ends_the_loop_and_stays_ended(tmp_path: Path) -> None:
    loops = (("warm", 10), ("train", 3))
    folder, channel = Folder(tmp_path / "scratch"), Silent()
    run, taken = Run(scratch=folder, channel=channel), []

    def work(run: Run) -> None:
        for name, total in loops:
            walk = Walk()
            for step in run.steps(name, total, walk):
                walk.step()
                taken.append((name, step))
                walk.stopped = name == "warm" and step == 2
                channel.stopping = name == "train" and step == 1 and len(taken) == 3

    with pytest.raises(Interrupted):
        work(run)
    work(Run(scratch=folder, channel=channel))
    assert taken == [("warm", 1), ("warm", 2), ("train", 1), ("train", 2), ("train", 3)]


def test_checkpoints_come_by_wall_time_and_never_without_a_scratch(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "scratch")
    stage(Run(scratch=folder, interval_seconds=1e9))
    assert folder.saves == 0
    run = Run(scratch=folder, interval_seconds=0.0)
    walk = Walk()
    for _ in run.steps("train", 3, walk):
        walk.step()
        run._save_seconds = 0.0
    assert folder.saves == 3


def test_a_slow_disk_makes_checkpoints_rarer(tmp_path: Path) -> None:
    run = Run(scratch=Folder(tmp_path / "scratch"), interval_seconds=0.0)
    run._save_seconds = 10.0
    assert not run._due()


def test_another_number_of_threads_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, 4, (("train", 10),))
    channel = Silent()
    stage(Run(scratch=folder, channel=channel, threads=2))
    assert channel.notes == ["resumed from a checkpoint made with threads 1, now 2"]


def test_a_value_that_is_not_finite_is_a_hole_in_the_curve() -> None:
    run = Run()
    run.report(1, loss=math.nan)
    run.report(2, loss=math.inf)
    run.report(3, loss=0.5)
    assert run.curves[""]["loss"] == [(1, None), (2, None), (3, 0.5)]


def test_seeds_depend_on_root_axis_and_purpose_alone() -> None:
    seeds = {
        Run(seeds=(root, axis)).seed(purpose)  # type: ignore[arg-type]
        for root in (0, 1)
        for axis in (0, 1)
        for purpose in ("init", "order", "head")
    }
    assert len(seeds) == 12
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert Run(seeds=(0, 0)).seed("init") == 6840261872783522198
