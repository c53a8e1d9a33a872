"""Reducer from the events of a run to the `RunView` that screens show.

A view is immutable except for its curves, which grow in place and are shared with the previous
view. Every string in a view is safe to show.
"""

from collections.abc import Iterable
from dataclasses import replace

from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.events import (
    CellCached,
    CellCheckpointed,
    CellDamaged,
    CellFailed,
    CellFinished,
    CellInterrupted,
    CellSkipped,
    CellStarted,
    CellWaiting,
    Event,
    MetricBatch,
    Note,
    RunEnded,
    RunStarted,
)
from meta_tui.model.curves import extend
from meta_tui.model.run_view import CellView, NoteView, RunView, State
from pipelines.core.text import safe_text

__all__ = [
    "CellView",
    "NoteView",
    "RunView",
    "State",
    "fold",
    "fold_batch",
    "fold_batches",
    "stopped",
]

MOST_NOTES = 2_000
"""Maximum number of notes that a view holds, the newest; a journal may have millions."""
INVALID_LINE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""Exceptions that decoding and folding raise on a damaged line."""
_Progress = tuple[str, int, int]
"""(loop of a cell, its step, total steps)."""


def fold(view: RunView, event: Event) -> RunView:
    """Return the view after one more event. An event that does not apply changes nothing."""
    match event:
        case RunStarted():
            return _started(event)
        case RunEnded():
            reason = safe_text(event.reason)
            view = stopped(view, "the run ended")
            return replace(view, code=event.code, seconds=event.seconds, reason=reason)
        case Note():
            note = NoteView(event.time, safe_text(event.text), event.cell)
            return replace(view, notes=(*view.notes[1 - MOST_NOTES :], note))
        case RequestRefused():
            note = NoteView(event.time, f"refused: {safe_text(event.text)}", event.cell)
            return replace(view, notes=(*view.notes[1 - MOST_NOTES :], note))
    ordinal = getattr(event, "cell", None)
    if not isinstance(ordinal, int) or not 0 <= ordinal < len(view.cells):
        return view
    latest = max(view.latest, event.time)
    view = _with(view, _cell(view, view.cells[ordinal], event), latest)
    return _revived(view, event.revived) if isinstance(event, CellRetried) else view


def stopped(view: RunView, why: str) -> RunView:
    """Return the view of a run whose runner is gone: its running cells are stopped."""
    cells = tuple(
        replace(cell, state=State.STOPPED, why=why) if cell.state is State.RUNNING else cell
        for cell in view.cells
    )
    return replace(view, cells=cells, running=0, ended=sum(cell.state.over for cell in cells))


def fold_batch(view: RunView, ordinal: int, batch: MetricBatch) -> RunView:
    """Return the view after a batch of points of a cell (see `curves.extend`)."""
    if not 0 <= ordinal < len(view.cells):
        return view
    cell = view.cells[ordinal]
    return _moved(view, cell, _extended(cell, batch, (cell.loop, cell.step, cell.total)))


def fold_batches(
    view: RunView, ordinal: int, batches: Iterable[MetricBatch]
) -> tuple[RunView, int]:
    """Return the view after several batches, and how many of them were invalid.

    Faster than `fold_batch` on each: only one new view is built.
    """
    if not 0 <= ordinal < len(view.cells):
        return view, 0
    cell, invalid = view.cells[ordinal], 0
    at = cell.loop, cell.step, cell.total
    for batch in batches:
        try:
            at = _extended(cell, batch, at)
        except INVALID_LINE:
            invalid += 1
    return _moved(view, cell, at), invalid


def _extended(cell: CellView, batch: MetricBatch, at: _Progress) -> _Progress:
    """Extend the curves of a cell by a batch; return its new progress."""
    loop = safe_text(batch.loop, limit=100)
    extend(cell.curves, batch, at[1] if at[0] == loop else 0)
    return loop, batch.step, batch.total


def _moved(view: RunView, cell: CellView, at: _Progress) -> RunView:
    if at == (cell.loop, cell.step, cell.total):
        return view
    loop, step, total = at
    return _with(view, replace(cell, loop=loop, step=step, total=total), view.latest)


def _started(event: RunStarted) -> RunView:
    cells = tuple(
        CellView(
            ordinal=ordinal,
            name=safe_text(info.name, limit=300),
            stage=safe_text(info.stage, limit=100),
            type=safe_text(info.type, limit=100),
            axes={
                safe_text(axis, limit=100): safe_text(label, limit=100)
                for axis, label in info.axes.items()
            },
            needs=info.needs,
        )
        for ordinal, info in enumerate(event.cells)
    )
    return RunView(
        run=safe_text(event.run, limit=100),
        name=safe_text(event.name, limit=100),
        device=safe_text(event.device, limit=100),
        host=safe_text(event.host, limit=100),
        continues=safe_text(event.continues, limit=100),
        pid=event.pid if isinstance(event.pid, int) else 0,
        gpu=event.gpu if str(event.gpu).isdecimal() else "",
        started=event.time,
        latest=event.time,
        cells=cells,
    )


def _with(view: RunView, cell: CellView, latest: float) -> RunView:
    """Return the view with a cell replaced; its counts are updated incrementally."""
    before = view.cells[cell.ordinal]
    cells = (*view.cells[: cell.ordinal], cell, *view.cells[cell.ordinal + 1 :])
    if cell.state is before.state:
        return replace(view, cells=cells, latest=latest)
    ended = view.ended + cell.state.over - before.state.over
    running = view.running + (cell.state is State.RUNNING) - (before.state is State.RUNNING)
    return replace(
        view, cells=cells, latest=latest, ended=ended, running=running,
        busiest=max(view.busiest, running),
    )  # fmt: skip


def _revived(view: RunView, cells: tuple[int, ...]) -> RunView:
    """Return the view in which skipped cells wait again."""
    for ordinal in cells:
        if 0 <= ordinal < len(view.cells) and view.cells[ordinal].state is State.SKIPPED:
            view = _with(
                view, replace(view.cells[ordinal], state=State.WAITING, why=""), view.latest
            )
    return view


def _cell(view: RunView, cell: CellView, event: Event) -> CellView:
    match event:
        case CellStarted():
            return _apply_start(cell, event)
        case CellWaiting() | CellDamaged():
            return _apply_wait(cell, event)
        case CellCheckpointed():
            return replace(cell, checkpoint=event.step)
        case CellCancelled() | CellRetried():
            return _apply_request(cell, event)
        case CellCached():
            same = event.same_as
            known = same is not None and 0 <= same < len(view.cells)
            why = f"same as {view.cells[same].name}" if same is not None and known else "unchanged"
            key = safe_text(event.key, limit=100)
            return replace(cell, state=State.CACHED, key=key, same_as=same, why=why)
        case _:
            return _apply_end(view, cell, event)


def _apply_wait(cell: CellView, event: CellWaiting | CellDamaged) -> CellView:
    if isinstance(event, CellDamaged):
        why = safe_text(event.why, limit=500)
        return replace(_without_error(cell), state=State.WAITING, why=why, key="")
    return replace(
        cell, state=State.WAITING, why=f"waiting for {safe_text(event.owner, limit=200)}"
    )


def _apply_start(cell: CellView, event: CellStarted) -> CellView:
    if event.step == 0:
        cell.curves.clear()
    return replace(
        _without_error(cell),
        state=State.RUNNING,
        key=safe_text(event.key, limit=100),
        why=safe_text(event.why, limit=500),
        started=event.time,
        step=event.step,
        resumed=event.step,
        total=0,
    )


def _apply_request(cell: CellView, event: CellCancelled | CellRetried) -> CellView:
    by = safe_text(event.by, limit=200)
    if isinstance(event, CellCancelled):
        return replace(cell, stopping=True, why=f"cancelled by {by}")
    attempt = int(event.attempt)
    because = safe_text(event.because, limit=200)
    why = f"attempt {attempt}, {because or f'asked by {by}'}"
    return replace(_without_error(cell), attempt=attempt, state=State.WAITING, why=why)


def _without_error(cell: CellView) -> CellView:
    """Return the cell without the error and traceback of an earlier attempt."""
    return replace(cell, stopping=False, error="", traceback=())


def _apply_end(view: RunView, cell: CellView, event: Event) -> CellView:
    match event:
        case CellFinished():
            return replace(
                cell,
                state=State.DONE,
                key=safe_text(event.key, limit=100),
                seconds=event.seconds,
                scores={safe_text(name, limit=100): value for name, value in event.scores.items()},
                diverged=event.status == "diverged",
            )
        case CellFailed():
            traceback = tuple(safe_text(event.traceback, lines=True).expandtabs(4).splitlines())
            error = safe_text(event.error)
            return replace(cell, state=State.FAILED, error=error, traceback=traceback)
        case CellSkipped():
            known = 0 <= event.culprit < len(view.cells)
            ended = "was cancelled" if event.because == "cancelled" else "failed"
            why = f"{view.cells[event.culprit].name} {ended}" if known else f"an input {ended}"
            return replace(cell, state=State.SKIPPED, why=why)
        case CellInterrupted():
            return replace(cell, state=State.STOPPED, step=event.step, stopping=False)
        case _:
            return cell
