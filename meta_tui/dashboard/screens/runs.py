"""Screen 4: all runs of the store; what differs between them; from here to each of them."""

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meta_tui.dashboard.screens.base import RunChosen, RunScreenBase
from meta_tui.dashboard.screens.compare_runs import CompareScreen
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.dashboard.widgets.prompt import Ask
from meta_tui.dashboard.widgets.select_list import Choices
from meta_tui.dashboard.widgets.status_bar import Bar
from meta_tui.readers.run_header import Entry
from meta_tui.readers.run_index import History, filtered
from meta_tui.render.runs.run_list import head, nothing, runcard, runlist
from meta_tui.render.text.spans import Line, Span, crop, line
from pipelines.core.text import safe_text

_PAIR = 2


class RunsScreen(RunScreenBase):
    """Keeps the cursor on a run, wherever new ones push it."""

    KEYS: ClassVar[tuple[str, ...]] = (
        "q leave", "? help", "enter open", "c mark two", "1 run", "↑↓ choose", "/ filter",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Show this run", show=False, id="runs.open"),
        Binding("c", "mark", "Mark; two are compared", show=False, id="runs.mark"),
        Binding("slash", "filter", "Filter runs", show=False, id="runs.filter"),
        Binding("escape", "back", "No marks, no filter", show=False, id="runs.back"),
    ]

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._history = History(source.folder.disk.root, source.now)
        self._marked: list[str] = []
        self._words = ""
        self._shown: list[Entry] = []
        self._at = source.folder.path.name
        """Folder's name of the run under the cursor."""

    def body(self) -> ComposeResult:
        """The list, what is known of the run under the cursor, and a line to filter by."""
        with Vertical(id="body"):
            yield Bar(id="runs-head")
            yield Choices(id="runs")
            yield Lines(id="run-card")
            yield Ask("words of runs: ladder failed lr", id="runs-ask")

    def on_mount(self) -> None:
        """List what is there."""
        self.look()
        super().on_mount()
        self.query_one("#runs").focus()

    def look(self) -> bool:
        """Read on, first what is near the cursor."""
        changed = self._history.look()
        order = filtered(self._history.order(), self._words) if self._words else None
        order = self._history.order() if order is None else order
        place = max(0, self._place(order) - self.size.height // 2)
        return self._history.fill([*order[place:], *order[:place]]) or changed

    def redraw(self) -> None:
        """Show the runs as far as they were read."""
        super().redraw()
        every = self._history.order()
        self._shown = filtered(every, self._words)
        pane, card = self.query_one("#runs", Choices), self.query_one("#run-card", Lines)
        pane.border_title = "runs"
        room = max(20, pane.scrollable_content_region.width)
        card.display = bool(self._shown)
        self.query_one("#runs-head", Bar).display = bool(self._shown)
        if not self._shown:
            store = safe_text(str(self._history.store))
            pane.show([line(Span("no run has these words", "dim"))] if every else nothing(store))
            return
        self.query_one("#runs-head", Bar).show([(*line("   "), *head(self._shown, room))])
        place = self._place(self._shown)
        rows = runlist(self._shown, self._marked, self.source.now(), room, self.source.signs)
        moved = pane.marked != place
        pane.show(rows, place)
        if moved:
            pane.scroll_to(y=max(0, place - pane.size.height // 2), animate=False)
        self._show_card()

    def show_clock(self) -> None:
        """The list tells how long ago each run began."""
        self.redraw()

    def heading(self, columns: int) -> Line:
        """`meta · 12 runs · 1 live · /home/a/.meta`."""
        entries = self._history.entries
        live = sum(entry.alive for entry in entries.values())
        count = f"{len(entries)} run{'s' * (len(entries) != 1)}"
        parts = ["meta", count, f"{live} live" if live else "", str(self._history.store)]
        return crop(line(" · ".join(safe_text(part) for part in parts if part)), columns)

    def _place(self, order: list[Entry]) -> int:
        names = [entry.folder.path.name for entry in order]
        return names.index(self._at) if self._at in names else 0

    def _chosen(self) -> Entry | None:
        return self._shown[self._place(self._shown)] if self._shown else None

    def _show_card(self) -> None:
        entry, card = self._chosen(), self.query_one("#run-card", Lines)
        if entry is not None:
            columns = max(20, card.scrollable_content_region.width)
            card.border_title = "run"
            card.show(runcard(entry, columns))

    def on_choices_moved(self, message: Choices.Moved) -> None:
        """Another run is under the cursor."""
        self._at = self._shown[message.place].folder.path.name
        self._show_card()

    def action_open(self) -> None:
        """Show the run under the cursor in the other screens."""
        entry = self._chosen()
        if entry is not None:
            self.post_message(RunChosen(entry.folder))

    def _marks(self) -> list[str]:
        """The marked runs that are still there."""
        return [name for name in self._marked if name in self._history.entries]

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take its mark; two marked ones are compared."""
        entry = self._chosen()
        if entry is None:
            return
        name = entry.folder.path.name
        kept = self._marks()
        if name in kept:
            self._marked = [each for each in kept if each != name]
        else:
            self._marked = [*kept[1 - _PAIR :], name]
            if len(self._marked) == _PAIR:
                old, new = (self._history.entries[each] for each in sorted(self._marked))
                self.app.push_screen(CompareScreen(self.source, old, new))
        self.redraw()

    def action_filter(self) -> None:
        """Type words that runs must have."""
        self.query_one(Ask).open()

    def action_back(self) -> None:
        """Take all marks; then show all runs."""
        if self._marked:
            self._marked = []
            self.redraw()
        else:
            self.query_one(Ask).action_leave()

    def on_ask_told(self, message: Ask.Told) -> None:
        """Filter while words are typed."""
        self._words = message.words
        self.call_after_refresh(partial(self.redraw))

    def on_ask_left(self) -> None:
        """Back to the runs."""
        self.query_one("#runs").focus()
