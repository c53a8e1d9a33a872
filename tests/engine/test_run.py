"""`Run.steps`: resume, written once, with a trainer small enough to check by hand."""

import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.stage_api.channel import Silent
from engine.stage_api.run import Interrupted, Run


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


@pytest.mark.parametrize(
    "draw",
    [random.random, np.random.random, lambda: float(torch.rand(1)), lambda: random.gauss(0, 1)],
    ids=["python", "numpy", "torch", "python-gauss"],
)
def test_each_global_generator_goes_on_where_it_was(
    tmp_path: Path, draw: Callable[[], float]
) -> None:
    def work(run: Run, stop_at: int = 0) -> list[float]:
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        drawn = []
        for step in run.steps("train", 6, Walk()):
            drawn.append(draw())
            if isinstance(run.channel, Silent):
                run.channel.stopping = step == stop_at
        return drawn

    whole = work(Run())
    folder = Folder(tmp_path / "scratch")
    with pytest.raises(Interrupted):
        work(Run(scratch=folder), stop_at=3)
    assert work(Run(scratch=folder)) == whole[3:]


class Shared:
    """A trainer whose tensor is changed in place, after its loop too."""

    def __init__(self, x: torch.Tensor) -> None:
        self.x = x
        self.stopped = False

    def state_dict(self) -> dict[str, Any]:
        return {"x": self.x}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.x.copy_(state["x"])


def test_the_end_of_a_finished_loop_is_kept_though_its_tensors_go_on_changing(
    tmp_path: Path,
) -> None:
    def work(run: Run) -> float:
        x = torch.zeros(1)
        for _ in run.steps("first", 2, Shared(x)):
            x += 1
        between = float(x)
        for step in run.steps("second", 3, Shared(x)):
            x += 10
            if step == 1 and isinstance(run.channel, Silent) and not folder.saves:
                run.channel.stopping = True
        return between

    folder = Folder(tmp_path / "scratch")
    with pytest.raises(Interrupted):
        work(Run(scratch=folder))
    assert work(Run(scratch=folder)) == 2.0


def test_a_stop_is_obeyed_though_nothing_can_be_saved() -> None:
    run = Run(channel=Silent(stopping=True))
    with pytest.raises(Interrupted, match="stopped at step 1") as told:
        stage(run)
    assert told.value.step == 1


