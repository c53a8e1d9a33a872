"""What stands under a table: what its intervals span, what was left out, notes and their rows."""

from collections.abc import Mapping, Sequence
from string import ascii_lowercase

from engine.library.artifacts import Interval, Row, Table
from pipelines.core.text import numbered

TRANSDUCTIVE = "transductive"
"""How a note begins whose first word is said beside every number of its row."""


def common(intervals: Sequence[Interval]) -> tuple[str, int]:
    """What most intervals span, and their n: told once, and beside a value that has it else."""
    counts: dict[tuple[str, int], int] = {}
    for interval in intervals:
        counts[interval.over, interval.n] = counts.get((interval.over, interval.n), 0) + 1
    return max(counts, key=lambda kind: (counts[kind], kind[1], kind[0]), default=("seeds", 0))


def counted(interval: Interval, usual: tuple[str, int]) -> str:
    """`n=4`, or `600 tasks` beside seeds: what an interval has else than the usual, or nothing."""
    if interval.over != usual[0]:
        return kinded(interval)
    return f"n={interval.n}" if interval.n != usual[1] else ""


def kinded(interval: Interval) -> str:
    """`600 tasks`, `28 classes`, `5 seeds`, `1 seed`; `1 run` of a cell without a seed."""
    if interval.over == "seeds" and set(interval.values) == {""}:
        return "1 run"
    return numbered(interval.n, interval.over)


def column(rows: Sequence[Row], name: str) -> list[Interval]:
    """The intervals of a metric."""
    return [row.values[name] for row in rows if name in row.values]


def intervals(rows: Sequence[Row]) -> list[Interval]:
    """Every interval of the rows."""
    return [interval for row in rows for interval in row.values.values()]


def marks(rows: Sequence[Row]) -> list[str]:
    """What stands behind each row: `[2 of 5 diverged] [transductive] (a,c)`, or nothing."""
    letters = _letters(rows)
    told = []
    for row in rows:
        found = [letter for note, letter in letters.items() if note in row.notes]
        words = [f"({','.join(found)})"] if found else []
        if any(note.startswith(f"{TRANSDUCTIVE}:") for note in row.notes):
            words.insert(0, f"[{TRANSDUCTIVE}]")
        if row.diverged:
            words.insert(0, f"[{row.diverged} of {len(row.seeds)} diverged]")
        told.append(" ".join(words))
    return told


def remarks(shown: Table) -> list[str]:
    """The lines under a table, before they are broken to its width."""
    told = _spans(shown)
    for row in shown.rows:
        dropped = max((interval.dropped for interval in row.values.values()), default=0)
        if row.diverged:
            lost = f"{row.diverged} of {len(row.seeds)} diverged, not in the mean"
            told.append(f"{row.label}: {lost}; it wins no verdict")
        elif dropped:
            told.append(f"{row.label}: {dropped} diverged or missing, not in the mean")
    return list(dict.fromkeys([*told, *_notes(shown.rows), *shown.notes]))


def _spans(shown: Table) -> list[str]:
    """What the intervals span; a column that has it else than most says its own."""
    every = intervals(shown.rows)
    usual = common(every)
    told = []
    if shown.spans and any(interval.spans for interval in every):
        told.append(shown.spans if "n=" in shown.spans else f"{shown.spans} (n={usual[1]})")
    lone = "n=1, no interval"
    for name in shown.metrics:
        own = column(shown.rows, name)
        kind = common(own)
        if kind not in (usual, ("seeds", 0)):
            spans = next(interval.spans for interval in own if (interval.over, interval.n) == kind)
            told.append(f"{name}: {spans or lone}")
        elif any(interval.n == 1 for interval in own):
            told.append(lone)
    return told


def _notes(rows: Sequence[Row]) -> list[str]:
    """Each note once: of all rows as it is, of several behind its letter, of one behind its row."""
    letters = _letters(rows)
    told = []
    for note, labels in _owners(rows).items():
        if note in letters:
            told.append(f"({letters[note]}) {note}")
        else:
            told.append(note if len(labels) > 1 else f"{labels[0]}: {note}")
    return told


def _owners(rows: Sequence[Row]) -> Mapping[str, list[str]]:
    """Note -> labels of the rows that have it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for note in dict.fromkeys(row.notes):
            found.setdefault(note, []).append(row.label)
    return found


def _letters(rows: Sequence[Row]) -> Mapping[str, str]:
    """Letters of the notes of several rows but not of all: they stand behind these rows."""
    shared = [note for note, labels in _owners(rows).items() if 1 < len(labels) < len(rows)]
    count = len(ascii_lowercase)
    return {
        note: ascii_lowercase[place % count] * (1 + place // count)
        for place, note in enumerate(shared)
    }
