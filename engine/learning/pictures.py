"""Grids of small images as one PNG: samples, reconstructions, interpolations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.learning import ink, panels

_MARGIN, _GAP = 12.0, 2.0
_LEAST = 34.0
"""Points that an image takes at least: small ones are shown enlarged, their pixels as squares."""
_PAPER = "#ffffff"


@dataclass(frozen=True, slots=True)
class Grid:
    """Images side by side, row by row.

    Attributes:
        images: (n, c, h, w); c is 1 or 3; bytes, or numbers from 0 (black) to 1.
        columns: images of a row; about as many as rows where it is None.
        title: over all.
        row_labels: at the left of each row; () for none.
        column_labels: over each column; () for none.
        scale: pixels of the picture for each of an image; chosen where it is None.
    """

    images: NDArray[np.generic]
    columns: int | None = None
    title: str = ""
    row_labels: Sequence[str] = ()
    column_labels: Sequence[str] = ()
    scale: int | None = None


def png(grid: Grid) -> bytes:
    """The grid as PNG; the same grid gives the same bytes."""
    return ink.packed(draw(grid))


def draw(grid: Grid) -> Image.Image:
    """The grid as an image; a value outside 0 .. 1 is shown as the nearer end.

    Raises:
        ValueError: images have another shape, hold nan, or labels have another number.
    """
    tiles = _tiles(grid.images)
    n, height, width, _ = tiles.shape
    columns = grid.columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    for what, labels, count in (
        ("row", grid.row_labels, rows), ("column", grid.column_labels, columns),
    ):  # fmt: skip
        if labels and len(labels) != count:
            raise ValueError(f"{len(labels)} {what} labels for {count} {what}s")
    scale = grid.scale or max(1, math.ceil(_LEAST * ink.SCALE / max(height, width)))
    # Lengths in points, as the text has them.
    across, down = scale * width / ink.SCALE + _GAP, scale * height / ink.SCALE + _GAP
    left = max((ink.text_width(text, panels.LABEL) + 8 for text in grid.row_labels), default=0.0)
    span = max(left + columns * across - _GAP, 0.0)
    title = ink.wrapped(grid.title, panels.HEAD, span)
    top = 1.5 * panels.HEAD * len(title) + (1.4 * panels.SMALL if grid.column_labels else 0.0)
    size = span + 2 * _MARGIN, top + rows * down - _GAP + 2 * _MARGIN
    page = Image.new("RGB", (round(size[0] * ink.SCALE), round(size[1] * ink.SCALE)), _PAPER)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        shown = Image.fromarray(tile).resize((scale * width, scale * height), Image.Resampling(0))
        at = _MARGIN + left + column * across, _MARGIN + top + row * down
        page.paste(shown, (round(at[0] * ink.SCALE), round(at[1] * ink.SCALE)))
    _write(page, grid, title, (left, top), (across, down))
    return page


def _write(
    page: Image.Image,
    grid: Grid,
    title: list[str],
    start: tuple[float, float],
    pace: tuple[float, float],
) -> None:
    """Write title and labels around images that begin at `start` and follow at `pace`."""
    for place, line in enumerate(title):
        at = _MARGIN, _MARGIN + panels.HEAD * (1 + 1.5 * place)
        ink.write(page, at, line, panels.HEAD, panels.TEXT)
    for place, text in enumerate(grid.row_labels):
        at = _MARGIN + start[0] - 8, _MARGIN + start[1] + place * pace[1] + (pace[1] - _GAP) / 2
        ink.write(page, at, text, panels.LABEL, panels.TEXT, anchor="rm")
    for place, text in enumerate(grid.column_labels):
        at = _MARGIN + start[0] + place * pace[0] + (pace[0] - _GAP) / 2, _MARGIN + start[1] - 4
        ink.write(page, at, text, panels.SMALL, panels.SOFT, anchor="ms")


def _tiles(images: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Images (n, h, w, 3) as bytes."""
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:  # noqa: PLR2004
        raise ValueError(f"images have the shape (n, 1 or 3, h, w), not {images.shape}")
    if images.dtype != np.uint8:
        numbers = images.astype(np.float64)
        if np.isnan(numbers).any():
            raise ValueError("images hold nan: they cannot be shown")
        images = (numbers.clip(0.0, 1.0) * 255).round().astype(np.uint8)
    colours = np.broadcast_to(images, (len(images), 3, *images.shape[2:]))
    return np.ascontiguousarray(colours.transpose(0, 2, 3, 1)).astype(np.uint8)
