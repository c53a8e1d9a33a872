"""Whatever ends the dashboard, the terminal is as it was: its own screen, cursor, echo, no mouse.

TERM and HUP leave as `q` does, with 143 and 129; so does a terminal to which nothing can be written
any more.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from meta_tui import terminal
from meta_tui.dashboard.app import Dashboard
from meta_tui.terminal import ENDED_BY

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def restoring(app: Dashboard) -> Iterator[None]:
    """Own the signals that end a program while an app is shown; only from the main thread."""

    def leave(number: int, _frame: FrameType | None) -> None:
        code = ENDED_BY + number
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise SystemExit(code) from None  # Nothing is shown yet, or no longer.
        app.ended_by = code
        loop.call_soon_threadsafe(partial(app.exit, return_code=code))

    before = {number: signal.signal(number, leave) for number in _SIGNALS}
    try:
        with terminal.screen(lambda: os.kill(os.getpid(), signal.SIGHUP)):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
