"""Runs a request here, or starts a runner that outlives us.

The front process checks and freezes; the runner reads only what was frozen.
"""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from engine.execution.cell_task import Options
from engine.execution.execution import Execution
from engine.execution.runner_log import last_lines, stderr_into
from engine.execution.signals import Interrupts
from engine.identity.resolver import resolver
from engine.planning.load import load
from engine.planning.run_request import Request, asked
from engine.planning.selection import select
from engine.rundir import cell_settings, events, run_folder
from engine.rundir.journal import Journal, Observer
from engine.rundir.previous_runs import History
from engine.rundir.run_folder import RunFolder
from engine.store import fs, location
from engine.workers.device import Device, choose
from engine.workers.local import Local
from pipelines.core.errors import EnvironmentFault, UsageError
from pipelines.pipeline import Pipeline

START_SECONDS, START_PATIENCE = 5.0, 20.0
"""A runner has so many seconds to begin, and so many times what checking the file took here: it
checks the frozen file again, and a file of 10,000 cells takes seconds on a busy machine."""
MOST_JOBS = 8


def freeze(request: Request) -> tuple[RunFolder, Pipeline]:
    """Check everything that can be checked, and make the run's folder."""
    pipeline = load(request)
    select(pipeline, request)
    choose(request.device)
    location.adopt(request.store)
    folder = run_folder.create(request.store, request.encode(), pipeline.text)
    folder.disk.publish(folder.given, [cell_settings.encode(pipeline)])
    return folder, pipeline


def run(request: Request, observe: Observer, interrupts: Interrupts | None = None) -> int:
    """Run in this process's foreground; it owns the signals meanwhile.

    Args:
        request: what to run.
        observe: told every event, and the points of curves.
        interrupts: by which `observe` may stop the run.

    Returns:
        The exit code.
    """
    folder, pipeline = freeze(request)
    return carry_out(folder, request, pipeline, observe, interrupts)


def start(request: Request) -> RunFolder:
    """Start a runner in its own session, and wait until it has begun.

    Raises:
        EnvironmentFault: it did not begin; says why.
    """
    asked = time.monotonic()
    folder, _ = freeze(request)
    patience = START_SECONDS + START_PATIENCE * (time.monotonic() - asked)
    command = [sys.executable, "-P", "-m", "engine.execution.runner", str(folder.path.absolute())]
    log = fs.open_append(folder.runner_log)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    os.close(log)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if folder.events.exists():
            # It outlives us on purpose; Popen would otherwise warn that it still runs.
            process.returncode = 0
            return folder
        if process.poll() is not None:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    said = "\n".join(last_lines(folder.runner_log)).strip()
    raise EnvironmentFault(f"run {folder.id} did not begin: {said or 'no word from its runner'}")


def again(folder: RunFolder, request: Request | None = None) -> RunFolder:
    """Start a run of what another run was asked for; what that one computed is in the store.

    The file is read as it is now. The store is where the run lies, wherever it lay before.

    Args:
        folder: the run.
        request: what the run was asked for, where a person has been shown it and agreed.

    Raises:
        MetaError: it cannot be started; says why.
    """
    found = request or asked(folder)
    inside = [str(path) for path in found.stage_files if _inside(path, folder.disk.root)]
    if inside:
        raise UsageError(f"{inside[0]} lies in the store, where no code does: use `meta run FILE`")
    return start(found)


def _inside(path: Path, root: Path) -> bool:
    """Whether a file lies in one of the folders of a store; others may lie beside them."""
    found = path.resolve()
    return any(found.is_relative_to((root / name).resolve()) for name in location.FOLDERS)


def carry_out(
    folder: RunFolder,
    request: Request,
    pipeline: Pipeline,
    observe: Observer,
    interrupts: Interrupts | None = None,
) -> int:
    """Execute a frozen run."""
    alive = folder.hold()
    folder.disk.sweep()
    found = resolver(pipeline, request.store)
    device = choose(request.device)
    before = [run for run in run_folder.every(request.store) if run != folder]
    history = History(found.store, pipeline.name, before)
    interrupts = interrupts or Interrupts()
    visible = {"CUDA_VISIBLE_DEVICES": device.visible} if device.kind == "cuda" else {}
    executor = Local(request.jobs or _jobs(device.kind), visible)
    options = Options(
        device=device.name,
        stage_files=request.stage_files,
        checkpoint_seconds=request.checkpoint_seconds,
        fail_fast=request.fail_fast,
        accept_code=request.accept_code,
    )
    journal = Journal(folder.path, observe)
    journal.event(_started(folder, pipeline, history, device))
    for warning in pipeline.warnings:
        journal.event(events.Note(time=time.time(), text=f"{warning.mark}: {warning.message}"))
    execution = Execution(
        found, select(pipeline, request), folder, journal, executor, options, history, interrupts
    )
    try:
        with stderr_into(folder.runner_log), interrupts.watching():
            return execution.run()
    finally:
        executor.close()
        os.close(alive)


def _started(
    folder: RunFolder, pipeline: Pipeline, history: History, device: Device
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
        device=device.label,
        gpu=device.visible,
        continues=history.run,
    )


def _jobs(kind: str) -> int:
    if kind == "cuda":
        return 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(MOST_JOBS, allowed or 1)
