"""What a command asks of the engine: load, plan, run here, or start a runner that outlives us.

The front process checks and freezes; the runner reads only what was frozen.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine import events, runs
from engine.catalogue import Catalogue
from engine.device import choose
from engine.execute import Execution, Options
from engine.executors.local import Local
from engine.fingerprint import Fingerprints
from engine.history import History
from engine.inputs import Inputs
from engine.interrupts import Interrupts
from engine.journal import Journal, Observer
from engine.plan import Plan, Selection
from engine.plan import plan as plan_cells
from engine.resolve import Resolver
from engine.runs import RunFolder
from engine.store import Store
from pipelines.errors import EnvironmentFault, UsageError
from pipelines.pipeline import Pipeline, check

START_SECONDS = 5.0
MOST_JOBS = 8


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for.

    Attributes:
        file: the pipeline file.
        store: the folder of results and runs.
        overrides: `a.b=1` for `params`.
        seed: root seed instead of the file's.
        jobs: cells at once; 0 chooses by cores, or one a GPU.
        targets: stages or cells to compute, with all that they need; empty means everything.
        since: stages from which on to compute, with all that depends on them (`--from`).
        only: stages that may run; what they need must be cached.
        force: stages or cells that run even where a result is there.
        cache: use | refresh | off | require, for every stage; empty leaves it to the file.
    """

    file: Path
    store: Path
    overrides: tuple[str, ...] = ()
    seed: int | None = None
    jobs: int = 0
    device: str = "auto"
    stage_files: tuple[Path, ...] = ()
    targets: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    cache: str = ""
    checkpoint_seconds: float = 30.0
    fail_fast: bool = False

    def encode(self) -> bytes:
        """As JSON, with absolute paths."""
        data = asdict(self)
        for name in ("file", "store"):
            data[name] = str(data[name].absolute())
        data["stage_files"] = [str(path.absolute()) for path in self.stage_files]
        return json.dumps(data, indent=1).encode()

    @classmethod
    def decode(cls, text: bytes) -> "Request":
        """From `encode`."""
        data: dict[str, Any] = json.loads(text)
        for name in ("overrides", "targets", "since", "only", "force"):
            data[name] = tuple(data[name])
        data["stage_files"] = tuple(Path(path) for path in data["stage_files"])
        return cls(**{**data, "file": Path(data["file"]), "store": Path(data["store"])})


def home() -> Path:
    """Where the store is: `META_HOME`, or `.meta` in the working directory."""
    return Path(os.environ.get("META_HOME") or ".meta").absolute()


def load(request: Request, *, frozen: RunFolder | None = None) -> Pipeline:
    """Read and check the pipeline file, or the copy that a run froze.

    Raises:
        PipelineError: all that is wrong with it.
        UsageError: the file cannot be read.
    """
    source = frozen.pipeline if frozen else request.file
    try:
        text = source.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from error
    pipeline = check(
        text,
        file=str(request.file),
        folder=request.file.parent,
        stages=Catalogue(request.stage_files),
        overrides=request.overrides,
        seed=request.seed,
    )
    if not request.cache:
        return pipeline
    cells = tuple(replace(cell, cache=request.cache) for cell in pipeline.cells)
    return replace(pipeline, cells=cells)


def plan(request: Request) -> tuple[Pipeline, Plan]:
    """What a run would do; writes nothing but what it remembers of unchanged files."""
    pipeline = load(request)
    resolver = _resolver(pipeline, request)
    history = History(resolver.store, pipeline.name, runs.every(request.store))
    found = plan_cells(resolver, select(pipeline, request), history)
    resolver.remember()
    return pipeline, found


def freeze(request: Request) -> tuple[RunFolder, Pipeline]:
    """Check everything that can be checked, and make the run's folder."""
    pipeline = load(request)
    select(pipeline, request)
    choose(request.device)
    Store(request.store).prepare()
    return runs.create(request.store, request.encode(), pipeline.text), pipeline


def run(request: Request, observe: Observer) -> int:
    """Run in this process's foreground; it owns the signals meanwhile.

    Returns:
        The exit code.
    """
    folder, pipeline = freeze(request)
    return carry_out(folder, request, pipeline, observe)


