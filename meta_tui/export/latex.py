"""A sheet as a LaTeX table with booktabs, with its notes below."""

import re
from itertools import groupby

from meta_tui.export.table_page import Heading, page
from meta_tui.model.table_view import Sheet
from meta_tui.render.text.numbers import ABSENT
from pipelines.core.text import safe_text

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    '"': r"\symbol{34}", "±": r"$\pm$", "Δ": r"$\Delta$", ABSENT: "--",
    # After the end of a row LaTeX reads these as part of its command.
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip
_TABLE = str.maketrans(_ESCAPES)
_NUMBER = re.compile(r"([+-]?\d[\d.e+-]*)( ± (\d[\d.e+-]*))?( \*)?( \(.*\))?")
_DASHES = re.compile(r"-(?=-)")


def latex(sheet: Sheet, name: str) -> str:
    """The text of the file: a whole `table` environment."""
    found = page(sheet, verdicts=False)
    layout = "".join("l" if head.left else "r" for head in found.heads)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(safe_text(name))}}}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        *_metrics(found.heads),
        _row([escaped(head.text) for head in found.heads]),
        r"\midrule",
        *(_row([_cell(cell, head) for cell, head in zip(row, found.heads, strict=True)])
          for row in found.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip{{\footnotesize {escaped(note)}}}" for note in found.notes),
        r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _metrics(heads: tuple[Heading, ...]) -> list[str]:
    """The name of each metric over its columns, and a rule under it."""
    cells, rules, at = [], [], 1
    for metric, lot in groupby(heads, key=lambda head: head.metric):
        count = len(list(lot))
        if metric:
            cells.append(rf"\multicolumn{{{count}}}{{c}}{{{escaped(metric)}}}")
            rules.append(rf"\cmidrule(lr){{{at}-{at + count - 1}}}")
        else:
            cells += [""] * count
        at += count
    return [_row(cells), "".join(rules)] if rules else []


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(text: str, head: Heading) -> str:
    """A number in maths, so that its minus is one; any other text escaped."""
    found = _NUMBER.fullmatch(text)
    if head.left or not found:
        return escaped(text)
    mean, _, half, star, beside = found.groups()
    spread = rf" \pm {half}" if half else ""
    return f"${mean}{spread}{'^{*}' if star else ''}${escaped(beside or '')}"


def escaped(text: str) -> str:
    """The text with nothing in it that LaTeX would read as a command or a ligature."""
    # Broken after the escapes, which have dashes of their own for the dash that is meant as one.
    return "-{}".join(part.translate(_TABLE) for part in _DASHES.split(text))
