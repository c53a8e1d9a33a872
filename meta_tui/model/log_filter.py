"""Filtering and searching the lines of a log.

Words are matched as plain text, ignoring case unless they contain an upper-case letter.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

MOST_LINES = 200_000
"""Maximum number of lines in memory; older ones are dropped."""
_SPARE = 20_000


@dataclass(slots=True)
class LogText:
    """The lines of a log, the rows that pass the filter, and the rows that match the search."""

    lines: list[str] = field(default_factory=list)
    filtered_by: str = field(default="", init=False)
    """Text of the filter; only lines that contain it are rows."""
    sought: str = field(default="", init=False)
    hits: list[int] = field(default_factory=list, init=False)
    """Indices of the rows that match the search, increasing."""
    dropped: int = field(default=0, init=False)
    """Number of lines dropped from the start."""
    _rows: list[int] | None = field(default=None, init=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lines if self._rows is None else self._rows)

    def row(self, index: int) -> str:
        """Return the text of a row."""
        return self.lines[index if self._rows is None else self._rows[index]]

    def add(self, lines: Sequence[str]) -> int:
        """Append lines; return how many rows were dropped from the start."""
        start, rows = len(self.lines), len(self)
        self.lines += lines
        if self._rows is not None:
            self._rows += _matching_rows(self.filtered_by, lines, start)
        if self.sought:
            new = [self.row(index) for index in range(rows, len(self))]
            self.hits += _matching_rows(self.sought, new, rows)
        return self._drop_oldest() if len(self.lines) > MOST_LINES + _SPARE else 0

    def keep(self, words: str) -> None:
        """Show only lines that contain `words`; all lines if empty."""
        self.filtered_by = words
        self._rows = _matching_rows(words, self.lines, 0) if words else None
        self.hits = []
        self.seek(self.sought, restart=True)

    def seek(self, words: str, *, restart: bool = False) -> None:
        """Find the rows that contain `words`; an extended search looks only at its hits."""
        before, self.sought = self.sought, words
        if not words:
            self.hits = []
        elif before and words.startswith(before) and not restart:
            there = matcher(words)
            self.hits = [row for row in self.hits if there(self.row(row))]
        else:
            rows = self.lines if self._rows is None else [self.lines[at] for at in self._rows]
            self.hits = _matching_rows(words, rows, 0)

    def clear(self) -> None:
        """Remove all lines, and keep the filter and the search."""
        self.lines, self.hits, self.dropped = [], [], 0
        self._rows = [] if self.filtered_by else None

    def _drop_oldest(self) -> int:
        count, rows = len(self.lines) - MOST_LINES, len(self)
        del self.lines[:count]
        self.dropped += count
        if self._rows is not None:
            self._rows = [row - count for row in self._rows if row >= count]
        gone = rows - len(self)
        self.hits = [row - gone for row in self.hits if row >= gone]
        return gone


def matcher(words: str) -> Callable[[str], bool]:
    """Return a predicate that tells whether a text contains `words`."""
    if words != words.lower():
        return lambda text: words in text
    return lambda text: words in text.lower()


def marks(words: str, text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each match of `words` in a text."""
    flags = re.IGNORECASE if words == words.lower() else re.NOFLAG
    return [match.span() for match in re.finditer(re.escape(words), text, flags)] if words else []


def _matching_rows(words: str, texts: Iterable[str], start: int) -> list[int]:
    there = matcher(words)
    return [row for row, text in enumerate(texts, start) if there(text)]
