"""A sheet as a Markdown table (GitHub's), with its notes as a list below."""

import re

from meta_tui.export.table_page import page
from meta_tui.model.table_view import Sheet
from pipelines.core.text import safe_text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def markdown(sheet: Sheet, name: str) -> str:
    """The text of the file."""
    found = page(sheet, verdicts=True)
    heads = [" ".join(filter(None, (head.metric, head.text))) for head in found.heads]
    lines = [f"**{escaped(safe_text(name))}**", "", _row(heads)]
    lines.append("|" + "|".join(" :--- " if head.left else " ---: " for head in found.heads) + "|")
    lines += [_row(row) for row in found.rows]
    lines += ["", *(f"- {escaped(note)}" for note in found.notes)] if found.notes else []
    return "\n".join(lines) + "\n"


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def escaped(text: str) -> str:
    """The text with nothing in it that Markdown, its tables, HTML or maths would read."""
    return _SPECIAL.sub(r"\\\1", text)
