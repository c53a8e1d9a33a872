"""CPU seconds of a whole process tree, median and spread, printed as a table."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took."""

    cpu_seconds: float
    wall_seconds: float


def cost(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command; CPU seconds are those of it and of all its children.

    Raises:
        SystemExit: it failed; shows what it said.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    used = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return Cost(used, wall)


def spread(values: Sequence[float]) -> str:
    """`median (least - most)`."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} - {max(values):.3f})"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "|".join("---" for _ in header) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


META = (sys.executable, "-P", "-m", "meta_tui")
"""The command as this interpreter has it."""
