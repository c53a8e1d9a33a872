"""A user's own table of regression tasks: where it is, what it holds, how its tasks are divided."""

import hashlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from engine import learning
from engine.library.datasets.image_folder import SHARES, borders
from pipelines.core import reading
from pipelines.core.errors import MissingFiles
from pipelines.core.text import safe_text, shown

NAME = "table"
"""Logical name of the file, and the kind of its tasks."""
LARGEST = 32 << 20
"""Bytes: all rows of a table are read, also to check it, at some 4 microseconds a row."""
TARGETS = ("y",)
GET = "a CSV file with a header: a column `task`, columns of inputs, and a column of targets"


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a table is chosen.

    Attributes:
        inputs: columns; None for all others.
        targets: columns.
        part: `all`, `train`, `val` or `test`: of the tasks, not of their rows.
    """

    inputs: tuple[str, ...] | None
    targets: tuple[str, ...]
    part: str

    def read(self, file: BinaryIO) -> "learning.data.csv_tasks.Sheet":
        """The whole table.

        Raises:
            ValueError: see `engine.learning.data.csv_tasks`; its message is not safe to show.
        """
        return learning.data.csv_tasks.read(file, self.inputs, self.targets)

    def tasks(self, sheet: "learning.data.csv_tasks.Sheet") -> tuple[str, ...]:
        """Names of the tasks of the part, in the order of the file."""
        if self.part == "all":
            return tuple(sheet.rows)
        return tuple(task for task, part in divided(sheet).items() if part == self.part)


def find(path: Path) -> dict[str, Path]:
    """The file by its logical name.

    Raises:
        MissingFiles: it is not there, or too large.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "is not there"
        raise MissingFiles(f"{safe_text(str(path))} {what}", GET, "file")
    size = path.stat().st_size
    if size > LARGEST:
        large = f"{safe_text(str(path))} has {size:,} bytes; a table has at most {LARGEST:,}"
        raise MissingFiles(large, "divide it into several families of tasks", "file")
    return {NAME: path}


def known(path: Path, choice: Choice) -> "learning.data.csv_tasks.Sheet":
    """The table at a path, read again only when it has changed.

    Raises:
        SheetError: see `engine.learning.data.csv_tasks`.
        OSError: it cannot be read.
    """
    state = path.stat()
    return _known(path, choice, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _known(
    path: Path, choice: Choice, _size: int, _changed: int
) -> "learning.data.csv_tasks.Sheet":
    with reading.opened(path) as file:
        return choice.read(file)


def identity(sheet: "learning.data.csv_tasks.Sheet", task: str) -> str:
    """What a task is, whatever the file is called and wherever it lies: a digest of its rows."""
    rows = sorted(map(tuple, sheet.rows[task]))
    return hashlib.sha256(repr((sheet.inputs, sheet.targets, rows)).encode()).hexdigest()[:32]


def divided(sheet: "learning.data.csv_tasks.Sheet") -> dict[str, str]:
    """Task -> its part: that of the file's own column, or else by a shuffle of the names."""
    if sheet.parts:
        return dict(sheet.parts)
    order = sorted(sheet.rows, key=lambda task: hashlib.sha256(task.encode()).digest())
    place = {task: i for i, task in enumerate(order)}
    ends = borders(len(order), SHARES)
    return {
        task: next(part for part, (start, end) in ends.items() if start <= place[task] < end)
        for task in sheet.rows
    }


def lacking(
    sheet: "learning.data.csv_tasks.Sheet", tasks: Sequence[str], shots: int, queries: int
) -> str:
    """What a task has too few of, in words; nothing where each has enough rows."""
    least = min(tasks, key=lambda task: len(sheet.rows[task]))
    there = len(sheet.rows[least])
    if shots + queries <= there:
        return ""
    return (
        f"{shots} shots and {queries} queries need {shots + queries} rows of each task, and "
        f"`{shown(least)}` (line {sheet.lines[least]}) has {there}"
    )


def standard(sheet: "learning.data.csv_tasks.Sheet") -> dict[str, list[float]]:
    """Mean and standard deviation of each column over the training tasks, in the file's order.

    The same for every part, so that what was learned on one means the same on another.
    """
    parts = divided(sheet)
    chosen = [task for task in sheet.rows if parts[task] == "train"] or list(sheet.rows)
    columns = list(zip(*(row for task in chosen for row in sheet.rows[task]), strict=True))
    scales = [_scale(column) for column in columns]
    return {"mean": [mean for mean, _ in scales], "std": [std for _, std in scales]}


def _scale(column: Sequence[float]) -> tuple[float, float]:
    """Mean and deviation of a column; 1 where all differences may come of rounding.

    The bound is scikit-learn's: var <= n eps var + (n eps mean)^2. The mean of many 0.1 is off by a
    bit, and dividing by the deviation from that would make another value of the column 1e15.
    """
    n = len(column)
    mean = math.fsum(column) / n
    if min(column) == max(column):
        return column[0], 1.0
    variance = math.fsum((x - mean) ** 2 for x in column) / n
    rounding = n * sys.float_info.epsilon
    constant = variance <= rounding * variance + (rounding * mean) ** 2
    return mean, 1.0 if constant else math.sqrt(variance)
