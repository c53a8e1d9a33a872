"""What is asked before a run is stopped or started again, and told where it cannot be."""

from typing import NamedTuple

from meta_tui.dashboard.source import Source
from meta_tui.summary import counts_line
from meta_tui.view import State


class Question(NamedTuple):
    """A title, what would happen, and the word for yes; without one it only tells."""

    title: str
    told: tuple[str, ...]
    yes: str = ""


def stop(source: Source) -> Question:
    """Before a run is stopped; asked again, before what runs is killed."""
    running = source.view.count(State.RUNNING)
    cells = f"{running} running cell{'s' * (running != 1)}"
    if source.stops:
        told = f"{cells} will be killed, and lose what was done since the last checkpoint."
        return Question(f"Kill run {source.view.run}?", (told,), "kill")
    told = f"{cells} will be saved and then end; no other begins."
    return Question(f"Stop run {source.view.run}?", (told, "", _GOES_ON), "stop")


_GOES_ON = "Nothing that is done is lost: r, or the same `meta run`, goes on from there."


def over(source: Source) -> Question:
    """Where there is nothing to stop."""
    told = "It is over." if source.view.over else "Its runner is gone."
    return Question(f"Run {source.view.run} does not run", (told, "", "r starts it again."))


def retry(source: Source) -> Question:
    """Before a run is started again."""
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
    return Question(f"Start {view.name or view.run} again?", tuple(told), "start")


_KEPT = (State.DONE, State.CACHED)
_LEFT = (State.WAITING, State.FAILED, State.SKIPPED, State.STOPPED)


def still_running(source: Source) -> Question:
    """Where a run cannot be started again yet."""
    failed = source.view.count(State.FAILED)
    cells = f"{failed} failed cell{'s' * (failed != 1)}" if failed else "what failed"
    told = f"When it has ended, r starts it again: then {cells} will be tried once more."
    return Question(f"Run {source.view.run} goes on", (told, "", "X stops it now."))
