"""Events as lines, for pipes, logs and CI: one line for each change of state.

Pure: a line depends on the view after the event, never on a clock. Who calls decides when a
heartbeat is due.
"""

from collections.abc import Mapping

from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.events import (
    CellCached,
    CellDamaged,
    CellFailed,
    CellFinished,
    CellInterrupted,
    CellSkipped,
    CellStarted,
    CellWaiting,
    Event,
    Note,
    RunEnded,
    RunStarted,
)
from meta_tui.model.eta import remaining
from meta_tui.model.run_reducer import CellView, RunView, State, stopped
from meta_tui.render.runs.progress import counts, eta
from meta_tui.render.text.numbers import duration, metric, number, seconds_short
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import safe_text

_SHOWN_SCORES = 3
_FAILURES = 3
SIGNALLED = 128
"""Exit codes above it say by which signal a run was asked to stop."""
_TRACEBACK_LINES = 12


def lines(view: RunView, event: Event, signs: Signs = UNICODE) -> list[str]:
    """What to print for an event; `view` is the view after it."""
    match event:
        case RunStarted():
            goes_on = f", continues {view.continues}" if view.continues else ""
            return [
                f"run {view.run} of {view.name}: {len(view.cells)} cells on {view.device}{goes_on}"
            ]
        case RunEnded():
            return [ending(view)]
        case Note():
            return [f"  note  {_place(view, event.cell)}{safe_text(event.text)}"]
        case RequestRefused():
            return [f"  refused  {safe_text(event.text)}"]
    ordinal = getattr(event, "cell", None)
    if not isinstance(ordinal, int) or not 0 <= ordinal < len(view.cells):
        return []
    cell = view.cells[ordinal]
    told = _told(cell, event)
    return [] if told is None else [_line(view, cell, told, signs), *_details(cell, event)]


def ending(view: RunView) -> str:
    """How a run that is over ended, and what to do where it did not reach its end."""
    reason = f": {view.reason}" if view.reason else ""
    ended = "finished" if view.code == 0 else f"ended with exit code {view.code}"
    interrupted = view.code is not None and view.code > SIGNALLED
    goes_on = "; the same command goes on" if interrupted else ""
    took = duration(view.seconds)
    return f"run {view.run} {ended} in {took}: {counts(view)}{reason}{goes_on}"


def failures(view: RunView, signs: Signs = UNICODE) -> list[str]:
    """The first cells that failed, each with its error, and where the rest is told."""
    failed = [cell for cell in view.cells if cell.state is State.FAILED]
    told = [f"{signs.states[cell.state]} {cell.name}: {cell.error}" for cell in failed[:_FAILURES]]
    if failed:
        more = len(failed) - len(told)
        others = f"and {more} more; " if more else ""
        told.append(f"  {others}`meta logs {failed[0].name}` shows where it failed")
    return told


def _place(view: RunView, ordinal: int | None) -> str:
    known = ordinal is not None and 0 <= ordinal < len(view.cells)
    return f"{view.cells[ordinal].name}: " if known and ordinal is not None else ""


def _line(view: RunView, cell: CellView, told: str, signs: Signs) -> str:
    size = len(str(len(view.cells)))
    state = f"{signs.states[cell.state]} {cell.state.value}"
    return f"[{view.ended:>{size}}/{len(view.cells)}] {state:<9}  {cell.name}{told}"


def _told(cell: CellView, event: Event) -> str | None:
    match event:
        case (
            CellCached() | CellWaiting() | CellDamaged() | CellSkipped() | CellCancelled()
            | CellRetried()
        ):  # fmt: skip
            return f"  {cell.why}"
        case CellStarted():
            resumed = f", from step {event.step}" if event.step else ""
            return f"  {cell.why}{resumed}" if cell.why else resumed
        case CellFinished():
            diverged = "  diverged" if cell.diverged else ""
            return f"  {seconds_short(cell.seconds)}{diverged}{scores_text(cell.scores)}"
        case CellFailed():
            return f"  {cell.error}"
        case CellInterrupted():
            return f"  saved at step {event.step}" if event.step else "  nothing to save"
        case _:
            return None


def _details(cell: CellView, event: Event) -> list[str]:
    if not isinstance(event, CellFailed):
        return []
    return [f"    {line}" for line in cell.traceback[-_TRACEBACK_LINES:] if line.strip()]


def scores_text(scores: Mapping[str, float]) -> str:
    """The first few final metrics of a cell."""
    shown = [f"{name} {metric(value)}" for name, value in list(scores.items())[:_SHOWN_SCORES]]
    more = len(scores) - len(shown)
    if more > 0:
        shown.append(f"and {more} more")
    return f"  {', '.join(shown)}" if shown else ""


def heartbeat(view: RunView, now: float, past: Mapping[str, float] | None = None) -> str:
    """One line that says that it lives, and how far it is.

    Args:
        view: the run.
        now: seconds since the epoch.
        past: what cells took in earlier runs; see `remaining`.
    """
    running = [cell for cell in view.cells if cell.state is State.RUNNING]
    doing = ", ".join(_progress(cell) for cell in running[:3])
    if len(running) > 3:  # noqa: PLR2004
        doing += f" and {len(running) - 3} more"
    told = f"  {duration(view.elapsed(now))}: {counts(view)}, {eta(remaining(view, now, past))}"
    return f"{told}; {doing}" if doing else told


def _progress(cell: CellView) -> str:
    share = f" {cell.fraction:.0%}" if cell.fraction is not None else ""
    losses = [curve for curve in cell.curves.values() if curve.name == "loss" and curve.values]
    latest = f" loss {number(losses[-1].values[-1], 3)}" if losses else ""
    return f"{cell.name}{share}{latest}"


def status(view: RunView, now: float, *, alive: bool, signs: Signs = UNICODE) -> list[str]:
    """A run as `meta status` shows it: counts, then what is not simply done, by name."""
    ended = f"ended with exit code {view.code}" if view.over else "running"
    if not view.over and not alive:
        ended = "its runner is gone; `meta run` with the same file goes on from there"
        view, now = stopped(view, "its runner is gone"), view.latest
    shown = [f"run {view.run} of {view.name}: {ended}, {duration(view.elapsed(now))}", counts(view)]
    for cell in view.cells:
        state = f"{signs.states[cell.state]} {cell.state.value:<8}"
        shown.append(f"{state} {cell.name}{_state_told(cell, now)}")
    return shown


def _state_told(cell: CellView, now: float) -> str:
    if cell.state is State.RUNNING:
        share = f"{cell.fraction:.0%}, " if cell.fraction is not None else ""
        return f"  {share}{duration(cell.spent(now))}"
    if cell.state is State.DONE:
        return f"  {seconds_short(cell.seconds)}{scores_text(cell.scores)}"
    told = cell.error or cell.why
    return f"  {told}" if told else ""
