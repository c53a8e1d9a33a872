"""From the command line to the one verb that was asked for: no other verb is imported."""

import gc
import os
import signal
import sys
from importlib import import_module
from typing import NamedTuple

import typer

from meta_tui.terminal import open_door, tell
from pipelines.core import os_errors
from pipelines.core.errors import MetaError, MissingFiles


class Verb(NamedTuple):
    """Where a verb is, and what it does in one line."""

    module: str
    help: str


SEARCH_AFTER = 150_000
"""New objects before the first search for garbage; Python's own is 700. Loading makes about 100,000
of them: two searches on the way to the dashboard took 0.05 s."""

VERBS = {
    "run": Verb("run", "Run a pipeline; what was computed before is not computed again."),
    "check": Verb("check", "Check a pipeline file; tell every fault with its place."),
    "plan": Verb("plan", "Show what a run would do with each cell, and why."),
    "status": Verb("runs", "Show where a run stands."),
    "watch": Verb("watch", "Open the dashboard on a run, live or over."),
    "ui": Verb("ui", "Open the dashboard on all runs, or on the faults of a file."),
    "show": Verb("show", "Show results: tables, scores, curves."),
    "logs": Verb("runs", "Print what a cell printed."),
    "stop": Verb("control", "Stop a live run, or one cell of it."),
    "retry": Verb("control", "Try a failed cell of a live run again."),
    "cache": Verb("cache", "Verify all that is stored: `meta cache verify`."),
    "stages": Verb("stages", "List the stage types, or describe one."),
    "schema": Verb("schema", "Print the JSON Schema of pipeline files, for editors."),
}


def application(wanted: str = "") -> typer.Typer:
    """The Typer application, with the code of the wanted verb and only the names of the others."""
    app = typer.Typer(
        name="meta",
        help="Deep-learning experiments as a DAG in YAML: checked, cached, resumable.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, verb in VERBS.items():
        function = _not_loaded
        if name == wanted:
            function = getattr(import_module(f"meta_tui.cli.{verb.module}"), name)
        app.command(name, help=verb.help)(function)
    return app


def _not_loaded() -> None:
    """Stands for a verb that was not asked for."""


def main() -> int:
    """Run the command line of this process; returns, or exits with, its exit code."""
    open_door()
    # Starting allocates much and frees nothing: a light command need not search it for garbage.
    gc.set_threshold(SEARCH_AFTER)
    # A plugin of pydantic that happens to be installed must not change what a file means, and
    # looking for one takes a hundredth of a second.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Ctrl-C ends a command that only reads at once, as a shell expects (130), without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        if wanted:
            os_errors.working_folder()
        application(wanted)()
    except MissingFiles as error:
        return tell(error, error.hint)
    except MetaError as error:
        return tell(error)
    except OSError as error:
        # The machine refuses what nobody expected it to: too many open files, a folder that went.
        return tell(os_errors.told(error))
    return 0
