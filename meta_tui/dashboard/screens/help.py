"""The keys, over whatever screen was shown."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

TEXT = """\
q        leave; the run goes on: `meta watch`
ctrl+c   stop after a checkpoint; again: kill now
1  2  3  run, results, gallery
tab      next pane
↑ ↓ j k  choose a stage or cell, scroll
← →      scroll a long log line
enter    show or hide the cells of a stage
f        follow what runs
g  G     first, last
y        curves on a logarithmic scale, and back
← →      in the gallery: the picture before, the next
z        in the gallery: the picture alone, and back
?        these keys; esc closes them

✓ done  ≡ cached  ▶ running  · waiting
✗ failed  ⊘ skipped  ‖ stopped"""


class HelpScreen(ModalScreen[None]):
    """Shows the keys until the next key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,space", "dismiss", "Close", id="help.close")
    ]

    def compose(self) -> ComposeResult:
        """One box."""
        yield Static(TEXT, markup=False, id="help")
