"""Reads a log as it grows, in pieces that end in time; its lines are safe to show.

Of a very long log only the end is read. What a progress bar writes over with returns is shown as a
terminal would show it, and a line that is not finished yet can be asked for.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.store import files
from pipelines.core.text import safe_text

_PIECE_BYTES = 1 << 18
_MOST_BYTES = 1 << 25
"""What is read at most of a log that is there already: 32 MiB."""
_TORN_BYTES = 1 << 16
_COLUMNS = 4000


@dataclass(slots=True)
class LogTail:
    """The reader of one log. A file that is not there has no lines."""

    path: Path
    clock: Callable[[], float] = time.monotonic
    skipped: int = field(default=0, init=False)
    """Bytes at the start that are not read."""
    _offset: int = field(default=0, init=False)
    _torn: bytes = field(default=b"", init=False)
    _fault: bool = field(default=False, init=False)
    """It could not be read, which was told."""

    @property
    def unread(self) -> int:
        """Bytes that there are to read; of another file that lies there by now, all."""
        if self._fault:
            return 0
        size = self._size()
        return size - self._offset if size >= self._offset else size + 1

    @property
    def behind(self) -> bool:
        """There is more to read."""
        return self.unread > 0

    @property
    def unfinished(self) -> str:
        """The last line, where no newline has ended it yet."""
        return _shown(self._torn.decode("utf-8", "replace"))

    def read(self, budget_seconds: float = 0.05) -> list[str]:
        """The lines that were finished since the last call, as far as the time allows."""
        size = self._size()
        if size < self._offset:
            self._offset, self._torn = 0, b""
        if self._offset == 0 and size > _MOST_BYTES:
            self.skipped = self._offset = size - _MOST_BYTES
        until = self.clock() + budget_seconds
        lines: list[str] = []
        try:
            while data := self._piece():
                lines += self._lines(data)
                if self.clock() >= until:
                    break
        except OSError as error:
            lines += [] if self._fault else [f"this log cannot be read: {error.strerror}"]
            self._fault = True
        return lines

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
        except OSError:
            return self._offset  # It is not ours to read, as `read` then tells.

    def _piece(self) -> bytes:
        try:
            with files.opened(self.path) as file:
                file.seek(self._offset)
                return file.read(_PIECE_BYTES)
        except FileNotFoundError:
            return b""

    def _lines(self, data: bytes) -> list[str]:
        within = self.skipped and self._offset == self.skipped
        self._offset += len(data)
        whole, newline, self._torn = (self._torn + data).rpartition(b"\n")
        if len(self._torn) > _TORN_BYTES:
            # Of what returns have written over nothing is kept; the last one may end a line.
            self._torn = self._torn[:-1].rpartition(b"\r")[2][-_TORN_BYTES:] + self._torn[-1:]
        if not newline:
            return []
        texts = whole.decode("utf-8", "replace").split("\n")
        return [
            text
            if text.isascii() and text.isprintable() and len(text) <= _COLUMNS
            else _shown(text)
            for text in (texts[1:] if within else texts)
        ]


def _shown(text: str) -> str:
    """What a terminal would show of a line."""
    return safe_text(text.rstrip("\r").rpartition("\r")[2].expandtabs(4), limit=_COLUMNS)
