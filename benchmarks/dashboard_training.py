"""By how much a dashboard that is open slows training: pairs of stretches of one real run.

A worker with one thread trains while a dashboard watches its run. The dashboard is stopped and let
go on in turn (SIGSTOP, SIGCONT), in an order that is drawn for each pair; the speed of a stretch is
what the run's own points tell, step and seconds.
"""

import math
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dashboard_terminal import Terminal
from benchmarks.measure import META, table
from engine.rundir import run_folder
from engine.rundir.events import CellStarted, decode, decode_batch
from engine.rundir.run_folder import RunFolder

_PIPELINE = """version: 1
name: training
stages:
  digits: {uses: dataset, with: {name: digits, task: all}}
  net: {uses: pretrain, from: {data: digits}, with: {net: {kind: conv4, width: 32}, steps: 1000000}}
"""
_STRETCH, _MARGIN = 4.0, 0.4
"""Seconds of a stretch, and those at its start that are left out."""
_PAIRS_A_ROUND = 4
_STUDENT = 2.05
"""Of two-sided 95 % for some thirty pairs."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the training, in seconds since the epoch."""

    pair: int
    watched: bool
    start: float
    end: float


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "training.yaml").write_text(_PIPELINE)
        environment = {**os.environ, "META_HOME": str(folder / "store")}
        runner = subprocess.Popen(
            [*META, "run", "training.yaml", "--plain", "--jobs", "1", "--device", "cpu"],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            run = _begun(folder / "store")
            with Terminal(
                [*META, "watch", run.id], {"META_HOME": environment["META_HOME"]}, folder
            ) as seen:
                seen.drain(10.0)
                stretches = _alternated(seen, rounds * _PAIRS_A_ROUND)
            _tell(run, stretches)
        finally:
            runner.terminate()
            runner.wait()


def _begun(store: Path) -> RunFolder:
    """The run, once its net trains."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for run in run_folder.every(store):
            if run.metrics(1).exists():
                return run
        time.sleep(0.1)
    raise SystemExit("the training did not begin")


def _alternated(seen: Terminal, pairs: int) -> list[Stretch]:
    draw = random.Random(0)
    found = []
    for pair in range(pairs):
        order = [True, False]
        draw.shuffle(order)
        for watched in order:
            os.kill(seen.pid, signal.SIGCONT if watched else signal.SIGSTOP)
            start = time.time()
            seen.drain(_STRETCH)
            found.append(Stretch(pair, watched, start + _MARGIN, time.time()))
    os.kill(seen.pid, signal.SIGCONT)
    return found


def _points(run: RunFolder) -> list[tuple[float, int]]:
    """Time since the epoch, and step."""
    told = (decode(line) for line in run.events.read_bytes().splitlines())
    began = next(e.time for e in told if isinstance(e, CellStarted) and e.cell == 1)
    lines = run.metrics(1).read_bytes().split(b"\n")[:-1]
    return [(began + batch.seconds, batch.step) for batch in map(decode_batch, lines)]


def _tell(run: RunFolder, stretches: list[Stretch]) -> None:
    points = _points(run)
    speeds: dict[int, dict[bool, float]] = {}
    for stretch in stretches:
        inside = [point for point in points if stretch.start <= point[0] <= stretch.end]
        if len(inside) > 1:
            (start, first), (end, last) = inside[0], inside[-1]
            speeds.setdefault(stretch.pair, {})[stretch.watched] = (last - first) / (end - start)
    ratios = [math.log(pair[False] / pair[True]) for pair in speeds.values() if len(pair) == 2]
    mean = statistics.fmean(ratios)
    half = _STUDENT * statistics.stdev(ratios) / math.sqrt(len(ratios))
    usual = statistics.median(pair[False] for pair in speeds.values() if False in pair)
    rows = [[
        f"{usual:.1f}", f"{math.expm1(mean):+.2%}",
        f"{math.expm1(mean - half):+.2%} to {math.expm1(mean + half):+.2%}",
        f"{math.expm1(statistics.median(ratios)):+.2%}", str(len(ratios)),
    ]]  # fmt: skip
    header = ["steps a second", "slower with the dashboard", "95 % interval", "median", "pairs"]
    table("Training with the dashboard open, one worker, one thread", header, rows)
