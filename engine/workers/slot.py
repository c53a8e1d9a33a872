"""One slot of the pool: a keeper, and the processes below it that the runner talks to.

A cell is over when the keeper says that its process is, not when a pipe ends: what a stage started
may hold the pipe. A warm process answers and stays, unless it has children left.
"""

import contextlib
import json
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from engine.workers import FINAL, STACK_SECONDS, Message, Task, processes
from engine.workers.connection import Line
from engine.workers.messages import BadMessage, decode
from engine.workers.pipe import GONE
from pipelines.core.text import safe_text

MARK = "META_CELLS"
"""Variable by which the processes of a slot are known even when the keeper was killed."""
READ_BYTES = 1 << 16
END_SECONDS = 5.0
"""Longest wait for a keeper to end a cell; then the keeper is ended too."""
CLOSE_SECONDS = 5.0
_SAID = 2000
_HINTS: Mapping[int, str] = {
    signal.SIGKILL: ", out of memory? counted as `lost`",
    signal.SIGSEGV: ": a fault in C code, or a recursion deeper than its stack; see the log",
}
"""What is added to the signal that ended a process."""


@dataclass(slots=True, eq=False)
class Slot:
    """Runs one cell at a time."""

    number: int
    selector: selectors.BaseSelector
    environment: Mapping[str, str]
    forks: bool
    cell: int | None = None
    over: bool = False
    """The keeper has ended: nothing can run here any more."""
    _keeper: subprocess.Popen[bytes] = field(init=False)
    _control: socket.socket = field(init=False)
    _said: IO[bytes] = field(init=False)
    """What the keeper printed, which tells why it died."""
    _mark: str = field(default_factory=lambda: secrets.token_hex(16))
    _loaded: set[str] = field(default_factory=set)
    _wanted: set[str] = field(default_factory=set)
    """Modules that cells had to load for themselves."""
    _lines: dict[int, Line] = field(default_factory=dict)
    _started: int = 0
    _warm: Line | None = None
    _line: Line | None = None
    _task: Task = field(default_factory=dict)
    _token: str = ""
    _begun: bool = False
    _changed: str = ""
    """What made a warm process refuse the cell."""
    _final: Message | None = None
    """Last message of the cell, kept until its process is over."""
    _due: float = float("inf")
    _torn: bytes = b""

    def __post_init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the slot)
        way = "fork" if self.forks else "spawn"
        self._keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.workers.keeper", str(theirs.fileno()), way],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env={**self.environment, MARK: self._mark},
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        self.selector.register(self._control, selectors.EVENT_READ, (self, None))

    @property
    def pid(self) -> int:
        """Process id of the keeper."""
        return self._keeper.pid

    @property
    def idle(self) -> bool:
        """Whether a cell can be handed over."""
        return self.cell is None and self._keeper.poll() is None

    def start(self, cell: int, task: Task) -> None:
        """Hand over a cell."""
        self.cell, self._task, self._token = cell, task, secrets.token_hex(16)
        self._begun, self._changed, self._final = False, "", None
        self._due = float("inf")
        fresh = [name for name in task["preload"] if name not in self._loaded]
        fresh += sorted(self._wanted - self._loaded)
        if fresh and self.forks:
            self._loaded.update(fresh)
            self._order({"load": fresh})
            if not task["alone"]:
                self._retire()
        self._hand_over()

    def stop(self) -> None:
        """Ask the cell to stop after a checkpoint."""
        if self._line is not None:
            self._write(self._line, {"stop": self.cell})

    def end(self, why: str = "", *, stacks: bool = False) -> None:
        """Kill the cell with all that it started; `why` is then the error of its last message."""
        if self._line is None:
            return
        if why and self._final is None:
            self._final = Message(self.cell or 0, "lost", {"error": why, "fault": "lost"})
        if not self._begun and not stacks:
            self._keeper.kill()  # It may be busy with imports; nothing of the cell has run.
            return
        self._kill(self._line, log=str(self._task["log"]) if stacks else "", why=why)

    def hears(self, line: Line | None) -> bool:
        """Whether a socket is still looked at."""
        held = self._control if line is None else line.socket
        return held.fileno() >= 0 and held in self.selector.get_map()

    def heard(self, line: Line | None, events: int) -> list[Message]:
        """News from a socket that is ready."""
        if line is None:
            return self._notices()
        if events & selectors.EVENT_WRITE:
            line.write()
            self._watch(line)
        return self._read(line) if events & selectors.EVENT_READ else []

    def see_to_it(self) -> None:
        """End a keeper that has not ended a cell for long; what was below it has its mark."""
        if time.monotonic() >= self._due:
            self._keeper.kill()
            self._due = float("inf")

    def close(self) -> None:
        """Let go of the keeper, which ends with all that is below it; see `wait`."""
        if self._line is not None and not self._begun:
            self._keeper.kill()
        self._drop_control()
        for line in list(self._lines.values()):
            self._drop(line)

    def wait(self) -> None:
        """Wait until the keeper has ended after `close`."""
        try:
            self._keeper.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        if self._keeper.returncode != 0:
            self._end_orphans()
        self._said.close()

    def _hand_over(self) -> None:
        self._due = float("inf")  # That of the process which was killed before.
        alone = bool(self._task["alone"])
        line = self._warm if self._warm is not None and not alone else self._start(alone=alone)
        self._line = line
        self._write(line, {"cell": self.cell, "token": self._token, "task": self._task})

    def _start(self, *, alone: bool) -> Line:
        """A new process, whose socket the keeper is handed."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._started += 1
        number = self._started
        order = json.dumps({"start": number, "alone": alone}).encode() + b"\n"
        with contextlib.suppress(OSError):  # The keeper has ended: that is read from its socket.
            socket.send_fds(self._control, [order], [theirs.fileno()])
        theirs.close()
        line = self._lines[number] = Line(number, ours, alone)
        self.selector.register(ours, selectors.EVENT_READ, (self, line))
        if not alone:
            self._warm = line
        return line

    def _order(self, order: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):  # As above.
            self._control.sendall(json.dumps(order).encode() + b"\n")

    def _write(self, line: Line, order: Mapping[str, Any]) -> None:
        line.out += json.dumps(order).encode() + b"\n"
        line.write()
        self._watch(line)

    def _watch(self, line: Line) -> None:
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.out else 0)
        if self.hears(line):
            self.selector.modify(line.socket, wanted, (self, line))

    def _read(self, line: Line, *, rest: bool = False) -> list[Message]:
        try:
            lines = line.rest() if rest else line.read()
        except BadMessage as bad:
            return self._refuse(line, bad)
        if lines is None:
            # Its end is told by the keeper; a socket at its end would be ready for ever.
            self.selector.unregister(line.socket)
            return []
        messages: list[Message] = []
        for text in lines:
            messages += self._take(line, text)
        return messages

    def _take(self, line: Line, text: bytes) -> list[Message]:
        """The message in a line that a process sent."""
        if line is not self._line or self.cell is None or self._final is not None:
            return []  # A thread that speaks after the end.
        try:
            message = decode(text, self.cell, self._token)
        except BadMessage as bad:
            return self._refuse(line, bad)
        if message.kind not in FINAL:
            return self._under_way(line, message)
        self._final, line.used = message, True
        spent = message.body.get("fault") == "memory"
        if line.alone or spent or len(processes.below(self._keeper.pid)) > 1:
            # The keeper ends what is left of it, and then says so.
            self._due = time.monotonic() + END_SECONDS
            if not line.alone:
                self._kill(line)
            return []
        return self._finish()

    def _under_way(self, line: Line, message: Message) -> list[Message]:
        """A message that is not the last; some are for nobody else."""
        if message.kind == "unfit":
            self._changed = message.body["changed"]
            self._kill(line)
            return []
        if message.kind == "loaded":
            self._wanted.update(message.body["modules"])
            return []
        self._begun = self._begun or message.kind == "begun"
        return [message]

    def _refuse(self, line: Line, bad: BadMessage) -> list[Message]:
        """Whoever sends rubbish is ended, and its cell has failed."""
        if line is not self._line or self._final is not None:
            return []
        told = f"its process sent rubbish to the runner ({bad}): a stage must not write to"
        told += " descriptors that it did not open"
        body = {"error": told, "traceback": "", "code": 1, "fault": "error"}
        self._final = Message(self.cell or 0, "failed", body)
        self._kill(line)
        return []

    def _kill(self, line: Line, *, log: str = "", why: str = "") -> None:
        self._order({"end": line.number, "log": log, "why": why})
        self._due = time.monotonic() + END_SECONDS + (STACK_SECONDS if log else 0.0)

    def _retire(self) -> None:
        """The warm process began before what is loaded now: another takes its place."""
        if self._warm is not None:
            self._order({"end": self._warm.number, "log": "", "why": ""})
            self._drop(self._warm)

    def _notices(self) -> list[Message]:
        """What the keeper says."""
        try:
            data = self._control.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:
            return self._orphaned()
        *lines, self._torn = (self._torn + data).split(b"\n")
        messages: list[Message] = []
        for text in lines:
            notice = json.loads(text)
            line = self._lines.get(notice["ended"])
            if line is not None:
                messages += self._ended(line, notice)
        return messages

    def _ended(self, line: Line, notice: Mapping[str, Any]) -> list[Message]:
        """A process is over, and all that it had started."""
        if line is not self._line:
            self._drop(line)
            return []
        messages = self._read(line, rest=True)
        if self.cell is None:
            self._drop(line)
            return messages
        refused = not self._begun and self._final is None
        self._drop(line)
        if refused and line.used:
            # It was warm, and had ended or was refused before the cell began.
            self._hand_over()
            if not self._changed:
                return messages
            told = f"an earlier cell had left {self._changed}: this one ran in a new process"
            return [
                *messages,
                Message(self.cell or 0, "note", {"text": safe_text(told, limit=500)}),
            ]
        final = self._final or self._lost(notice)
        if notice["left"] and final.kind == "done":
            count = notice["left"]
            what = "1 process" if count == 1 else f"{count} processes"
            text = f"{what} that the stage had started and left running was ended with it"
            messages.append(Message(final.cell, "note", {"text": text}))
        self._final = final
        return messages + self._finish()

    def _lost(self, notice: Mapping[str, Any]) -> Message:
        told, fault = _reason(notice["status"]), "lost"
        if notice["status"] == -signal.SIGKILL and notice["memory"]:
            told, fault = "killed by SIGKILL, as the machine ran out of memory", "memory"
        return Message(
            self.cell or 0, "lost", {"error": f"its worker ended: {told}", "fault": fault}
        )

    def _finish(self) -> list[Message]:
        final = self._final
        self.cell = self._line = self._final = None
        self._due = float("inf")
        return [final] if final is not None else []

    def _orphaned(self) -> list[Message]:
        """The keeper has ended, and not at our wish."""
        self._drop_control()
        self._keeper.wait()
        self._end_orphans()
        self.over = True
        cell, final = self.cell, self._final
        for line in list(self._lines.values()):
            self._drop(line)
        self._said.seek(0)
        last = self._said.read()[-_SAID:].decode(errors="replace").strip().rpartition("\n")[2]
        self._said.close()
        if cell is None:
            return []
        told = f"the process above its own ended: {_reason(self._keeper.returncode)}"
        told += f" ({safe_text(last)})" if last else ""
        self._final = final or Message(cell, "lost", {"error": told, "fault": "lost"})
        return self._finish()

    def _end_orphans(self) -> None:
        processes.end_all(lambda: processes.marked(MARK, self._mark), lambda: None)

    def _drop_control(self) -> None:
        if self.hears(None):
            self.selector.unregister(self._control)
        self._control.close()

    def _drop(self, line: Line) -> None:
        self._lines.pop(line.number, None)
        if line is self._warm:
            self._warm = None
        if self.hears(line):
            self.selector.unregister(line.socket)
        line.socket.close()


def _reason(code: int) -> str:
    if code == GONE:
        return "the stage closed or replaced the descriptor on which it answers"
    if code == 0:
        return "exit code 0 before the stage returned"
    if code > 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"killed by {name}{_HINTS.get(-code, '')}"
