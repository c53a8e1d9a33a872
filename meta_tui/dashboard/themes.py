"""What the look of the whole screen can be: colours of a theme, no colours, ASCII alone.

Widgets draw with the palette and the characters that everybody has. Another look is made from
that at the very end, line by line, so that no widget can forget it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.filter import LineFilter, NoColor
from textual.theme import Theme

from meta_tui.config import Config
from meta_tui.dashboard.widgets.palette import COLOURS
from meta_tui.render.text.ascii import ascii_text
from meta_tui.render.text.spans import Style
from pipelines.core.text import covered

_NAMED: Mapping[str, Style] = {
    "blue": "series0", "orange": "series1", "green": "series2", "pink": "series3",
    "yellow": "series4", "red": "series5", "grey": "dim",
}  # fmt: skip
TABLES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "blue": "#1f4fd8", "orange": "#5c3300", "green": "#0b7a5e", "pink": "#a0308f",
        "yellow": "#857000", "red": "#b00020", "grey": "#666666",
    },
    "colorblind": {
        "blue": "#6070ff", "orange": "#c79b7c", "green": "#a9fffb", "pink": "#ce4a9e",
        "yellow": "#eaff09", "red": "#f74509", "grey": "#9a9a9a",
    },
}  # fmt: skip
"""Colours instead of the palette's. The dark theme is the palette itself.

Those of `colorblind` are as far apart as a search found for people who see no red, no green or no
blue, and for all others; see the test.
"""
_LIGHT = Theme(
    name="meta-light",
    primary="#1f4fd8", secondary="#0b7a5e", accent="#1f4fd8", warning="#5c3300", error="#b00020",
    success="#0b7a5e", foreground="#1a1a1a", background="#fafafa", surface="#f0f0f0",
    panel="#e6e6e6", dark=False,
)  # fmt: skip
THEMES: Mapping[str, Theme | None] = {
    "dark": None, "light": _LIGHT, "colorblind": None, "mono": None,
}  # fmt: skip
"""Textual's theme for each of ours, where it is not its usual one."""


class Visible(LineFilter):
    """Lets nothing through that acts on a terminal, whatever a widget was given to show."""

    def apply(self, segments: list[Segment], _background: Color) -> list[Segment]:
        """The segments with a sign for each such letter; Textual's own sequences stay."""
        return [
            segment if segment.control else Segment(covered(segment.text), segment.style)
            for segment in segments
        ]


class Recolour(LineFilter):
    """Puts the colours of a theme in the place of the palette's."""

    def __init__(self, theme: str) -> None:
        super().__init__()
        table = TABLES[theme]
        changed = {
            RichColor.parse(COLOURS[style]).triplet: RichColor.parse(table[name])
            for name, style in _NAMED.items()
        }

        @lru_cache(1024)
        def other(style: RichStyle) -> RichStyle:
            found = changed.get(style.color.triplet) if style.color else None
            return style + RichStyle(color=found) if found else style

        self._other = other

    def apply(self, segments: list[Segment], _background: Color) -> list[Segment]:
        """The segments in the theme's colours."""
        return [
            Segment(text, self._other(style) if style else style, control)
            for text, style, control in segments
        ]


class Ascii(LineFilter):
    """Leaves nothing but ASCII on the screen."""

    def apply(self, segments: list[Segment], _background: Color) -> list[Segment]:
        """The segments with the twins of their characters."""
        return [Segment(ascii_text(text), style, control) for text, style, control in segments]


def filters(config: Config, *, colours: bool) -> Sequence[LineFilter]:
    """What every line goes through on its way to the terminal."""
    found: list[LineFilter] = [Visible()]
    if not colours:
        found.append(NoColor())
    elif config.theme in TABLES:
        found.append(Recolour(config.theme))
    if config.ascii:
        found.append(Ascii())
    return found
