"""A collection of labelled images, or some classes of it, in three parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator

from engine import imagesets, learning, omniglot
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
    name: Literal["digits", "mnist", "omniglot"]
    """Collection: scikit-learn's 1797 digits of 8x8 pixels (always there), MNIST, or Omniglot's
    1623 characters, 20 drawings of each."""
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,40}$")] | None = None
    """Label under which its metrics appear, as `high` in `high/accuracy`; the name by default."""
    classes: Annotated[
        tuple[Annotated[int, Field(ge=0, le=9)], ...] | None, Field(min_length=2)
    ] = None
    """Labels to keep, in the order of a head's outputs; all by default. Not of omniglot."""
    part: Literal["train", "val", "test"] | None = None
    """Of omniglot, which is divided by characters: those of this part, and all drawings of them."""
    split: Literal["vinyals", "random"] | None = None
    """Of omniglot: how characters are divided, 1028 / 172 / 423. `vinyals`, the default, reads the
    lists of that split, whose parts share few alphabets; `random` shuffles all characters, as MAML
    and Reptile do, which makes few-shot tasks some 2 points easier."""
    rotations: Literal["classes", "augment", "none"] | None = None
    """Of omniglot: `classes` makes each of the four turns by 90 degrees a class of its own;
    `augment` turns training images at random; `none`, the default, leaves them."""
    take: Take = Take()
    """How many examples to keep of each part; all by default. Not of omniglot."""
    augment: Augment | None = None
    """Random changes of training images."""
    shifted: Shifted | None = None
    """Makes a shifted test set, judged as `shifted_accuracy`. Not of omniglot."""
    root: Annotated[str | None, Field(json_schema_extra={"result": False})] = None
    """Folder of the files, relative to the pipeline file; META_DATA by default. Only locates:
    results depend on the files' content."""

    @field_validator("part", "split", "rotations")
    @classmethod
    def _of_characters(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.data.get("name", omniglot.NAME)
        if value is not None and name != omniglot.NAME:
            raise ValueError(f"only omniglot has it, not {name}")
        return value

    @field_validator("classes", "take", "shifted")
    @classmethod
    def _of_examples(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("name") == omniglot.NAME and value not in (None, Take()):
            raise ValueError(
                "omniglot has it not: it is divided by characters, chosen by `split` and `part`"
            )
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.classes and len(set(self.classes)) < len(self.classes):
            raise ValueError("`classes` names a label twice")
        if self.name == omniglot.NAME and self.part is None:
            raise ValueError("omniglot needs `part: train`, `part: val` or `part: test`")
        return self

    @property
    def label(self) -> str:
        """The task."""
        return self.task or self.name

    @property
    def kept(self) -> tuple[int, ...]:
        """The classes, where they are digits."""
        return self.classes or tuple(range(10))

    @property
    def turned(self) -> bool:
        """Whether a turn makes a class."""
        return self.rotations == "classes"

    def characters(self, files: Mapping[str, Path]) -> tuple[int, ...]:
        """Numbers of Omniglot's characters."""
        return omniglot.characters(self.split or "vinyals", self.part or "", files)

    def files(self, folder: Path) -> Mapping[str, Path]:
        """See `Params.files`."""
        root = folder / self.root if self.root else None
        if self.name == omniglot.NAME:
            return omniglot.find(self.split or "vinyals", self.part or "", root)
        return imagesets.find(self.name, root)


@dataclass(frozen=True, slots=True)
class Described:
    """The output of `dataset`."""

    data: Data


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Dataset = look.params
    if params.name == omniglot.NAME:
        return {"data": _known_characters(params, look.folder)}
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
        examples={part: _fewest(params, part) for part in imagesets.PARTS},
    )
    return {"data": facts}


def _fewest(params: Dataset, part: str) -> int:
    counts = imagesets.COUNTS[params.name][part]
    fewest = min(counts[label] for label in params.kept)
    taken = getattr(params.take, part)
    return fewest if taken is None else min(fewest, taken // len(params.kept))


def _known_characters(params: Dataset, folder: Path) -> Facts:
    chosen, part = params.characters(params.files(folder)), params.part or ""
    names = learning.alphabets.characters()
    judged = {"train": (), "val": ("val_accuracy", "val_loss"), "test": ("accuracy", "loss")}
    return Facts(
        task=params.label,
        classes=omniglot.classes(chosen, turned=params.turned),
        sources=frozenset((f"{omniglot.NAME}/{names[character]}", part) for character in chosen),
        metrics={f"{params.label}/{name}": () for name in judged[part]},
        examples={part: learning.alphabets.DRAWERS},
    )


@stage(facts=_facts)
def dataset(run: Run, params: Dataset) -> Described:
    """Choose examples of a collection: the same ones in every run.

    Digits are split 60/20/20 within each class; of MNIST's training file the last 5000 images
    validate, and its test file tests. Omniglot is split by characters, so that a dataset of it has
    one part; its drawings are shrunk by area from 105x105 to 28x28 pixels. The result names the
    examples and holds no pixels.
    """
    classes, parts = params.kept, {}
    if params.name == omniglot.NAME:
        chosen = params.characters({name: run.files[sha] for name, sha in run.inputs.items()})
        classes = omniglot.classes(chosen, turned=params.turned)
        found = omniglot.examples(chosen, turned=params.turned)
        for part in imagesets.PARTS:
            indices = found if part == params.part else ()
            parts[part] = Part(omniglot.NAME, omniglot.NAME, indices)
    else:
        parts = {part: _part(run, params, part) for part in imagesets.PARTS}
    augment: dict[str, Any] = params.augment.model_dump() if params.augment else {}
    if params.rotations == "augment":
        augment["quarters"] = True
    return Described(
        Data(
            name=params.name,
            task=params.label,
            shape=imagesets.SHAPES[params.name],
            classes=classes,
            parts=parts,
            files=dict(run.inputs),
            augment=augment,
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
