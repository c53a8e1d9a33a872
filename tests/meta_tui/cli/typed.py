"""`meta` as somebody types it, called in this process: a process for each command is slow.

What only a process can show (what is imported, signals, closed and full streams) has one of its own
in the tests that need it.
"""

import gc
import io
import os
import signal
import sys
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from meta_tui.cli import main


class Said(NamedTuple):
    """The exit code of a command, and what it wrote."""

    code: int
    out: str
    err: str


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It says so."""
        return True


def meta(
    place: Path, *words: str, encoding: str = "utf-8", terminal: bool = False, **env: str
) -> Said:
    """Call `meta` in a folder, with its store `.meta` there and pipes of 100 columns.

    Args:
        place: the working directory.
        words: the command line.
        encoding: of what it writes.
        terminal: whether it writes to a terminal.
        env: further variables of the environment.
    """
    kind = Terminal if terminal else io.TextIOWrapper
    out, err = (kind(io.BytesIO(), encoding, write_through=True) for _ in range(2))
    settings = {"COLUMNS": "100", "META_HOME": str(place / ".meta"), **env}
    threshold, handler = gc.get_threshold(), signal.getsignal(signal.SIGINT)
    try:
        with ExitStack() as stack:
            stack.enter_context(chdir(place))
            stack.enter_context(patch.dict(os.environ, settings))
            stack.enter_context(patch.object(sys, "argv", ["meta", *words]))
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            try:
                code = main()
            except SystemExit as left:
                code = left.code or 0
    finally:
        signal.signal(signal.SIGINT, handler)
        gc.set_threshold(*threshold)
    return Said(code, *(kept.buffer.getvalue().decode(encoding) for kept in (out, err)))
