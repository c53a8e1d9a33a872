"""Stage `dataset`: labelled images, or some classes of them, in three parts."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import learning
from engine.library.artifacts import Dataset as Data
from engine.library.artifacts import Part
from engine.library.datasets import builtin, image_folder, omniglot
from engine.library.datasets.params import Dataset
from engine.library.datasets.parts import enough, one_each
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage
from pipelines.core.text import listed, safe_text


@dataclass(frozen=True, slots=True)
class Described:
    """The output of `dataset`."""

    data: Data


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Dataset = look.params
    if params.name == omniglot.NAME:
        return {"data": _known_characters(params, look.folder)}
    if params.name == image_folder.NAME:
        return {"data": _known_folder(look, params)}
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    names += ["shifted_accuracy"] if params.shifted else []
    sources = {(f"{params.name}/{label}", part) for label in params.kept for part in builtin.PARTS}
    counts = {
        part: sum(builtin.COUNTS[params.name][part][label] for label in params.kept)
        for part in builtin.PARTS
    }
    sizes = _sizes(look, params, counts, len(params.kept))
    facts = Facts(
        task=params.label,
        collection=params.name,
        shape=params.shape,
        sizes=sizes,
        classes=params.kept,
        sources=frozenset(sources),
        metrics={f"{params.label}/{name}": () for name in names},
        examples={part: _fewest(params, part) for part in builtin.PARTS},
    )
    return {"data": facts}


def _sizes(look: Look, params: Dataset, counts: Mapping[str, int], classes: int) -> dict[str, int]:
    """Examples of each part, after reporting more that are asked for than there are."""
    known = Facts(task=params.label, sizes=counts, classes=tuple(range(classes)))
    for part in builtin.PARTS:
        enough(look, f"take.{part}", params.take.of(part), known, part)
        one_each(look, f"take.{part}", params.take.of(part), known, part)
    return {part: min(count, params.take.of(part) or count) for part, count in counts.items()}


def _fewest(params: Dataset, part: str) -> int:
    counts = builtin.COUNTS[params.name][part]
    return _taken(params, part, min(counts[label] for label in params.kept), len(params.kept))


def _taken(params: Dataset, part: str, fewest: int, classes: int) -> int:
    taken = params.take.of(part)
    return fewest if taken is None else min(fewest, taken // classes)


def _known_characters(params: Dataset, folder: Path) -> Facts:
    chosen, part = params.characters(params.files(folder)), params.part or ""
    names = learning.data.omniglot_index.characters()
    classes = omniglot.classes(chosen, turned=params.turned)
    return Facts(
        task=params.label,
        collection=params.name,
        shape=params.shape,
        classes=classes,
        sizes={part: learning.data.omniglot_index.DRAWERS * len(classes)},
        sources=frozenset(
            (
                name := f"{omniglot.NAME}/{names[character]}",
                part,
                name,
                0,
                learning.data.omniglot_index.DRAWERS,
            )
            for character in chosen
        ),
        metrics={f"{params.label}/{name}": () for name in builtin.JUDGED[part]},
        examples={part: learning.data.omniglot_index.DRAWERS},
        turned=params.rotations == "augment",
    )


def _known_folder(look: Look, params: Dataset) -> Facts:
    found = image_folder.listed(look.folder / (params.root or ""))
    for fault in params.choice.faults(found):
        look.error(*fault)
    if look.faults:
        return Facts(task=params.label, collection=params.name)
    names, fewest = params.choice.names(found), params.choice.fewest(found)
    there = {part: _taken(params, part, n, len(names)) for part, n in fewest.items() if n}
    judged = [name for part in there for name in builtin.JUDGED[part]]
    judged += ["shifted_accuracy"] if params.shifted and "test" in there else []
    root, place = safe_text(posixpath.normpath(params.root or "")), look.folder / str(params.root)
    numbers = tuple(learning.data.image_folder.number(name) for name in names)
    counts = {part: len(places) for part, places in params.choice.parts(found).items() if places}
    sizes = _sizes(look, params, counts, len(names))
    return Facts(
        task=params.label,
        collection=params.name,
        shape=params.shape,
        classes=numbers,
        sizes=sizes,
        names=dict(zip(numbers, names, strict=True)),
        sources=frozenset(
            (f"{root}/{name}", part, learning.data.image_folder.identity(place / name), *ends)
            for name in names
            for part, ends in params.choice.spans(len(found[name])).items()
            if ends[0] < ends[1]
        ),
        metrics={f"{params.label}/{name}": () for name in judged},
        examples=there,
    )


@stage(facts=_facts)
def dataset(run: Run, params: Dataset) -> Described:
    """Choose examples of a collection: the same ones in every run.

    Digits are split 60/20/20 within each class; of MNIST's training file the last 5000 images
    validate, and its test file tests. Omniglot is split by characters, so that a dataset of it has
    one part; its drawings are shrunk by area from 105x105 to 28x28 pixels. Images of a folder are
    resized, whatever their proportions, and their pixels scaled to -1 .. 1. The result names the
    examples and holds no pixels.
    """
    names: tuple[str, ...] = ()
    if params.name == omniglot.NAME:
        chosen = params.characters({name: run.files[sha] for name, sha in run.inputs.items()})
        classes = omniglot.classes(chosen, turned=params.turned)
        found = omniglot.examples(chosen, turned=params.turned)
        every = {part: found if part == params.part else () for part in builtin.PARTS}
        parts = {part: _part(run, params, part, every[part]) for part in builtin.PARTS}
    elif params.name == image_folder.NAME:
        names, parts = _divided(run, params)
        classes = tuple(learning.data.image_folder.number(name) for name in names)
    else:
        classes, parts = params.kept, {part: _digits(run, params, part) for part in builtin.PARTS}
    for part in parts.values():
        names_of = part.images, part.labels
        learning.data.image_files.check(run.files, run.inputs, names_of, part.indices, params.shape)
    return Described(
        Data(
            name=params.name,
            task=params.label,
            shape=params.shape,
            classes=classes,
            parts=parts,
            files=dict(run.inputs),
            augment=_augment(params),
            shifted={"rotate": list(params.shifted.rotate)} if params.shifted else {},
            names=names,
            labels=params.labels,
        )
    )


def _augment(params: Dataset) -> dict[str, Any]:
    """How training images are changed, as an artifact keeps it."""
    changes = params.augment.model_dump() if params.augment else {}
    return {**changes, "quarters": True} if params.rotations == "augment" else changes


def _divided(run: Run, params: Dataset) -> tuple[tuple[str, ...], dict[str, Part]]:
    """Names of the classes of a folder, and the parts of its images."""
    digest = run.inputs[image_folder.NAME]
    found = learning.data.image_folder_pixels.listing(run.files[digest], digest)
    every = params.choice.parts(found)
    return params.choice.names(found), {
        part: _part(run, params, part, positions) for part, positions in every.items()
    }


def _digits(run: Run, params: Dataset, part: str) -> Part:
    _, names = builtin.source(params.name, part)
    labels = learning.data.image_files.labels(run.files, run.inputs, names).tolist()
    kept, every = set(params.kept), builtin.positions(params.name, part, labels)
    chosen = [i for i in every if labels[i] in kept]
    if lacking := sorted(kept - {labels[i] for i in chosen}):
        last = f"the last {builtin.MNIST_VALIDATES} images of the training file validate"
        raise StageError(
            f"the {part} part of {params.name} has no image of {listed(lacking)}: {last}; give "
            "the file its images in random order"
        )
    return _part(run, params, part, chosen)


def _part(run: Run, params: Dataset, part: str, indices: Sequence[int]) -> Part:
    """A part, of which only some examples of each class are taken where that is asked for."""
    images, names = builtin.source(params.name, part)
    count = params.take.of(part)
    if count is not None:
        if count > len(indices):
            raise StageError(f"`take.{part}: {count}` is more than the {len(indices)} there are")
        labels = learning.data.image_files.labels(run.files, run.inputs, names)[
            list(indices)
        ].tolist()
        place = {position: rank for rank, position in enumerate(indices)}
        order = [place[i] for i in builtin.shuffled(params.name, indices)]
        indices = [indices[i] for i in learning.data.balanced.balanced(labels, order, count)]
    return Part(images, names, tuple(indices))
