"""What the dashboard costs, on a run of 1000 cells and 100 000 points: `meta watch` on a terminal.

    python -m benchmarks.dashboard [--rounds 9] [--only paint keys idle updates training renderers]

Real processes on a real pseudo-terminal of 120 x 40, whose other end is read by this one; the runs
are written by the engine's own journal. Run from the root: beside this file lies one named as our
package `engine`.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import dashboard_renderers, dashboard_runs, dashboard_training
from benchmarks.dashboard_keys import pressed
from benchmarks.dashboard_terminal import Grid, Terminal
from benchmarks.measure import META, cost, spread, table
from engine.rundir.run_folder import RunFolder

_ROOT = Path(__file__).resolve().parent.parent
_FLOOR = """
from textual.app import App
from textual.widgets import Static

class Floor(App):
    def compose(self):
        yield Static("q leave")

Floor().run()
"""
"""What no program with Textual can go below: an empty one."""
_MANY, _USUAL = 200.0, 20.0
"""Rows a second: many, and what two workers write."""
_SETTLED = 6.0
_IDLE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs that are looked at, each in a store of its own."""

    finished: RunFolder
    live: RunFolder

    @classmethod
    def made(cls, folder: Path) -> "Runs":
        """Write them."""
        finished = dashboard_runs.finished(folder / "finished")
        dashboard_runs.with_table(folder / "finished", 140)
        return cls(finished, dashboard_runs.live(folder / "live"))


def _watch(folder: RunFolder) -> Terminal:
    store = folder.disk.root
    return Terminal([*META, "watch", folder.id], {"META_HOME": str(store)}, store)


@contextmanager
def _held(folder: RunFolder) -> Iterator[None]:
    """The run has a runner that lives, and is silent."""
    descriptor = folder.hold()
    yield
    os.close(descriptor)


@contextmanager
def _growing(folder: RunFolder, rows: float) -> Iterator[RunFolder]:
    """A copy of a live run that a runner writes to."""
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "store"
        shutil.copytree(folder.disk.root, store)
        own = RunFolder(store / "runs" / folder.path.name)
        module = "benchmarks.dashboard_runs"
        command = [sys.executable, "-m", module, str(own.path), str(rows), "3600"]
        with _held(own):
            writer = subprocess.Popen(command, cwd=_ROOT)
            yield own
            writer.kill()
            writer.wait()


def paint(runs: Runs, rounds: int) -> None:
    """From the start of the process to its paints, and the seconds of the processor until then."""

    def complete(told: str) -> Callable[[Grid], bool]:
        return lambda grid: "q leave" in grid.line(-1) and told in grid.text

    kinds: Mapping[str, tuple[Callable[[], Terminal], str]] = {
        "floor: Textual, an empty app": (
            lambda: Terminal([sys.executable, "-P", "-c", _FLOOR], {}, Path()), "q leave",
        ),
        "a run that is over (opens on its table)": (lambda: _watch(runs.finished), "1000/1000"),
        "a live run (opens on stages, curves, log)": (lambda: _watch(runs.live), "507/1000"),
    }  # fmt: skip
    first: dict[str, list[float]] = {name: [] for name in kinds}
    whole: dict[str, list[float]] = {name: [] for name in kinds}
    spent: dict[str, list[float]] = {name: [] for name in kinds}
    with _held(runs.live):
        for _ in range(rounds):
            for name, (start, told) in kinds.items():
                with start() as terminal:
                    terminal.drain_until(b"leave", 10.0)
                    spent[name].append(terminal.cpu_seconds)
                    terminal.drain(2.0)
                    first[name].append(_seen(terminal, lambda grid: "q leave" in grid.text))
                    shown = (lambda _: True) if name.startswith("floor") else complete(told)
                    whole[name].append(_seen(terminal, shown))
    rows = [
        [name, spread(first[name]), spread(whole[name]), spread(spent[name])] for name in kinds
    ]  # fmt: skip
    header = ["seconds from exec", "to the first complete frame", "with every cell", "CPU"]
    table(f"First paint, {rounds} interleaved rounds", header, rows)


def _seen(terminal: Terminal, shown: Callable[[Grid], bool]) -> float:
    at = terminal.first(shown)
    if at is None:
        raise SystemExit("what was to be shown was never shown")
    return at


