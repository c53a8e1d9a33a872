"""`meta run`."""

import typer

from engine.execution import launch
from engine.execution.runner_log import last_lines
from engine.execution.signals import Interrupts
from engine.planning.run_request import Request
from engine.rundir import run_folder
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui.cli import options
from meta_tui.cli.event_printer import Printer
from meta_tui.cli.open_dashboard import follow, settings
from meta_tui.cli.output import ascii_only, interactive, say
from meta_tui.cli.print_tables import say_tables
from meta_tui.cli.run_options import request
from meta_tui.terminal import keep_going, output_fault, warn
from pipelines.core.errors import EnvironmentFault, StageError


def run(  # noqa: PLR0913 (Typer makes an option of each argument)
    file: options.File,
    targets: options.Targets = None,
    *,
    overrides: options.Set = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    jobs: options.Jobs = 0,
    device: options.Device = "auto",
    stages: options.Stages = None,
    since: options.From = None,
    only: options.Only = None,
    until: options.Until = None,
    force: options.Force = None,
    cache: options.Cache = "",
    checkpoint: options.Checkpoint = 30.0,
    fail_fast: options.FailFast = False,
    accept_code: options.AcceptCode = False,
    plain: options.Plain = False,
    as_json: options.Json = False,
    detach: options.Detach = False,
    ascii_signs: options.Ascii = False,
) -> None:
    ascii_only(wanted=ascii_signs)
    asked = request(
        file,
        overrides=overrides,
        seed=seed,
        seeds=seeds,
        jobs=jobs,
        device=device,
        stages=stages,
        targets=[*(targets or ()), *(until or ())],
        since=since,
        only=only,
        force=force,
        cache=cache,
        checkpoint=checkpoint,
        fail_fast=fail_fast,
        accept_code=accept_code,
    )
    if detach:
        say(f"the run goes on: meta watch {launch.start(asked).id}")
    else:
        told = plain or as_json or not interactive()
        raise typer.Exit(_told(asked, as_json=as_json) if told else _shown(asked))


def _shown(asked: Request) -> int:
    """The run in a session of its own, and the dashboard over it."""
    config = settings()
    return follow(launch.start(asked), asked.store, config)


def _told(asked: Request, *, as_json: bool) -> int:
    """The run in this process, as lines; it goes on where they cannot be written."""
    interrupts = Interrupts()
    keep_going(interrupts.hang_up)
    printer = Printer(asked.store, as_json=as_json)
    code = launch.run(asked, printer, interrupts)
    _tell_aside(run_folder.find(asked.store, printer.view.run))
    whole = as_json or say_tables(printer.view, Store(asked.store, readonly=True))
    code = code or (0 if whole else StageError.exit_code)
    return code or (EnvironmentFault.exit_code if output_fault() else 0)


def _tell_aside(folder: RunFolder) -> None:
    """Show the end of what workers wrote outside of every cell's log."""
    written = last_lines(folder.runner_log)
    if written:
        warn("\n".join([f"workers wrote to {folder.runner_log}:", *(f"  {it}" for it in written)]))