def test_a_checkpoint_is_told_after_it_was_made_and_not_before(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = Folder(tmp_path / "scratch")

    class Listening(Silent):
        def checkpointed(self, step: int) -> None:
            told.append((step, folder.saves))

    stage(Run(scratch=folder, channel=Listening(), interval_seconds=0.0))
    assert told
    assert [saves for _, saves in told] == list(range(1, len(told) + 1))


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def run(self, **options: Any) -> Run:
        run = Run(**options)
        run._started = run._saved = self.now
        return run


def test_checkpoints_wait_for_their_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, folder = Clock(monkeypatch), Folder(tmp_path / "scratch")
    run = clock.run(scratch=folder, interval_seconds=30.0)
    before = {}
    for step in run.steps("train", 22, Walk()):
        clock.now += 7.0
        before[step] = folder.saves
    # Every fifth step is the first that lies 30 seconds behind the last save.
    assert [step - 1 for step in before if before[step] > before.get(step - 1, 0)] == [
        5,
        10,
        15,
        20,
    ]


def test_a_save_that_takes_a_second_is_made_every_fifty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    class Slow(Folder):
        def save(self, writer: Callable[[Path], None], step: int) -> None:
            super().save(writer, step)
            clock.now += 1.0

    folder = Slow(tmp_path / "scratch")
    run = clock.run(scratch=folder, interval_seconds=0.0)
    for _ in run.steps("train", 200, Walk()):
        clock.now += 1.0
    assert folder.saves == 4


def test_metrics_leave_ten_times_a_second_at_first_and_then_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, channel = Clock(monkeypatch), Silent()
    run = clock.run(channel=channel)
    counted = {}
    for step in run.steps("train", 4800, Walk()):
        clock.now += 0.025
        run.report(step, x=float(step))
        if step in (2400, 4800):
            counted[step] = len(channel.batches)
    assert 480 <= counted[2400] <= 601
    assert 58 <= counted[4800] - counted[2400] <= 61
    sent = [step for batch in channel.batches for step in batch.steps]
    assert sent == list(range(1, 4801))
    assert [(b.loop, b.total) for b in channel.batches] == [("train", 4800)] * len(channel.batches)


def test_a_batch_is_columns_with_holes_where_a_series_has_no_point() -> None:
    channel = Silent()
    run = Run(channel=channel)
    for step in run.steps("train", 3, Walk()):
        run._flushed = math.inf
        run.report(step, loss=float(step))
        if step == 2:
            run.report(step, accuracy=0.5)
    (batch,) = channel.batches
    assert (batch.steps, batch.step, batch.total) == ((1, 2, 3), 3, 3)
    assert batch.values == {"loss": (1.0, 2.0, 3.0), "accuracy": (None, 0.5, None)}


def test_curves_restored_from_a_checkpoint_keep_their_holes_and_loops(tmp_path: Path) -> None:
    def work(run: Run, *, stop: bool) -> None:
        for name in ("warm", "train"):
            for step in run.steps(name, 3, Walk()):
                run.report(step, loss=math.nan if step == 1 else float(step))
                if isinstance(run.channel, Silent):
                    run.channel.stopping = stop and (name, step) == ("train", 2)

    folder, whole = Folder(tmp_path / "scratch"), Run()
    work(whole, stop=False)
    with pytest.raises(Interrupted):
        work(Run(scratch=folder), stop=True)
    resumed = Run(scratch=folder)
    work(resumed, stop=False)
    assert resumed.curves == whole.curves
    assert whole.curves["train"]["loss"] == [(1, None), (2, 2.0), (3, 3.0)]


def test_a_checkpoint_of_the_same_machine_is_used_in_silence(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, 4, (("train", 10),))
    channel = Silent()
    stage(Run(scratch=folder, channel=channel))
    assert channel.notes == []


def test_a_loop_that_ended_early_stays_ended_though_its_trainer_does_not_know(
    tmp_path: Path,
) -> None:
    def work(run: Run) -> list[tuple[str, int]]:
        taken = []
        first = Shared(torch.zeros(1))
        for step in run.steps("first", 9, first):
            first.stopped = step == 2
            taken.append(("first", step))
        for step in run.steps("second", 3, Shared(torch.zeros(1))):
            taken.append(("second", step))
            if isinstance(run.channel, Silent):
                run.channel.stopping = not folder.saves
        return taken

    folder = Folder(tmp_path / "scratch")
    with pytest.raises(Interrupted):
        work(Run(scratch=folder))
    assert work(Run(scratch=folder)) == [("second", 2), ("second", 3)]


def test_every_point_before_a_checkpoint_is_sent_before_it_is_told(tmp_path: Path) -> None:
    class Listening(Silent):
        def checkpointed(self, step: int) -> None:
            assert [at for batch in self.batches for at in batch.steps][-1] == step
            told.append(step)

    told: list[int] = []
    run = Run(scratch=Folder(tmp_path / "scratch"), channel=Listening(), interval_seconds=0.0)
    for step in run.steps("train", 5, Walk()):
        run.report(step, x=1.0)
        run._flushed, run._save_seconds = math.inf, 0.0
    assert told == [1, 2, 3, 4, 5]


def test_a_report_outside_of_any_loop_is_sent_at_once() -> None:
    channel = Silent()
    Run(channel=channel).report(1, x=0.5)
    assert [(batch.loop, batch.steps) for batch in channel.batches] == [("", (1,))]
