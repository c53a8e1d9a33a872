"""Processes of this machine: who descends from whom, and how all that a cell started is ended.

A process may leave its group, its session and its parent; it cannot leave its ancestry where the
kernel has subreapers (Linux): there an orphan becomes a child of the keeper (`executors.keeper`).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

LINUX = sys.platform == "linux"
END_SECONDS = 5.0
"""Longest wait for killed processes to be gone: one that waits for a dead disk cannot be ended."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STATE, _PARENT, _START = 0, 1, 19
_PASSES = 10
_PAUSE_SECONDS = 0.001

Process = tuple[int, str]
"""A process: its number, and when it started. A number is given to another process later."""


def adopt_orphans() -> None:
    """Make this process the parent of every orphan below it, where the kernel can."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, however it ends."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def threads() -> int:
    """Threads of this process, those of C libraries too; 0 where that cannot be told."""
    return sum(1 for _ in Path("/proc/self/task").iterdir()) if LINUX else 0


def below(pid: int, spared: Collection[int] = ()) -> set[Process]:
    """All that descend from a process and still run, without the spared and what is below them."""
    found: set[Process] = set()
    seen, waiting = {pid, *spared}, [pid]
    while waiting:
        for child in _children(waiting.pop()):
            if child in seen:
                continue
            seen.add(child)
            waiting.append(child)
            if start := started(child):
                found.add((child, start))
    return found


def started(pid: int) -> str:
    """When a process started, in the kernel's words; nothing for one that has ended."""
    row = _row(pid)
    return row[_START] if row and row[_STATE] not in "ZX" else ""


def marked(name: str, value: str) -> set[Process]:
    """Processes of this user that were started with a variable of this value in their environment.

    It finds those whose ancestry was lost because the process above them was killed.
    """
    wanted = f"{name}={value}".encode()
    found: set[Process] = set()
    for entry in Path("/proc").glob("[0-9]*") if LINUX else ():
        with contextlib.suppress(OSError):  # It has just ended, or is somebody else's.
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.add((int(entry.name), started(int(entry.name))))
    return {process for process in found if process[1]}


def end_all(find: Callable[[], set[Process]], reap: Callable[[], object]) -> set[Process]:
    """Kill processes until none is found any more.

    Args:
        find: those that still run.
        reap: takes the exit statuses of killed children.

    Returns:
        Those that were found.
    """
    ended: set[Process] = set()
    for _ in range(_PASSES):  # They stand still first, so that none starts another meanwhile.
        fresh = find() - ended
        if not fresh:
            break
        _signal(fresh, signal.SIGSTOP)
        ended |= fresh
    deadline = time.monotonic() + END_SECONDS
    left = ended
    while left and time.monotonic() < deadline:
        _signal(left, signal.SIGKILL)
        ended |= left
        time.sleep(_PAUSE_SECONDS)
        reap()
        left = find()
    return ended


def _signal(processes: Collection[Process], number: signal.Signals) -> None:
    for pid, start in processes:
        if started(pid) == start:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def _children(pid: int) -> Iterator[int]:
    tasks = Path(f"/proc/{pid}/task")
    try:
        for task in tasks.iterdir():
            yield from map(int, (task / "children").read_bytes().split())
    except OSError:
        # It has ended, or the kernel was built without these lists.
        if not tasks.exists() or not (tasks / str(pid) / "children").exists():
            yield from _listed(pid)


def _listed(pid: int) -> Iterator[int]:
    """Children by a look at every process."""
    if LINUX:
        for entry in Path("/proc").glob("[0-9]*"):
            row = _row(int(entry.name))
            if row and row[_PARENT] == str(pid):
                yield int(entry.name)
        return
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False
    )
    for line in table.stdout.splitlines():
        child, parent = line.split()
        if parent == str(pid):
            yield int(child)


def _row(pid: int) -> list[str]:
    """State, parent and so on of a process, as `/proc/<pid>/stat` has them after the name."""
    if LINUX:
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return []
        return text.rpartition(")")[2].split()
    asked = subprocess.run(
        ["ps", "-o", "stat=,ppid=,lstart=", "-p", str(pid)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    state, _, rest = asked.stdout.strip().partition(" ")
    parent, _, start = rest.strip().partition(" ")
    return [state[:1], parent, *[""] * (_START - 2), start.strip()] if state else []
