"""A stage type described: for a terminal, and as a page of the documentation."""

from collections.abc import Iterable, Mapping, Sequence

from meta_tui.readers.stage_docs import OPTIONAL, REQUIRED, FieldDoc, StageDoc, ValueDoc
from meta_tui.render.text.spans import fit, wrap
from pipelines.core.text import width

_NAMES_MOST = 24
_DRAWS = "It draws at random: `seeds` of the file gives it the axis `seed`."


def page(doc: StageDoc, columns: int) -> list[str]:
    """The lines for a terminal of so many columns."""
    lines = [doc.name, *_paragraphs(doc, columns), ""]
    for title, ports in (("inputs (from:)", doc.inputs), ("outputs", doc.outputs)):
        if ports:
            lines += [title, *_ports(ports), ""]
    if doc.fields:
        lines += ["parameters (with:)", *_fields(doc.fields, columns, "  ")]
    return lines


def _paragraphs(doc: StageDoc, columns: int) -> list[str]:
    lines: list[str] = []
    for paragraph in [*doc.help.split("\n\n"), *([_DRAWS] if doc.draws else [])]:
        lines += [""] if lines else []
        lines += [f"  {part}" for part in wrap(paragraph, columns - 2, indent="")]
    return lines


def _ports(ports: Mapping[str, str]) -> list[str]:
    size = max(width(name) for name in ports)
    return [f"  {fit(name, size)}  {text}" for name, text in ports.items()]


def _fields(fields: Sequence[FieldDoc], columns: int, indent: str) -> list[str]:
    size = min(_NAMES_MOST, max((width(field.name) for field in fields), default=0))
    inner = f"{indent}    "
    lines: list[str] = []
    for field in fields:
        head = f"{indent}{fit(field.name, max(size, width(field.name)))}  "
        hanging = " " * width(head)
        lines += wrapped(head, f"{field.type}, {_default(field)}", columns, hanging)
        lines += wrapped(inner, field.help, columns, inner)
        for value in field.values:
            lines += _value(value, columns, inner)
    return lines


def _value(value: ValueDoc, columns: int, indent: str) -> list[str]:
    """A value that a kind chooses under its kind; the only one needs no name."""
    if not value.kind:
        return _fields(value.fields, columns, indent)
    lines = wrapped(f"{indent}kind: {value.kind}  ", value.help, columns, f"{indent}  ")
    return [*lines, *_fields(value.fields, columns, f"{indent}  ")]


def wrapped(head: str, text: str, columns: int, indent: str) -> list[str]:
    """The text behind a head, its further lines behind an indent."""
    room = max(20, columns - max(width(head), width(indent)))
    parts = wrap(text, room, indent="")
    return [f"{head if not at else indent}{part}" for at, part in enumerate(parts)]


def _default(field: FieldDoc) -> str:
    return field.default if field.default in {REQUIRED, OPTIONAL} else f"default {field.default}"


def markdown(docs: Iterable[StageDoc]) -> str:
    """All stage types as one page."""
    found = list(docs)
    lines = [
        "# Stage types",
        "",
        "Made by `meta stages --markdown`; a test asserts that it is fresh.",
        "",
        " · ".join(f"[{doc.name}](#{doc.name})" for doc in found),
    ]
    for doc in found:
        lines += ["", f"## {doc.name}", "", doc.help]
        lines += ["", _DRAWS] if doc.draws else []
        rows = [("input", name, text) for name, text in doc.inputs.items()]
        rows += [("output", name, text) for name, text in doc.outputs.items()]
        lines += ["", "| port | name | type |", "|---|---|---|"]
        lines += [f"| {kind} | `{name}` | {_cell(text)} |" for kind, name, text in rows]
        lines += _table(doc.fields)
        for field in doc.fields:
            lines += _values(field)
    return "\n".join(lines) + "\n"


def _values(field: FieldDoc) -> list[str]:
    lines: list[str] = []
    for value in field.values:
        shown = f"{field.name}: {{kind: {value.kind}}}" if value.kind else field.name
        lines += ["", f"**`{shown}`**: {_cell(value.help)}", *_table(value.fields)]
        for part in value.fields:
            lines += _values(part)
    return lines


def _table(fields: Sequence[FieldDoc]) -> list[str]:
    if not fields:
        return []
    lines = ["", "| parameter | type | default | |", "|---|---|---|---|"]
    for field in fields:
        default = field.default if field.default in {REQUIRED, OPTIONAL} else f"`{field.default}`"
        cells = [f"`{field.name}`", f"`{_cell(field.type)}`", _cell(default), _cell(field.help)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
