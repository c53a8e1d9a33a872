"""Cells run in a pool of warm worker processes on this machine.

Workers are spawned from the thread that made the executor, which must be the runner's main one:
the kernel's death signal fires when the spawning *thread* ends. Each lives in its own session, so
that a Ctrl-C in the terminal reaches the runner alone.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.executors import FINAL, Message, Task

KEPT_ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV",
    "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUBLAS_WORKSPACE_CONFIG",
)  # fmt: skip
"""All that a worker sees of the environment: secrets in it stay outside."""
THREADS = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
"""One thread unless a cell asks for more: OpenMP reads this once, when torch is imported."""
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
"""glibc keeps the memory of freed tensors. By default it gives each large one back to the kernel
and takes page faults for the next one: `benchmarks/allocator.py` measures what that costs."""
READ_BYTES = 1 << 16
END_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Worker:
    """One process of the pool."""

    number: int
    process: subprocess.Popen[bytes]
    cell: int | None = None
    torn: bytes = b""

    @property
    def lives(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def close(self) -> None:
        """End the worker's stdin, which is its end; one that has died cannot mind."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def say(self, order: Mapping[str, object]) -> None:
        """Write an order; a worker that has died is noticed by `poll`."""
        pipe = self.process.stdin
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.write(json.dumps(order).encode() + b"\n")
                pipe.flush()

    def lines(self) -> list[bytes] | None:
        """Whole lines that it wrote, or None when it has ended."""
        if self.process.stdout is None:
            return None
        data = os.read(self.process.stdout.fileno(), READ_BYTES)
        if not data:
            return None
        *lines, self.torn = (self.torn + data).split(b"\n")
        return lines


@dataclass(slots=True)
class Local:
    """The pool. Workers are spawned when first needed, up to `slots`."""

    slots: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to what workers see: one GPU of several, say."""
    _workers: list[Worker] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _spawned: int = 0

    @property
    def free(self) -> int:
        """Slots without a cell."""
        return self.slots - sum(worker.cell is not None for worker in self._workers)

    def submit(self, cell: int, task: Task) -> int:
        """Hand a cell to an idle worker, spawning one if all are busy."""
        # One that died idle is left to `poll`: it would take the cell with it.
        idle = next((it for it in self._workers if it.cell is None and it.lives), None)
        worker = idle or self._spawn()
        worker.cell = cell
        worker.say({"cell": cell, "task": task})
        return worker.number

    def poll(self, timeout_seconds: float) -> list[Message]:
        """News since the last call; waits up to the timeout for the first."""
        messages: list[Message] = []
        for selected, _ in self._selector.select(timeout_seconds):
            worker: Worker = selected.data
            lines = worker.lines()
            if lines is None:
                messages += self._ended(worker)
                continue
            for line in lines:
                message = Message(**json.loads(line))
                if message.kind in FINAL:
                    worker.cell = None
                messages.append(message)
        return messages

    def cancel(self, *, kill: bool, cell: int | None = None) -> None:
        """Ask every running cell, or one alone, to stop after a checkpoint, or kill it now."""
        for worker in self._workers:
            if cell not in (None, worker.cell):
                continue
            if kill:
                worker.process.kill()
            elif worker.cell is not None:
                worker.say({"stop": True})

    def close(self) -> None:
        """End all workers: the end of their stdin is their end."""
        for worker in self._workers:
            worker.close()
        for worker in self._workers:
            try:
                worker.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            if worker.process.stdout is not None:
                worker.process.stdout.close()
        self._selector.close()
        self._workers.clear()

    def _spawn(self) -> Worker:
        kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        kept |= {**THREADS, **MALLOC, **self.environment}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.executors.worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=kept,
            start_new_session=True,
        )
        worker = Worker(self._spawned, process)
        self._spawned += 1
        self._workers.append(worker)
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        return worker

    def _ended(self, worker: Worker) -> list[Message]:
        self._selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        self._workers.remove(worker)
        code = worker.process.wait()
        worker.close()
        if worker.process.stdout is not None:
            worker.process.stdout.close()
        if worker.cell is None:
            return []
        return [Message(worker.cell, "lost", {"error": f"its worker ended: {_reason(code)}"})]


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    hint = ", out of memory?" if -code == signal.SIGKILL else ""
    return f"killed by {name}{hint}"
