"""A run's folder as a runner leaves it, made of events and batches without an engine."""

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.library.artifacts import Contrast, Interval, Row, Scores, Table
from engine.rundir import events
from engine.rundir.events import CellInfo, Event, MetricBatch
from engine.rundir.run_folder import RunFolder
from engine.store import Output, Result, Store, location

START = 1000.0


def key(cell: int) -> str:
    """A key for a cell."""
    return f"{cell:064x}"


def cells() -> tuple[CellInfo, ...]:
    """Two data sets, a backbone with three seeds, two heads on each, and their comparison."""
    found = [CellInfo("low", "low", "dataset", {}, ()), CellInfo("high", "high", "dataset", {}, ())]
    for seed in range(3):
        name = f"backbone@seed={seed}"
        found.append(CellInfo(name, "backbone", "pretrain", {"seed": str(seed)}, (0,)))
    for head in ("random", "zero"):
        for seed in range(3):
            axes = {"head": head, "seed": str(seed)}
            name = f"tuned@head={head}@seed={seed}"
            found.append(CellInfo(name, "tuned", "finetune", axes, (1, 2 + seed)))
    found.append(CellInfo("result", "result", "compare", {}, tuple(range(5, 11))))
    return tuple(found)


def middle() -> list[Event]:
    """A run in its middle: every state but stopped occurs."""
    t = START
    scores = {"low/accuracy": 0.981, "low/val_loss": 0.0712}
    return [
        events.RunStarted(
            time=t, run="7f3a", name="ladder", cells=cells(), pid=7, host="box", device="cpu"
        ),
        events.CellCached(time=t, cell=0, key=key(0)),
        events.CellCached(time=t, cell=1, key=key(0), same_as=0),
        events.CellStarted(time=t, cell=2, key=key(2), worker=0, why="no earlier result"),
        events.CellStarted(time=t, cell=3, key=key(3), worker=1, why="no earlier result"),
        events.CellFinished(time=t + 60, cell=2, key=key(2), seconds=60.0, scores=scores),
        events.CellFinished(time=t + 62, cell=3, key=key(3), seconds=62.0, scores=scores),
        events.CellStarted(time=t + 62, cell=4, key=key(4), worker=0, why="no earlier result"),
        events.CellFailed(
            time=t + 70, cell=4, error="loss is not finite at step 412", traceback="File x\nboom"
        ),
        events.CellSkipped(time=t + 70, cell=7, culprit=4),
        events.CellSkipped(time=t + 70, cell=10, culprit=4),
        events.CellStarted(time=t + 71, cell=5, key=key(5), worker=0, why="params.lr 0.1 -> 0.2"),
        events.CellStarted(time=t + 71, cell=6, key=key(6), worker=1, why="no earlier result"),
        events.Note(time=t + 72, text="replay is off", cell=5),
        events.CellWaiting(time=t + 72, cell=8, owner="run 11aa (pid 4123)"),
    ]


def batches(points: int, total: int) -> list[MetricBatch]:
    """A smooth loss and accuracy, one point a batch."""
    return [
        MetricBatch(
            "train",
            step,
            total,
            step * 0.3,
            (step,),
            {"loss": (2.3 * math.exp(-step / 40),), "accuracy": (1 - math.exp(-step / 60),)},
        )
        for step in range(1, points + 1)
    ]


