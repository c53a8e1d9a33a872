"""Progress bars and the one line that tells where a run stands."""

from meta_tui.render.numbers import duration
from meta_tui.render.signs import UNICODE, Signs, state_span
from meta_tui.render.spans import Line, Span, line
from meta_tui.summary import counts_line, remaining, run_counts, run_fraction
from meta_tui.view import RunView, State

_ROOM_FOR_BAR, _BAR = 100, 16


def bar(fraction: float, columns: int, signs: Signs = UNICODE) -> str:
    """A bar of so many columns; full only when all is done, empty only when nothing is."""
    filled = round(min(1.0, max(0.0, fraction)) * columns)
    if 0 < fraction < 1:
        filled = min(columns - 1, max(1, filled)) if columns > 1 else filled
    return signs.full * filled + signs.empty * (columns - filled)


def run_state(view: RunView, *, alive: bool = True) -> State:
    """The state of the run as a whole."""
    if view.over:
        if view.code == 0:
            return State.DONE
        return State.FAILED if view.count(State.FAILED) or view.code in {1, 3} else State.STOPPED
    if view.started is None:
        return State.WAITING
    return State.RUNNING if alive else State.STOPPED


def heading(view: RunView, now: float, columns: int, *, alive: bool = True) -> Line:
    """`meta · ladder · 7f3a · ▶ running 5/11 · 2:31 · ETA 6:40 · cpu`, shortened to fit."""
    state = run_state(view, alive=alive)
    parts: list[str | Span] = ["meta", view.name or "…", view.run]
    drawn = ""
    if state is State.RUNNING and columns >= _ROOM_FOR_BAR:
        drawn = f"{bar(run_fraction(view), _BAR)} "
    told = f"{state_span(state).text} {drawn}{view.ended}/{len(view.cells)}"
    parts.append(Span(told, state_span(state).style))
    parts.append(duration(view.elapsed(now)))
    if not view.over and alive and view.started is not None:
        parts.append(eta(view, now))
    failed = view.count(State.FAILED)
    if failed:
        parts.append(Span(f"{failed} failed", "bad"))
    extra = [view.device] if view.device else []
    while True:
        joined = _joined([*parts, *extra])
        if not extra or sum(len(span.text) for span in joined) <= columns:
            return joined
        extra.pop()


def eta(view: RunView, now: float) -> str:
    """`ETA 6:40`; `ETA ≥ 6:40` while a stage has shown no pace, and a dash while none has."""
    left = remaining(view, now)
    if left is None:
        return f"ETA {duration(None)}"
    return f"ETA {'≥ ' if left.least else ''}{duration(left.seconds)}"


def _joined(parts: list[str | Span]) -> Line:
    spaced: list[str | Span] = []
    for part in parts:
        if part:
            spaced += [Span(" · ", "dim"), part] if spaced else [part]
    return line(*spaced)


def counts(view: RunView) -> str:
    """`3 done, 1 running, 2 waiting`."""
    return counts_line(run_counts(view)) or "no cells"
