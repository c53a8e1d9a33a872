"""`meta stop` and `meta retry`: what a live run is asked from a terminal."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from engine.planning.run_request import home
from engine.rundir import control, run_folder
from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.events import Event, RunEnded
from engine.rundir.run_folder import RunFolder
from meta_tui.cli import options
from meta_tui.cli.output import say, say_lines, signs
from meta_tui.model.run_reducer import CellView, RunView, State
from meta_tui.readers.cell_names import cells_named
from meta_tui.readers.run_reader import Feed
from meta_tui.render.runs.plain_log import lines
from pipelines.core.errors import EnvironmentFault, UsageError

ANSWER_SECONDS = 20.0
_POLL_SECONDS = 0.05
_TRIED = (State.FAILED, State.STOPPED)


class _Asking:
    """A reader of a live run that asks its runner, and waits for what it answers."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._asked: set[str] = set()
        self._refused: list[str] = []
        self._over = False
        self._feed = Feed(folder, listen=self._hear)
        self._feed.poll(float("inf"))
        self._feed.check()

    @property
    def view(self) -> RunView:
        """The run as far as it is told."""
        return self._feed.view

    def ask(self, do: control.Deed, cells: Sequence[CellView]) -> None:
        """Ask, and say what was answered.

        Raises:
            UsageError: something was refused; says why.
            EnvironmentFault: no answer came.
        """
        for cell in cells:
            self._asked.add(control.ask(self._folder, do, cell.name))
        until = time.monotonic() + ANSWER_SECONDS
        while self._asked and not self._over and time.monotonic() < until:
            lives = self._folder.alive()
            self._feed.poll()
            if not lives:
                break
            time.sleep(_POLL_SECONDS)
        if self._refused:
            raise UsageError("\n".join(self._refused))
        if self._asked:
            raise EnvironmentFault(
                f"run {self._folder.id} gave no answer: `meta status {self._folder.id}` tells "
                "where it stands"
            )

    def _hear(self, view: RunView, event: Event) -> None:
        self._over |= isinstance(event, RunEnded)
        if not isinstance(event, CellCancelled | CellRetried | RequestRefused):
            return
        if event.request not in self._asked:
            return
        self._asked.discard(event.request)
        if isinstance(event, RequestRefused):
            self._refused.append(event.text)
        else:
            say_lines(lines(view, event, signs()))


def retry(
    cell: Annotated[str, typer.Argument(help="The cell, or a stage: all of it that failed.")],
    run: options.Run = "",
) -> None:
    asking = _Asking(_live(run))
    found = cells_named(asking.view, cell)
    asking.ask("retry", [item for item in found if item.state in _TRIED] or found[:1])


def stop(
    cell: Annotated[
        str, typer.Argument(metavar="[CELL]", help="Only this cell, or what runs of a stage.")
    ] = "",
    run: options.Run = "",
    kill: Annotated[
        bool, typer.Option("--kill", help="Now, without saving what was done since the last save.")
    ] = False,
) -> None:
    folder = _live(run)
    if not cell:
        folder.request_stop(kill=kill)
        say(f"run {folder.id} was asked to stop: meta watch {folder.id}")
        return
    asking = _Asking(folder)
    found = cells_named(asking.view, cell)
    running = [item for item in found if item.state is State.RUNNING]
    asking.ask("kill" if kill else "cancel", running or found[:1])


def _live(run: str) -> RunFolder:
    """The run that is meant, which must be live."""
    folder = run_folder.find(home(), run)
    if not folder.alive():
        raise UsageError(f"run {folder.id} does not run: the same `meta run` goes on from there")
    return folder
