"""Colours of the palette's styles: Okabe and Ito's, which colour-blind people can tell apart."""

from collections.abc import Iterable, Mapping

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.content import Content
from textual.strip import Strip

from meta_tui.render.text.spans import Line, Style
from pipelines.core.text import width

_BLUE, _ORANGE, _GREEN, _PINK, _YELLOW, _RED = (
    "#56b4e9", "#e69f00", "#00b386", "#cc79a7", "#f0e442", "#ff6b35",
)  # fmt: skip
_GREY = "#8f8f8f"

COLOURS: Mapping[Style, str] = {
    "": "", "strong": "bold", "dim": _GREY, "good": _GREEN, "cached": _BLUE,
    "busy": f"bold {_YELLOW}", "bad": f"bold {_RED}", "warn": _ORANGE, "accent": _BLUE,
    "hit": "reverse",
    "series0": _BLUE, "series1": _ORANGE, "series2": _GREEN, "series3": _PINK,
    "series4": _YELLOW, "series5": _RED,
}  # fmt: skip
_RICH = {
    name: RichStyle.parse(colour) if colour else RichStyle() for name, colour in COLOURS.items()
}


def strip(row: Line, under: RichStyle) -> Strip:
    """A line for a widget that draws its own rows; `under` is the widget's own style."""
    return Strip(
        [Segment(span.text, under + _RICH[span.style]) for span in row],
        sum(width(span.text) for span in row),
    )


def content(rows: Iterable[Line]) -> Content:
    """Lines for a widget that takes content. No text in them is read as markup."""
    parts = [Content.assemble(*((span.text, COLOURS[span.style]) for span in row)) for row in rows]
    return Content("\n").join(parts)
