"""The log of the selected cell: what it printed, and how it failed."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from meta_tui.dashboard.widgets.base_pane import Pane
from meta_tui.dashboard.widgets.palette import strip
from meta_tui.model.log_filter import LogText
from meta_tui.render.runs.log_line import logline
from meta_tui.render.text.spans import Span, crop
from pipelines.core.text import width

Question = Literal["search", "filter"]


class LogPane(Pane, can_focus=True, inherit_bindings=False):
    """One log; draws only the rows on the screen, and follows its end until it is scrolled up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Down", show=False, id="log.down"),
        Binding("up,k", "scroll_up", "Up", show=False, id="log.up"),
        Binding("home,g", "scroll_home", "Top", show=False, id="log.home"),
        Binding("end,G", "scroll_end", "Bottom", show=False, id="log.end"),
        Binding("pagedown", "page_down", "Page down", show=False, id="log.page_down"),
        Binding("pageup", "page_up", "Page up", show=False, id="log.page_up"),
        Binding("right,l", "scroll_right", "Right", show=False, id="log.right"),
        Binding("left,h", "scroll_left", "Left", show=False, id="log.left"),
        Binding("f", "follow", "Follow the end, or stay", show=False, id="log.follow"),
        Binding("slash", "ask('search')", "Search", show=False, id="log.search"),
        Binding("ampersand", "ask('filter')", "Only lines with", show=False, id="log.filter"),
        Binding("n", "hit(1)", "Next found", show=False, id="log.next"),
        Binding("N", "hit(-1)", "Found before", show=False, id="log.before"),
        Binding("escape", "back", "No search, no filter", show=False, id="log.back"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--cursor"}
    ALLOW_SELECT = True

    class Asked(Message):
        """Words are wanted."""

        def __init__(self, question: Question) -> None:
            super().__init__()
            self.question = question

    def __init__(self) -> None:
        super().__init__(id="log")
        self._title = "log"
        self.of_run = False
        """It shows the history of the run, not what a cell printed."""
        self.text = LogText()
        self.following = True
        """New lines scroll the pane."""
        self._hit: int | None = None
        self._origin: int | None = None
        """Where a search began; None at an end that was followed."""
        self._written = 0
        self._widest = 0
        self._unfinished = ""
        self._tell()

    @property
    def lines(self) -> Sequence[str]:
        """All lines of the log."""
        return self.text.lines

    def begin(self, title: str, *, of_run: bool) -> None:
        """Show another log, from its start."""
        if of_run and self.of_run:
            return
        self.of_run, self._written, self._widest = of_run, 0, 0
        self.text.clear()
        self.following, self._hit, self._unfinished = True, None, ""
        self._title = f"log {title}" if title else "history of the run"
        self._laid()

    def follow(self, lines: Sequence[str], unfinished: str = "") -> None:
        """Add new lines; of the run's history, which is given whole, those not shown yet.

        `unfinished` is shown below them until it is another.
        """
        new = lines[self._written :] if self.of_run else lines
        if not new and unfinished == self._unfinished:
            return
        self._unfinished = unfinished
        gone = self.text.add(new)
        self._written += len(new)
        self._widest = max(self._widest, width(unfinished), *map(width, new), 0)
        if self._hit is not None:
            self._hit = max(0, self._hit - gone)
        if gone and not self.following:
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, force=True)
        self._laid()

    def ask(self, question: Question) -> str:
        """Begin to search or to filter; the words so far."""
        self._origin = None if self.following else self.scroll_offset.y
        return self.text.sought if question == "search" else self.text.filtered_by

    def answer(self, question: Question, words: str) -> None:
        """Show what is found, or kept, while words are typed."""
        if question == "filter":
            self.text.keep(words)
            self._hit = None
            self._laid()
            return
        self.text.seek(words)
        self._hit = None
        if words:
            hits = self.text.hits
            start = self.scroll_offset.y if self._origin is None else self._origin
            later = (hit for hit in hits if hit >= start)
            self._show(next(later, hits[0] if hits else None))
        elif self._origin is None:
            self.following = True
        else:
            self.scroll_to(y=self._origin, animate=False, force=True)
        self._laid()

    def action_ask(self, question: Question) -> None:
        """Ask for words."""
        self.post_message(self.Asked(question))

    def action_follow(self) -> None:
        """Follow the end of the log, or stay here."""
        self.following = not self.following
        self._laid()

    def action_scroll_home(self) -> None:
        """Show the start."""
        self.following = False
        self.scroll_home(animate=False, x_axis=False, force=True)

    def action_scroll_end(self) -> None:
        """Show the end, and follow it."""
        self.following = True
        self._laid()

    def action_hit(self, by: int) -> None:
        """The next row with the words that are sought, or the one before; round the ends."""
        hits = self.text.hits
        if not hits:
            raise SkipAction
        place = hits.index(self._hit) + by if self._hit in hits else 0 if by > 0 else -1
        self._show(hits[place % len(hits)])
        self._laid()

    def action_back(self) -> None:
        """Leave the search, then the filter."""
        if self.text.sought:
            self.text.seek("")
        elif self.text.filtered_by:
            self.text.keep("")
        else:
            raise SkipAction
        self._hit = None
        self._laid()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Who scrolls up stays there; who comes to the end follows it."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) != round(old_value):
            self.following = new_value >= self.max_scroll_y
            self._tell()

    def on_resize(self) -> None:
        """The end is where it was."""
        self._laid()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        left, top = self.scroll_offset
        place, size = top + y, self.size.width
        under = self.under
        if place == self._hit:
            under = self.get_component_rich_style("lines--cursor")
        if place < len(self.text):
            row = logline(self.text.row(place), self.text.sought)
            row = crop(row, self.scrollable_content_region.width) if self.of_run else row
        elif place == len(self.text) and self._unfinished:
            row = (Span(self._unfinished, "dim"),)
        else:
            return Strip.blank(size, under)
        drawn = self._selected(strip(row, under), place)
        return drawn.crop_extend(left, left + size, under).apply_offsets(left, place)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse has marked, to be copied."""
        rows = "\n".join(self.text.row(place) for place in range(len(self.text)))
        return selection.extract(rows), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002
        """Draw what the mouse has marked."""
        self.refresh()

    def _selected(self, row: Strip, place: int) -> Strip:
        selection = self.text_selection
        span = selection.get_span(place) if selection is not None else None
        if span is None:
            return row
        start, end = span[0], row.cell_length if span[1] == -1 else min(span[1], row.cell_length)
        style = self.screen.get_component_rich_style("screen--selection")
        parts = row.divide([start, end, row.cell_length])
        return Strip.join([parts[0], parts[1].apply_style(style), *parts[2:]])

    def _show(self, row: int | None) -> None:
        """Go to a row that was found."""
        self._hit = row
        if row is not None:
            self.following = False
            top, height = self.scroll_offset.y, self.scrollable_content_region.height
            if not top <= row < top + height:
                self.scroll_to(y=max(0, row - height // 2), animate=False, force=True)

    def _laid(self) -> None:
        """The pane has another text: its size, its place and what is told of it."""
        rows = len(self.text) + bool(self._unfinished)
        following = self.following
        self.virtual_size = Size(0 if self.of_run else self._widest, rows)
        if following:
            self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)
        self.following = following
        self._tell()
        self.refresh()

    def watch_show_vertical_scrollbar(self) -> None:
        """A bar that only now comes into sight does not know yet how far down this is."""
        self.vertical_scrollbar.position = self.scroll_y

    def _tell(self) -> None:
        text, parts = self.text, []
        if text.filtered_by:
            parts.append(f"& {text.filtered_by}: {len(text):,} of {len(text.lines):,}")
        if text.sought:
            place = text.hits.index(self._hit) + 1 if self._hit in text.hits else 0
            found = f"{place:,}/{len(text.hits):,}" if text.hits else "not found"
            parts.append(f"/ {text.sought}: {found}")
        if text.dropped:
            parts.append(f"first {text.dropped:,} left out")
        parts.append("follow" if self.following else "f follows")
        self.entitle(self._title, " · ".join(parts))
