"""Footnotes of a table: what its intervals span, diverged seeds, and notes on rows."""

from collections.abc import Mapping, Sequence
from string import ascii_lowercase

from engine.library.artifacts import Interval, Row, Table
from pipelines.core.text import numbered

TRANSDUCTIVE = "transductive"
"""Prefix of a note that is also marked on its row."""


def common(intervals: Sequence[Interval]) -> tuple[str, int]:
    """Return what most intervals span and their n, such as ("seeds", 5)."""
    counts: dict[tuple[str, int], int] = {}
    for interval in intervals:
        counts[interval.over, interval.n] = counts.get((interval.over, interval.n), 0) + 1
    return max(counts, key=lambda kind: (counts[kind], kind[1], kind[0]), default=("seeds", 0))


def counted(interval: Interval, usual: tuple[str, int]) -> str:
    """Return how an interval differs from `usual`: `n=4`, `600 tasks`, or nothing."""
    if interval.over != usual[0]:
        return kinded(interval)
    return f"n={interval.n}" if interval.n != usual[1] else ""


def kinded(interval: Interval) -> str:
    """Return what an interval spans: `600 tasks`, `5 seeds`; `1 run` for a cell without a seed."""
    if interval.over == "seeds" and set(interval.values) == {""}:
        return "1 run"
    return numbered(interval.n, interval.over)


def column(rows: Sequence[Row], name: str) -> list[Interval]:
    """Return the intervals of a metric."""
    return [row.values[name] for row in rows if name in row.values]


def intervals(rows: Sequence[Row]) -> list[Interval]:
    """Return every interval of the rows."""
    return [interval for row in rows for interval in row.values.values()]


def marks(rows: Sequence[Row]) -> list[str]:
    """Return the marks after each row: `[2 of 5 diverged] [transductive] (a,c)`, or nothing."""
    letters = _letters(rows)
    texts = []
    for row in rows:
        row_letters = [letter for note, letter in letters.items() if note in row.notes]
        words = [f"({','.join(row_letters)})"] if row_letters else []
        if any(note.startswith(f"{TRANSDUCTIVE}:") for note in row.notes):
            words.insert(0, f"[{TRANSDUCTIVE}]")
        if row.diverged:
            words.insert(0, f"[{row.diverged} of {len(row.seeds)} diverged]")
        texts.append(" ".join(words))
    return texts


def remarks(table: Table) -> list[str]:
    """Return the footnotes of a table, unwrapped."""
    lines = _spans(table)
    for row in table.rows:
        dropped = max((interval.dropped for interval in row.values.values()), default=0)
        if row.diverged:
            lost = f"{row.diverged} of {len(row.seeds)} diverged, excluded from the mean"
            lines.append(f"{row.label}: {lost}; never the better in a verdict")
        elif dropped:
            lines.append(f"{row.label}: {dropped} diverged or missing, excluded from the mean")
    return list(dict.fromkeys([*lines, *_notes(table.rows), *table.notes]))


def _spans(table: Table) -> list[str]:
    """Return what the intervals span, with a line for each column that differs from most."""
    every = intervals(table.rows)
    usual = common(every)
    lines = []
    if table.spans and any(interval.spans for interval in every):
        lines.append(table.spans if "n=" in table.spans else f"{table.spans} (n={usual[1]})")
    lone = "n=1, no interval"
    for name in table.metrics:
        own = column(table.rows, name)
        kind = common(own)
        if kind not in (usual, ("seeds", 0)):
            spans = next(interval.spans for interval in own if (interval.over, interval.n) == kind)
            lines.append(f"{name}: {spans or lone}")
        elif any(interval.n == 1 for interval in own):
            lines.append(lone)
    return lines


def _notes(rows: Sequence[Row]) -> list[str]:
    """Return each note once; one on several rows follows its letter, one on one row its label."""
    letters = _letters(rows)
    lines = []
    for note, labels in _owners(rows).items():
        if note in letters:
            lines.append(f"({letters[note]}) {note}")
        else:
            lines.append(note if len(labels) > 1 else f"{labels[0]}: {note}")
    return lines


def _owners(rows: Sequence[Row]) -> Mapping[str, list[str]]:
    """Return the labels of the rows with each note."""
    owners: dict[str, list[str]] = {}
    for row in rows:
        for note in dict.fromkeys(row.notes):
            owners.setdefault(note, []).append(row.label)
    return owners


def _letters(rows: Sequence[Row]) -> Mapping[str, str]:
    """Return a letter for each note on several but not all rows."""
    shared = [note for note, labels in _owners(rows).items() if 1 < len(labels) < len(rows)]
    count = len(ascii_lowercase)
    return {
        note: ascii_lowercase[index % count] * (1 + index // count)
        for index, note in enumerate(shared)
    }
