"""Grids of small images as one PNG: samples, reconstructions, interpolations."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.learning.plotting import drawing, panel

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


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where everything stands. Lengths in points, as the text has them, but for `scale`.

    Attributes:
        columns: images of a row.
        rows: of images.
        scale: pixels of the picture for each of an image.
        pace: from an image to the next one at its right, and to the one under it.
        start: of the first image.
        size: of the whole.
        title: its lines.
    """

    columns: int
    rows: int
    scale: int
    pace: tuple[float, float]
    start: tuple[float, float]
    size: tuple[float, float]
    title: list[str]

    def corner(self, place: int) -> tuple[int, int]:
        """The upper left pixel of an image."""
        row, column = divmod(place, self.columns)
        across = self.start[0] + column * self.pace[0]
        down = self.start[1] + row * self.pace[1]
        return round(across * drawing.SCALE), round(down * drawing.SCALE)


def png(grid: Grid) -> bytes:
    """The grid as PNG; the same grid gives the same bytes.

    The file says in its text `tiles` where its images stand and what is written beside them, so
    that a reader with little room can show the images themselves.
    """
    tiles = _tiles(grid.images)
    layout = _layout(grid, len(tiles), tiles.shape[1], tiles.shape[2])
    corners = [layout.corner(place) for place in range(len(tiles))]
    told = {
        "size": (tiles.shape[2], tiles.shape[1]),
        "scale": layout.scale,
        "columns": layout.columns,
        "corners": corners,
        "row_labels": list(grid.row_labels),
        "column_labels": list(grid.column_labels),
    }
    packed = json.dumps(told, separators=(",", ":"))
    return drawing.packed(_drawn(grid, tiles, layout), {"tiles": packed})


def draw(grid: Grid) -> Image.Image:
    """The grid as an image; a value outside 0 .. 1 is shown as the nearer end.

    Raises:
        ValueError: images have another shape, hold nan, or labels have another number.
    """
    tiles = _tiles(grid.images)
    return _drawn(grid, tiles, _layout(grid, len(tiles), tiles.shape[1], tiles.shape[2]))


def _layout(grid: Grid, n: int, height: int, width: int) -> _Layout:
    columns = grid.columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    for what, labels, count in (
        ("row", grid.row_labels, rows), ("column", grid.column_labels, columns),
    ):  # fmt: skip
        if labels and len(labels) != count:
            raise ValueError(f"{len(labels)} {what} labels for {count} {what}s")
    scale = grid.scale or max(1, math.ceil(_LEAST * drawing.SCALE / max(height, width)))
    across, down = scale * width / drawing.SCALE + _GAP, scale * height / drawing.SCALE + _GAP
    left = max((drawing.text_width(text, panel.LABEL) + 8 for text in grid.row_labels), default=0.0)
    span = max(left + columns * across - _GAP, 0.0)
    title = drawing.wrapped(grid.title, panel.HEAD, span)
    top = 1.5 * panel.HEAD * len(title) + (1.4 * panel.SMALL if grid.column_labels else 0.0)
    size = span + 2 * _MARGIN, top + rows * down - _GAP + 2 * _MARGIN
    start = _MARGIN + left, _MARGIN + top
    return _Layout(columns, rows, scale, (across, down), start, size, title)


def _drawn(grid: Grid, tiles: NDArray[np.uint8], layout: _Layout) -> Image.Image:
    size = round(layout.size[0] * drawing.SCALE), round(layout.size[1] * drawing.SCALE)
    page = Image.new("RGB", size, _PAPER)
    larger = layout.scale * tiles.shape[2], layout.scale * tiles.shape[1]
    for place, tile in enumerate(tiles):
        shown = Image.fromarray(tile).resize(larger, Image.Resampling(0))
        page.paste(shown, layout.corner(place))
    _write(page, grid, layout)
    return page


def _write(page: Image.Image, grid: Grid, layout: _Layout) -> None:
    """Write title and labels around the images."""
    (left, top), (across, down) = layout.start, layout.pace
    for place, line in enumerate(layout.title):
        at = _MARGIN, _MARGIN + panel.HEAD * (1 + 1.5 * place)
        drawing.write(page, at, line, panel.HEAD, panel.TEXT)
    for place, text in enumerate(grid.row_labels):
        at = left - 8, top + place * down + (down - _GAP) / 2
        drawing.write(page, at, text, panel.LABEL, panel.TEXT, anchor="rm")
    for place, text in enumerate(grid.column_labels):
        at = left + place * across + (across - _GAP) / 2, top - 4
        drawing.write(page, at, text, panel.SMALL, panel.SOFT, anchor="ms")


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
