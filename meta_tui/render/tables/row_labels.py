"""What names the rows of a table: the stage, and a column for each axis in which rows differ."""

from collections.abc import Sequence

from engine.library.artifacts import Row, Table
from meta_tui.model.table_notes import marks
from meta_tui.render.text.spans import fit
from pipelines.core.text import safe_text, width

_GAP = "  "


def rowlabels(shown: Table) -> tuple[str, list[str]]:
    """The head over the labels, and the label of each row.

    Behind a label stands what `select` chose, which row is the baseline, that its numbers are
    transductive, and the letters of its notes.
    """
    head, labels = names(shown)
    return head, [
        label + _behind(row, shown.baseline) + (f" {mark}" if mark else "")
        for label, row, mark in zip(labels, shown.rows, marks(shown.rows), strict=True)
    ]


def names(shown: Table) -> tuple[str, list[str]]:
    """The head over the names of the rows, and the name of each.

    `tuned@head=zero@replay=0.1` takes more room than its parts, which stand under each other:
    `tuned  zero  0.1`.
    """
    axes = list(dict.fromkeys(axis for row in shown.rows for axis in row.axes))
    first = "stage" if "method" in axes else "method"
    table = [[first, *(safe_text(axis) for axis in axes)]]
    table += [[safe_text(row.stage), *_labels(row, axes)] for row in shown.rows]
    sizes = [max(width(line[place]) for line in table) for place in range(len(axes) + 1)]
    lines = [
        _GAP.join(fit(text, size) for text, size in zip(line, sizes, strict=True)).rstrip()
        for line in table
    ]
    return lines[0], lines[1:]


def _labels(row: Row, axes: Sequence[str]) -> list[str]:
    return [safe_text(row.axes.get(axis, "")) for axis in axes]


def _behind(row: Row, baseline: str) -> str:
    chosen = ", ".join(f"{axis}={value}" for axis, value in row.chosen.items())
    told = f" [{safe_text(chosen)}]" if chosen else ""
    return f"{told} [baseline]" if baseline and row.label == baseline else told
