"""Runs to look at: folders as a runner leaves them, written by the engine's own journal.

    python -m benchmarks.dashboard_runs RUN_FOLDER ROWS_A_SECOND SECONDS

appends to a live one, as its runner would: of ten rows eight are points of the two cells that run
and two are events; a line of a log goes with each batch of points.
"""

import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.library.artifacts import Contrast, Interval, Row, Table
from engine.planning.run_request import Request
from engine.rundir import events, run_folder
from engine.rundir.events import CellInfo, Event, MetricBatch
from engine.rundir.journal import Journal, Lines
from engine.rundir.run_folder import RunFolder
from engine.store import Output, Result, Store

METHODS, EACH, BACKBONES = 20, 49, 18
CELLS = 1 + BACKBONES + METHODS * EACH + 1
"""Data, backbones, methods with seven rates and seven seeds each, and their comparison: 1000."""
POINTS = 100_000
_BATCH = 10
"""Points of each series in a batch: a small net makes a hundred steps a second."""
_SERIES = ("loss", "accuracy")
_RUNNING = (1 + BACKBONES, 2 + BACKBONES)
_TICK = 0.05


def _key(cell: int) -> str:
    return f"{cell:064x}"


def cells() -> tuple[CellInfo, ...]:
    """The cells of the pipeline."""
    found = [CellInfo("digits", "digits", "dataset", {}, ())]
    for seed in range(BACKBONES):
        name = f"backbone@seed={seed}"
        found.append(CellInfo(name, "backbone", "pretrain", {"seed": str(seed)}, (0,)))
    for method in range(METHODS):
        for number in range(EACH):
            axes = {"lr": f"{0.01 * 2 ** (number // 7):g}", "seed": str(number % 7)}
            name = "@".join([f"method{method:02}", *(f"{k}={v}" for k, v in axes.items())])
            needs = (0, 1 + (number % 7))
            found.append(CellInfo(name, f"method{method:02}", "finetune", axes, needs))
    found.append(CellInfo("result", "result", "compare", {}, tuple(range(19, CELLS - 1))))
    return tuple(found)


def batches(first: int, count: int, total: int) -> Iterator[MetricBatch]:
    """So many points of each series, from a step on; a hundred steps a second."""
    for start in range(first, first + count, _BATCH):
        steps = tuple(range(start, min(start + _BATCH, first + count)))
        loss = tuple(2.3 * math.exp(-s / 20_000) + 0.1 * math.sin(s * s) for s in steps)
        accuracy = tuple(1 - math.exp(-s / 20_000) for s in steps)
        values = {"loss": loss, "accuracy": accuracy}
        yield MetricBatch("train", steps[-1], total, steps[-1] / 100, steps, values)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes what happens in a run."""

    folder: RunFolder
    journal: Journal

    @classmethod
    def of(cls, folder: RunFolder) -> "Writer":
        """For a folder that is there."""
        return cls(folder, Journal(folder.path, lambda _: None))

    def points(self, cell: int, first: int, count: int, total: int) -> None:
        """Points of a cell, `count` of all its series together."""
        for batch in batches(first, count // len(_SERIES), total):
            self.journal.batch(cell, batch)
        self.journal.close_cell(cell)

    def log(self, cell: int, lines: int, first: int = 0) -> None:
        """Lines of a cell's log."""
        log = Lines(self.folder.log(cell))
        told = (f"12:00:00 step {n} loss 0.{n:06}" for n in range(first, first + lines))
        log.append("\n".join(told))
        log.close()


def _folder(store: Path, name: str) -> RunFolder:
    text = "version: 1\nname: sweep\nstages: {}\n"
    return run_folder.create(store, Request(store / f"{name}.yaml", store).encode(), text)


def _began(folder: RunFolder, now: float) -> Event:
    return events.RunStarted(
        time=now, run=folder.id, name="sweep", cells=cells(), pid=os.getpid(),
        host=platform.node(), device="cpu",
    )  # fmt: skip


