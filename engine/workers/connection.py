"""The runner's end of the socket of one process: it never waits, neither to read nor to write."""

import socket
from dataclasses import dataclass, field

from engine.workers.messages import MOST_LINE_BYTES, BadMessage

READ_BYTES = 1 << 18


@dataclass(slots=True, eq=False)
class Line:
    """The runner's end of the socket of one process."""

    number: int
    socket: socket.socket
    alone: bool
    used: bool = False
    """Whether it has run a cell."""
    out: bytearray = field(default_factory=bytearray)
    torn: bytearray = field(default_factory=bytearray)
    dry: bool = False
    """Whether there was nothing to read the last time."""

    def write(self) -> None:
        """Send what the socket takes of what there is to say; a dead process is told elsewhere."""
        try:
            while self.out:
                del self.out[: self.socket.send(self.out)]
        except BlockingIOError:
            return
        except OSError:
            self.out.clear()

    def read(self) -> list[bytes] | None:
        """Whole lines that it wrote since, or None when nothing can come any more.

        Raises:
            BadMessage: a line has no end.
        """
        self.dry = False
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            self.dry = True
            return []
        except OSError:
            return None
        if not data:
            return None
        self.torn += data
        if b"\n" not in data:
            if len(self.torn) > MOST_LINE_BYTES:
                raise BadMessage(f"a line has more than {MOST_LINE_BYTES >> 20} MiB")
            return []
        *lines, self.torn = self.torn.split(b"\n")
        return [bytes(line) for line in lines]

    def rest(self) -> list[bytes]:
        """All that a process that is over had written and nobody has read."""
        lines: list[bytes] = []
        while (found := self.read()) is not None and not self.dry:
            lines += found
        return lines
