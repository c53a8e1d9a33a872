"""Opens the dashboard on a run, and says what is left to say when it is closed."""

import signal
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from engine.planning.run_request import Request
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui import config, dashboard
from meta_tui.cli.output import say, say_lines, signs
from meta_tui.config import Config
from meta_tui.model.run_reducer import RunView
from meta_tui.render.runs.plain_log import ending, failures, heartbeat
from meta_tui.terminal import ENDED_BY

LOST = 3
"""Exit code where the runner is gone without an end: the machine's fault, not the pipeline's."""


def settings() -> Config:
    """What the person set, and what this terminal can show.

    Raises:
        PipelineError: the file of settings is wrong.
    """
    found = config.read(config.place())
    dashboard.launch.check(found)
    return replace(found, ascii=found.ascii or not signs().braille)


def follow(folder: RunFolder, store: Path, found: Config) -> int:
    """Show a run until the person leaves; returns the exit code of the command."""
    # Textual asks for the keyboard itself; an interrupt from elsewhere lets it restore the screen.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    left: tuple[RunFolder, RunView, int] = dashboard.launch.follow(folder, store, found)
    shown, view, code = left
    ended = leave(shown, view, store)
    # Who was asked to go says so, whatever became of the run.
    return code if code > ENDED_BY else ended or code


def look(store: Path, found: Config, asked: Request | None) -> int:
    """Show all runs, or the faults of the file that is asked for, until the person leaves.

    Returns:
        0: what they looked at ended as it did; 1 after a fault of the dashboard.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, view, code = dashboard.launch.overview(store, found, asked)
    if view.started is not None and not view.over and folder.alive():
        say(f"run {folder.id} goes on: meta watch {folder.id}")
    return int(code)


def leave(folder: RunFolder, view: RunView, store: Path) -> int:
    """Say how a run ended or stands and how to come back to it; returns the exit code."""
    if view.code is not None:
        say_lines([ending(view), *failures(view, signs())])
        # What draws a table in lines is loaded when there is one, not before the first paint.
        import_module("meta_tui.cli.print_tables").say_tables(view, Store(store, readonly=True))
        say(f"see it again: meta watch {folder.id}")
        return view.code
    if folder.alive():
        say(heartbeat(view, time.time()).strip())
        say(f"the run goes on: meta watch {folder.id}")
        return 0
    say(lost(folder))
    return LOST


def lost(folder: RunFolder) -> str:
    """What a person does about a run whose runner is gone."""
    return (
        f"run {folder.id} lost its runner; the same `meta run` goes on from its checkpoints, "
        f"or r in `meta watch {folder.id}`"
    )
