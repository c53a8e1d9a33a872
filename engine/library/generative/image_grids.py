"""Pictures of what a generator makes, each with a caption that stands alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import learning
from engine.library.artifacts import Picture
from engine.library.generative.generator_session import Images, Scene

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 10
"""Rows and columns of a sheet of samples."""
BLOCKS = 4
"""Rows of images beside their reconstructions."""
CLASSES = 20
"""Rows of classes at most."""
_MADE = "made"
_SHEET = 900
"""Pixels that a sheet without gaps to label takes about."""


def samples(scene: Scene, pixels: "Tensor", how: str, words: str) -> Picture:
    """A sheet of random draws; rows of classes where these were asked for.

    Args:
        scene: what they are of.
        pixels: (n, *shape) uint8, classes in turns.
        how: the way to draw, short.
        words: the way to draw, as the end of a sentence.
    """
    if scene.labels:
        places, columns, labels = _by_class(scene, len(pixels))
    else:
        columns, labels = min(SIDE, len(pixels)), []
        # A row that is not full would look as if images were missing.
        places = list(range(min(len(pixels) // columns, SIDE) * columns))
    grid = learning.plotting.image_grid.Grid(
        pixels[places].numpy(), columns=columns, title=f"Samples, {how}", row_labels=labels
    )
    which = f"{len(places)} of {len(pixels)} images" if len(places) < len(pixels) else "Images"
    rows_are = " Each row was told its class." if scene.labels else ""
    caption = f"{which} that {scene.who} makes of codes drawn from {words}.{rows_are}"
    return Picture(
        f"samples-{how.partition(' ')[0]}", caption, learning.plotting.image_grid.png(grid)
    )


def _by_class(scene: Scene, count: int) -> tuple[list[int], int, list[str]]:
    """Places of images, columns, and labels of rows: full rows of each class, about as many."""
    classes, every = scene.labels[:CLASSES], len(scene.labels)
    most = max(1, SIDE // len(classes))
    columns = max(1, min(SIDE, count // (every * most)))
    places, labels = list[int](), list[str]()
    for place, label in enumerate(classes):
        there = range(place, count, every)[: most * columns]
        places += there
        labels += [scene.title(label), *[""] * (len(there) // columns - 1)]
    return places, columns, labels


def reconstructions(scene: Scene, found: Images, pixels: "Tensor") -> Picture:
    """Rows of images, each over what is made of them.

    Args:
        scene: what they are of.
        found: the images.
        pixels: (n, *shape) uint8, what is made of them.
    """
    count = min(len(pixels), SIDE * BLOCKS)
    columns = min(SIDE, count)
    count -= count % columns
    order = found.y[:count].argsort(stable=True).cpu()
    above = learning.generative.training.snapshots.shown(found.x[:count])[order]
    rows = learning.generative.sampling.indexing.alternating(above, pixels[:count][order], columns)
    grid = learning.plotting.image_grid.Grid(
        rows.numpy(), columns=columns, title="Reconstructions",
        row_labels=[found.part, _MADE] * (count // columns),
    )  # fmt: skip
    mean = " mean" if not scene.points else ""
    caption = (
        f"Above {count} {found.part} images{scene.ink}, below what {scene.who} makes of "
        f"their{mean} codes; sorted by class."
    )
    return Picture("reconstructions", caption, learning.plotting.image_grid.png(grid))


def interpolations(
    scene: Scene, ends: tuple[Images, Images], pixels: "Tensor", path: str, *, same: bool
) -> Picture:
    """A row for each pair of images: both at the ends, between them the way through codes.

    Args:
        scene: what they are of.
        ends: images (n, *shape) and their partners.
        pixels: (n, steps, *shape) uint8.
        path: see `learning.generative.sampling.latent_walks.between`.
        same: of one class, or of two.
    """
    left, right = (learning.generative.training.snapshots.shown(end.x)[:, None] for end in ends)
    rows = learning.generative.sampling.indexing.beside(left, pixels, right)
    steps = [place / (pixels.shape[1] - 1) for place in range(pixels.shape[1])]
    part = ends[0].part
    grid = learning.plotting.image_grid.Grid(
        rows.flatten(0, 1).numpy(), columns=rows.shape[1], title=f"Interpolation, {path}",
        column_labels=[part, *[f"{round(step, 2):g}" for step in steps], part],
    )  # fmt: skip
    told = ", which it is told" if scene.labels else ""
    alike = f" of one class{told}" if same else " of two classes"
    mean = "" if scene.points else " mean"
    caption = (
        f"What {scene.who} makes of codes on the {path} way between the{mean} codes of two {part} "
        f"images{alike}; at the ends stand the images themselves{scene.ink}."
    )
    return Picture("interpolations", caption, learning.plotting.image_grid.png(grid))


@dataclass(frozen=True, slots=True)
class Journey:
    """One dimension after another.

    Attributes:
        rows: names of the dimensions with how much they say.
        columns: values that they take.
        start: (*shape) uint8, what is made of the code that is changed.
        origin: what that code is.
        measure: what stands beside a row.
        unit: of the values.
        label: class that is told, if any.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    start: "Tensor"
    origin: str
    measure: str
    unit: str
    label: int | None = None


def traversal(scene: Scene, pixels: "Tensor", told: Journey) -> Picture:
    """A row for each dimension.

    Args:
        scene: what they are of.
        pixels: (d, steps, *shape) uint8.
        told: what the rows are.
    """
    start = told.start.expand(len(pixels), 1, *told.start.shape)
    rows = learning.generative.sampling.indexing.beside(start, pixels)
    grid = learning.plotting.image_grid.Grid(
        rows.flatten(0, 1).numpy(), columns=rows.shape[1], title="Traversal",
        row_labels=told.rows, column_labels=["start", *told.columns],
    )  # fmt: skip
    caption = (
        f"What {scene.who}{scene.telling(told.label)} makes of {told.origin} (at the left) "
        f"when one dimension at a time takes other values, {told.columns[0]} to "
        f"{told.columns[-1]} {told.unit}. Beside each row {told.measure}: the largest first."
    )
    return Picture("traversal", caption, learning.plotting.image_grid.png(grid))


def manifold(scene: Scene, pixels: "Tensor", words: str, label: int | None) -> Picture:
    """The plane of codes as a sheet: the first number to the right, the second upwards.

    Args:
        scene: what it is of.
        pixels: (side, side, *shape) uint8.
        words: which values the numbers take.
        label: class that was told.
    """
    side, shape = len(pixels), pixels.shape[2:]
    grid = learning.plotting.image_grid.Grid(
        learning.generative.sampling.indexing.sheet(pixels).numpy(), columns=1,
        title="Plane of codes" + ("" if label is None else f", {scene.title(label)}"),
        scale=max(1, round(_SHEET / (side * max(shape[1:])))),
    )  # fmt: skip
    caption = (
        f"What {scene.who}{scene.telling(label)} makes of a plane of {side}x{side} codes: the "
        f"first number grows to the right, the second upwards, {words}."
    )
    name = "manifold" if label is None else f"manifold-{scene.generator.classes.index(label)}"
    return Picture(name, caption, learning.plotting.image_grid.png(grid))
