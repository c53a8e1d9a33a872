"""Loads the images of a dataset onto the device, with clear errors for missing parts."""

from collections.abc import Iterable

from engine import learning
from engine.library.artifacts import Dataset
from engine.stage_api.run import Run
from pipelines.core.errors import StageError

PARTS = {"train": "training", "val": "validation", "test": "test"}
"""Part -> its name in messages."""


def loaded(run: Run, data: Dataset, needs: Iterable[str] = ()) -> "learning.data.device_data.Task":
    """Load the images of a dataset onto the run's device.

    Args:
        run: of the stage.
        data: the dataset.
        needs: parts that must not be empty.

    Raises:
        StageError: the dataset, or a needed part, has no images.
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
    return learning.data.device_data.load(data, run.files, run.device)
