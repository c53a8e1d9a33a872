"""What commands write to the terminal or the pipe."""

import os
import shutil
import sys
from collections.abc import Iterable
from typing import Any, Literal

from meta_tui import terminal as door
from meta_tui.render.text.ascii import register
from meta_tui.render.text.symbols import ASCII, UNICODE, Signs
from meta_tui.terminal import say
from pipelines.core.text import json_text

__all__ = [
    "ascii_only", "colours", "columns", "interactive", "lines_of_screen", "say", "say_json",
    "say_lines", "signs", "terminal",
]  # fmt: skip
_WIDEST = 1000


def say_lines(lines: Iterable[str]) -> None:
    """Write some lines."""
    text = "\n".join(lines)
    if text:
        say(text)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Write a value as JSON, in which twins of letters would be other values."""
    say(json_text(value, ascii_only=not signs().braille, indent=indent))


def columns() -> int:
    """Width to write for: that of the terminal, 100 for a pipe; `COLUMNS` decides if it is set."""
    return min(_WIDEST, max(40, shutil.get_terminal_size((100, 24)).columns))


def lines_of_screen() -> int:
    """Lines that a terminal shows at once; `LINES` decides if it is set."""
    return shutil.get_terminal_size((100, 24)).lines


def ascii_only(*, wanted: bool) -> None:
    """Write as to a terminal that has nothing but ASCII, from now on, where that is wanted."""
    if wanted:
        door.reconfigure(encoding="ascii", errors=register())


def signs() -> Signs:
    """Characters that the output can show."""
    return UNICODE if door.encoding().startswith("utf") else ASCII


def colours() -> Literal["full", "256"] | None:
    """Colours that the output can show; None for a pipe, a dumb terminal and under NO_COLOR."""
    if os.environ.get("NO_COLOR") or not terminal():
        return None
    return "full" if os.environ.get("COLORTERM") in {"truecolor", "24bit"} else "256"


def terminal() -> bool:
    """Whether somebody reads the output in a terminal."""
    return door.is_terminal() and os.environ.get("TERM", "") not in {"", "dumb"}


def interactive() -> bool:
    """Whether a dashboard can be shown: a real terminal at both ends, and not CI."""
    if os.environ.get("TERM", "") in {"", "dumb"} or os.environ.get("CI"):
        return False
    return sys.stdin is not None and sys.stdin.isatty() and door.is_terminal()
