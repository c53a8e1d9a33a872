"""One picture, as large as its pane."""

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip
from textual.widget import Widget

from meta_tui.dashboard.palette import strip
from meta_tui.render import pixels
from meta_tui.render.spans import Line, Span, crop, line


class PicturePane(Widget):
    """Draws a PNG in half blocks; without colours in braille."""

    def __init__(self) -> None:
        super().__init__(id="picture")
        self._png = b""
        self._drawn_for = (0, 0)
        self._halves: list[pixels.Row] = []
        self._dots: list[Line] = []

    def show(self, png: bytes) -> None:
        """Show this picture, or nothing where there are no bytes."""
        if png != self._png:
            self._png, self._drawn_for = png, (0, 0)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the screen; the picture is drawn once for each size of the pane."""
        columns, rows = self.size.width, self.size.height
        if (columns, rows) != self._drawn_for:
            self._drawn_for = columns, rows
            self._draw(columns, rows)
        under = self.rich_style
        if self._halves:
            top = (rows - len(self._halves)) // 2
            if 0 <= y - top < len(self._halves):
                return tiles(self._halves[y - top], columns, under)
        elif y < len(self._dots):
            return strip(self._dots[y], under).crop_extend(0, columns, under)
        return Strip.blank(columns, under)

    def _draw(self, columns: int, rows: int) -> None:
        self._halves, self._dots = [], []
        if not self._png or min(columns, rows) < 1:
            return
        try:
            if self.app.no_color:
                self._dots = pixels.dots(self._png, columns, rows, braille=True)
            else:
                self._halves = pixels.halves(self._png, columns, rows)
        except ValueError as error:
            self._dots = [crop(line(Span(f"not drawn: {error}", "warn")), columns)]


def tiles(row: pixels.Row, columns: int, under: RichStyle) -> Strip:
    """A row of a picture in the middle of so many columns."""
    size = sum(tile.width for tile in row)
    left = max(0, (columns - size) // 2)
    drawn = [
        Segment("▀" * tile.width, RichStyle.parse(f"{_hex(tile.upper)} on {_hex(tile.lower)}"))
        for tile in row
    ]
    found = Strip([Segment(" " * left, under), *drawn], left + size)
    return found.crop_extend(0, columns, under)


def _hex(colour: pixels.Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
