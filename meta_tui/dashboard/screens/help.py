"""The keys, over whatever screen was shown: read from the commands that they reach there."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from meta_tui.dashboard.state.keymap import Entry
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.model.run_reducer import State
from meta_tui.render.text.columns import beside
from meta_tui.render.text.spans import Line, Span, fit, line, plain
from meta_tui.render.text.symbols import UNICODE, state_span
from pipelines.core.text import width

_FRAME_COLUMNS, _FRAME_ROWS = 6, 4
_STATES = (
    (State.DONE, State.CACHED, State.RUNNING, State.WAITING),
    (State.FAILED, State.SKIPPED, State.STOPPED),
)


class HelpScreen(ModalScreen[None]):
    """Shows the keys until it is closed; what does not fit is reached by scrolling."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,space", "dismiss", "Close", id="help.close")
    ]

    def __init__(self, groups: Mapping[str, Sequence[Entry]]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        """One box."""
        pane = Lines(id="help")
        pane.border_title = "keys"
        pane.border_subtitle = "esc closes"
        yield pane

    def on_mount(self) -> None:
        """Take as much room as the keys need."""
        self._fit()

    def on_resize(self) -> None:
        """Lay the keys out for the new size."""
        self._fit()

    def _fit(self) -> None:
        columns, rows = self.app.size.width - _FRAME_COLUMNS, self.app.size.height - _FRAME_ROWS
        shown = beside([*map(_group, self._groups, self._groups.values()), _signs()], columns, rows)
        pane = self.query_one("#help", Lines)
        pane.styles.height = min(len(shown), rows) + 2
        pane.border_subtitle = "esc closes" if len(shown) <= rows else "j k: more · esc closes"
        widest = max((width(text) for text in plain(shown).split("\n")), default=0)
        pane.styles.width = min(widest, columns) + 5
        pane.show(shown)


def _group(name: str, group: Sequence[Entry]) -> list[Line]:
    size = max(width(_keys(entry)) for entry in group)
    return [
        line(Span(name, "strong")),
        *(line(Span(fit(_keys(entry), size), "accent"), f"  {entry.told}") for entry in group),
    ]


def _keys(entry: Entry) -> str:
    return " ".join(dict.fromkeys(entry.keys))


def _signs() -> list[Line]:
    """What the signs of the states mean."""
    rows = [line(Span("states", "strong"))]
    for states in _STATES:
        parts = [(state_span(state, UNICODE), Span("  ")) for state in states]
        rows.append(tuple(span for part in parts for span in part)[:-1])
    return rows
