"""Confirmation dialogs before cells or runs are stopped, retried or started."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from engine.planning.run_request import Request, asked
from meta_tui.dashboard.state.run_source import Source
from meta_tui.model.run_reducer import CellView, State
from meta_tui.model.stage_summary import counts_line
from pipelines.core.errors import UsageError
from pipelines.core.text import safe_text


class Answer(NamedTuple):
    """An answer of a dialog and its action."""

    word: str
    do: Callable[[], object]


class Question(NamedTuple):
    """A dialog: title, text, and the answers besides `no`; without answers it only informs."""

    title: str
    told: tuple[str, ...]
    answers: tuple[Answer, ...] = ()


def stop(source: Source, chosen: Sequence[CellView], stop_all: Callable[[], object]) -> Question:
    """Build the question before stopping the chosen running cell, or the run."""
    if source.view.over or not source.alive:
        told = "It has ended." if source.view.over else "Its runner is gone."
        return Question(f"Run {source.view.run} is not running", (told, "", "r starts it again."))
    running = [cell for cell in chosen if cell.state is State.RUNNING]
    if len(running) == 1 and not source.stops:
        return _stop_cell(source, running[0], Answer("stop the run", stop_all))
    return _stop_run(source, stop_all)


def _stop_cell(source: Source, cell: CellView, whole: Answer) -> Question:
    """Build the question before stopping one cell; if it is already stopping, before killing it."""
    if cell.stopping:
        told = "It is already stopping. Killing it loses all work since its last checkpoint."
        kill = Answer("kill this cell", partial(source.wishes.ask, "kill", [cell]))
        return Question(f"Kill {cell.name}?", (told,), (kill, whole))
    told = "It saves a checkpoint and stops. Cells that depend on it are skipped; others go on."
    alone = Answer("stop this cell", partial(source.wishes.ask, "cancel", [cell]))
    later = "To resume it, press r while the run lasts; after that, repeat the same `meta run`."
    return Question(f"Stop {cell.name}?", (told, "", later), (alone, whole))


def _stop_run(source: Source, stop_all: Callable[[], object]) -> Question:
    """Build the question before stopping a run; if it is already stopping, before killing it."""
    running = source.view.count(State.RUNNING)
    cells = f"{running} running cell{'s' * (running != 1)}"
    if source.stops:
        told = f"{cells} will be killed and lose all work since the last checkpoint."
        return Question(f"Kill run {source.view.run}?", (told,), (Answer("kill", stop_all),))
    told = f"{cells} will save a checkpoint and stop; no other cell starts."
    title = f"Stop run {source.view.run}?"
    return Question(title, (told, "", _GOES_ON), (Answer("stop", stop_all),))


_GOES_ON = "No work is lost: r, or the same `meta run`, resumes it."


def retry(
    source: Source, chosen: Sequence[CellView], again: Callable[[Request | None], object]
) -> Question:
    """Build the question before retrying the chosen cells, or restarting a finished run."""
    if not source.alive or source.view.over:
        return _again(source, again)
    ended = [cell for cell in chosen if cell.state in _TRIED]
    return _retry_cells(source, ended) if ended and not source.stops else _still_running(source)


def _retry_cells(source: Source, cells: Sequence[CellView]) -> Question:
    first, more = cells[0], len(cells) - 1
    what = f"{len(cells)} cells of {first.stage}" if more else first.name
    told = [f"{first.name}: {first.error}" if more else first.error] if first.error else []
    told += [f"and {more} more", ""] if more else [""] if told else []
    told.append("The run goes on meanwhile; cells skipped only because of this wait again.")
    told.append("File and code are those of the run: to use later changes, start a new one.")
    ask = Answer("retry", partial(source.wishes.ask, "retry", cells))
    return Question(f"Retry {what}?", tuple(told), (ask,))


def start(request: Request, begin: Callable[[], object]) -> Question:
    """Build the question before running the file that is being edited."""
    told = ["A new run of the file as it is saved now.", *_code(request)]
    name = safe_text(str(request.file))
    return Question(f"Start {name}?", tuple(told), (Answer("start", begin),))


def _code(request: Request) -> list[str]:
    """Return a line that names the stage files whose code the run executes."""
    paths = ", ".join(safe_text(str(path)) for path in request.stage_files)
    return [f"It runs the code of {paths}."] if paths else []


def _again(source: Source, again: Callable[[Request | None], object]) -> Question:
    """Build the question before restarting a run, with the file and code that its folder names."""
    view = source.view
    counts = {state: view.count(state) for state in (*_KEPT, *_LEFT)}
    kept = sum(counts[state] for state in _KEPT)
    told = [f"A new run of what run {view.run} was asked for, with the file as it is now."]
    if kept:
        told.append(
            f"{kept} of {len(view.cells)} cells are done, and cached where nothing changed."
        )
    left = counts_line({state: count for state, count in counts.items() if state in _LEFT})
    if left:
        told.append(f"To compute: {left}.")
    request = _request(source)
    if request is not None:
        told += [f"The file is {safe_text(str(request.file))}.", *_code(request)]
    title = f"Start {view.name or view.run} again?"
    return Question(title, tuple(told), (Answer("start", partial(again, request)),))


def _request(source: Source) -> Request | None:
    """Return the request of the run; None if it cannot be read (starting it reports why)."""
    try:
        return asked(source.folder)
    except UsageError:
        return None


_TRIED = (State.FAILED, State.STOPPED)
_KEPT = (State.DONE, State.CACHED)
_LEFT = (State.WAITING, State.FAILED, State.SKIPPED, State.STOPPED)


def _still_running(source: Source) -> Question:
    """Build the message that nothing chosen can be retried while the run goes on."""
    failed = source.view.count(State.FAILED)
    cells = f"{failed} failed cell{'s' * (failed != 1)}" if failed else "what failed"
    told = f"When it has ended, r starts it again: then {cells} will be tried once more."
    now = "On a cell that failed or was stopped, r tries that one again now."
    return Question(f"Run {source.view.run} goes on", (told, "", now, "X stops it now."))
