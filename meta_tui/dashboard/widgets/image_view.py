"""One picture, as large as its pane."""

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from meta_tui.dashboard.widgets.palette import strip
from meta_tui.render.images import half_blocks, image_view
from meta_tui.render.text.spans import Line, Span, crop, line, wrap


class PicturePane(Widget):
    """Draws a PNG in half blocks; without colours in braille."""

    def __init__(self) -> None:
        super().__init__(id="picture")
        self._png = b""
        self._told = ""
        self._part, self._parts = 0, 1
        self._halves: list[half_blocks.Row] = []
        self._dots: list[Line] = []

    def show(self, png: bytes, told: str = "") -> None:
        """Show this picture; its name is told, or without one why there is none."""
        if (png, told) != (self._png, self._told):
            self._png, self._told, self._part = png, told, 0
            self._draw()

    def more(self) -> None:
        """Show the next part of a picture that has no room as a whole; after the last the first."""
        self._part = (self._part + 1) % self._parts
        self._draw()

    def on_resize(self) -> None:
        """Draw for another size."""
        self._draw()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        columns, rows = self.size.width, self.size.height
        under = self.rich_style
        if self._halves:
            top = (rows - len(self._halves)) // 2
            if 0 <= y - top < len(self._halves):
                return tiles(self._halves[y - top], columns, under)
        elif y < len(self._dots):
            return strip(self._dots[y], under).crop_extend(0, columns, under)
        return Strip.blank(columns, under)

    def _draw(self) -> None:
        columns, rows = self.size.width, self.size.height
        self._halves, self._dots, self._parts = [], [], 1
        self.border_title = Content(self._told if self._png else "picture")
        if min(columns, rows) >= 1 and self._png:
            try:
                self._draw_png(columns, rows)
            except ValueError as error:
                self._dots = [crop(line(Span(f"not drawn: {error}", "warn")), columns)]
        elif columns >= 1:
            self._dots = [line(Span(part, "dim")) for part in wrap(self._told, columns, "")]
        self.refresh()

    def _draw_png(self, columns: int, rows: int) -> None:
        found: image_view.Drawing[Line] | image_view.Drawing[half_blocks.Row]
        if self.app.no_color:
            found = dotted = image_view.dots(self._png, columns, rows, self._part, braille=True)
            self._dots = dotted.rows
        else:
            found = coloured = image_view.halves(self._png, columns, rows, self._part)
            self._halves = coloured.rows
        self._part, self._parts = found.part, found.parts
        if found.told:
            self.border_title = Content(f"{self._told}  {found.told}, space: more")


def tiles(row: half_blocks.Row, columns: int, under: RichStyle) -> Strip:
    """A row of a picture in the middle of so many columns."""
    size = sum(tile.width for tile in row)
    left = max(0, (columns - size) // 2)
    drawn = [
        Segment(tile.text, under)
        if tile.text
        else Segment("▀" * tile.width, RichStyle.parse(f"{_hex(tile.upper)} on {_hex(tile.lower)}"))
        for tile in row
    ]
    found = Strip([Segment(" " * left, under), *drawn], left + size)
    return found.crop_extend(0, columns, under)


def _hex(colour: half_blocks.Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
