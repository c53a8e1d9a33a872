"""Screen 3: the pictures of the run's cells: samples, reconstructions, fits."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from meta_tui.dashboard.screens.base import STOP, RunScreenBase
from meta_tui.dashboard.source import Source
from meta_tui.dashboard.widgets.bar import Bar
from meta_tui.dashboard.widgets.choices import Choices
from meta_tui.dashboard.widgets.picture import PicturePane
from meta_tui.render.spans import Line, Span, line, wrap
from meta_tui.results import Missing, Shown
from meta_tui.snapshot import CellView

_CAPTION_LINES = 5


class GalleryScreen(RunScreenBase):
    """Cells that have pictures at the left, one picture at the right."""

    KEYS: ClassVar[tuple[str, ...]] = (
        "q leave", "? help", STOP, "1 run", "2 results", "↑↓ choose", "←→ picture", "z zoom",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "turn(1)", "Next picture", show=False, id="gallery.next"),
        Binding("left,h", "turn(-1)", "Picture before", show=False, id="gallery.before"),
        Binding("z", "zoom", "Zoom", show=False, id="gallery.zoom"),
        # Where the list is hidden nobody else hears them.
        Binding("down,j", "choose(1)", "Next gallery", show=False, id="gallery.down"),
        Binding("up,k", "choose(-1)", "Gallery before", show=False, id="gallery.up"),
    ]

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._place = 0

    def body(self) -> ComposeResult:
        """A list, and a picture with its caption."""
        with Horizontal(id="gallery"):
            yield Choices(id="galleries")
            with Vertical(id="shown"):
                yield PicturePane()
                yield Bar(id="caption")

    def redraw(self) -> None:
        """Show the galleries that are there."""
        super().redraw()
        pane = self.query_one("#galleries", Choices)
        pane.border_title = "galleries"
        columns = max(10, pane.scrollable_content_region.width)
        cells = self.source.galleries()
        pane.offer([line(label(cell, columns)) for cell in cells])
        self._show()

    def on_choices_moved(self) -> None:
        """Another cell: its first picture."""
        self._place = 0
        self._show()

    def action_turn(self, by: int) -> None:
        """Show the next picture of the cell, or the one before: so one scrubs through training."""
        pictures = self._pictures()
        if pictures and not isinstance(pictures, Missing):
            self._place = min(len(pictures) - 1, max(0, self._place + by))
            self._show()

    def action_zoom(self) -> None:
        """Give the picture the whole width, and take it back."""
        self.toggle_class("zoomed")
        if not self.has_class("zoomed"):
            # What is hidden loses the focus, and would not get it back.
            self.query_one(Choices).focus()
        # The caption is as wide as its pane then is.
        self.call_after_refresh(self._show)

    def action_choose(self, by: int) -> None:
        """Show the pictures of the next cell, or of the one before."""
        self.query_one(Choices).action_move(by)

    def _chosen(self) -> CellView | None:
        cells = self.source.galleries()
        place = self.query_one("#galleries", Choices).marked
        return cells[place] if cells and place is not None else None

    def _pictures(self) -> tuple[Shown, ...] | Missing:
        cell = self._chosen()
        return self.source.pictures(cell) if cell else ()

    def _show(self) -> None:
        cell, pane = self._chosen(), self.query_one(PicturePane)
        pictures = self.source.pictures(cell) if cell else ()
        caption = self.query_one("#caption", Bar)
        columns = max(20, caption.size.width - 4)
        if isinstance(pictures, Missing) or not pictures or cell is None:
            told = pictures.reason if isinstance(pictures, Missing) else self._nothing()
            pane.show(b"")
            pane.border_title, pane.border_subtitle = "picture", ""
            caption.show(_wrapped(told, columns))
            return
        self._place = min(self._place, len(pictures) - 1)
        shown = pictures[self._place]
        across, down = shown.size
        pane.border_title = Content(
            f"{self._place + 1}/{len(pictures)}  {shown.file}  {across}x{down}"
        )
        pane.border_subtitle = Content(cell.name)
        pane.show(shown.png)
        caption.show(_wrapped(shown.caption, columns))

    def _nothing(self) -> str:
        if self.source.view.over:
            return "no cell of this run made pictures"
        return "no pictures yet: they come when a stage that makes some is done"


def label(cell: CellView, columns: int) -> str:
    """A cell in so many columns: its name, or else its stage and the values of its axes.

    The longest of these are cut first, at their ends, so that a little of each is left.
    """
    if len(cell.name) <= columns:
        return cell.name
    parts = [cell.stage, *cell.axes.values()]
    while len(" ".join(parts)) > columns and max(map(len, parts)) > 1:
        longest = max(range(len(parts)), key=lambda place: len(parts[place]))
        parts[longest] = f"{parts[longest].removesuffix('…')[:-1]}…"
    return " ".join(parts)[:columns]


def _wrapped(text: str, columns: int) -> list[Line]:
    rows = wrap(text, columns, "")
    kept = rows[:_CAPTION_LINES]
    if len(rows) > _CAPTION_LINES:
        kept[-1] = f"{kept[-1][: columns - 1]}…"
    return [line(Span(row, "dim")) for row in kept]
