"""The runs of a store as a list, and what is known of one of them. Pure."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from meta_tui.model.run_reducer import State
from meta_tui.model.stage_summary import counts_line
from meta_tui.readers.run_header import Entry
from meta_tui.render.text.numbers import ABSENT, duration
from meta_tui.render.text.spans import Line, Span, crop, fit, line, right, wrap
from meta_tui.render.text.symbols import STYLES, UNICODE, Signs
from pipelines.core.text import safe_text, width

_MARK, _STATE, _COUNT, _TIME, _AGE = "*", 9, 9, 8, 8
_LEAST_ID, _LONGEST_NAME = 4, 20
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class _Sizes(NamedTuple):
    """Columns that ids and names need."""

    run: int
    name: int


def head(entries: Sequence[Entry], columns: int) -> Line:
    """What stands over the columns of the list."""
    titles = _columns(_sizes(entries), "  state", "run", "pipeline", ("cells", "took", "began"))
    room = columns - width(titles) - 2
    last = next((each for each in _DIFFERS if len(each) <= room), _DIFFERS[-1])
    return crop(line(Span(f"{titles}  {last}", "dim")), columns)


_DIFFERS = ("differs from the run before", "differs from before", "differs")


def runlist(
    entries: Sequence[Entry],
    marked: Collection[str],
    now: float,
    columns: int,
    signs: Signs = UNICODE,
) -> list[Line]:
    """A line for each run; those whose folder's name is in `marked` have a mark."""
    sizes = _sizes(entries)
    return [
        crop(_row(entry, sizes, entry.folder.path.name in marked, now, signs), columns)
        for entry in entries
    ]


def _row(entry: Entry, sizes: _Sizes, marked: bool, now: float, signs: Signs) -> Line:  # noqa: FBT001
    state = entry.state
    word = "lost" if entry.lost else state.value
    sign = f"{signs.states[state]} {word}"
    sized = _columns(sizes, sign, entry.folder.id, entry.name or "…", _figures(entry, now))
    cut = _STATE + 2
    failed = (entry.counts or {}).get(State.FAILED, 0)
    return line(
        Span(_MARK if marked else " ", "accent"),
        " ",
        Span(sized[:cut], STYLES[state]),
        sized[cut:],
        Span(f"  {failed} failed", "bad") if failed else "",
        Span(f"  {entry.fault or told(entry)}", "warn" if entry.fault else "dim"),
    )


def told(entry: Entry) -> str:
    """What differs from the run before of the same file, in one line."""
    if entry.differs is None:
        return ""
    if not entry.before:
        return "the first of its file" if entry.request else ""
    return ", ".join(entry.differs) or f"as {entry.before}"


def _figures(entry: Entry, now: float) -> tuple[str, str, str]:
    done = sum(number for state, number in (entry.counts or {}).items() if state.done)
    count = f"{done}/{entry.cells}" if entry.cells else ABSENT
    took = duration(entry.spent(now)) if entry.started is not None else ABSENT
    return count, took, age(now - entry.started) if entry.started is not None else ABSENT


def _sizes(entries: Sequence[Entry]) -> _Sizes:
    names = max((width(entry.name) for entry in entries), default=0)
    return _Sizes(
        max((len(entry.folder.id) for entry in entries), default=_LEAST_ID),
        min(_LONGEST_NAME, max(len("pipeline"), names)),
    )


def _columns(sizes: _Sizes, state: str, run: str, name: str, figures: tuple[str, str, str]) -> str:
    count, took, began = figures
    return (
        f"{fit(state, _STATE)}  {fit(run, sizes.run)}  {fit(name, sizes.name)}"
        f"{right(count, _COUNT)}{right(took, _TIME)}{right(began, _AGE)}"
    )


def age(seconds: float) -> str:
    """`now`, `5m ago`, `3h ago`, `12d ago`."""
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return "now"


def runcard(entry: Entry, columns: int) -> list[Line]:
    """What is known of one run: its command, its cells, how it ended, what differs."""
    rows = [Span(part, "strong") for part in wrap(command(entry), columns)]
    counts = counts_line(entry.counts or {})
    if counts:
        rows += [Span(part) for part in wrap(f"cells: {counts}", columns)]
    if entry.lost:
        lost = "its runner is gone; the same command goes on from its checkpoints"
        rows += [Span(part, "warn") for part in wrap(lost, columns)]
    if entry.fault:
        rows += [Span(part, "warn") for part in wrap(entry.fault, columns)]
    if entry.reason:
        rows += [Span(part, "warn") for part in wrap(entry.reason, columns)]
    if entry.before:
        differs = ", ".join(entry.differs or ()) or "asked for the same"
        rows += [Span(part) for part in wrap(f"from {entry.before}: {differs}", columns)]
    rows.append(Span(safe_text(str(entry.folder.path)), "dim"))
    return [line(row) for row in rows]


def command(entry: Entry) -> str:
    """The command that asked for a run, as a person may type it again."""
    asked = entry.request
    if asked is None:
        return f"run {entry.folder.id}"
    parts = ["meta run", str(asked.file), *asked.targets]
    for option, values in (
        ("--set", asked.overrides), ("--from", asked.since), ("--only", asked.only),
        ("--force", asked.force),
    ):  # fmt: skip
        parts += [f"{option} {value}" for value in values]
    parts += [f"--seed {asked.seed}"] if asked.seed is not None else []
    parts += [f"--seeds {asked.seeds}"] if asked.seeds is not None else []
    parts += [f"--cache {asked.cache}"] if asked.cache else []
    return safe_text(" ".join(parts), limit=2000)


def nothing(store: str) -> list[Line]:
    """How to begin, where no run is."""
    return [
        line(Span("no runs yet", "strong")),
        (),
        line(Span(f"in {store}", "dim")),
        (),
        line("A run begins in the terminal:"),
        (),
        line(Span("  meta run FILE", "accent"), "       runs a pipeline and shows it here"),
        line(Span("  meta ui FILE", "accent"), "        shows what is wrong with a file"),
        line(Span("  meta stages", "accent"), "         lists what a file can use"),
    ]
