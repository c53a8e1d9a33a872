"""What a stage is handed: its seed, device, files, reports, and resume written once."""

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
"""Checkpoints may take at most this share of the time; a slow disk makes them rarer."""
FAST_SECONDS, FAST_GAP, SLOW_GAP = 60.0, 0.1, 1.0
"""Metrics leave at most every 0.1 s in a cell's first minute, then every second."""


class Interrupted(Exception):  # noqa: N818 (not an error: somebody asked)
    """The cell was asked to stop and has saved its state at `step`."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"stopped at step {step}")


class Trainer(Protocol):
    """What `Run.steps` saves and restores: everything that the next step depends on.

    The state is a tree of dicts, lists, tensors, numbers, strings, booleans and None. The global
    random states of torch, numpy and python are saved beside it.
    """

    @property
    def stopped(self) -> bool:
        """Whether the loop is over before its last step: early stopping, divergence."""

    def state_dict(self) -> dict[str, Any]:
        """The state between two steps."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""


@dataclass(slots=True, kw_only=True)
class Run:
    """The hand of the engine inside a stage."""

    device: str = "cpu"
    """`cpu` or `cuda:0`."""
    folder: Path = field(default_factory=Path.cwd)
    """Where the pipeline file lies."""
    axes: Mapping[str, str] = field(default_factory=dict)
    """Axis -> label of this cell."""
    sources: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    """Input port -> labels of what is connected, in the order of the artifacts."""
    digests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Input port -> content digests of the artifacts, in the same order."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Logical name of an outside file of this stage -> sha256 of its uncompressed content."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """sha256 of an outside file's uncompressed content -> where it lies now."""
    seeds: tuple[int, int] = (0, 0)
    """Root seed and value of the seed axis."""
    channel: Channel = field(default_factory=Silent)
    scratch: Scratch | None = None
    """Where checkpoints go; None keeps none."""
    interval_seconds: float = 30.0
    """Wall time between checkpoints."""
    threads: int = 1
    curves: dict[str, dict[str, list[tuple[int, float | None]]]] = field(default_factory=dict)
    """Loop -> series -> points reported so far, a None where a value was not finite."""

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
        """sha256(root seed, seed axis, purpose) as an integer below 2**63.

        It never depends on the stage's name or type, so that methods of one seed are paired.
        """
        root, axis = self.seeds
        digest = hashlib.sha256(f"{root}/{axis}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def steps(self, name: str, total: int, trainer: Trainer) -> Iterator[int]:
        """Yield the steps that remain, 1-based, of a loop of `total`.

        Goes on from a checkpoint of this very computation, saves at intervals of wall time and on
        a request to stop. A finished loop restores its end and yields nothing. `name` is unique
        within the stage.

        Raises:
            Interrupted: a stop was asked for; the state is saved.
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
        """Points of the cell's live curves. Names are series: `loss`, `accuracy`."""
        series = self.curves.setdefault(self._loop, {})
        point = self._pending.setdefault(step, {})
        for name, value in values.items():
            shown = float(value) if math.isfinite(value) else None
            point[name] = shown
            series.setdefault(name, []).append((step, shown))
        if not self._loop:
            self._flush(force=False)

    def note(self, text: str) -> None:
        """Something that a person who reads the numbers should know."""
        self.channel.note(text)

    def close(self) -> None:
        """Send what has not been sent."""
        self._flush(force=True)

    def _enter(self, name: str, trainer: Trainer) -> bool:
        """Restore a loop's state where there is one; whether it was finished."""
        held = self._loops.get(name)
        self._step = int(held["step"]) if held else 0
        if held is None:
            return False
        trainer.load_state_dict(held["trainer"])
        learning.training.checkpoint.restore_random_states(held["random"])
        return bool(held["finished"])

    def _state(self, trainer: Trainer, *, finished: bool) -> dict[str, Any]:
        # Copied, because the tensors of a finished loop may go on changing in the next one.
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
        began = time.monotonic()
        loops = {**self._loops, self._loop: self._state(trainer, finished=False)}
        state = {"environment": self._environment(), "loops": loops, "curves": self.curves}
        self.scratch.save(
            lambda folder: learning.training.checkpoint.save(folder, state), self._step
        )
        self._saved = time.monotonic()
        self._save_seconds = self._saved - began
        self.channel.checkpointed(self._step)

    def _restore(self) -> None:
        """Read the newest checkpoint, once, and show its curves again."""
        if self._restored:
            return
        self._restored = True
        folder = self.scratch.load() if self.scratch else None
        if folder is None:
            return
        state = learning.training.checkpoint.load(folder)
        for what, value in self._environment().items():
            if state["environment"].get(what) != value:
                before = state["environment"].get(what)
                self.note(f"resumed from a checkpoint made with {what} {before}, now {value}")
        self._loops = state["loops"]
        for loop, series in state["curves"].items():
            self._loop = loop
            for name, points in series.items():
                for step, value in points:
                    self.report(step, **{name: math.nan if value is None else value})
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
