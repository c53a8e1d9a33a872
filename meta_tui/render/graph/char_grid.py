"""A grid of characters to draw boxes and lines on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meta_tui.render.graph.items import Rect
from meta_tui.render.graph.layout import DOWN, LEFT, RIGHT, UP
from meta_tui.render.text.spans import Line, Span, Style
from pipelines.core.text import width

_UPRIGHT, _LEVEL = UP | DOWN, LEFT | RIGHT
_LINES: Mapping[int, str] = {
    UP: "│", DOWN: "│", _UPRIGHT: "│", LEFT: "─", RIGHT: "─", _LEVEL: "─",
    DOWN | RIGHT: "╭", DOWN | LEFT: "╮", UP | RIGHT: "╰", UP | LEFT: "╯",
    _UPRIGHT | RIGHT: "├", _UPRIGHT | LEFT: "┤", _LEVEL | DOWN: "┬", _LEVEL | UP: "┴",
    _UPRIGHT | _LEVEL: "┼",
}  # fmt: skip
_LIGHT, _HEAVY = tuple("╭─╮│╰╯┬├"), tuple("┏━┓┃┗┛┯┠")
_ASCII = str.maketrans("│─╭╮╰╯├┤┬┴┼┏━┓┃┗┛┯┠▼▶", "|-" + "+" * 9 + "#" * 8 + "v>")


def ascii_lines(text: str) -> str:
    """The text with box-drawing characters of ASCII."""
    return text.translate(_ASCII)


@dataclass(slots=True)
class Grid:
    """Places that each hold a letter in a style; what is drawn must lie in them."""

    columns: int
    rows: int
    _letters: list[list[str]] = field(init=False)
    _styles: list[list[Style]] = field(init=False)
    _sides: dict[tuple[int, int], int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._letters = [[" "] * self.columns for _ in range(self.rows)]
        self._styles = [[""] * self.columns for _ in range(self.rows)]

    def put(self, x: int, y: int, text: str, style: Style = "") -> None:
        """Write a text from a place on."""
        if text.isascii():
            self._set(x, y, text, style)
            return
        for letter in text:
            size = width(letter)
            if size == 0:
                # A mark that belongs to the letter before it.
                self._letters[y][x - 1] += letter
                continue
            self._letters[y][x : x + size] = [letter, *[""] * (size - 1)]
            self._styles[y][x : x + size] = [style] * size
            x += size

    def write(self, x: int, y: int, row: Line) -> None:
        """Write a line of spans from a place on."""
        for span in row:
            self.put(x, y, span.text, span.style)
            x += width(span.text)

    def line(self, cells: Mapping[tuple[int, int], int], style: Style) -> None:
        """Draw a line; one that crosses another passes under what is upright."""
        for (x, y), sides in cells.items():
            there = self._sides.get((x, y), 0)
            self._sides[x, y] = there | sides
            if {there, sides} != {_UPRIGHT, _LEVEL}:
                self._set(x, y, _LINES[there | sides], style)
            elif sides == _UPRIGHT:
                self._set(x, y, _LINES[_UPRIGHT], style)

    def box(self, rect: Rect, style: Style, *, heavy: bool, down: bool) -> None:
        """Draw a frame, with a mouth where a line leaves it below or at the right."""
        first, level, last, upright, low, end, below, beside = _HEAVY if heavy else _LIGHT
        across, bottom = rect.columns - 2, rect.top + rect.rows - 1
        right = rect.left + rect.columns - 1
        self._set(rect.left, rect.top, first + level * across + last, style)
        self._set(rect.left, bottom, low + level * across + end, style)
        for y in range(rect.top + 1, bottom):
            leaves = not down and self._sides.get((right + 1, y), 0) & LEFT
            row = upright + " " * across + (beside if leaves else upright)
            self._set(rect.left, y, row, style)
        for x in range(rect.left + 1, right) if down else ():
            if self._sides.get((x, bottom + 1), 0) & UP:
                self._set(x, bottom, below, style)

    def _set(self, x: int, y: int, letters: str, style: Style) -> None:
        """Write letters of one column each."""
        self._letters[y][x : x + len(letters)] = letters
        self._styles[y][x : x + len(letters)] = [style] * len(letters)

    def lines(self, *, ascii_only: bool = False) -> list[Line]:
        """The rows, each as runs of one style, without blanks at the end."""
        return [self._line(row, ascii_only=ascii_only) for row in range(self.rows)]

    def _line(self, row: int, *, ascii_only: bool) -> Line:
        letters, styles = self._letters[row], self._styles[row]
        end = max((x + 1 for x, letter in enumerate(letters) if letter != " "), default=0)
        spans: list[Span] = []
        start = 0
        for x in range(1, end + 1):
            if x == end or styles[x] != styles[start]:
                text = "".join(letters[start:x])
                spans.append(Span(ascii_lines(text) if ascii_only else text, styles[start]))
                start = x
        return tuple(spans)
