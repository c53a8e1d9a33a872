"""A collection of labelled images, as a pipeline chooses one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator

from engine.library.datasets import builtin, image_folder, omniglot
from engine.library.datasets.transforms import Augment, Shifted, Take
from pipelines.core.stage import Params
from pipelines.core.text import listed

Share = Annotated[float, Field(ge=0, le=1)]
SPLITS = {omniglot.NAME: ("vinyals", "random"), image_folder.NAME: ("examples", "classes", "none")}
TABLES = ("table", "csv", "tabular")
OWN = {
    "part": tuple(SPLITS), "split": tuple(SPLITS), "rotations": (omniglot.NAME,),
    "size": (image_folder.NAME,), "color": (image_folder.NAME,), "shares": (image_folder.NAME,),
}  # fmt: skip
"""Parameter -> the only collections that have it."""


class Dataset(Params):
    name: Literal["digits", "mnist", "omniglot", "folder"]
    """Collection: scikit-learn's 1797 digits of 8x8 pixels (always there), MNIST, Omniglot's 1623
    characters, 20 drawings of each, or a folder of one's own: a subfolder for each class, its
    images (PNG, JPEG, ...) directly in it."""
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,40}$")] | None = None
    """Label under which its metrics appear, as `high` in `high/accuracy`; the name by default."""
    split: Literal["vinyals", "random", "examples", "classes", "none"] | None = None
    """Of omniglot: how characters are divided, 1028 / 172 / 423. `vinyals`, the default, reads the
    lists of that split, whose parts share few alphabets; `random` shuffles all characters, as MAML
    and Reptile do, which makes few-shot tasks some 2 points easier. Of a folder: `examples`, the
    default, divides the images of each class, for ordinary training; `classes` divides the classes,
    for tasks; `none` divides nothing, so that all images are of the `part` that is named."""
    part: Literal["train", "val", "test"] | None = None
    """Of what is divided by classes (omniglot, or a folder with another `split` than `examples`):
    the classes of this part, and all images of them."""
    classes: Annotated[tuple[int | str, ...] | None, Field(min_length=2)] = None
    """Labels to keep, in the order of a head's outputs; all by default. Of a folder: names of
    subfolders. Not of omniglot."""
    shares: tuple[Share, Share, Share] | None = None
    """Of a folder: shares of train, val and test; 0.6, 0.2 and 0.2 by default. Always the same
    images or classes, by a shuffle of their names."""
    size: tuple[PositiveInt, PositiveInt] | None = None
    """Of a folder, where it is needed: height and width to which all images are resized."""
    color: Literal["gray", "rgb"] | None = None
    """Of a folder: `rgb`, the default, has three channels, `gray` their luminance."""
    rotations: Literal["classes", "augment", "none"] | None = None
    """Of omniglot: `classes` makes each of the four turns by 90 degrees a class of its own;
    `augment` turns training images at random; `none`, the default, leaves them."""
    take: Take = Take()
    """How many examples to keep of each part; all by default. Not of what is divided by classes."""
    labels: Literal["given", "shuffled"] = "given"
    """`shuffled` permutes the labels of the training images among them, and so those of the
    validation images, the same way in every run: the control in which labels say nothing. Those of
    the test images stay. Not of what is divided by classes."""
    augment: Augment | None = None
    """Random changes of training images."""
    shifted: Shifted | None = None
    """Makes a shifted test set, judged as `shifted_accuracy`. Not of what is divided by classes."""
    root: Annotated[str | None, Field(json_schema_extra={"result": False})] = None
    """Folder of the files, relative to the pipeline file; META_DATA by default. Only locates:
    results depend on the files' content."""

    @field_validator("name", mode="before")
    @classmethod
    def _not_numbers(cls, value: Any) -> Any:
        if value in TABLES:
            raise ValueError(
                f"a dataset holds images; numbers of a CSV file are read by `tasks`, as `kind: "
                f"table`, and {value} is no collection"
            )
        return value

    @field_validator(*OWN)
    @classmethod
    def _of_its_collection(cls, value: Any, info: ValidationInfo) -> Any:
        place, name = info.field_name or "", info.data.get("name")
        if value is None or name is None:
            return value
        if name not in OWN[place]:
            raise ValueError(f"only {' and '.join(OWN[place])} has it, not {name}")
        if place == "split" and value not in SPLITS[name]:
            raise ValueError(f"the splits of {name} are {listed(SPLITS[name])}")
        if place == "shares" and abs(sum(value) - 1) > 1e-6:  # noqa: PLR2004 (rounding)
            raise ValueError("the shares of train, val and test are to make 1 in all")
        return value

    @field_validator("part", "classes", "shares", "take", "labels", "shifted")
    @classmethod
    def _of_its_split(cls, value: Any, info: ValidationInfo) -> Any:
        place, name = info.field_name or "", info.data.get("name")
        split = info.data.get("split") or "examples"
        if value in (None, Take(), "given") or "split" not in info.data:
            return value
        if name == omniglot.NAME and place != "part":
            raise ValueError(
                "omniglot has it not: it is divided by characters, chosen by `split` and `part`"
            )
        if name == image_folder.NAME and place in image_folder.FOREIGN[split]:
            raise ValueError(image_folder.FOREIGN[split][place])
        return value

    @field_validator("classes")
    @classmethod
    def _labels(cls, value: tuple[int | str, ...] | None, info: ValidationInfo) -> Any:
        if value and len({str(label) for label in value}) < len(value):
            raise ValueError("a label is named twice")
        if info.data.get("name") in builtin.COUNTS and not set(value or ()) <= set(range(10)):
            raise ValueError("digits have the labels 0 to 9")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        divided = self.name == omniglot.NAME or self.split in ("classes", "none")
        if divided and self.part is None:
            raise ValueError(f"{self.name} needs `part: train`, `part: val` or `part: test`")
        if self.name == image_folder.NAME and not (self.root and self.size):
            raise ValueError("folder needs `root: FOLDER` and `size: [height, width]`")
        return self

    @property
    def label(self) -> str:
        """The task."""
        return self.task or self.name

    @property
    def kept(self) -> tuple[int, ...]:
        """The classes, where they are digits."""
        return tuple(int(label) for label in self.classes or range(10))

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
        if self.name == image_folder.NAME:
            return image_folder.find(folder / (self.root or ""))
        return builtin.find(self.name, root)

    @property
    def choice(self) -> image_folder.Choice:
        """What of a folder is chosen."""
        names = tuple(str(label) for label in self.classes or ())
        return image_folder.Choice(self.split or "examples", self.part, names, self.shares)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        if self.size is None:
            return builtin.SHAPES[self.name]
        return (1 if self.color == "gray" else 3, *self.size)
