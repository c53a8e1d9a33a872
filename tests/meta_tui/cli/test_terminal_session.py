"""A session as a person has it: start, leave, come back, pull the window about, lose it, end."""

import fcntl
import os
import signal
import struct
import termios
import time

import pytest
from test_terminal import SLOW, STAGES, Terminal, open_terminal

from engine.rundir.run_folder import find

pytestmark = pytest.mark.slow

__all__ = ["open_terminal"]


COMPARED = """\
  both: {uses: compare, from: {scores: [first, second]}, with: {show: [dream/length]}}
"""


def resize(terminal: Terminal, columns: int, rows: int) -> None:
    """Pull the window to another size; the kernel tells who is in it."""
    terminal.output = ""
    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, size)


def test_a_run_is_left_found_again_resized_hung_up_and_seen_to_its_end(open_terminal, tmp_path):
    (tmp_path / "nights.yaml").write_text(SLOW.replace("2.5", "20.0") + COMPARED)
    # Without these a terminal's own size counts, as it does where a person sits.
    plain = {"COLUMNS": "", "LINES": ""}
    first = open_terminal("run", "nights.yaml", *STAGES, **plain)
    first.wait_for("running")
    first.press("q")
    assert first.end() == 0
    folder = find(first.store)
    assert f"the run goes on: meta watch {folder.id}" in first.after()
    assert folder.alive()

    second = open_terminal("watch", folder.id, **plain)
    second.wait_for("running")
    resize(second, 120, 40)
    second.wait_for("\x1b[40;1H")
    second.wait_for("enter cells")
    resize(second, 50, 10)
    second.wait_for("too small: make the terminal 60x18")
    resize(second, 100, 30)
    second.wait_for("nights")
    os.kill(second.process.pid, signal.SIGHUP)
    second.process.wait(20)
    assert folder.alive()

    third = open_terminal("watch", **plain)
    third.wait_for("done 3/3", 60)
    third.press("q")
    assert third.end() == 0
    left = third.after()
    assert f"run {folder.id} finished" in left
    assert f"see it again: meta watch {folder.id}" in left
    # The table stays on the terminal, above the way back to it.
    table = left.partition("see it again")[0]
    assert "dream/length" in table
    assert all(name in table for name in ("first", "second", "0.500", "1.500"))
    assert "\x1b[?25h" in third.output.rpartition("\x1b[?1049l")[0] + left
    assert not folder.alive()


@pytest.mark.parametrize(("keys", "seen"), [("?", "esc closes"), ("4", "differs from")])
def test_keys_that_are_typed_before_the_screen_is_there_are_obeyed(open_terminal, keys, seen):
    first = open_terminal("run", "nights.yaml", *STAGES, "--plain")
    assert first.end() == 0
    second = open_terminal("watch")
    second.press(keys)
    second.wait_for(seen)
    second.press("qq")
    assert second.end() == 0


def test_ctrl_c_in_a_window_that_only_watches_stops_the_run_it_watches(open_terminal, tmp_path):
    (tmp_path / "nights.yaml").write_text(SLOW.replace("2.5", "8.0"))
    first = open_terminal("run", "nights.yaml", *STAGES)
    first.wait_for("running")
    second = open_terminal("watch")
    second.wait_for("running")
    second.press("\x03")
    assert second.end() == 130
    # Who has the run open elsewhere sees that it was stopped, and stays.
    first.wait_for("stopped")
    assert first.process.poll() is None
    first.press("q")
    assert first.end() == 130
    until = time.monotonic() + 10
    while find(first.store).alive() and time.monotonic() < until:
        time.sleep(0.1)
    assert not find(first.store).alive()
