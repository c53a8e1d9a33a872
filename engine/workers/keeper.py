"""The process above those in which cells run: it starts them, and ends all that they started.

It runs no stage: one thread, the libraries imported, nothing computed, so that every process forked
from it begins clean, and CUDA begins after the fork. The kernel makes it the parent of every orphan
below it, so that nothing that a cell started is ever out of its sight. It ends with the runner,
by the end of its socket, and takes all below it along.

Started as `python -P -m engine.workers.keeper <descriptor> <fork or spawn>`. Orders are lines of
JSON: {"load": [modules]}, {"start": n, "alone": bool} with the descriptor of a socket, {"end": n,
"log": path, "why": text}. It says {"ended": n, "status": s, "left": k, "memory": bool}: the process
n is over, and k others that it had started.
"""

import array
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from engine.store import fs
from engine.workers import STACK_SECONDS, processes, worker
from pipelines.core.stage import Params

READ_BYTES = 1 << 16
DEAF = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""A stage that signals its parent ends nothing here."""
_MOST_DESCRIPTORS = 16


@dataclass(slots=True)
class Kept:
    """A process in which cells run."""

    pid: int
    number: int
    kills: int
    """Processes that the kernel had killed for lack of memory when this one started."""


@dataclass(slots=True)
class Keeper:
    """Serves one slot of a runner."""

    control: socket.socket
    forks: bool
    _kept: dict[int, Kept] = field(default_factory=dict)
    """By process id."""
    _over: dict[int, int] = field(default_factory=dict)
    """Process id -> exit status, of those that nobody was told of."""
    _handlers: dict[int, Any] = field(default_factory=dict)
    _wake: tuple[int, int] = (-1, -1)

    def serve(self) -> None:
        """Follow orders until the runner goes."""
        processes.adopt_orphans()
        Params()  # At its first model pydantic looks for plugins, for 25 ms: not in every cell.
        self._wake = os.pipe()
        for descriptor in self._wake:
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        self._handlers = {number: signal.getsignal(number) for number in (*DEAF, signal.SIGCHLD)}
        for number in DEAF:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _heard)
        rest = b""
        descriptors: list[int] = []
        while True:
            ready, _, _ = select.select([self.control.fileno(), self._wake[0]], [], [])
            if self._wake[0] in ready:
                os.read(self._wake[0], READ_BYTES)
                self._bury()
            if self.control.fileno() in ready:
                data, received = _received(self.control)
                if not data:
                    break
                descriptors += received
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._follow(json.loads(line), descriptors)
        processes.end_all(lambda: processes.below(os.getpid()), self._reap)

    def _follow(self, order: dict[str, Any], descriptors: list[int]) -> None:
        if "load" in order:
            for name in order["load"]:
                with contextlib.suppress(ImportError):  # The cell that needs it will say so.
                    importlib.import_module(name)
            gc.collect()
            gc.freeze()  # What is never freed need not be looked at, and copied, by every fork.
        elif "start" in order:
            self._start(order["start"], descriptors.pop(0), alone=order["alone"])
        else:
            self._end(order["end"], order["log"], order["why"])

    def _start(self, number: int, descriptor: int, *, alone: bool) -> None:
        kills = _memory_kills()
        # A library that started a thread when it was imported makes a fork unsafe.
        if self.forks and processes.threads() <= 1:
            keeper = os.getpid()
            pid = os.fork()
            if pid == 0:
                self._become(descriptor, keeper, alone=alone)
        else:
            pid = _spawned(descriptor, alone=alone)
        os.close(descriptor)
        self._kept[pid] = Kept(pid, number, kills)

    def _become(self, descriptor: int, keeper: int, *, alone: bool) -> NoReturn:
        """The process that was forked."""
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self.control.close()
            for end in self._wake:
                os.close(end)
            worker.serve(socket.socket(fileno=descriptor), keeper, alone=alone)
        finally:
            os._exit(1)

    def _end(self, number: int, log: str, why: str) -> None:
        """Kill a process and all that it started; with a log, its stacks go there before."""
        kept = next((it for it in self._kept.values() if it.number == number), None)
        if kept is None:
            return
        if log:
            self._tell_stacks(kept.pid, Path(log), why)
        os.kill(kept.pid, signal.SIGKILL)
        while kept.pid in self._kept:
            time.sleep(0.001)
            self._bury()

    def _tell_stacks(self, pid: int, log: Path, why: str) -> None:
        descriptor = fs.open_append(log)
        try:
            os.write(descriptor, f"\n{why}; the stacks of its threads:\n".encode())
            before = os.fstat(descriptor).st_size
            os.kill(pid, worker.STACKS)
            os.kill(pid, signal.SIGCONT)  # One that was stopped writes them too.
            deadline = time.monotonic() + STACK_SECONDS
            while time.monotonic() < deadline and os.fstat(descriptor).st_size == before:
                time.sleep(0.01)
            time.sleep(0.05)
        finally:
            os.close(descriptor)

    def _bury(self) -> None:
        """See who has ended, end what they left, and tell the runner."""
        self._reap()
        while self._over:
            pid, status = self._over.popitem()
            kept = self._kept.pop(pid, None)
            if kept is None:
                continue
            left = processes.end_all(self._strays, self._reap)
            self._say(
                {
                    "ended": kept.number,
                    "status": os.waitstatus_to_exitcode(status),
                    "left": len(left),
                    "memory": _memory_kills() > kept.kills,
                }
            )

    def _strays(self) -> set[processes.Process]:
        """All below this process but those that it keeps, which have nothing below them now."""
        return processes.below(os.getpid(), list(self._kept))

    def _reap(self) -> None:
        """Take the exit status of every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._over[pid] = status

    def _say(self, news: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # The runner is gone: the socket's end is read next.
            self.control.sendall(json.dumps(news).encode() + b"\n")


def _heard(_number: int, _frame: FrameType | None) -> None:
    """A signal that only wakes."""


def _received(control: socket.socket) -> tuple[bytes, list[int]]:
    """What the runner wrote, and the descriptors that came with it."""
    descriptors = array.array("i")
    room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * descriptors.itemsize)
    data, ancillary, _, _ = control.recvmsg(
        READ_BYTES, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    )
    for _, kind, content in ancillary:
        if kind == socket.SCM_RIGHTS:
            whole = len(content) - len(content) % descriptors.itemsize
            descriptors.frombytes(content[:whole])
    return data, list(descriptors)


def _spawned(descriptor: int, *, alone: bool) -> int:
    """A process that begins from nothing, where a fork is not safe."""
    os.set_inheritable(descriptor, True)
    command = [
        sys.executable, "-P", "-m", "engine.workers.worker", str(descriptor), str(os.getpid()),
        "alone" if alone else "warm",
    ]  # fmt: skip
    return os.posix_spawn(
        sys.executable, command, os.environ, setsid=True, setsigdef=[*DEAF, signal.SIGCHLD]
    )


def _memory_kills() -> int:
    """Processes that the kernel has killed for lack of memory since it started; 0 if untold."""
    try:
        lines: Iterator[str] = iter(Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def main() -> None:
    """Serve until the runner goes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    Keeper(control, forks=sys.argv[2] == "fork").serve()


if __name__ == "__main__":
    main()
