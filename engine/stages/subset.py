"""Few labels: a random, class-balanced part of a dataset's training and validation images."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from pydantic import NonNegativeInt, PositiveInt, model_validator

from engine import learning
from engine.artifacts import Dataset, Part
from engine.run import Run
from pipelines.errors import StageError
from pipelines.facts import Facts, Look
from pipelines.stage import Params, stage


class Subset(Params):
    train: PositiveInt | None = None
    """Training images to keep, with classes as equal as can be; all by default."""
    train_per_class: PositiveInt | None = None
    """Training images of each class to keep, instead of `train`."""
    val: NonNegativeInt | None = None
    """Validation images to keep; all by default."""

    @model_validator(mode="after")
    def _one_count(self) -> Self:
        if self.train is not None and self.train_per_class is not None:
            raise ValueError("give `train` or `train_per_class`, not both")
        return self


@dataclass(frozen=True, slots=True)
class Fewer:
    """The output of `subset`."""

    data: Dataset


def _facts(look: Look) -> Mapping[str, Facts]:
    data = look.one("data") or Facts()
    metrics = dict(data.metrics)
    if look.params.val == 0:
        metrics = {name: steps for name, steps in metrics.items() if "/val_" not in name}
    examples = {part: _fewest(look.params, data, part) for part in data.examples}
    return {"data": replace(data, metrics=metrics, examples=examples)}


def _fewest(params: Subset, data: Facts, part: str) -> int:
    """Examples of the smallest class that stay, classes being as equal as can be."""
    here, wanted = data.examples[part], {"train": params.train, "val": params.val}.get(part)
    if part == "train" and params.train_per_class is not None:
        return min(here, params.train_per_class)
    return here if wanted is None else min(here, wanted // max(1, len(data.classes)))


@stage(draws=True, facts=_facts)
def subset(run: Run, params: Subset, *, data: Dataset) -> Fewer:
    """Keep some training and validation images, drawn by the seed; the test part stays whole.

    Of one seed, a smaller subset lies within a larger one.
    """
    count = params.train
    if params.train_per_class is not None:
        count = params.train_per_class * len(data.classes)
    parts = dict(data.parts)
    for name, wanted in {"train": count, "val": params.val}.items():
        if wanted is not None:
            parts[name] = _drawn(run, data, name, wanted)
    return Fewer(replace(data, parts=parts))


def _drawn(run: Run, data: Dataset, name: str, count: int) -> Part:
    part = data.parts[name]
    if count > len(part):
        raise StageError(f"{data.task} has {len(part)} {name} images, fewer than {count}")
    labels = learning.files.labels(run.files, data.files, part.labels)[list(part.indices)]
    order = list(range(len(part)))
    random.Random(f"{run.seed('subset')}/{name}").shuffle(order)
    chosen = learning.selection.balanced(labels.tolist(), order, count)
    return replace(part, indices=tuple(part.indices[place] for place in chosen))
