"""A table's differences against another of its rows, paired from the table's own values."""

from dataclasses import replace

from engine.library.artifacts import Row, Table
from engine.library.artifacts.table import AGAINST_ONE, ONE_EACH
from engine.library.comparison.contrasts import caveats, contrasts

CHOSEN = "was chosen while reading, not in the pipeline"
"""How the note ends that a table has whose baseline is not the pipeline's."""


def against(table: Table, label: str) -> Table:
    """The table with every row compared with another: one Holm family for each metric.

    The pipeline's own pairs are left out: with the new ones they would be a family that nobody
    asked for.

    Raises:
        KeyError: no row has this label.
    """
    rows = {row.label: _complete(row) for row in table.rows}
    base = rows[label]
    pairs = [(row, base) for row in rows.values() if row is not base]
    found = contrasts(pairs, table.metrics)
    notes = [note for note in table.notes if ONE_EACH not in note and AGAINST_ONE not in note]
    notes += caveats(found)
    if _lack(table.rows):
        notes.append("made before tables kept the value on each task: run again to pair on tasks")
    notes.append(f"the baseline {label} {CHOSEN}")
    return replace(table, contrasts=found, baseline=label, notes=tuple(notes))


def _complete(row: Row) -> Row:
    """A row of an older table, which did not keep its seeds: those that have a value."""
    if row.seeds:
        return row
    seeds = dict.fromkeys(seed for found in row.values.values() for seed in found.values)
    return replace(row, seeds=tuple(seeds))


def _lack(rows: tuple[Row, ...]) -> bool:
    """Some row was judged on tasks, and its value on each is not there."""
    return any(
        found.over != "seeds" and name not in row.each
        for row in rows
        for name, found in row.values.items()
    )
