"""Regression tasks from a user's table: each samples a task of the table, and rows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.learning.data import csv_tasks, image_files
from engine.learning.metalearning.tasks.batches import Examples, Loss, SquaredError, TaskBatch
from engine.learning.metalearning.tasks.streams import generator

NAME = "table"
"""Logical name of the file."""


@dataclass(frozen=True, slots=True)
class Tables:
    """A family of regression tasks.

    Tasks are shuffled in every pass, so each pass contains every task of the table once.

    Attributes:
        x: (n, d), rows of all tasks.
        y: (n, c).
        rows: for each task the positions (n_t,) int64 of its rows.
        seed: of the stream.
        shots: support rows.
        queries: query rows, disjoint from the support rows.
        loss: of the support set.
        test_loss: of the query set.

    Raises:
        ValueError: there are no tasks, or one has too few rows.
    """

    x: Tensor
    y: Tensor
    rows: tuple[Tensor, ...]
    seed: int
    shots: int = 10
    queries: int = 10
    loss: Loss = field(default_factory=SquaredError)
    test_loss: Loss = field(default_factory=SquaredError)

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError("the table has no tasks")
        least = min(len(rows) for rows in self.rows)
        if self.shots + self.queries > least:
            raise ValueError(
                f"{self.shots} shots + {self.queries} queries = {self.shots + self.queries} rows "
                f"of a task, but one task has only {least}"
            )

    def batch(self, numbers: Sequence[int]) -> TaskBatch:
        """See `Family`; x is (T, n, d), y is (T, n, c)."""
        rows = torch.stack([self._rows(number) for number in numbers]).to(self.x.device)
        x, y = self.x[rows], self.y[rows]
        k = self.shots
        return TaskBatch(
            Examples(x[:, :k], y[:, :k]), Examples(x[:, k:], y[:, k:]), self.y.shape[1],
            self.loss, self.test_loss, None, tuple(numbers),
        )  # fmt: skip

    def members(self, number: int) -> tuple[int, ...]:
        """See `Family`: the index of the task in the table."""
        passes, index = divmod(number, len(self.rows))
        return (int(_order(self.seed, passes, len(self.rows))[index]),)

    def _rows(self, number: int) -> Tensor:
        """Return the positions (shots + queries,) of a task's rows."""
        (task,) = self.members(number)
        members = self.rows[task]
        order = torch.randperm(len(members), generator=generator(self.seed, "rows", number))
        return members[order[: self.shots + self.queries]]


@lru_cache(maxsize=16)
def _order(seed: int, number: int, count: int) -> Tensor:
    """Return the order (count,) of the tasks in a pass."""
    return torch.randperm(count, generator=generator(seed, "pass", number))


def of(
    draws: Mapping[str, Any],
    digests: Mapping[str, str],
    paths: Mapping[str, Path],
    device: str,
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Return `x`, `y` (float32) and `rows` of `Tables`.

    Args:
        draws: `inputs` and `targets`, names of columns; `tasks`, names of tasks; and where columns
            are standardised `mean` and `std`, of inputs and then targets.
        digests: logical name -> sha256 of the file's content.
        paths: sha256 -> path.
        device: of x and y.

    Raises:
        ValueError: the file has changed.
    """
    content = image_files.content(paths[digests[NAME]], digests[NAME])
    sheet = csv_tasks.read(BytesIO(content), draws["inputs"], draws["targets"])
    rows = [row for task in draws["tasks"] for row in sheet.rows[task]]
    values = torch.tensor(rows, dtype=torch.float64)
    if draws.get("mean") is not None:
        values = (values - torch.tensor(draws["mean"], dtype=torch.float64)) / torch.tensor(
            draws["std"], dtype=torch.float64
        )
    x, y = values.float().to(device).split([len(sheet.inputs), len(sheet.targets)], 1)
    members = torch.arange(len(rows)).split([len(sheet.rows[task]) for task in draws["tasks"]])
    return x, y, members
