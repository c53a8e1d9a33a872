"""A picture in a terminal: half blocks in colour, each two pixels; or dots where there is none.

Upper and lower half of a character have a colour of their own (`▀`), so a pixel is about square.
Without colours a picture is drawn in braille or ASCII dots: what differs from its ground is ink.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal, NamedTuple

from PIL import Image, ImageChops, ImageFilter, ImageOps

from meta_tui.render.text.dot_canvas import Canvas
from meta_tui.render.text.spans import Line

Colour = tuple[int, int, int]
Depth = Literal["full", "256"]
"""Colours of a terminal: 24 bits, or the 256 of xterm."""

LARGEST = 40_000_000
"""Pixels of a picture that is still decoded."""
_GREYS = 17
"""Greys are drawn in steps of so much: fewer changes of colour, and the eye sees none."""
_LIGHT, _MOSTLY, _DARKER = 200, 0.6, 0.6
"""A picture of which such a part is so light is a chart on paper; its lines are darkened by this
much where it is shrunk."""
_FAINT = 32
_GREYISH = 8
CUBE = (0, 95, 135, 175, 215, 255)
"""Levels of each part of a colour in the 256 of xterm."""


class Tile(NamedTuple):
    """Some equal half blocks in a row; or text, where there is some, so many columns wide."""

    width: int
    upper: Colour = (0, 0, 0)
    lower: Colour = (0, 0, 0)
    text: str = ""


Row = tuple[Tile, ...]


def halves(image: Image.Image) -> list[Row]:
    """The image pixel by pixel, two rows of it in each row of characters."""
    if image.height % 2:
        image = ImageOps.expand(image, (0, 0, 0, 1), ground(image))
    pixels = [_levelled(pixel) for pixel in _colours(image)]
    lines = [pixels[at : at + image.width] for at in range(0, len(pixels), image.width)]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return [tuple(_tiles(zip(upper, lower, strict=True))) for upper, lower in pairs]


def dots(shrunk: Image.Image, paper: Colour, *, braille: bool) -> list[Line]:
    """The image pixel by pixel, each a dot where it differs from its paper."""
    across, down = (2, 4) if braille else (1, 2)
    canvas = Canvas(-(-shrunk.width // across), -(-shrunk.height // down), braille)
    sheet = Image.new("RGB", shrunk.size, paper)
    ink = ImageOps.autocontrast(ImageChops.difference(shrunk, sheet).convert("L"))
    # What hardly differs from the ground would be scattered over it as single dots.
    marked = ink.point([value if value > _FAINT else 0 for value in range(256)]).convert("1")
    for place, value in enumerate(marked.convert("L").tobytes()):
        if value:
            canvas.dot(place % marked.width, place // marked.width, "")
    return canvas.lines()


def opened(png: bytes) -> Image.Image:
    """The picture, on white paper; the words of the file stay in its `info`.

    Raises:
        ValueError: it cannot be decoded, or is too large.
    """
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.width * image.height > LARGEST:
                raise ValueError(f"{image.width}x{image.height} pixels are too many to draw")
            return _on_paper(image)
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"it cannot be decoded: {error}") from error


def _on_paper(image: Image.Image) -> Image.Image:
    """In RGB; what is transparent shows white."""
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")


def fitted(image: Image.Image, across: int, down: int) -> Image.Image:
    """As large as fits: shrunk by area, or enlarged a whole number of times.

    Args:
        image: as `opened` gives it.
        across: pixels that there is room for.
        down: the same from top to bottom.
    """
    share = min(across / image.width, down / image.height)
    if share >= 1:
        times = int(share)
        size = image.width * times, image.height * times
        return image.resize(size, Image.Resampling.NEAREST)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    shrunk = image.resize(size, Image.Resampling.BOX)
    if not _is_paper(shrunk):
        return shrunk
    # A thin line would fade into the paper: let the darkest pixels count more.
    larger = image.resize((6 * size[0], 6 * size[1]), Image.Resampling.BOX)
    dark = larger.filter(ImageFilter.MinFilter(5)).resize(size, Image.Resampling.BOX)
    return Image.blend(shrunk, dark, _DARKER)


def _is_paper(image: Image.Image) -> bool:
    """Whether most of it is light, as of a chart."""
    light = image.convert("L").histogram()[_LIGHT:]
    return sum(light) > _MOSTLY * image.width * image.height


def ground(image: Image.Image) -> Colour:
    """Colour of the upper left corner."""
    return _colours(image.crop((0, 0, 1, 1)))[0]


def _colours(image: Image.Image) -> list[Colour]:
    data = image.tobytes()
    return [(data[i], data[i + 1], data[i + 2]) for i in range(0, len(data), 3)]


def greyish(colour: Colour) -> bool:
    """Whether a colour is nearly a grey."""
    return max(colour) - min(colour) <= _GREYISH


def _levelled(colour: Colour) -> Colour:
    """Greys in few levels."""
    if not greyish(colour):
        return colour
    level = min(255, round(sum(colour) / 3 / _GREYS) * _GREYS)
    return level, level, level


def _tiles(pairs: Iterable[tuple[Colour, Colour]]) -> Iterator[Tile]:
    for (upper, lower), same in groupby(pairs):
        yield Tile(len(list(same)), upper, lower)
