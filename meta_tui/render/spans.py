"""What renderers return: lines of styled text that know nothing of a screen.

A style is a word of the palette below, not a colour: the dashboard gives it one, a pipe drops it.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pipelines.text import width

Style = Literal[
    "", "strong", "dim", "good", "cached", "busy", "bad", "warn", "accent",
    "series0", "series1", "series2", "series3", "series4", "series5",
]  # fmt: skip

SERIES: tuple[Style, ...] = ("series0", "series1", "series2", "series3", "series4", "series5")


class Span(NamedTuple):
    """Some text in one style."""

    text: str
    style: Style = ""


Line = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """A line of spans and bare text, without empty ones."""
    spans = (Span(part) if isinstance(part, str) and not isinstance(part, Span) else part
             for part in parts)  # fmt: skip
    return tuple(span for span in spans if span[0])


def plain(lines: Iterable[Line]) -> str:
    """The lines as bare text, joined by newlines, without trailing blanks."""
    return "\n".join("".join(span.text for span in row).rstrip() for row in lines)


def fit(text: str, columns: int) -> str:
    """The text in exactly so many columns: padded, or cut with an ellipsis."""
    if width(text) <= columns:
        return text + " " * (columns - width(text))
    if columns <= 0:
        return ""
    kept, used = [], 0
    for letter in text:
        used += width(letter)
        if used > columns - 1:
            break
        kept.append(letter)
    cut = "".join(kept) + "…"
    return cut + " " * (columns - width(cut))


def right(text: str, columns: int) -> str:
    """The text at the right of so many columns."""
    return " " * max(0, columns - width(text)) + fit(text, min(columns, width(text)))


def crop(row: Line, columns: int) -> Line:
    """A line cut to at most so many columns."""
    spans: list[Span] = []
    left = columns
    for span in row:
        size = width(span.text)
        if size > left:
            if left > 0:
                spans.append(Span(fit(span.text, left), span.style))
            break
        spans.append(span)
        left -= size
    return tuple(spans)


def wrap(text: str, columns: int, indent: str = "  ") -> list[str]:
    """The text in lines of at most so many columns, broken at blanks, the rest indented."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        if current and width(current) + 1 + width(word) > columns:
            lines.append(current)
            current = indent + word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, current] if current else lines


def pad(rows: Sequence[Line], columns: int) -> list[Line]:
    """The lines filled with blanks to the same number of columns."""
    padded = []
    for row in rows:
        used = sum(width(span.text) for span in row)
        padded.append((*row, Span(" " * (columns - used))) if used < columns else row)
    return padded
