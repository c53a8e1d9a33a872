"""Writes a sheet into a file that is not there yet."""

import re
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from meta_tui.export.csv_file import commas
from meta_tui.export.json_file import values
from meta_tui.export.latex import latex
from meta_tui.export.markdown import markdown
from meta_tui.model.table_view import Sheet
from pipelines.core.errors import EnvironmentFault, UsageError
from pipelines.core.text import safe_text

FORMATS: Mapping[str, tuple[str, Callable[[Sheet, str], str]]] = {
    ".csv": ("CSV", commas),
    ".md": ("Markdown", markdown),
    ".tex": ("LaTeX", latex),
    ".json": ("JSON", values),
}
"""Ending of a file -> what it is called, and who writes it."""
_UNUSUAL = re.compile(r"[^A-Za-z0-9@=._+-]")
_LONGEST = 120


def written(sheet: Sheet, name: str, suffix: str) -> str:
    """The text of a file with this ending.

    Raises:
        UsageError: no format has it.
    """
    if suffix not in FORMATS:
        told = f"end the file's name with {', '.join(FORMATS)}"
        raise UsageError(f"no format is called {safe_text(suffix) or 'nothing'}: {told}")
    return FORMATS[suffix][1](sheet, name)


def save(sheet: Sheet, name: str, path: Path) -> Path:
    """Write a sheet; returns where it lies.

    Raises:
        UsageError: no format has the file's ending, or there is such a file already.
        EnvironmentFault: it cannot be written.
    """
    text = written(sheet, name, path.suffix.lower())
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; give another name") from error
    except OSError as error:
        told = f"cannot write {path}: {error.strerror or error}; give another folder"
        raise EnvironmentFault(told) from error
    return path.absolute()


def save_beside(sheet: Sheet, name: str, folder: Path, suffix: str) -> Path:
    """Write a sheet under its name, or its name and a number where that is taken.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    stem = _UNUSUAL.sub("_", name)[:_LONGEST].lstrip(".-") or "table"
    for number in count(1):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"
        if not path.exists():
            return save(sheet, name, path)
    raise AssertionError("numbers do not end")
