"""`meta run` on a real terminal: the dashboard, its keys, its exit codes."""

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runs import find
from meta_tui.feed import Feed

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SLOW = """\
version: 1
name: nights
stages:
  first: {uses: nap, with: {seconds: 2.5}}
  second: {uses: nap, with: {seconds: 0.1}, from: {after: first}}
"""


class Terminal:
    """A process on a pseudo-terminal of 100 x 30."""

    def __init__(self, place: Path, *words: str) -> None:
        self.store = place / ".meta"
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        settings = {k: v for k, v in os.environ.items() if k != "CI"}
        settings |= {
            "META_HOME": str(self.store), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "meta_tui", *words],
            cwd=place, env=settings, stdin=slave, stdout=slave, stderr=slave, close_fds=True,
        )  # fmt: skip
        os.close(slave)
        self.output = ""

    def read(self, seconds: float = 0.1) -> None:
        """Take what was written so far."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.output += os.read(self.master, 1 << 16).decode("utf-8", "replace")
                except OSError:
                    return

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        """Read until a text was written."""
        until = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < until, self.output[-3000:]
            self.read()

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def end(self, seconds: float = 30.0) -> int:
        """Wait for the end; returns the exit code."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, self.output[-3000:]
            self.read()
        self.read()
        return self.process.returncode

    def after(self) -> str:
        """What stays on the terminal when the dashboard is closed."""
        return self.output.rpartition("\x1b[?1049l")[2]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """`meta run` of a pipeline of some seconds."""
    (tmp_path / "nights.yaml").write_text(SLOW)
    found = Terminal(tmp_path, "run", "nights.yaml", "--stages", str(HERE / "toy_stages.py"))
    yield found
    with contextlib.suppress(Exception):
        find(found.store).request_stop(kill=True)
    found.process.kill()
    found.process.wait()
    os.close(found.master)


def code_of(terminal: Terminal) -> int | None:
    feed = Feed(find(terminal.store))
    feed.poll()
    return feed.view.code


def test_q_leaves_at_once_and_the_run_goes_on(terminal):
    terminal.wait_for("running")
    terminal.press("q")
    assert terminal.end() == 0
    name = find(terminal.store).id
    assert f"the run goes on: meta watch {name}" in terminal.after()
    until = time.monotonic() + 20
    while code_of(terminal) is None and time.monotonic() < until:
        time.sleep(0.1)
    assert code_of(terminal) == 0


def test_after_the_end_q_leaves_with_the_code_of_the_run(terminal):
    terminal.wait_for("✓ done 2/2")
    terminal.press("q")
    assert terminal.end() == 0
    assert code_of(terminal) == 0
    assert "goes on" not in terminal.after()


def test_ctrl_c_stops_the_run_and_ends_with_130(terminal):
    terminal.wait_for("running")
    terminal.press("\x03")
    assert terminal.end() == 130
    assert code_of(terminal) == 130


def test_ctrl_c_twice_kills_what_runs(tmp_path):
    (tmp_path / "nights.yaml").write_text(SLOW.replace("2.5", "60.0"))
    terminal = Terminal(tmp_path, "run", "nights.yaml", "--stages", str(HERE / "toy_stages.py"))
    terminal.wait_for("running")
    terminal.press("\x03")
    terminal.wait_for("ctrl+c again kills")
    terminal.press("\x03")
    assert terminal.end() == 130
    os.close(terminal.master)


def test_a_bad_file_opens_no_screen(tmp_path):
    (tmp_path / "bad.yaml").write_text("version: 1\nname: x\nstages: {a: {uses: nope}}\n")
    terminal = Terminal(tmp_path, "run", "bad.yaml")
    assert terminal.end() == 2
    assert "\x1b[?1049h" not in terminal.output
    assert re.search(r"bad\.yaml:3:\d+: error", terminal.output)
    os.close(terminal.master)
