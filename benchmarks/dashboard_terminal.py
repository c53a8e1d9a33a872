"""A command on a real pseudo-terminal: what it paints and when, how it answers keys, what it takes.

The reader at the other end drains what is written and notes when it came, as a terminal that
knows synchronized updates (mode 2026). What the screen looked like at any time is found later.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_ASKED, _ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
_PARTS = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H|\x1b\[(?P<style>[\d;]*)m|\x1b\[\?2026(?P<sync>[hl])"
    r"|\x1b\[2J(?P<wiped>)|\x1b\[[<-?]?[\d;$]*[a-zA-Z@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1bP[^\x1b]*\x1b\\|\x1b_[^\x1b]*\x1b\\|\x1b[^\[\]P_]|[\x00-\x1a\x1c-\x1f]|(?P<text>[^\x00-\x1f\x1b]+)"
)
_TICKS = os.sysconf("SC_CLK_TCK")

Piece = tuple[float, bytes]


@dataclass(slots=True)
class Grid:
    """What a terminal shows, as far as our output needs it: every letter is one column wide."""

    columns: int
    rows: int
    letters: list[list[str]] = field(init=False)
    styles: list[list[str]] = field(init=False)
    whole: bool = field(default=True, init=False)
    """No update is half done."""
    _at: tuple[int, int] = (0, 0)
    _style: str = ""

    def __post_init__(self) -> None:
        self._wipe()

    def _wipe(self) -> None:
        self.letters = [[" "] * self.columns for _ in range(self.rows)]
        self.styles = [[""] * self.columns for _ in range(self.rows)]

    def feed(self, output: str) -> None:
        """Take in some output."""
        for part in _PARTS.finditer(output):
            if part["text"]:
                self._write(part["text"])
            elif part["style"] is not None:
                self._style = part["style"]
            elif part["row"]:
                self._at = int(part["row"]) - 1, int(part["column"]) - 1
            elif part["sync"]:
                self.whole = part["sync"] == "l"
            elif part["wiped"] is not None:
                self._wipe()

    def _write(self, text: str) -> None:
        row, column = self._at
        if row < self.rows:
            end = min(self.columns, column + len(text))
            self.letters[row][column:end] = text[: end - column]
            self.styles[row][column:end] = [self._style] * (end - column)
        self._at = row, column + len(text)

    def line(self, row: int) -> str:
        """The letters of a row; negative from the end."""
        return "".join(self.letters[row])

    @property
    def text(self) -> str:
        """All letters."""
        return "\n".join(map("".join, self.letters))


@dataclass(slots=True)
class Terminal:
    """A process on a terminal of its own. Times are seconds since just before it was started."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    columns: int = 120
    rows: int = 40
    pid: int = field(init=False)
    pieces: list[Piece] = field(default_factory=list, init=False)
    _began: float = field(init=False)
    _descriptor: int = field(init=False)

    def __enter__(self) -> "Terminal":
        told = {**os.environ, **self.environment, "TERM": "xterm-256color"}
        self._began = time.perf_counter()
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            size = struct.pack("HHHH", self.rows, self.columns, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.chdir(self.folder)
            os.execvpe(self.command[0], list(self.command), told)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self._descriptor)
        os.waitpid(self.pid, 0)

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._began

    def drain(self, seconds: float) -> None:
        """Read what is painted in so many seconds."""
        until = self.now + seconds
        while (left := until - self.now) > 0:
            if not select.select([self._descriptor], [], [], left)[0]:
                continue
            try:
                data = os.read(self._descriptor, 1 << 16)
            except OSError:
                return  # It has ended.
            self.pieces.append((self.now, data))
            if _ASKED in data:
                os.write(self._descriptor, _ANSWER)

    def drain_until(self, told: bytes, seconds: float) -> None:
        """Read until something is painted, for at most so many seconds."""
        until = self.now + seconds
        while self.now < until and told not in b"".join(data for _, data in self.pieces):
            self.drain(0.005)

    def press(self, keys: bytes) -> float:
        """Type; returns when."""
        at = self.now
        os.write(self._descriptor, keys)
        return at

    def frames(self) -> Iterator[tuple[float, Grid]]:
        """The screen after each whole update, one grid that changes, and when it came."""
        grid = Grid(self.columns, self.rows)
        rest = b""
        for at, data in self.pieces:
            # A sequence that was torn between two reads is read with the second.
            output = rest + data
            cut = output.rfind(b"\x1b") if len(output) - output.rfind(b"\x1b") < 24 else -1
            torn = cut >= 0 and not _PARTS.match(output[cut:].decode("utf-8", "replace"))
            output, rest = (output[:cut], output[cut:]) if torn else (output, b"")
            while output[-1:] > b"\x7f" and not _decodes(output):
                output, rest = output[:-1], output[-1:] + rest
            parts = re.split(rb"(?<=\x1b\[\?2026l)", output)
            for part in parts:
                grid.feed(part.decode("utf-8", "replace"))
                if part and grid.whole:
                    yield at, grid

    def first(self, shown: Callable[[Grid], bool], after: float = 0.0) -> float | None:
        """When the screen first looked so; None where it never did."""
        found = (at for at, grid in self.frames() if at >= after and shown(grid))
        return next(found, None)

    @property
    def cpu_seconds(self) -> float:
        """What it took of the processor so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> dict[str, float]:
        """MiB that it holds: `Pss` (its share of what it shares), `Rss`."""
        told = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return {
            name: int(found[1]) / 1024
            for name in ("Pss", "Rss")
            if (found := re.search(rf"^{name}:\s+(\d+)", told, re.MULTILINE))
        }


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
