"""Parameters of the stage `dataset`."""

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
"""Parameter -> the only collections that support it."""


class Dataset(Params):
    name: Literal["digits", "mnist", "omniglot", "folder"]
    """Collection: scikit-learn's 1797 digits of 8x8 pixels (no download), MNIST, Omniglot (1623
    characters, 20 drawings of each), or an image folder of your own, with a subfolder of images
    (PNG, JPEG, ...) for each class."""
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,40}$")] | None = None
    """Label of its metrics, as `high` in `high/accuracy`; the name by default."""
    split: Literal["vinyals", "random", "examples", "classes", "none"] | None = None
    """For omniglot, the split of characters into 1028 / 172 / 423: `vinyals`, the default, uses the
    published lists, whose parts share few alphabets; `random` shuffles all characters, as MAML and
    Reptile do, which makes few-shot tasks about 2 points easier. For a folder: `examples`, the
    default, splits the images of each class, for ordinary training; `classes` splits the classes,
    for few-shot tasks; `none` puts all images in the chosen `part`."""
    part: Literal["train", "val", "test"] | None = None
    """For datasets split by classes (omniglot, or a folder unless `split: examples`): part whose
    classes to use, with all their images."""
    classes: Annotated[tuple[int | str, ...] | None, Field(min_length=2)] = None
    """Labels to keep, in the order of a head's outputs; all by default. For a folder, names of
    subfolders. Not supported for omniglot."""
    shares: tuple[Share, Share, Share] | None = None
    """For a folder, fractions of train, val and test; 0.6, 0.2 and 0.2 by default. The split is a
    fixed shuffle of the names of images or classes."""
    size: tuple[PositiveInt, PositiveInt] | None = None
    """For a folder, and required there: height and width to which all images are resized."""
    color: Literal["gray", "rgb"] | None = None
    """For a folder: `rgb`, the default, for three channels, or `gray` for their luminance."""
    rotations: Literal["classes", "augment", "none"] | None = None
    """For omniglot: `classes` makes each of the four 90-degree rotations a class of its own;
    `augment` rotates training images at random; `none` is the default."""
    take: Take = Take()
    """Examples to keep of each part; all by default. Not for datasets split by classes."""
    labels: Literal["given", "shuffled"] = "given"
    """`shuffled` permutes the labels within the training images and within the validation images,
    the same way in every run: a control with uninformative labels. Test labels are kept. Not for
    datasets split by classes."""
    augment: Augment | None = None
    """Random augmentation of training images."""
    shifted: Shifted | None = None
    """Adds a shifted test set, scored as `shifted_accuracy`. Not for datasets split by classes."""
    root: Annotated[str | None, Field(json_schema_extra={"result": False})] = None
    """Folder of the files, relative to the pipeline file; META_DATA by default. Results depend on
    the content of the files, not on their location."""

    @field_validator("name", mode="before")
    @classmethod
    def _not_numbers(cls, value: Any) -> Any:
        if value in TABLES:
            raise ValueError(
                f"unknown collection {value}; datasets are images, and a CSV file of numbers is "
                "read by the stage `tasks` with `kind: table`"
            )
        return value

    @field_validator(*OWN)
    @classmethod
    def _of_its_collection(cls, value: Any, info: ValidationInfo) -> Any:
        field, name = info.field_name or "", info.data.get("name")
        if value is None or name is None:
            return value
        if name not in OWN[field]:
            raise ValueError(f"only supported for {' and '.join(OWN[field])}, not for {name}")
        if field == "split" and value not in SPLITS[name]:
            raise ValueError(f"the splits of {name} are {listed(SPLITS[name])}")
        if field == "shares" and abs(sum(value) - 1) > 1e-6:  # noqa: PLR2004 (rounding)
            raise ValueError("the shares of train, val and test must sum to 1")
        return value

    @field_validator("part", "classes", "shares", "take", "labels", "shifted")
    @classmethod
    def _of_its_split(cls, value: Any, info: ValidationInfo) -> Any:
        field, name = info.field_name or "", info.data.get("name")
        split = info.data.get("split") or "examples"
        if value in (None, Take(), "given") or "split" not in info.data:
            return value
        if name == omniglot.NAME and field != "part":
            raise ValueError("not supported for omniglot; choose characters by `split` and `part`")
        if name == image_folder.NAME and field in image_folder.FOREIGN[split]:
            raise ValueError(image_folder.FOREIGN[split][field])
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
        """Label of its metrics."""
        return self.task or self.name

    @property
    def kept(self) -> tuple[int, ...]:
        """Classes of a collection of digits."""
        return tuple(int(label) for label in self.classes or range(10))

    @property
    def turned(self) -> bool:
        """Whether each 90-degree rotation is a class of its own."""
        return self.rotations == "classes"

    def characters(self, files: Mapping[str, Path]) -> tuple[int, ...]:
        """Return the indices of Omniglot's characters in the split and part."""
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
        """Selection from an image folder."""
        names = tuple(str(label) for label in self.classes or ())
        return image_folder.Choice(self.split or "examples", self.part, names, self.shares)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        if self.size is None:
            return builtin.SHAPES[self.name]
        return (1 if self.color == "gray" else 3, *self.size)
