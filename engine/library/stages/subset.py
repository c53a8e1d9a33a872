"""Stage `subset`: a random, class-balanced subset of the training and validation images."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from pydantic import NonNegativeInt, PositiveInt, model_validator

from engine import learning
from engine.library.artifacts import Dataset, Part
from engine.library.datasets import parts as known_parts
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage
from pipelines.core.text import listed


class Subset(Params):
    train: PositiveInt | None = None
    """Training images to keep, with classes as balanced as possible; all by default."""
    train_per_class: PositiveInt | None = None
    """Maximum number of training images per class, instead of `train`; smaller classes are kept
    whole, with a note."""
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
    sizes = _sizes(look, look.params, data)
    return {"data": replace(data, metrics=metrics, examples=examples, sizes=sizes)}


def _sizes(look: Look, params: Subset, data: Facts) -> dict[str, int]:
    """Examples of each part that stay, after reporting more that are asked for than there are."""
    for part, wanted in {"train": params.train, "val": params.val}.items():
        known_parts.enough(look, part, wanted, data, part)
    known_parts.one_each(look, "train", params.train, data, "train")
    each, fewest = params.train_per_class, data.examples.get("train", 0)
    if each and known_parts.there(data, "train") is False:
        known_parts.need(look, "data", data, "train", f"for `train_per_class: {each}`")
    elif each and 0 < fewest < each:
        told = f"`train_per_class: {each}`, and the smallest class of {data.task} has {fewest}"
        hint = f"take {fewest} or fewer for classes of one size"
        look.advise("class-smaller-than-asked", "train_per_class", told, hint)
    bound = each * len(data.classes) if each else params.train
    kept = {"train": bound, "val": params.val}
    return {
        part: min(count, wanted) if (wanted := kept.get(part)) is not None else count
        for part, count in data.sizes.items()
    }


def _fewest(params: Subset, data: Facts, part: str) -> int:
    """Examples of the smallest class that stay, classes being as equal as can be."""
    here, wanted = data.examples[part], {"train": params.train, "val": params.val}.get(part)
    if part == "train" and params.train_per_class is not None:
        return min(here, params.train_per_class)
    return here if wanted is None else min(here, wanted // max(1, len(data.classes)))


@stage(draws=True, facts=_facts)
def subset(run: Run, params: Subset, *, data: Dataset) -> Fewer:
    """Keep a random subset of the training and validation images; the test part is unchanged.

    With the same seed, a smaller subset is contained in a larger one.
    """
    parts = dict(data.parts)
    if params.train_per_class is not None:
        parts["train"] = _bounded(run, data, params.train_per_class)
    for name, wanted in {"train": params.train, "val": params.val}.items():
        if wanted is not None:
            parts[name] = _drawn(run, data, name, wanted)
    return Fewer(replace(data, parts=parts))


def _drawn(run: Run, data: Dataset, name: str, count: int) -> Part:
    """So many examples of a part, with classes as equal as can be."""
    part = data.parts[name]
    if count > len(part):
        raise StageError(f"{data.task} has {len(part)} {name} images, fewer than {count}")
    labels, order = _shuffled(run, data, name)
    chosen = learning.data.balanced.balanced(labels, order, count)
    there, left = len(set(labels)), len({labels[place] for place in chosen})
    if count and left < there:
        run.note(f"`{name}: {count}` keeps an image of {left} of the {there} classes only")
    return replace(part, indices=tuple(part.indices[place] for place in chosen))


def _bounded(run: Run, data: Dataset, each: int) -> Part:
    """At most so many training examples of every class."""
    part = data.parts["train"]
    if not len(part):
        raise StageError(f"{data.task} has no training images, and `train_per_class` keeps some")
    labels, order = _shuffled(run, data, "train")
    names = dict(zip(data.classes, data.names, strict=False))
    counts = Counter(labels)
    few = {label: counts[label] for label in data.classes if counts[label] < each}
    if few:
        all_kept = listed(f"{names.get(label, label)} has {n}" for label, n in few.items())
        run.note(f"`train_per_class: {each}` keeps all images of smaller classes: {all_kept}")
    chosen = learning.data.balanced.at_most(labels, order, each)
    return replace(part, indices=tuple(part.indices[place] for place in chosen))


def _shuffled(run: Run, data: Dataset, name: str) -> tuple[list[int], list[int]]:
    """Labels of a part's examples, and an order of them that is drawn by the seed."""
    part = data.parts[name]
    labels = learning.data.image_files.labels(run.files, data.files, part.labels)[
        list(part.indices)
    ]
    order = list(range(len(part)))
    random.Random(f"{run.seed('subset')}/{name}").shuffle(order)
    return labels.tolist(), order