def finished(store: Path) -> RunFolder:
    """A run that is over: nine tenths of its points are those of the backbones."""
    writer = Writer.of(_folder(store, "finished"))
    began = time.time() - 7200
    writer.journal.event(_began(writer.folder, began))
    for cell in range(CELLS):
        backbone = 1 <= cell <= BACKBONES
        seconds = 900.0 if backbone else 1.0
        share = POINTS * 9 // 10 // BACKBONES if backbone else POINTS // 10 // (CELLS - BACKBONES)
        writer.journal.event(_start(cell, began + cell))
        writer.points(cell, 1, share, share // len(_SERIES))
        writer.log(cell, 1000 if backbone else 10)
        ended = events.CellFinished(
            time=began + cell + 1, cell=cell, key=_key(cell), seconds=seconds,
            scores={"digits/accuracy": 0.9, "digits/loss": 0.1},
        )  # fmt: skip
        writer.journal.event(ended)
    writer.journal.event(events.RunEnded(time=began + 7000, code=0, seconds=7000.0))
    writer.journal.close()
    return writer.folder


def live(store: Path) -> RunFolder:
    """A run in its middle: nine tenths of its points are those of one cell that runs."""
    writer = Writer.of(_folder(store, "live"))
    began = time.time() - 3600
    writer.journal.event(_began(writer.folder, began))
    for cell in range(1 + BACKBONES + METHODS * EACH // 2):
        writer.journal.event(_start(cell, began + cell))
        first = cell == _RUNNING[0]
        share = POINTS * 9 // 10 if first else POINTS // 10 // (CELLS // 2)
        writer.points(cell, 1, share, POINTS if cell in _RUNNING else share // len(_SERIES))
        writer.log(cell, 10_000 if first else 10)
        if cell not in _RUNNING:
            ended = events.CellFinished(
                time=began + cell + 1, cell=cell, key=_key(cell), seconds=30.0,
                scores={"digits/accuracy": 0.9},
            )  # fmt: skip
            writer.journal.event(ended)
    writer.journal.close()
    return writer.folder


def _start(cell: int, now: float) -> Event:
    return events.CellStarted(
        time=now, cell=cell, key=_key(cell), worker=cell % 2, why="no earlier result"
    )


def goes_on(folder: RunFolder, rows: float, seconds: float) -> None:
    """Append rows to a live run, evenly in time."""
    writer = Writer.of(folder)
    waiting = iter(range(1 + BACKBONES + METHODS * EACH // 2, CELLS - 1))
    steps = dict.fromkeys(_RUNNING, POINTS // 2)
    began, written = time.time(), 0
    while (now := time.time()) - began < seconds:
        while written < (now - began) * rows:
            written += 1
            if written % 10 in (0, 5):
                writer.journal.event(_event(written, now, waiting))
            else:
                cell = _RUNNING[written % 2]
                for batch in batches(steps[cell], 1, POINTS):
                    writer.journal.batch(cell, batch)
                steps[cell] += 1
                writer.log(cell, 1, steps[cell])
        writer.journal.flush()
        time.sleep(_TICK)
    writer.journal.close()


def _event(written: int, now: float, waiting: Iterator[int]) -> Event:
    """A checkpoint; of ten events one is the end of a cell that waited, by another's result."""
    cell = next(waiting, None) if written % 100 == 0 else None
    if cell is not None:
        return events.CellCached(time=now, cell=cell, key=_key(cell), same_as=CELLS // 3)
    return events.CellCheckpointed(time=now, cell=_RUNNING[written % 2], step=written)


def with_table(store: Path, rows: int) -> None:
    """Publish a table of so many rows as the result of the comparison."""
    metrics = ("digits/accuracy", "digits/loss", "digits/forgetting")
    found = Store(store)
    with found.scratch() as scratch:
        table(metrics, rows).write(scratch)
        files = {path.name: found.put(path) for path in scratch.iterdir()}
    output = Output("Table", Table.format, files)
    found.publish(_key(CELLS - 1), Result(outputs={"table": output}))


def table(metrics: tuple[str, ...], rows: int) -> Table:
    """A comparison of so many rows, each with seven seeds."""
    made = tuple(
        Row(
            f"method{n // EACH:02}@lr={n % EACH}", f"method{n // EACH:02}", {"lr": str(n % EACH)},
            {m: Interval(0.5 + 0.4 * math.sin(n), 0.4, 0.95, 7, _seeds(n)) for m in metrics},
        )
        for n in range(rows)
    )  # fmt: skip
    contrasts = tuple(
        Contrast(m, row.label, made[0].label, Interval(0.1, 0.05, 0.15, 7, {}), 0.01, "within")
        for row in made[1:]
        for m in metrics
    )
    return Table(metrics, made, contrasts, made[0].label, "± seeds (n=7)")


def _seeds(row: int) -> dict[str, float]:
    mean = 0.5 + 0.4 * math.sin(row)
    return {str(seed): mean + 0.05 * math.cos(row * 7 + seed) for seed in range(7)}


if __name__ == "__main__":
    goes_on(RunFolder(Path(sys.argv[1])), float(sys.argv[2]), float(sys.argv[3]))
