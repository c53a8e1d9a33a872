"""A grid of dots: eight to a character in braille, two in ASCII; each character has one colour."""

from dataclasses import dataclass, field

from meta_tui.render.text.spans import Line, Span, Style

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Braille bit of the dot at (row, column) of a character."""
_BRAILLE = " " + "".join(map(chr, range(0x2801, 0x2900)))
_ASCII = " '.:"
"""The letter of each mask."""
_UPRIGHTS = tuple(
    tuple(
        tuple(sum(row[side] for row in _BITS[first : last + 1]) for last in range(4))
        for first in range(4)
    )
    for side in range(2)
)
"""Mask of the dots from one row to another, at the left and at the right of a character."""
_ASCII_UPRIGHTS = ((1, 3), (0, 2))


@dataclass(slots=True)
class Canvas:
    """Dots are addressed from the top left; those outside are not drawn."""

    columns: int
    rows: int
    braille: bool = True
    _masks: list[int] = field(init=False)
    _styles: list[Style] = field(init=False)

    def __post_init__(self) -> None:
        self._masks = [0] * (self.columns * self.rows)
        self._styles = [""] * (self.columns * self.rows)

    @property
    def across(self) -> int:
        """Dots in a row."""
        return self.columns * (2 if self.braille else 1)

    @property
    def down(self) -> int:
        """Dots in a column."""
        return self.rows * (4 if self.braille else 2)

    def dot(self, x: int, y: int, style: Style) -> None:
        """Draw one dot."""
        if not (0 <= x < self.across and 0 <= y < self.down):
            return
        if self.braille:
            place, bit = (y >> 2) * self.columns + (x >> 1), _BITS[y & 3][x & 1]
        else:
            place, bit = (y >> 1) * self.columns + x, 1 << (y & 1)
        self._masks[place] |= bit
        self._styles[place] = style

    def upright(self, x: int, top: int, bottom: int, style: Style) -> None:
        """Draw a vertical line, both ends included."""
        top, bottom = max(0, top), min(self.down - 1, bottom)
        if not 0 <= x < self.across or top > bottom:
            return
        if self.braille:
            uprights, column, shift = _UPRIGHTS[x & 1], x >> 1, 2
        else:
            uprights, column, shift = _ASCII_UPRIGHTS, x, 1
        height = 1 << shift
        for row in range(top >> shift, (bottom >> shift) + 1):
            first, last = max(0, top - row * height), min(height - 1, bottom - row * height)
            place = row * self.columns + column
            self._masks[place] |= uprights[first][last]
            self._styles[place] = style

    def segment(self, start: tuple[int, int], end: tuple[int, int], style: Style) -> None:
        """Draw a straight line, both ends included."""
        (x0, y0), (x1, y1) = start, end
        count = max(abs(x1 - x0), abs(y1 - y0))
        for index in range(count + 1):
            share = index / count if count else 0.0
            self.dot(x0 + round((x1 - x0) * share), y0 + round((y1 - y0) * share), style)

    def lines(self) -> list[Line]:
        """The rows, each as runs of one style."""
        return [self._line(row * self.columns) for row in range(self.rows)]

    def _line(self, start: int) -> Line:
        spans: list[Span] = []
        letters: list[str] = []
        style: Style | None = None
        drawn = _BRAILLE if self.braille else _ASCII
        end = start + self.columns
        for mask, own in zip(self._masks[start:end], self._styles[start:end], strict=True):
            if style is None or (mask and own != style):
                if letters:
                    spans.append(Span("".join(letters), style or ""))
                letters, style = [], own
            letters.append(drawn[mask])
        return (*spans, Span("".join(letters), style or ""))
