"""Progress bars and the one line that tells where a run stands."""

from meta_tui.model.eta import Remaining
from meta_tui.model.run_reducer import RunView, State
from meta_tui.model.stage_summary import counts_line, run_counts, run_fraction
from meta_tui.render.text.numbers import duration
from meta_tui.render.text.spans import Line, Span, line
from meta_tui.render.text.symbols import UNICODE, Signs, state_span
from pipelines.core.text import width

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


def _done(view: RunView) -> str:
    """`5/11` cells."""
    cells = run_counts(view)
    return f"{sum(cells[each] for each in cells if each.done)}/{len(view.cells)}"


def heading(
    view: RunView,
    now: float,
    columns: int,
    *,
    left: Remaining | None = None,
    usage: str = "",
    alive: bool = True,
    signs: Signs = UNICODE,
) -> Line:
    """`meta · ladder · 7f3a · ▶ running 5/11 · 2:31 · ETA 6:40 · cpu 187%`, shortened to fit.

    Args:
        view: the run.
        now: seconds since the epoch.
        columns: those that there are.
        left: until it may be over.
        usage: what its device does; its name stands there where that is not known.
        alive: it has a runner.
        signs: characters to draw with.
    """
    state = run_state(view, alive=alive)
    told = state_span(state, signs)
    count = _done(view)
    failed = run_counts(view).get(State.FAILED, 0)
    running = not view.over and alive and view.started is not None
    parts: list[tuple[int, str | Span]] = [
        (9, "meta"),
        (2, view.name or "…"),
        (1, view.run),
        (0, Span(f"{told.text} {count}", told.style)),
        (3, duration(view.elapsed(now))),
        (0 if left else 4, eta(left) if running else ""),
        (0, Span(f"{failed} failed", "bad") if failed else ""),
        (5, usage or view.device),
    ]
    if state is State.RUNNING and columns >= _ROOM_FOR_BAR:
        drawn = f"{told.text} {bar(run_fraction(view), _BAR, signs)} {count}"
        parts[3] = (0, Span(drawn, told.style))
    return _fitting(parts, columns)


def _fitting(parts: list[tuple[int, str | Span]], columns: int) -> Line:
    """The parts in one line; without room those with the largest numbers go first, 0 never."""
    left = list(parts)
    while True:
        joined = _joined([part for _, part in left])
        dropped = max(left, key=lambda part: part[0])
        if not dropped[0] or sum(width(span.text) for span in joined) <= columns:
            return joined
        left.remove(dropped)


def eta(left: Remaining | None) -> str:
    """`ETA 6:40`; `ETA ≥ 6:40` where some of it is not known; says so while nothing is."""
    if left is None:
        return "no estimate yet"
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
