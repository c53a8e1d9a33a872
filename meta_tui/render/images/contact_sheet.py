"""A contact sheet: a picture's own small images, laid out anew for the room that there is.

A PNG of samples is large paper with small images on it; shrunk to a terminal none could be told
from another. Such a file says where its images stand (`engine/learning/plotting/image_grid.py`), so
they are taken out of it pixel by pixel and shown as large as fits, and never so small that they are
lost: where there is no room for all, in parts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, NamedTuple

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.core.text import safe_text, width

LEAST = 14
"""Pixels across or down below which an image that has more is not shrunk."""
_LARGEST = 12
"""Times that an image is enlarged at the most."""
_LABEL = 14
"""Columns of a label at the left, at the most."""
GROUND = (58, 58, 58)
"""Between images; told from black and from white paper."""

_Size = Annotated[int, Field(ge=1, le=4096)]
_Pixel = Annotated[int, Field(ge=0, le=100_000)]


class _Told(BaseModel):
    """What a file says of its images."""

    model_config = ConfigDict(strict=True, extra="forbid")

    size: tuple[_Size, _Size]
    scale: _Size
    columns: _Size
    corners: list[tuple[_Pixel, _Pixel]] = Field(min_length=1, max_length=10_000)
    row_labels: list[str]
    column_labels: list[str]


class Unit(NamedTuple):
    """Dots of a character, across and down, and dots between two images."""

    across: int
    down: int
    gap: int


HALVES, BRAILLE, ASCII = Unit(1, 2, 1), Unit(2, 4, 2), Unit(1, 2, 2)


@dataclass(frozen=True, slots=True)
class Part:
    """What is shown of a sheet at once.

    Attributes:
        image: some of its images, a pixel for each dot.
        indent: columns at the left for the labels of rows.
        row_labels: row of characters to label.
        column_labels: column of characters, counted from the image's first, to label.
        pace: columns from an image to the next.
        place: which part it is, counted from 0.
        parts: how many there are.
        told: `images 1-20 of 64`; empty where all are shown.
    """

    image: Image.Image
    indent: int
    row_labels: Mapping[int, str]
    column_labels: Mapping[int, str]
    pace: int
    place: int
    parts: int
    told: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The images of a picture, and how they stand."""

    images: tuple[Image.Image, ...]
    columns: int
    row_labels: tuple[str, ...] = ()
    column_labels: tuple[str, ...] = ()

    def part(
        self, place: int, columns: int, rows: int, unit: Unit, ground: tuple[int, int, int]
    ) -> Part:
        """One part of the sheet; the last one where it has fewer.

        Args:
            place: which, counted from 0.
            columns: characters across.
            rows: characters down.
            unit: dots of a character.
            ground: colour between images.
        """
        indent = max((width(text) for text in self.row_labels), default=-1) + 1
        indent = min(indent, _LABEL + 1, columns // 3)
        over = 1 if self.column_labels else 0
        room = max(1, columns - indent) * unit.across, max(1, rows - over) * unit.down
        size, fits = self._size(room, unit.gap)
        grid = self._grid(fits)
        window = _window(place, grid, fits)
        pace = size[0] + unit.gap, size[1] + unit.gap
        at_left = {
            (at * pace[1] + size[1] // 2) // unit.down: self.row_labels[row]
            for at, row in enumerate(window.rows)
            if self.row_labels
        }
        above = {
            at * pace[0] // unit.across: self.column_labels[column]
            for at, column in enumerate(window.columns)
            if self.column_labels
        }
        image = self._laid(window, grid[0], size, unit.gap, ground)
        told = self._told(window, grid) if window.parts > 1 else ""
        return Part(
            image, indent, at_left, above, pace[0] // unit.across, window.place, window.parts, told
        )

    @property
    def _labelled(self) -> bool:
        return bool(self.row_labels or self.column_labels)

    def _size(self, room: tuple[int, int], gap: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Dots of an image, and how many fit: as large as lets all be seen, or else the least."""
        for size in _sizes(*self.images[0].size):
            fits = (room[0] + gap) // (size[0] + gap), (room[1] + gap) // (size[1] + gap)
            if min(fits) and self._all_in(fits):
                return size, fits
        # Where there is not even room for one, it is as large as there is room for.
        size = min(size[0], room[0]), min(size[1], room[1])
        return size, ((room[0] + gap) // (size[0] + gap), (room[1] + gap) // (size[1] + gap))

    def _all_in(self, fits: tuple[int, int]) -> bool:
        across, down = self._grid(fits)
        return across <= fits[0] and down <= fits[1]

    def _grid(self, fits: tuple[int, int]) -> tuple[int, int]:
        """Columns and rows: as in the file, if they have labels or fit; else as many as fit."""
        count = len(self.images)
        told = self.columns, -(-count // self.columns)
        if self._labelled or (told[0] <= fits[0] and told[1] <= fits[1]):
            return told
        across = min(fits[0], count)
        return across, -(-count // across)

    def _laid(
        self,
        window: "_Window",
        across: int,
        size: tuple[int, int],
        gap: int,
        ground: tuple[int, int, int],
    ) -> Image.Image:
        """The images of a window of a grid of so many columns."""
        pace = size[0] + gap, size[1] + gap
        whole = len(window.columns) * pace[0] - gap, len(window.rows) * pace[1] - gap
        page = Image.new("RGB", whole, ground)
        for row, column in product(window.rows, window.columns):
            place = row * across + column
            if place < len(self.images):
                at = column - window.columns[0], row - window.rows[0]
                # Over whole multiples a box is the nearest pixel: enlarged, edges stay sharp.
                shown = self.images[place].resize(size, Image.Resampling.BOX)
                page.paste(shown, (at[0] * pace[0], at[1] * pace[1]))
        return page

    def _told(self, window: "_Window", grid: tuple[int, int]) -> str:
        count = len(self.images)
        if not self._labelled:
            first, last = window.rows[0] * grid[0] + 1, (window.rows[-1] + 1) * grid[0]
            return f"images {first}-{min(last, count)} of {count}"
        groups = (("columns", window.columns, grid[0]), ("rows", window.rows, grid[1]))
        return ", ".join(
            f"{name} {shown[0] + 1}-{shown[-1] + 1} of {whole}"
            for name, shown, whole in groups
            if len(shown) < whole
        )


class _Window(NamedTuple):
    """Rows and columns of a grid, which part of it they are, and how many parts there are."""

    rows: range
    columns: range
    place: int
    parts: int


def _window(place: int, grid: tuple[int, int], fits: tuple[int, int]) -> _Window:
    (across, down), wide, high = grid, min(grid[0], fits[0]), min(grid[1], fits[1])
    beside = -(-across // wide)
    count = beside * -(-down // high)
    place = min(place, count - 1)
    top, left = place // beside * high, place % beside * wide
    rows = range(top, min(top + high, down))
    return _Window(rows, range(left, min(left + wide, across)), place, count)


def sheet(image: Image.Image) -> Sheet | None:
    """The images that a picture says it is made of; None where it says nothing of the kind.

    Args:
        image: as decoded, with its words in `info`.
    """
    try:
        told = _Told.model_validate_json(image.info.get("tiles", ""))
    except ValidationError:
        # Any PNG may be in a gallery; without a true description it is one picture.
        return None
    (across, down), scale = told.size, told.scale
    if any(
        x + across * scale > image.width or y + down * scale > image.height for x, y in told.corners
    ):
        return None
    rows = -(-len(told.corners) // told.columns)
    if len(told.row_labels) not in {0, rows} or len(told.column_labels) not in {0, told.columns}:
        return None
    images = [
        image.crop((x, y, x + across * scale, y + down * scale)).resize(
            told.size, Image.Resampling(0)
        )
        for x, y in told.corners
    ]
    labels = (
        [safe_text(text, limit=60) for text in group]
        for group in (told.row_labels, told.column_labels)
    )
    return Sheet(tuple(images), told.columns, *(tuple(group) for group in labels))


def _sizes(across: int, down: int) -> Iterator[tuple[int, int]]:
    """Sizes of an image, from the largest: whole multiples, and then smaller than it is."""
    for times in range(_LARGEST, 0, -1):
        yield across * times, down * times
    longest = max(across, down)
    for size in range(longest - 1, LEAST - 1, -1):
        yield max(1, round(across * size / longest)), max(1, round(down * size / longest))
