"""Training a VAE by this project, by a plain loop over a DataLoader, by pythae and by JAX.

    python -m benchmarks.generative [--rounds 5] [--threads 1]

Epochs of each, interleaved in one process; ratios are those within a round. Ours, the plain loop
and JAX are given the same weights, batches and noise first and have to find the same losses; pythae
draws its own, and has to find the same mean losses of epochs. Every process keeps the memory of
freed tensors, as our workers do. Without `--threads` all is measured: images per CPU-second and per
second of one thread, what the first epoch costs, and seconds of two threads. What is installed of
pythae and JAX is measured. Run from the root: beside this file lies one named as our package
`engine`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from benchmarks import generative_peers as peers
from benchmarks.generative_ways import (
    BATCH,
    BATCHES,
    NETS,
    Loader,
    Ours,
    Problem,
    Replayed,
    Way,
    problem,
)
from benchmarks.measure import spread, table
from engine.workers import local

STEPS = 20
EXACT = 1e-3
"""By how much losses may differ that ought to be the same: rounding is multiplied by training."""
NEAR = 0.03
"""By how much mean losses of an epoch may differ, of other batches and noise."""
OURS, PLAIN, ANEW = "ours", "DataLoader loop", "ours, `binarise: dynamic`"
FIRST = "--first"
FIRST_ROUNDS, FIRST_EPOCHS = 3, 2
FIRST_NET = next(iter(NETS))


@dataclass(slots=True)
class Spent:
    """Of epochs: seconds of the processor and of the clock."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def epoch(self, way: Way) -> float:
        """Train for one more."""
        wall, cpu = time.perf_counter(), time.process_time()
        loss = way.epoch()
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)
        return loss


def begun(name: str, given: Problem) -> Way:
    """An implementation before its first epoch."""
    own: Mapping[str, Callable[[], Way]] = {
        OURS: lambda: Ours(given),
        PLAIN: lambda: Loader(given),
        ANEW: lambda: Ours(given, "dynamic"),
    }
    return own[name]() if name in own else peers.begun(name, given)


def names() -> list[str]:
    """Of the implementations that are here."""
    there = [name for name, version in peers.installed().items() if version[0].isdigit()]
    return [OURS, PLAIN, *there]


def agree(given: Problem) -> None:
    """End if implementations with the same weights, batches and noise find other losses."""
    truth, stream = Ours(given).losses(STEPS), given.stream(STEPS)
    for name in names():
        way = begun(name, given)
        if not isinstance(way, Replayed):
            continue
        found = way.replay(stream)
        worst = max(abs(a / b - 1) for a, b in zip(found, truth, strict=True))
        if worst > EXACT:
            sys.exit(f"{name} finds losses that differ from ours by {worst:.1e}")
        print(f"{name}: {STEPS} losses as ours to {worst:.1e}")


def near(losses: Mapping[str, float]) -> None:
    """End if the mean loss of an epoch is another one than ours."""
    for name, loss in losses.items():
        if name != ANEW and abs(loss / losses[OURS] - 1) > NEAR:
            sys.exit(f"{name} has a mean loss of {loss:.1f} where ours is {losses[OURS]:.1f}")


def compare(title: str, rounds: int) -> None:
    """Print images per second of each implementation."""
    given = problem(title)
    agree(given)
    threads = torch.get_num_threads()
    also = [ANEW] if threads == 1 else []
    ways = {name: begun(name, given) for name in [*names(), *also]}
    spent = {name: Spent() for name in ways}
    taking: dict[str, list[float]] = {name: [] for name, way in ways.items() if _ours(way)}
    for turn in range(rounds + 1):
        losses = {}
        for name, way in ways.items():
            before = way.images.seconds if isinstance(way, Ours) else 0.0
            losses[name] = (spent[name] if turn else Spent()).epoch(way)  # the first warms up
            if turn and isinstance(way, Ours):
                taking[name].append((way.images.seconds - before) / spent[name].cpu[-1])
        if turn:
            near(losses)
    images = BATCH * BATCHES[title]
    rows = [[name, *_row(spent[name], spent[OURS], images, threads)] for name in ways]
    both = f"{threads} thread{'s' * (threads > 1)}, {rounds} rounds of {images} images"
    columns = ["images per CPU-second", "ours by that"] if threads == 1 else []
    header = ["implementation", *columns, "images per second", "ours by that"]
    table(f"{title}: {both}, median (least - most)", header, rows)
    if threads == 1:
        rows = [[name, *(f"{100 * f(shares):.1f}" for f in (statistics.median, min, max))]
                for name, shares in taking.items()]  # fmt: skip
        table(f"{title}: taking the batch, % of an epoch", ["", "median", "least", "most"], rows)


def _ours(way: Way) -> bool:
    return isinstance(way, Ours)


def _row(spent: Spent, ours: Spent, images: int, threads: int) -> list[str]:
    """Speed, and how many times as fast ours is in the same round."""
    pairs = [(spent.cpu, ours.cpu), (spent.wall, ours.wall)]
    found = []
    for taken, least in pairs if threads == 1 else pairs[1:]:
        speeds = [images / seconds for seconds in taken]
        median, low, high = (f(speeds) for f in (statistics.median, min, max))
        found.append(f"{median:,.0f} ({low:,.0f} - {high:,.0f})")
        found.append(spread([a / b for a, b in zip(taken, least, strict=True)]))
    return found


def first(name: str) -> None:
    """Print CPU seconds of a first epoch with what leads to it, and of later ones."""
    given, spent = problem(FIRST_NET), Spent()
    began = time.process_time()
    way = begun(name, given)
    way.epoch()
    start = time.process_time() - began
    for _ in range(FIRST_EPOCHS):
        spent.epoch(way)
    print(start, statistics.median(spent.cpu))


def firsts() -> None:
    """Print what the first epoch costs beside later ones, each in processes of its own."""
    row = []
    for name in names():
        found = []
        for _ in range(FIRST_ROUNDS):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.generative", FIRST, name, "--threads", "1"],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            found.append([float(word) for word in done.stdout.splitlines()[-1].split()])
        start, steady = (statistics.median(column) for column in zip(*found, strict=True))
        ratio = statistics.median(a / b for a, b in found)
        row.append(f"{start:.2f} / {steady:.2f} = {ratio:.2f}")
    title = (
        f"{FIRST_NET}: CPU seconds of the first epoch / of a later one, {FIRST_ROUNDS} processes"
    )
    table(title, names(), [row])


def everything(rounds: int) -> None:
    """One thread, first epochs, two threads: each in a process of its own."""
    for more in (["--threads", "1"], [FIRST, ""], ["--threads", "2"]):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.generative", "--rounds", str(rounds), *more],
            env={**os.environ, **local.MALLOC},
            check=False,
        )
        if done.returncode:
            sys.exit(done.returncode)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", choices=[*NETS], action="append")
    parser.add_argument(FIRST, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.first is None and chosen.threads is None:
        everything(chosen.rounds)
        return
    torch.set_num_threads(chosen.threads or 1)
    # Before JAX is imported: its threads are as many as it sees processors, and this says how many.
    os.environ["NPROC"] = str(chosen.threads or 1)
    if chosen.first == "":
        firsts()
    elif chosen.first:
        first(chosen.first)
    else:
        print(", ".join(f"{name} {version}" for name, version in peers.installed().items()))
        for title in chosen.only or NETS:
            compare(title, chosen.rounds)


if __name__ == "__main__":
    main()
