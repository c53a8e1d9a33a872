"""Runtime context of a stage: seeds, device, files, reporting and resumable loops."""

import hashlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from engine import learning
from engine.rundir.events import MetricBatch
from engine.stage_api.channel import Channel, Scratch, Silent
from pipelines.core.facts import Source

Purpose = Literal["subset", "init", "order", "augment", "replay", "head", "tasks", "noise"]

SAVE_SHARE = 0.02
"""Largest share of the running time that saving may take; on a slow disk, checkpoints are rarer."""
FAST_SECONDS, FAST_GAP, SLOW_GAP = 60.0, 0.1, 1.0
"""Metrics are sent at most every 0.1 s in a cell's first minute, then at most every second."""


class Interrupted(Exception):  # noqa: N818 (a requested stop, not an error)
    """A requested stop: the loop saved its state after `step` and ended."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"stopped at step {step}")


class Trainer(Protocol):
    """Training state that `Run.steps` saves and restores: all that the next step depends on.

    The state is a tree of dicts, lists, tensors, numbers, strings, booleans and None. `Run.steps`
    also saves the global random states of torch, numpy and Python.
    """

    @property
    def stopped(self) -> bool:
        """Whether to end the loop before its last step: early stopping, divergence."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state between two steps."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""


@dataclass(slots=True, kw_only=True)
class Run:
    """Runtime context of one stage: seeds, device, inputs, reporting, resumable loops."""

    device: str = "cpu"
    """`cpu` or `cuda:0`."""
    folder: Path = field(default_factory=Path.cwd)
    """Folder of the pipeline file."""
    axes: Mapping[str, str] = field(default_factory=dict)
    """Axis -> this cell's label on it."""
    sources: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    """Input port -> sources of the connected artifacts, in order."""
    digests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Input port -> content digests of the artifacts, in the same order."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Logical name of an external file of this stage -> sha256 of its uncompressed content."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """sha256 of an external file's uncompressed content -> its path."""
    seeds: tuple[int, int] = (0, 0)
    """Root seed and value of the seed axis."""
    channel: Channel = field(default_factory=Silent)
    scratch: Scratch | None = None
    """Storage for checkpoints; None to save none."""
    interval_seconds: float = 30.0
    """Wall-clock seconds between checkpoints."""
    threads: int = 1
    curves: dict[str, dict[str, list[tuple[int, float | None]]]] = field(default_factory=dict)
    """Loop -> series -> (step, value) reported so far; None in place of a non-finite value."""

    _loops: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _restored: bool = field(default=False, init=False)
    _loop: str = field(default="", init=False)
    _step: int = field(default=0, init=False)
    _total: int = field(default=0, init=False)
    _pending: dict[int, dict[str, float | None]] = field(default_factory=dict, init=False)
    _started: float = field(default_factory=time.monotonic, init=False)
    _flushed: float = field(default=0.0, init=False)
    _saved: float = field(default_factory=time.monotonic, init=False)
    _save_seconds: float = field(default=0.0, init=False)

    def seed(self, purpose: Purpose) -> int:
        """Return the seed for a purpose: a hash of root seed, seed axis and purpose, below 2**63.

        It does not depend on the stage's name or type, so methods run with one seed are paired.
        """
        root, axis = self.seeds
        digest = hashlib.sha256(f"{root}/{axis}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def steps(self, name: str, total: int, trainer: Trainer) -> Iterator[int]:
        """Yield the remaining steps, counted from 1, of a resumable loop of `total` steps.

        Resumes from the checkpoint of this cell if there is one. Saves checkpoints at intervals of
        wall-clock time and when a stop is requested. A loop that has finished before restores its
        final state and yields nothing.

        Args:
            name: unique within the stage.
            total: number of steps.
            trainer: state to save and restore.

        Raises:
            Interrupted: a stop was requested, and the state is saved.
        """
        self._restore()
        self._loop, self._total = name, total
        over = self._enter(name, trainer)
        while not over and self._step < total and not trainer.stopped:
            self._step += 1
            yield self._step
            self._flush(force=False)
            if self.channel.stopping:
                self._save(trainer)
                raise Interrupted(self._step)
            if self._due():
                self._save(trainer)
        self._loops[name] = self._state(trainer, finished=True)
        self._flush(force=True)

    def report(self, step: int, **values: float) -> None:
        """Add a point to the live curves: `report(step, loss=0.3, accuracy=0.9)`."""
        series = self.curves.setdefault(self._loop, {})
        point = self._pending.setdefault(step, {})
        for name, value in values.items():
            finite = float(value) if math.isfinite(value) else None
            point[name] = finite
            series.setdefault(name, []).append((step, finite))
        if not self._loop:
            self._flush(force=False)

    def note(self, text: str) -> None:
        """Add a note for readers of the results."""
        self.channel.note(text)

    def close(self) -> None:
        """Send the points that have not been sent yet."""
        self._flush(force=True)

    def _enter(self, name: str, trainer: Trainer) -> bool:
        """Restore a loop's saved state, if any; return whether the loop had finished."""
        state = self._loops.get(name)
        self._step = int(state["step"]) if state else 0
        if state is None:
            return False
        trainer.load_state_dict(state["trainer"])
        learning.training.checkpoint.restore_random_states(state["random"])
        return bool(state["finished"])

    def _state(self, trainer: Trainer, *, finished: bool) -> dict[str, Any]:
        # Copied, because the next loop may change the tensors of a finished one.
        return {
            "step": self._step,
            "finished": finished,
            "trainer": learning.training.checkpoint.copied(trainer.state_dict()),
            "random": learning.training.checkpoint.random_states(),
        }

    def _due(self) -> bool:
        if self.scratch is None:
            return False
        gap = max(self.interval_seconds, self._save_seconds / SAVE_SHARE)
        return time.monotonic() - self._saved >= gap

    def _save(self, trainer: Trainer) -> None:
        if self.scratch is None:
            return
        self._flush(force=True)
        start = time.monotonic()
        loops = {**self._loops, self._loop: self._state(trainer, finished=False)}
        state = {"environment": self._environment(), "loops": loops, "curves": self.curves}
        self.scratch.save(
            lambda folder: learning.training.checkpoint.save(folder, state), self._step
        )
        self._saved = time.monotonic()
        self._save_seconds = self._saved - start
        self.channel.checkpointed(self._step)

    def _restore(self) -> None:
        """Load the newest checkpoint, once, and report its curves again."""
        if self._restored:
            return
        self._restored = True
        folder = self.scratch.load() if self.scratch else None
        if folder is None:
            return
        state = learning.training.checkpoint.load(folder)
        for name, value in self._environment().items():
            if state["environment"].get(name) != value:
                before = state["environment"].get(name)
                self.note(f"resumed from a checkpoint made with {name} {before}, now {value}")
        self._loops = state["loops"]
        for loop, series in state["curves"].items():
            self._loop = loop
            for metric, points in series.items():
                for step, value in points:
                    self.report(step, **{metric: math.nan if value is None else value})
            self._step = self._total = int(self._loops[loop]["step"]) if loop in self._loops else 0
            self._flush(force=True)

    def _environment(self) -> dict[str, Any]:
        kind = self.device.partition(":")[0]
        return {"threads": self.threads, "device": kind, **learning.training.checkpoint.versions()}

    def _flush(self, *, force: bool) -> None:
        now = time.monotonic()
        gap = FAST_GAP if now - self._started < FAST_SECONDS else SLOW_GAP
        if not force and now - self._flushed < gap:
            return
        names = sorted({name for point in self._pending.values() for name in point})
        steps = sorted(self._pending)
        self.channel.metrics(
            MetricBatch(
                loop=self._loop,
                step=self._step,
                total=self._total,
                seconds=round(now - self._started, 3),
                steps=tuple(steps),
                values={n: tuple(self._pending[s].get(n) for s in steps) for n in names},
            )
        )
        self._pending = {}
        self._flushed = now
