"""A grid of dots: eight to a character in braille, two in ASCII; each character has one colour."""

from dataclasses import dataclass, field

from meta_tui.render.spans import Line, Span, Style

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Braille bit of the dot at (row, column) of a character."""
_ASCII = " '.:"


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
        for y in range(max(0, top), min(self.down - 1, bottom) + 1):
            self.dot(x, y, style)

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
        for place in range(start, start + self.columns):
            mask, style = self._masks[place], self._styles[place]
            letter = self._letter(mask)
            if spans and (spans[-1].style == style or not mask):
                spans[-1] = Span(spans[-1].text + letter, spans[-1].style)
            else:
                spans.append(Span(letter, style))
        return tuple(spans)

    def _letter(self, mask: int) -> str:
        if not mask:
            return " "
        return chr(0x2800 + mask) if self.braille else _ASCII[mask]
