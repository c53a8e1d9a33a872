"""The lines of a log: which are kept by a filter, and where some words are found.

Words are plain text; without a capital letter in them, capitals do not count.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

MOST_LINES = 200_000
"""Lines that are kept; of more, the last."""
_SPARE = 20_000


@dataclass(slots=True)
class LogText:
    """Lines, the rows of them that are shown, and those in which words were found."""

    lines: list[str] = field(default_factory=list)
    kept: str = field(default="", init=False)
    """Words of the filter; only lines with them are rows."""
    sought: str = field(default="", init=False)
    hits: list[int] = field(default_factory=list, init=False)
    """Rows with the words that are sought, rising."""
    dropped: int = field(default=0, init=False)
    """Lines at the start that are not kept any more."""
    _rows: list[int] | None = field(default=None, init=False)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.lines if self._rows is None else self._rows)

    def row(self, place: int) -> str:
        """The text of a row."""
        return self.lines[place if self._rows is None else self._rows[place]]

    def add(self, lines: Sequence[str]) -> int:
        """More lines at the end; how many rows were given up at the start for them."""
        start, rows = len(self.lines), len(self)
        self.lines += lines
        if self._rows is not None:
            self._rows += _found(self.kept, lines, start)
        if self.sought:
            new = [self.row(place) for place in range(rows, len(self))]
            self.hits += _found(self.sought, new, rows)
        return self._give_up() if len(self.lines) > MOST_LINES + _SPARE else 0

    def keep(self, words: str) -> None:
        """Let only lines with the words be rows; all without words."""
        self.kept = words
        self._rows = _found(words, self.lines, 0) if words else None
        self.hits = []
        self.seek(self.sought, anew=True)

    def seek(self, words: str, *, anew: bool = False) -> None:
        """Find the rows with the words. A word that grew is sought where it was found before."""
        before, self.sought = self.sought, words
        if not words:
            self.hits = []
        elif before and words.startswith(before) and not anew:
            there = matcher(words)
            self.hits = [place for place in self.hits if there(self.row(place))]
        else:
            rows = self.lines if self._rows is None else [self.lines[at] for at in self._rows]
            self.hits = _found(words, rows, 0)

    def clear(self) -> None:
        """Another log begins, with the same words."""
        self.lines, self.hits, self.dropped = [], [], 0
        self._rows = [] if self.kept else None

    def _give_up(self) -> int:
        count, rows = len(self.lines) - MOST_LINES, len(self)
        del self.lines[:count]
        self.dropped += count
        if self._rows is not None:
            self._rows = [place - count for place in self._rows if place >= count]
        gone = rows - len(self)
        self.hits = [place - gone for place in self.hits if place >= gone]
        return gone


def matcher(words: str) -> Callable[[str], bool]:
    """Whether a text has the words in it."""
    if words != words.lower():
        return lambda text: words in text
    return lambda text: words in text.lower()


def marks(words: str, text: str) -> list[tuple[int, int]]:
    """Where the words begin and end in a text."""
    flags = re.IGNORECASE if words == words.lower() else re.NOFLAG
    return [found.span() for found in re.finditer(re.escape(words), text, flags)] if words else []


def _found(words: str, texts: Iterable[str], start: int) -> list[int]:
    there = matcher(words)
    return [place for place, text in enumerate(texts, start) if there(text)]
