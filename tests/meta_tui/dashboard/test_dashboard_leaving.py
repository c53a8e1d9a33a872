"""Signals and lost terminals end the dashboard as a key does; on a real terminal: test_terminal."""

import errno
import io
import os
import signal
import sys
from pathlib import Path

import pytest
from world import World, world

from meta_tui import terminal
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.leaving import restoring


@pytest.fixture
def here(tmp_path: Path) -> World:
    return world(tmp_path, "finished")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_a_signal_leaves_with_its_code(here: World, number: int, code: int) -> None:
    app = Dashboard(here.source(), timers=False)
    before = signal.getsignal(number)
    with restoring(app):
        async with app.run_test() as pilot:
            os.kill(os.getpid(), number)
            await pilot.pause()
            await pilot.pause()
    assert app.return_code == code
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_before_anything_is_shown_ends_the_program(
    here: World, number: int, code: int
) -> None:
    with restoring(Dashboard(here.source(), timers=False)):
        with pytest.raises(SystemExit) as ended:
            os.kill(os.getpid(), number)
        assert ended.value.code == code


class Gone(io.StringIO):
    """A terminal that is gone."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_driver_may_write_to_a_terminal_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, told = Gone(), []
    monkeypatch.setattr(sys, "__stderr__", gone)
    with terminal.screen(lambda: told.append(1)):
        for _ in range(100):
            sys.__stderr__.write("\x1b[?25h")
            sys.__stderr__.flush()
    assert told == [1]
    assert sys.__stderr__ is gone


def test_a_driver_writes_its_own_escape_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", kept)
    with terminal.screen(lambda: None):
        sys.__stderr__.write("\x1b[?1049h")
    assert kept.getvalue() == "\x1b[?1049h"
