"""A picture as large and as clear as a place in a terminal allows: whole, or image by image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from meta_tui.render.images import contact_sheet, half_blocks
from meta_tui.render.images.contact_sheet import Part
from meta_tui.render.images.half_blocks import Row, Tile
from meta_tui.render.text.spans import Line, Span, fit, line

Drawn = TypeVar("Drawn")


@dataclass(frozen=True, slots=True)
class Drawing(Generic[Drawn]):
    """Rows of a picture.

    Attributes:
        rows: of half blocks, or lines of dots.
        part: which part of the picture they are, counted from 0.
        parts: how many it has.
        told: which part it is; empty where it is all of the picture.
    """

    rows: list[Drawn]
    part: int = 0
    parts: int = 1
    told: str = ""


def halves(png: bytes, columns: int, rows: int, part: int = 0) -> Drawing[Row]:
    """The picture in at most so many columns and rows of half blocks.

    Args:
        png: the file.
        columns: characters across.
        rows: characters down; each shows two pixels.
        part: of a picture whose images have no room beside each other.

    Raises:
        ValueError: it cannot be decoded, or is too large.
    """
    image = half_blocks.opened(png)
    sheet = contact_sheet.sheet(image)
    if sheet is None:
        return Drawing(half_blocks.halves(half_blocks.fitted(image, columns, 2 * rows)))
    shown = sheet.part(part, columns, rows, contact_sheet.HALVES, contact_sheet.GROUND)
    drawn = half_blocks.halves(shown.image)
    across = shown.indent + shown.image.width
    labelled = [
        (Tile(shown.indent, text=text), *row) if (text := _at_left(shown, place)) else row
        for place, row in enumerate(drawn)
    ]
    over = _over(shown)
    top: list[Row] = [(Tile(across, text=fit(over, across)),)] if over else []
    return Drawing([*top, *labelled], shown.place, shown.parts, shown.told)


def dots(png: bytes, columns: int, rows: int, part: int = 0, *, braille: bool) -> Drawing[Line]:
    """The picture without colours; see `halves`."""
    image, unit = half_blocks.opened(png), contact_sheet.BRAILLE if braille else contact_sheet.ASCII
    sheet = contact_sheet.sheet(image)
    if sheet is None:
        shrunk = half_blocks.fitted(image, columns * unit.across, rows * unit.down)
        return Drawing(half_blocks.dots(shrunk, half_blocks.ground(image), braille=braille))
    paper = half_blocks.ground(sheet.images[0])
    shown = sheet.part(part, columns, rows, unit, paper)
    drawn = half_blocks.dots(shown.image, paper, braille=braille)
    labelled = [line(_at_left(shown, place), *row) for place, row in enumerate(drawn)]
    over = _over(shown)
    top = [line(Span(over, "dim"))] if over else []
    return Drawing([*top, *labelled], shown.place, shown.parts, shown.told)


def _at_left(shown: Part, place: int) -> str:
    """The label of a row of characters, padded; empty where no row of the picture has one."""
    return fit(shown.row_labels.get(place, ""), shown.indent - 1) + " " if shown.indent else ""


def _over(shown: Part) -> str:
    """The labels of columns, each over its image."""
    return _spread(shown.column_labels, shown.pace, shown.indent)


def _spread(labels: Mapping[int, str], pace: int, indent: int) -> str:
    text = ""
    for place, label in labels.items():
        text = fit(text, indent + place) + fit(label, max(1, pace - 1))
    return text.rstrip()
