"""What renderers return: lines of styled text that know nothing of a screen.

A style is a word of the palette below, not a colour: the dashboard gives it one, a pipe drops it.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from pipelines.core.text import width

Style = Literal[
    "", "strong", "dim", "good", "cached", "busy", "bad", "warn", "accent", "hit",
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
    cut = clip(text, columns - 1) + "…"
    return cut + " " * (columns - width(cut))


def clip(text: str, columns: int) -> str:
    """As much of the beginning of the text as fits."""
    if width(text) <= columns:
        return text
    used = 0
    for place, letter in enumerate(text):
        used += width(letter)
        if used > columns:
            return text[:place]
    return text


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


def broken(text: str, columns: int) -> Iterator[str]:
    """The text in pieces of at most so many columns; a letter that is wider is a piece."""
    while text:
        piece = clip(text, columns) or text[:1]
        yield piece
        text = text[len(piece) :]


def wrap(text: str, columns: int, indent: str = "  ") -> list[str]:
    """The text in lines of at most so many columns, broken at blanks, the rest indented.

    A word that is longer than a line is broken where the line ends.
    """
    lines: list[str] = []
    current = ""
    room = max(1, columns - len(indent))
    for word in (piece for whole in text.split() for piece in broken(whole, room)):
        if current and width(current) + 1 + width(word) > columns:
            lines.append(current)
            current = indent + word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, current] if current else lines
