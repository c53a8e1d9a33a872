"""What a run's device does: the load of its workers, or of its GPU. Never waits for an answer.

Told only on the machine of the run, and only where it can be known: on a CPU what the system
counts for the runner and its workers, on a GPU what `nvidia-smi` says.
"""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meta_tui.model.run_view import RunView

_EVERY_SECONDS, _LIMIT_SECONDS = 2.0, 6.0
_MOST_FAILURES = 3
_PROC = Path("/proc")
_QUERY = "--query-gpu=utilization.gpu,memory.used,memory.total"
_MIB_PER_GIB = 1024
_USER_TICKS = 11
"""Place of the user's ticks in /proc/*/stat behind the name; the system's stand behind them."""


@dataclass(slots=True)
class Usage:
    """Asked often; looks at most every two seconds."""

    text: str = field(default="", init=False)
    """`cpu 187%`, `GPU0 81% 6.2/24G`, or nothing while nothing is known."""
    clock: Callable[[], float] = time.monotonic
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    proc: Path = _PROC
    _looked: float = field(default=float("-inf"), init=False)
    _ticks: tuple[float, int] | None = field(default=None, init=False)
    _asked: "subprocess.Popen[str] | None" = field(default=None, init=False)
    _failures: int = field(default=0, init=False)

    def poll(self, view: RunView, *, alive: bool) -> bool:
        """Look, or ask, where it is time to; whether there is another text."""
        before = self.text
        if not alive or view.over or not view.pid or view.host != platform.node():
            self.close()
            self.text = ""
        elif self._asked is not None:
            self._answer(view.gpu)
        elif self.clock() - self._looked >= _EVERY_SECONDS:
            self._looked = self.clock()
            if view.gpu:
                self._ask(view.gpu)
            else:
                self._load(view.pid)
        return self.text != before

    def close(self) -> None:
        """Leave no process behind."""
        if self._asked is not None:
            self._asked.kill()
            self._asked.communicate()
            self._asked = None

    def _load(self, pid: int) -> None:
        """Share of a processor that the runner and its workers took since the last look."""
        now, ticks = self.clock(), _ticks(self.proc, pid)
        before, self._ticks = self._ticks, None if ticks is None else (now, ticks)
        if ticks is None:
            self.text = ""
        elif before is not None and now > before[0]:
            # A worker that ended takes its ticks with it: that is no negative load.
            spent = max(0, ticks - before[1]) / os.sysconf("SC_CLK_TCK")
            self.text = f"cpu {spent / (now - before[0]):.0%}"

    def _ask(self, gpu: str) -> None:
        program = shutil.which("nvidia-smi", path=self.environment.get("PATH"))
        if program is None or self._failures >= _MOST_FAILURES:
            return
        self._asked = subprocess.Popen(
            [program, f"--id={gpu}", _QUERY, "--format=csv,noheader,nounits"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def _answer(self, gpu: str) -> None:
        if self._asked is None:
            return
        if self._asked.poll() is None:
            if self.clock() - self._looked > _LIMIT_SECONDS:
                self.close()
                self._failures += 1
            return
        said, _ = self._asked.communicate()
        found = _gpu(said) if self._asked.returncode == 0 else ""
        self._asked = None
        self._failures = 0 if found else self._failures + 1
        self.text = f"GPU{gpu} {found}" if found else ""


def _gpu(said: str) -> str:
    """`81% 6.2/24G` of `81, 6349, 24576`; what a GPU does not tell is left out."""
    parts = [part.strip() for part in said.strip().split(",")]
    if len(parts) != 3:  # noqa: PLR2004
        return ""
    share, *memory = parts
    told = [f"{share}%"] if share.isdecimal() else []
    if all(size.isdecimal() for size in memory):
        used, total = (int(size) / _MIB_PER_GIB for size in memory)
        told.append(f"{used:.1f}/{total:.0f}G")
    return " ".join(told)


def _ticks(proc: Path, pid: int) -> int | None:
    """Ticks that a process and all below it took so far; None where the system does not tell."""
    try:
        children = (proc / str(pid) / "task" / str(pid) / "children").read_text().split()
        behind_name = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        # Its own, and those of the children that it has seen the end of.
        ticks = sum(map(int, behind_name[_USER_TICKS : _USER_TICKS + 4]))
    except (OSError, ValueError, IndexError):
        return None
    # A child may have ended between the list and the look.
    return ticks + sum(_ticks(proc, int(child)) or 0 for child in children)
