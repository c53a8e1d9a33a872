"""Task family artifact: the distribution of tasks for meta-training and evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from engine.library.artifacts.dataset import Dataset
from engine.stage_api import artifact_json
from pipelines.core.stage import Artifact

Span = tuple[int, int]
"""(minimum, maximum), inclusive, sampled uniformly; equal for a fixed number."""


@dataclass(frozen=True, slots=True)
class TaskFamily(Artifact):
    """Description of a stream of tasks, which are sampled on demand.

    Task i of a seed depends only on the family, the seed and i, so that learners with different
    task batch sizes see the same tasks, and resuming needs no state.
    """

    shown: ClassVar[bool] = False

    kind: str
    """`classified`: episodes from the classes of `data`; `sinusoid`, `linear` or `table`:
    regression."""
    task: str
    """Label under which its metrics appear: `test` in `test/accuracy`."""
    ways: Span
    """Number of classes of a task; (0, 0) for regression."""
    shots: Span
    """Support examples per class, or per task for regression."""
    queries: Span
    """Query examples per class, or per task for regression."""
    loss: Mapping[str, Any]
    """Loss on the support set: {"kind": "cross_entropy", "smoothing": 0.1} or squared_error."""
    test_loss: Mapping[str, Any]
    """Loss on the query set, in the same form."""
    labels: str = "shuffled"
    """`shuffled`: each task numbers its classes at random; `global`: an output is always the same
    class."""
    count: int | None = None
    """Number of tasks, 0 .. count - 1; None for an endless stream."""
    stream: int = 0
    """Number of the stream, which is combined with the seed."""
    data: Dataset | None = None
    """Dataset from all parts of which episodes are sampled; None for regression."""
    draws: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of regression tasks. Sinusoid: `amplitude`, `phase` and `x`, each
    [minimum, maximum]. Linear: `inputs`, and `noise`, a standard deviation. Table: `inputs` and
    `targets`, names of columns; `tasks`, names of the tasks to sample; and, if columns are
    standardised, their `mean` and `std`, inputs first."""
    files: Mapping[str, str] = field(default_factory=dict)
    """For a table, logical name of its file -> sha256."""

    def write(self, folder: Path) -> None:
        """Write `tasks.json`, without `files` if empty, and `dataset.json` if there is data."""
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
        """Read `tasks.json`, and `dataset.json` if it exists."""
        values = artifact_json.load(files, "tasks.json")
        for name in ("ways", "shots", "queries"):
            values[name] = tuple(values[name])
        data = Dataset.read(files) if "dataset.json" in files else None
        return cls(**values, data=data)
