"""Screen 3: the pictures of the run's cells: samples, reconstructions, fits."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from meta_tui.dashboard.screens.base import SCREENS, STOP, RunScreenBase
from meta_tui.dashboard.state.external_viewer import Opener
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.image_view import PicturePane
from meta_tui.dashboard.widgets.select_list import Choices
from meta_tui.dashboard.widgets.status_bar import Bar
from meta_tui.model.run_view import CellView
from meta_tui.readers.empty_states import no_pictures
from meta_tui.readers.results import Missing, Shown
from meta_tui.render.text.spans import Line, Span, line, wrap

_CAPTION_LINES = 5
_PORT = re.compile(r"\.[a-z]\w*$")


class GalleryScreen(RunScreenBase):
    """Cells that have pictures at the left, one picture at the right."""

    KEYS: ClassVar[tuple[str, ...]] = (
        "q leave", "? help", STOP, "↑↓ choose", "←→ picture", "z zoom", "enter open", "1 run",
        "2 results", "4 runs",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "turn(1)", "Next picture", show=False, id="gallery.next"),
        Binding("left,h", "turn(-1)", "Picture before", show=False, id="gallery.before"),
        Binding("space", "more", "More of its images", show=False, id="gallery.more"),
        Binding("z", "zoom", "Zoom", show=False, id="gallery.zoom"),
        Binding("enter", "open", "Open the file", show=False, id="gallery.open"),
        # Where the list is hidden nobody else hears them.
        Binding("down,j", "choose(1)", "Next gallery", show=False, id="gallery.down"),
        Binding("up,k", "choose(-1)", "Gallery before", show=False, id="gallery.up"),
    ]

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._place = 0
        self._opener = Opener()
        self._opened = ""
        """What became of the picture that was last opened, while it is shown."""

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
        ports = shared_ports(cells)
        pane.offer([line(label(cell, columns, ports)) for cell in cells])
        self._show()

    def on_choices_moved(self) -> None:
        """Another cell: its first picture."""
        self._place, self._opened = 0, ""
        self._show()

    def action_turn(self, by: int) -> None:
        """Show the next picture of the cell, or the one before: so one scrubs through training."""
        pictures = self._pictures()
        if pictures and not isinstance(pictures, Missing):
            self._place = min(len(pictures) - 1, max(0, self._place + by))
            self._opened = ""
            self._show()

    def action_more(self) -> None:
        """Show the next part of a picture whose images have no room beside each other."""
        self.query_one(PicturePane).more()

    def action_zoom(self) -> None:
        """Give the picture the whole width, and take it back."""
        self.toggle_class("zoomed")
        if not self.has_class("zoomed"):
            # What is hidden loses the focus, and would not get it back.
            self.query_one(Choices).focus()
        # The caption is as wide as its pane then is.
        self.call_after_refresh(self._show)

    def action_open(self) -> None:
        """Open the picture with the desktop's own program."""
        pictures = self._pictures()
        if pictures and not isinstance(pictures, Missing):
            shown = pictures[self._place]
            self._opened = self._opener.show(shown.file, shown.png)
            self._show()

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
        columns = max(20, self.query_one("#shown").size.width - 4)
        caption.display = bool(pictures) and not isinstance(pictures, Missing)
        if isinstance(pictures, Missing) or not pictures or cell is None:
            lost = pictures.reason if isinstance(pictures, Missing) else ""
            pane.show(b"", lost or no_pictures(self.source.view))
            pane.border_subtitle = ""
            caption.show([])
            return
        self._place = min(self._place, len(pictures) - 1)
        shown = pictures[self._place]
        across, down = shown.size
        pane.border_subtitle = Content(cell.name)
        told = f"{self._place + 1}/{len(pictures)}  {shown.file}  {across}x{down}"
        pane.show(shown.png, told)
        opened = [line(Span(part, "accent")) for part in wrap(self._opened, columns, "")]
        caption.show([*_wrapped(shown.caption, columns), *opened][-_CAPTION_LINES - 1 :])

    def keys(self) -> Sequence[str]:
        """Those of pictures, where there are any."""
        away = [key for key in SCREENS if not key.startswith("3")]
        return self.KEYS if self.source.galleries() else (*self.KEYS[:3], *away)


def shared_ports(cells: Sequence[CellView]) -> Mapping[tuple[str, str], str]:
    """By stage and axis: the port, as `.generator`, that all values name: it tells nothing."""
    values: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        for axis, value in cell.axes.items():
            port = _PORT.search(value)
            values.setdefault((cell.stage, axis), set()).add(port[0] if port else "")
    return {place: next(iter(found)) for place, found in values.items() if len(found) == 1}


def label(cell: CellView, columns: int, ports: Mapping[tuple[str, str], str]) -> str:
    """A cell in so many columns: its name, or else its stage and the values of its axes.

    The longest of these are cut first, at their ends, so that a little of each is left.

    Args:
        cell: which.
        columns: those that there are.
        ports: see `shared_ports`.
    """
    if len(cell.name) <= columns:
        return cell.name
    parts = [cell.stage]
    parts += [
        value.removesuffix(ports.get((cell.stage, axis), "")) for axis, value in cell.axes.items()
    ]
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
