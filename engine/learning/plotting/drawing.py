"""Drawing for charts: smooth shapes, and text in Pillow's own font.

A surface is drawn larger and shrunk, which makes edges smooth. Lengths are points; an image has
`SCALE` pixels a point.
"""

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

Point = tuple[float, float]
Marker = Literal["", "dot", "triangle", "square", "diamond"]

SCALE = 2
_FINER = 4
"""Shapes are drawn so many times larger than they are shown."""
_FAR = 1e4
"""Points; no shape needs to go further outside."""

_LETTERS = {"−": "-", "–": "-", "—": "-", "×": "x", "²": "^2", "≥": ">=", "≤": "<=", "→": "->"}  # noqa: RUF001
"""Letters that the font lacks and what is drawn for them."""

_CORNERS: dict[str, tuple[Point, ...]] = {
    "triangle": ((0.0, -1.15), (1.05, 0.75), (-1.05, 0.75)),
    "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "diamond": ((0.0, -1.2), (1.0, 0.0), (0.0, 1.2), (-1.0, 0.0)),
}


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line is drawn.

    Attributes:
        colour: `#rrggbb`.
        width: points.
        dash: lengths drawn and left out in turn, in points; () for a whole line.
    """

    colour: str
    width: float = 1.8
    dash: tuple[float, ...] = ()


class Surface:
    """A rectangle to draw shapes on; what lies outside is cut off.

    Args:
        width: points.
        height: points.
        paper: colour of the ground.
    """

    def __init__(self, width: float, height: float, paper: str) -> None:
        self._unit = SCALE * _FINER
        size = round(width * SCALE) * _FINER, round(height * SCALE) * _FINER
        self._image = Image.new("RGB", size, paper)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def line(self, points: Sequence[Point], stroke: Stroke) -> None:
        """A line through points (x to the right, y down); it is broken where one is nan."""
        for part in _whole(points):
            for piece in _dashed(part, stroke.dash) if stroke.dash else (part,):
                self._piece(piece, stroke, round_ends=not stroke.dash)

    def area(self, points: Sequence[Point], colour: str, opacity: float) -> None:
        """A filled polygon."""
        if len(points) > 2:  # noqa: PLR2004 (a polygon)
            alpha = f"{round(255 * opacity):02x}"
            self._draw.polygon([self._at(p) for p in points], fill=colour + alpha)

    def marker(self, at: Point, kind: Marker, radius: float, colour: str, rim: str) -> None:
        """A filled sign with a thin rim, which keeps signs apart that overlap."""
        if not (math.isfinite(at[0]) and math.isfinite(at[1])):
            return
        for size, fill in ((radius + 0.9, rim), (radius, colour)):
            if kind == "dot":
                x, y, r = *self._at(at), size * self._unit
                self._draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
            elif kind:
                corners = [(at[0] + size * dx, at[1] + size * dy) for dx, dy in _CORNERS[kind]]
                self._draw.polygon([self._at(corner) for corner in corners], fill=fill)

    def image(self) -> Image.Image:
        """What was drawn, at `SCALE` pixels a point."""
        return self._image.reduce(_FINER)

    def _at(self, point: Point) -> Point:
        x, y = (min(max(value, -_FAR), _FAR) * self._unit for value in point)
        return x, y

    def _piece(self, points: Sequence[Point], stroke: Stroke, *, round_ends: bool) -> None:
        placed = [self._at(point) for point in points]
        width = max(1, round(stroke.width * self._unit))
        if len(placed) > 1:
            self._draw.line(placed, fill=stroke.colour, width=width, joint="curve")
        if round_ends:
            r = width / 2
            for x, y in (placed[0], placed[-1]):
                self._draw.ellipse((x - r, y - r, x + r, y + r), fill=stroke.colour)


@cache
def font(size: float) -> ImageFont.FreeTypeFont:
    """Pillow's own font at a size in points."""
    found = ImageFont.load_default(size * SCALE)
    return cast("ImageFont.FreeTypeFont", found)  # there is no other where FreeType is


def lettered(text: str) -> str:
    """The text in letters that the font has."""
    spelled = "".join(_LETTERS.get(letter, letter) for letter in text)
    return "".join(letter if _has(letter) else "?" for letter in spelled)


def text_width(text: str, size: float) -> float:
    """Points that a line of text takes."""
    return font(size).getlength(lettered(text)) / SCALE


def wrapped(text: str, size: float, width: float) -> list[str]:
    """The text in lines of at most so many points, broken at blanks."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def cut(text: str, size: float, width: float) -> str:
    """As much of a line of text as so many points hold."""
    if text_width(text, size) <= width:
        return text
    kept = text
    while kept and text_width(f"{kept}…", size) > width:
        kept = kept[:-1]
    return f"{kept}…"


def write(
    image: Image.Image,
    at: Point,
    text: str,
    size: float,
    colour: str,
    *,
    anchor: str = "ls",
) -> None:
    """Write a line of text.

    Args:
        image: to write on.
        at: points.
        text: one line.
        size: points.
        colour: `#rrggbb`.
        anchor: what of the text is at `at`, as Pillow names it: `ls` left of the baseline.
    """
    place = at[0] * SCALE, at[1] * SCALE
    letters = lettered(text)
    ImageDraw.Draw(image).text(place, letters, fill=colour, font=font(size), anchor=anchor)


def write_upwards(image: Image.Image, at: Point, text: str, size: float, colour: str) -> None:
    """Write a line of text that is read from below, its middle at `at`."""
    across = math.ceil(font(size).getlength(lettered(text))) + 2 * SCALE
    down = round(1.5 * size * SCALE)
    mask = Image.new("L", (across, down))
    ImageDraw.Draw(mask).text(
        (across / 2, down / 2), lettered(text), fill=255, font=font(size), anchor="mm"
    )
    turned = mask.transpose(Image.Transpose.ROTATE_90)
    place = round(at[0] * SCALE - turned.width / 2), round(at[1] * SCALE - turned.height / 2)
    image.paste(colour, place, turned)


def packed(image: Image.Image, told: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """The image as PNG, with words that the file carries; the same give the same bytes.

    At zlib's usual level: its highest saves 4 % of the bytes and takes 4 times as long.
    """
    file, words = io.BytesIO(), PngImagePlugin.PngInfo()
    for name, text in told.items():
        words.add_text(name, text)
    image.save(file, "PNG", pnginfo=words)
    return file.getvalue()


@cache
def _has(letter: str) -> bool:
    lacking = bytes(font(12).getmask("\uffff"))
    return letter == " " or (letter.isprintable() and bytes(font(12).getmask(letter)) != lacking)


def _whole(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Stretches of points without nan."""
    part: list[Point] = []
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            part.append((x, y))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _dashed(points: list[Point], dash: tuple[float, ...]) -> Iterator[list[Point]]:
    """The pieces of a line that are drawn."""
    place, left, drawn = 0, dash[0], True
    piece = [points[0]]
    for end in points[1:]:
        start = piece[-1]
        while (length := math.dist(start, end)) > left:
            share = left / length
            start = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
            if drawn:
                yield [*piece, start]
            place = (place + 1) % len(dash)
            left, drawn, piece = dash[place], not drawn, [start]
        left -= length
        piece.append(end)
    if drawn and len(piece) > 1:
        yield piece