def start(request: Request) -> RunFolder:
    """Start a runner in its own session, and wait until it has begun.

    Raises:
        EnvironmentFault: it did not begin; says why.
    """
    folder, _ = freeze(request)
    command = [sys.executable, "-P", "-m", "engine.runner", str(folder.path.absolute())]
    with (folder.path / "runner.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if folder.events.exists():
            return folder
        if process.poll() is not None:
            break
        time.sleep(0.01)
    said = (folder.path / "runner.log").read_text(errors="replace").strip()
    raise EnvironmentFault(f"run {folder.id} did not begin: {said or 'no word from its runner'}")


def carry_out(folder: RunFolder, request: Request, pipeline: Pipeline, observe: Observer) -> int:
    """Execute a frozen run."""
    alive = folder.hold()
    resolver = _resolver(pipeline, request)
    device = choose(request.device)
    history = History(resolver.store, pipeline.name, runs.every(request.store)[:-1])
    interrupts = Interrupts()
    executor = Local(request.jobs or _jobs(device.kind))
    options = Options(
        device=device.name,
        stage_files=request.stage_files,
        checkpoint_seconds=request.checkpoint_seconds,
        fail_fast=request.fail_fast,
    )
    journal = Journal(folder.path, observe)
    journal.event(_started(folder, pipeline, history, device.label))
    execution = Execution(
        resolver, select(pipeline, request), folder, journal, executor, options, history, interrupts
    )
    try:
        with interrupts.watching():
            return execution.run()
    finally:
        executor.close()
        resolver.remember()
        os.close(alive)


def select(pipeline: Pipeline, request: Request) -> Selection:
    """The cells that a request is about.

    Raises:
        UsageError: it names a stage or cell that is not in the file.
    """
    cells = pipeline.cells
    everything = frozenset(range(len(cells)))
    wanted = _named(pipeline, request.targets) if request.targets else everything
    if request.since:
        after = set(_named(pipeline, request.since))
        for cell in cells:
            if cell.needs & after:
                after.add(cell.ordinal)
        wanted &= frozenset(after)
    only = _named(pipeline, request.only)
    covered = set(only or wanted)
    for cell in reversed(cells):
        if cell.ordinal in covered:
            covered |= cell.needs
    forced = _named(pipeline, request.force) & covered
    return Selection(frozenset(covered), only or frozenset(covered), forced)


def _named(pipeline: Pipeline, names: Iterable[str]) -> frozenset[int]:
    found: set[int] = set()
    for name in names:
        hits = {
            cell.ordinal
            for cell in pipeline.cells
            if name in (cell.stage, cell.name) or _picks(name, cell.stage, cell.axes)
        }
        if not hits:
            stages = ", ".join(dict.fromkeys(cell.stage for cell in pipeline.cells))
            raise UsageError(f"no stage or cell {name!r}; the stages are {stages}")
        found |= hits
    return frozenset(found)


def _picks(name: str, stage: str, axes: Any) -> bool:
    first, *rest = name.split("@")
    wanted = dict(part.partition("=")[::2] for part in rest)
    return first == stage and all(axes.get(axis) == label for axis, label in wanted.items())


def _resolver(pipeline: Pipeline, request: Request) -> Resolver:
    kept = request.store if request.store.exists() else None
    fingerprints = Fingerprints(kept, pipeline.types)
    return Resolver(pipeline, Store(request.store), fingerprints, Inputs(kept))


def _started(
    folder: RunFolder, pipeline: Pipeline, history: History, device: str
) -> events.RunStarted:
    cells = tuple(
        events.CellInfo(cell.name, cell.stage, cell.type, cell.axes, tuple(sorted(cell.needs)))
        for cell in pipeline.cells
    )
    return events.RunStarted(
        time=time.time(),
        run=folder.id,
        name=pipeline.name,
        cells=cells,
        pid=os.getpid(),
        host=platform.node(),
        device=device,
        continues=history.run,
    )


def _jobs(kind: str) -> int:
    if kind == "cuda":
        return 1
    return min(MOST_JOBS, len(os.sched_getaffinity(0)))
