"""Opens the dashboard on a run, and says what is left to say when it is closed."""

import signal
from pathlib import Path

from engine.runs import RunFolder
from engine.store import Store
from meta_tui import dashboard
from meta_tui.cli.final import say_tables
from meta_tui.cli.output import say, say_lines, signs
from meta_tui.plain import ending, failures
from meta_tui.view import RunView

LOST = 3
"""Exit code where the runner is gone without an end: the machine's fault, not the pipeline's."""


def follow(folder: RunFolder, store: Path) -> int:
    """Show a run until the person leaves; returns the exit code of the command."""
    # Textual asks for the keyboard itself; an interrupt from elsewhere lets it restore the screen.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    view: RunView = dashboard.app.follow(folder, store)
    if view.code is not None:
        say_lines([ending(view), *failures(view, signs())])
        say_tables(view, Store(store, readonly=True))
        return view.code
    if folder.alive():
        say(f"the run goes on: meta watch {folder.id}")
        return 0
    say(f"run {folder.id} lost its runner; the same `meta run` goes on from its checkpoints")
    return LOST
