"""A line of a log: coloured by the level that it names, with the words marked that are sought."""

import re

from meta_tui.model.log_filter import marks
from meta_tui.render.text.spans import Line, Span, Style

# Only what loggers, Python and the shell write: "test error 0.12" is a number, not a failure.
_BAD = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL)\b|\b\w*(?:[Ee]rror|[Ee]xception):(?!\s*[-+.\d])|\bTraceback\b"
    r"|\[(?:error|critical|fatal)\]|\blevel=(?:error|critical|fatal)\b"
)
_WARN = re.compile(r"\bWARN(?:ING)?\b|\b\w*[Ww]arning:|\[warn(?:ing)?\]|\blevel=warn(?:ing)?\b")


def level(text: str) -> Style:
    """The style of a line that names a level of trouble."""
    if _BAD.search(text):
        return "bad"
    return "warn" if _WARN.search(text) else ""


def logline(text: str, words: str = "") -> Line:
    """The line in the style of its level, the words in it marked."""
    style, spans, place = level(text), [], 0
    for start, end in marks(words, text):
        spans += [Span(text[place:start], style), Span(text[start:end], "hit")]
        place = end
    return tuple(span for span in (*spans, Span(text[place:], style)) if span.text)