def keys(runs: Runs, rounds: int) -> None:
    """Answers while many rows arrive, and memory before and after a minute of them."""
    with _growing(runs.live, _MANY) as folder, _watch(folder) as terminal:
        terminal.drain(_SETTLED)
        early = terminal.memory()
        cpu, began = terminal.cpu_seconds, terminal.now
        found = pressed(terminal, rounds)
        late, minutes = terminal.memory(), (terminal.now - began) / 60
        share = (terminal.cpu_seconds - cpu) / (terminal.now - began)
    rows = [[name, *_quantiles(times)] for name, times in found.items()]
    every = [time for times in found.values() for time in times]
    rows.append(["all", *_quantiles(every)])
    title = f"Key to paint, ms, {_MANY:.0f} rows a second arriving ({share:.0%} of a core)"
    table(title, ["key", "p50", "p95", "most", "keys", "not answered"], rows)
    title = "Memory, MiB"
    told = [[name, f"{early[name]:.0f}", f"{late[name]:.0f}"] for name in early]
    table(title, ["", "after first paint", f"after {minutes:.1f} minutes of updates"], told)


def _quantiles(times: Sequence[float | None]) -> list[str]:
    there = sorted(time * 1000 for time in times if time is not None)
    if not there:
        return ["", "", "", "0", str(len(times))]
    p95 = there[min(len(there) - 1, int(0.95 * len(there)))]
    return [
        f"{statistics.median(there):.0f}", f"{p95:.0f}", f"{there[-1]:.0f}", str(len(there)),
        str(len(times) - len(there)),
    ]  # fmt: skip


def idle(runs: Runs) -> None:
    """Shares of a core where nothing happens."""
    rows = []
    for name, folder in (("finished", runs.finished), ("live, silent", runs.live)):
        with _held(runs.live), _watch(folder) as terminal:
            for key in (b"1", b"2"):
                terminal.drain(_SETTLED)
                terminal.press(key)
                terminal.drain(_SETTLED)
                share = _share(terminal, _IDLE_SECONDS)
                rows.append([f"{name}, screen {key.decode()}", f"{share:.2%}"])
    table(f"Idle, {_IDLE_SECONDS:.0f} s each", ["run", "of a core"], rows)


def _share(terminal: Terminal, seconds: float) -> float:
    cpu, began = terminal.cpu_seconds, terminal.now
    terminal.drain(seconds)
    return (terminal.cpu_seconds - cpu) / (terminal.now - began)


def updates(runs: Runs, rounds: int) -> None:
    """Shares of a core while rows arrive and the screen is drawn four times a second."""
    rows = []
    for many in (_USUAL, _MANY):
        with _growing(runs.live, many) as folder, _watch(folder) as terminal:
            terminal.drain(_SETTLED)
            shares = [_share(terminal, 10.0) * 100 for _ in range(rounds)]
        rows.append([f"{many:.0f}", spread(shares)])
    table("Updates at 120 x 40", ["rows a second", "% of a core, of 10 s each"], rows)


def _pace() -> str:
    """How fast the machine is now: other guests of a host slow it by half, whatever its load."""
    command = [sys.executable, "-P", "-c", "import textual.app"]
    took = [cost(command, folder=_ROOT, environment={}).cpu_seconds for _ in range(5)]
    return (
        f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores, Textual alone {min(took):.3f} s"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parts = ["paint", "keys", "idle", "updates", "training", "renderers"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    options = parser.parse_args()
    rounds = options.rounds
    print(f"before: {_pace()}")
    if "renderers" in options.only:
        dashboard_renderers.main(rounds)
    if "training" in options.only:
        dashboard_training.main(rounds)
    if {"paint", "keys", "idle", "updates"} & {*options.only}:
        with tempfile.TemporaryDirectory() as name:
            runs = Runs.made(Path(name))
            each: Mapping[str, Callable[[], None]] = {
                "paint": lambda: paint(runs, rounds),
                "keys": lambda: keys(runs, 2 * rounds),
                "idle": lambda: idle(runs),
                "updates": lambda: updates(runs, rounds),
            }
            for part, measure in each.items():
                if part in options.only:
                    measure()
                    print(f"\nafter {part}: {_pace()}")


if __name__ == "__main__":
    main()