@pytest.fixture
def middle_events() -> list[Event]:
    """See `middle`."""
    return middle()


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[[list[Event]], RunFolder]:
    """Writes events into a run's folder of the store `tmp_path / "store"`."""

    def write(told: list[Event]) -> RunFolder:
        location.adopt(tmp_path / "store")
        folder = RunFolder(tmp_path / "store" / "runs" / "20250101T000000-7f3a")
        for name in ("metrics", "logs"):
            (folder.path / name).mkdir(parents=True, exist_ok=True)
        lines = [events.encode(event) + "\n" for event in told]
        folder.events.write_text("".join(lines), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def middle_run(make_run: Callable[[list[Event]], RunFolder]) -> RunFolder:
    """The folder of a run in its middle, with curves and a log."""
    folder = make_run(middle())
    for cell, points, total in ((2, 200, 200), (5, 93, 150), (6, 60, 150)):
        told = [events.encode_batch(batch) + "\n" for batch in batches(points, total)]
        folder.metrics(cell).write_text("".join(told), encoding="utf-8")
    folder.log(5).write_text("".join(f"12:01:{i:02} step {i} [b]x[/b]\n" for i in range(30)))
    return folder


def interval(mean: float, half: float | None, n: int = 5, dropped: int = 0) -> Interval:
    """An interval of a mean, or a lone value."""
    if half is None:
        return Interval(mean, None, None, n, {}, dropped)
    return Interval(mean, mean - half, mean + half, n, {}, dropped)


@pytest.fixture
def ladder_table() -> Table:
    """A table as `compare` makes it: a baseline, a metric that does not apply, contrasts."""
    accuracy, forgetting = "high/accuracy", "low/forgetting"
    rows = (
        Row("probe", "probe", {}, {accuracy: interval(0.78, 0.023), forgetting: interval(0, 0)}),
        Row(
            "tuned@head=zero",
            "tuned",
            {"head": "zero"},
            {accuracy: interval(0.88, 0.021, n=4, dropped=1), forgetting: interval(0.142, 0.031)},
            {"lr": "0.03"},
        ),
        Row("scratch", "scratch", {}, {accuracy: interval(0.61, 0.05)}, {}, ("no old task",)),
    )
    contrasts = (
        Contrast(
            accuracy, "tuned@head=zero", "probe", interval(0.1, 0.02), 0.003,
            "distinguishable at 5 % (Holm)",
        ),
        Contrast(accuracy, "scratch", "probe", interval(-0.01, 0.031), None, "within ±0.041"),
    )  # fmt: skip
    return Table(
        (accuracy, forgetting), rows, contrasts, "probe", "± seeds (n=5)",
        {
            "kind": "frontier", "x": forgetting, "y": accuracy,
            "series": [{"label": "tuned", "points": [[0.1, 0.8], [0.2, 0.9]]}],
        },
        ("scenario: task",),
    )  # fmt: skip


@pytest.fixture
def live(middle_run: RunFolder) -> Iterator[RunFolder]:
    """The run in its middle, with a runner that lives."""
    descriptor = middle_run.hold()
    yield middle_run
    os.close(descriptor)


@pytest.fixture
def store(tmp_path: Path, ladder_table: Table) -> Store:
    """A store with the table of cell 11, the scores of cell 2 and the curves of cell 0."""
    found = Store(tmp_path / "store")
    scores = Scores({"low/accuracy": 0.981}, notes=("in eval mode",))
    curves = found.put(json.dumps({"train": {"loss": [[1, 2.0], [2, None], [3, 0.5]]}}).encode())
    for cell, artifact in ((11, ladder_table), (2, scores), (0, scores)):
        with found.scratch() as folder:
            artifact.write(folder)
            files = {path.name: found.put(path) for path in folder.iterdir()}
        output = Output(type(artifact).__name__, artifact.format, files)
        found.publish(key(cell), Result(outputs={"out": output}, curves=None if cell else curves))
    return found


@pytest.fixture
def finished(make_run: Callable[[list[Event]], RunFolder]) -> RunFolder:
    """A run that is over and has a table."""
    return make_run(over())


def over() -> list[Event]:
    """A run in which everything is done."""
    began = middle()[0]
    done = [
        events.CellFinished(time=START + cell, cell=cell, key=key(cell), seconds=1.0 + cell)
        for cell in range(12)
    ]
    return [began, *done, events.RunEnded(time=START + 20, code=0, seconds=20.0)]
