"""The images of a dataset on the device, with all faults told as a person can mend them."""

from collections.abc import Iterable

from engine import learning
from engine.artifacts import Dataset
from engine.run import Run
from pipelines.errors import StageError
from pipelines.text import safe_text

PARTS = {"train": "training", "val": "validation", "test": "test"}
"""Part -> what its images are called."""


def loaded(run: Run, data: Dataset, needs: Iterable[str] = ()) -> "learning.data.Task":
    """The images of a dataset on the run's device.

    Args:
        run: of the stage.
        data: which images.
        needs: parts that may not be empty.

    Raises:
        StageError: there are no images, none of a needed part, or a file cannot be read.
    """
    for part in needs:
        if part not in data.parts or not len(data.parts[part]):
            there = [PARTS[name] for name, found in data.parts.items() if len(found)]
            has = f"it has {' and '.join(there)} images" if there else "it has none at all"
            raise StageError(
                f"{data.task} has no {PARTS[part]} images, and they are needed here; {has}"
            )
    if not any(len(part) for part in data.parts.values()):
        raise StageError(f"{data.task} has no images")
    try:
        return learning.data.load(data, run.files, run.device)
    except learning.files.UnreadableError as error:
        raise StageError(safe_text(str(error))) from error
