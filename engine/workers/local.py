"""Cells run in processes of this machine, one in each slot of a pool.

A cell that reaches code from outside (a plugin, a file of the user's) runs in a process of its own,
forked from one that has run nothing; cells of this project's own code share a warm process. Both
are below a keeper, one for each slot, in a session of its own, so that a Ctrl-C in the terminal
reaches the runner alone.
"""

import os
import selectors
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.workers import Message, Task
from engine.workers.slot import Slot
from pipelines.core.errors import EnvironmentFault

KEPT_ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV",
    "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUBLAS_WORKSPACE_CONFIG",
)  # fmt: skip
"""All that a cell sees of the environment: secrets in it stay outside."""
THREADS = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
"""One thread unless a cell asks for more: OpenMP reads this once, when torch is imported."""
SAME = {"PYTHONHASHSEED": "0"}
"""Sets of words are gone through in one order, whichever process does it."""
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
"""glibc keeps the memory of freed tensors. By default it gives each large one back to the kernel
and takes page faults for the next one: `benchmarks/allocator.py` measures what that costs."""
FORKS = sys.platform == "linux"
"""Elsewhere the libraries of the system do not bear a fork."""


@dataclass(slots=True)
class Local:
    """The pool. Keepers are started when first needed, up to `slots`."""

    slots: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to what cells see: one GPU of several, say."""
    forks: bool = FORKS
    _slots: list[Slot] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _opened: int = 0

    @property
    def free(self) -> int:
        """Slots without a cell."""
        return self.slots - sum(slot.cell is not None for slot in self._slots)

    def submit(self, cell: int, task: Task) -> int:
        """Hand a cell to an idle slot, opening one if all are busy."""
        idle = next((slot for slot in self._slots if slot.idle), None)
        slot = idle or self._open()
        slot.start(cell, task)
        return slot.number

    def poll(self, timeout_seconds: float) -> list[Message]:
        """News since the last call; waits up to the timeout for the first."""
        messages: list[Message] = []
        for selected, ready in self._selector.select(timeout_seconds):
            slot, line = selected.data
            # An earlier event of this round may have closed what this one is about.
            if slot.hears(line):
                messages += slot.heard(line, ready)
        for slot in self._slots:
            slot.see_to_it()
        self._slots = [slot for slot in self._slots if not slot.over]
        return messages

    def cancel(self, *, kill: bool, cell: int | None = None) -> None:
        """Ask every running cell, or one alone, to stop after a checkpoint, or kill it now."""
        for slot in self._slots:
            if slot.cell is None or cell not in (None, slot.cell):
                continue
            if kill:
                slot.end()
            else:
                slot.stop()

    def end(self, cell: int, why: str) -> None:
        """End a cell that does not go on; its stacks go into its log."""
        for slot in self._slots:
            if slot.cell == cell:
                slot.end(why, stacks=True)

    def close(self) -> None:
        """End all processes."""
        for slot in self._slots:
            slot.close()
        for slot in self._slots:
            slot.wait()
        self._selector.close()
        self._slots.clear()

    def _open(self) -> Slot:
        kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        kept |= {**THREADS, **SAME, **MALLOC, **self.environment}
        try:
            slot = Slot(self._opened, self._selector, kept, self.forks)
        except OSError as error:
            told = f"cannot start a process for cells: {error.strerror or error}"
            raise EnvironmentFault(
                f"{told}; see `ulimit -a`, and whether TMPDIR is writable"
            ) from error
        self._opened += 1
        self._slots.append(slot)
        return slot
