"""A family of tasks: what meta-learning learns from and is judged on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from engine.library.artifacts.dataset import Dataset
from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact

Span = tuple[int, int]
"""Fewest and most; equal where fixed. Each number between them is as likely."""


@dataclass(frozen=True, slots=True)
class TaskFamily(Artifact):
    """A stream of tasks, described and not drawn.

    Task number i of a seed is a function of the family, the seed and i alone, so that learners
    with different batches of tasks see the same ones, and no state is needed to go on.
    """

    shown: ClassVar[bool] = False

    kind: str
    """`classified`: episodes from the classes of `data`; `sinusoid`, `linear` or `table`:
    regression."""
    task: str
    """Label under which its metrics appear: `test` in `test/accuracy`."""
    ways: Span
    """Classes of a task; (0, 0) for regression."""
    shots: Span
    """Support examples, of each class where there are classes."""
    queries: Span
    """Query examples, of each class where there are classes."""
    loss: Mapping[str, Any]
    """Of the support set: {"kind": "cross_entropy", "smoothing": 0.1} or squared_error."""
    test_loss: Mapping[str, Any]
    """Of the query set; the same kind of value."""
    labels: str = "shuffled"
    """`shuffled`: a task numbers its classes anew; `global`: an output means one class always."""
    count: int | None = None
    """Tasks 0 .. count - 1 are all there are; None for an endless stream."""
    stream: int = 0
    """Which stream; one more number beside the seed."""
    data: Dataset | None = None
    """Episodes draw from the examples of all its parts; None for regression."""
    draws: Mapping[str, Any] = field(default_factory=dict)
    """Regression: what its numbers are drawn from. Sinusoid: `amplitude`, `phase` and `x`, each
    [least, greatest]. Linear: `inputs`, and `noise`, a standard deviation. Table: `inputs` and
    `targets`, names of columns, `tasks`, names of those to draw, and, where columns are
    standardised, their `mean` and `std`, inputs first."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Of a table: logical name of its file -> sha256."""

    def write(self, folder: Path) -> None:
        """Write `tasks.json`, and `dataset.json` where it has data.

        Tasks without files are the file that they always were.
        """
        left_out = {"data"} if self.files else {"data", "files"}
        described = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in left_out
        }
        artifact_json.dump(folder, "tasks.json", described)
        if self.data is not None:
            self.data.write(folder)

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Read what `write` wrote."""
        found = artifact_json.load(files, "tasks.json")
        for name in ("ways", "shots", "queries"):
            found[name] = tuple(found[name])
        data = Dataset.read(files) if "dataset.json" in files else None
        return cls(**found, data=data)
