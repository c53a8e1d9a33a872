"""A collection of labelled images, or some classes of it, in three parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from engine import imagesets, learning
from engine.artifacts import Dataset as Data
from engine.artifacts import Part
from engine.run import Run
from pipelines.errors import StageError
from pipelines.stage import Facts, Look, Params, stage


class Take(Params):
    """How many examples to keep of each part, with classes as equal as can be."""

    train: PositiveInt | None = None
    """Of the training part; all where it is absent."""
    val: PositiveInt | None = None
    """Of the validation part; all where it is absent."""
    test: PositiveInt | None = None
    """Of the test part; all where it is absent."""


class Augment(Params):
    """Random changes of training images, drawn anew each time."""

    rotate: Annotated[float, Field(gt=0, le=180)]
    """Largest angle in degrees, either way."""


class Shifted(Params):
    """A fixed change of the test images: a second test set, out of distribution."""

    rotate: tuple[Annotated[float, Field(ge=0, le=180)], Annotated[float, Field(ge=0, le=180)]]
    """Smallest and largest angle in degrees, either way."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.rotate[0] > self.rotate[1]:
            raise ValueError("`rotate` is [smallest, largest]")
        return self


class Dataset(Params):
    name: Literal["digits", "mnist"]
    """Collection: scikit-learn's 1797 digits of 8x8 pixels (always there), or MNIST."""
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,40}$")] | None = None
    """Label under which its metrics appear, as `high` in `high/accuracy`; the name by default."""
    classes: Annotated[
        tuple[Annotated[int, Field(ge=0, le=9)], ...] | None, Field(min_length=2)
    ] = None
    """Labels to keep, in the order of a head's outputs; all by default."""
    take: Take = Take()
    """How many examples to keep of each part; all by default."""
    augment: Augment | None = None
    """Random changes of training images."""
    shifted: Shifted | None = None
    """Makes a shifted test set, judged as `shifted_accuracy`."""
    root: Annotated[str | None, Field(json_schema_extra={"result": False})] = None
    """Folder of the files, relative to the pipeline file; META_DATA by default. Only locates:
    results depend on the files' content."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.classes and len(set(self.classes)) < len(self.classes):
            raise ValueError("`classes` names a label twice")
        return self

    @property
    def label(self) -> str:
        """The task."""
        return self.task or self.name

    @property
    def kept(self) -> tuple[int, ...]:
        """The classes."""
        return self.classes or tuple(range(10))

    def files(self, folder: Path) -> Mapping[str, Path]:
        """See `Params.files`."""
        return imagesets.find(self.name, folder / self.root if self.root else None)


@dataclass(frozen=True, slots=True)
class Described:
    """The output of `dataset`."""

    data: Data


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Dataset = look.params
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    names += ["shifted_accuracy"] if params.shifted else []
    sources = {
        (f"{params.name}/{label}", part) for label in params.kept for part in imagesets.PARTS
    }
    facts = Facts(
        task=params.label,
        classes=params.kept,
        sources=frozenset(sources),
        metrics={f"{params.label}/{name}": () for name in names},
    )
    return {"data": facts}


@stage(facts=_facts)
def dataset(run: Run, params: Dataset) -> Described:
    """Choose examples of a collection: the same ones in every run.

    Digits are split 60/20/20 within each class; of MNIST's training file the last 5000 images
    validate, and its test file tests. The result names the examples and holds no pixels.
    """
    parts = {part: _part(run, params, part) for part in imagesets.PARTS}
    return Described(
        Data(
            name=params.name,
            task=params.label,
            shape=imagesets.SHAPES[params.name],
            classes=params.kept,
            parts=parts,
            files=dict(run.inputs),
            augment=params.augment.model_dump() if params.augment else {},
            shifted={"rotate": list(params.shifted.rotate)} if params.shifted else {},
        )
    )


def _part(run: Run, params: Dataset, part: str) -> Part:
    images, names = imagesets.source(params.name, part)
    labels = learning.files.labels(run.files, run.inputs, names).tolist()
    kept = set(params.kept)
    indices = [i for i in imagesets.positions(params.name, part, labels) if labels[i] in kept]
    count = getattr(params.take, part)
    if count is not None:
        if count > len(indices):
            raise StageError(f"`take.{part}: {count}` is more than the {len(indices)} there are")
        place = {position: rank for rank, position in enumerate(indices)}
        order = [place[i] for i in imagesets.shuffled(params.name, indices)]
        found = learning.selection.balanced([labels[i] for i in indices], order, count)
        indices = [indices[i] for i in found]
    return Part(images, names, tuple(indices))
