"""Append and tail of a run's files of lines.

A line is one `os.write`, so that a kill tears at most the last one; a reader drops a torn tail.
Data reach the disk (fdatasync) only where an event promises something.
"""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.rundir.events import (
    CellCheckpointed,
    CellFinished,
    Event,
    MetricBatch,
    RunEnded,
    RunStarted,
    encode,
    encode_batch,
)
from engine.store import files, fs

PROMISES = (CellFinished, CellCheckpointed, RunEnded)
READ_BYTES = 1 << 20
LONGEST_LINE = 1 << 25
"""Bytes of a line that is read: the first event of a run names up to 100,000 cells."""
MOST_BYTES = 1 << 28
"""Bytes of a journal that is read."""

Observer = Callable[[Event | tuple[int, MetricBatch]], None]


@dataclass(slots=True)
class Lines:
    """A file to which whole lines are appended."""

    path: Path
    _descriptor: int | None = field(default=None, init=False)

    def append(self, line: str, *, durable: bool = False) -> None:
        """Add one line, without its newline; with `durable` it survives a power loss.

        Raises:
            EnvironmentFault: the disk does not take it.
        """
        if self._descriptor is None:
            self._descriptor = fs.open_append(self.path)
        data = line.encode("utf-8") + b"\n"
        with fs.faults(self.path):
            # A disk that fills up takes a part and says nothing; the next write tells why.
            while data:
                data = data[os.write(self._descriptor, data) :]
            if durable:
                fs.sync_data(self._descriptor)

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@dataclass(slots=True)
class Journal:
    """Writes the events and metrics of one run, and shows each to an observer.

    Events are buffered until `flush`, so that a thousand cached cells cost one write.
    """

    folder: Path
    observe: Observer
    _events: Lines = field(init=False)
    _buffer: list[str] = field(default_factory=list, init=False)
    _metrics: dict[int, Lines] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._events = Lines(self.folder / "events.jsonl")

    def event(self, event: Event) -> None:
        """Write an event."""
        self._buffer.append(encode(event))
        if isinstance(event, PROMISES):
            self.flush(durable=True)
        elif isinstance(event, RunStarted):
            self.flush()
        self.observe(event)

    def batch(self, cell: int, batch: MetricBatch) -> None:
        """Write metrics of a running cell."""
        if cell not in self._metrics:
            self._metrics[cell] = Lines(self.folder / "metrics" / f"{cell}.jsonl")
        self._metrics[cell].append(encode_batch(batch))
        self.observe((cell, batch))

    def close_cell(self, cell: int) -> None:
        """No more metrics of this cell for now."""
        lines = self._metrics.pop(cell, None)
        if lines is not None:
            lines.close()

    def flush(self, *, durable: bool = False) -> None:
        """Let readers see every event so far."""
        if self._buffer:
            self._events.append("\n".join(self._buffer), durable=durable)
            self._buffer.clear()

    def close(self) -> None:
        """Flush and close every file."""
        self.flush()
        self._events.close()
        for cell in list(self._metrics):
            self.close_cell(cell)


@dataclass(slots=True)
class Tail:
    """Reads the new whole lines of a file that grows. A file that is not there has none."""

    path: Path
    most_bytes: int | None = None
    """A file that is longer is not read."""
    _offset: int = field(default=0, init=False)
    _torn: bytearray = field(default_factory=bytearray, init=False)
    _lost: bool = field(default=False, init=False)
    """The line that is read now is too long to be one of ours: it is dropped."""

    @property
    def unread(self) -> int:
        """Bytes that there are to read."""
        try:
            return max(0, self.path.stat().st_size - self._offset)
        except FileNotFoundError:
            return 0

    @property
    def behind(self) -> bool:
        """There is more to read."""
        return self.unread > 0

    @property
    def cut(self) -> bool:
        """The file is shorter than what was read of it: it is another one by now."""
        try:
            return self.path.stat().st_size < self._offset
        except FileNotFoundError:
            return False

    def read(self, limit_bytes: int = READ_BYTES) -> list[bytes]:
        """Complete lines since the last call: none where there is nothing new but a torn one.

        From about `limit_bytes` of the file; a line that is longer is read to its end. One that is
        longer than `LONGEST_LINE` comes as an empty line: it is no event.

        Raises:
            OSError: it cannot be read, is no file, or is longer than `most_bytes`.
        """
        try:
            with files.opened(self.path) as file:
                self._refuse(os.fstat(file.fileno()).st_size)
                file.seek(self._offset)
                while data := file.read(READ_BYTES if self._lost else limit_bytes):
                    self._offset += len(data)
                    if lines := self._lines(data):
                        return lines
        except FileNotFoundError:
            return []
        return []

    def _refuse(self, size: int) -> None:
        if self.most_bytes is not None and size > self.most_bytes:
            told = f"it has {size:,} bytes; at most {self.most_bytes:,} are read"
            raise OSError(errno.EFBIG, told, str(self.path))

    def _lines(self, data: bytes) -> list[bytes]:
        head, newline, rest = data.partition(b"\n")
        if not self._lost:
            self._torn += head
        if len(self._torn) > LONGEST_LINE:
            self._lost = True
            self._torn.clear()
        if not newline:
            return []
        first = b"" if self._lost else bytes(self._torn)
        *lines, torn = rest.split(b"\n")
        self._torn, self._lost = bytearray(torn), False
        return [first, *lines]


def whole(path: Path, most_bytes: int = MOST_BYTES) -> Iterator[bytes]:
    """The lines of a file of lines, piece by piece; none of one that is not there.

    Raises:
        OSError: see `Tail.read`.
    """
    tail = Tail(path, most_bytes)
    while lines := tail.read():
        yield from lines
