"""`meta run` on a real terminal: the dashboard, its keys, its exit codes."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_hostile_text import hostile_run

from engine.rundir.run_folder import find
from meta_tui.readers.run_reader import Feed

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

    def __init__(self, place: Path, *words: str, **env: str) -> None:
        self.store = place / ".meta"
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        settings = {k: v for k, v in os.environ.items() if k != "CI"}
        settings |= {
            "META_HOME": str(self.store), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30",
            "XDG_CONFIG_HOME": str(place / "config"), **env,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "meta_tui", *words],
            cwd=place, env=settings, stdin=slave, stdout=slave, stderr=slave, close_fds=True,
            # The terminal is its own, so that it hears when the window is closed.
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509
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

    def close(self) -> None:
        """Close the window."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

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


STAGES = ("--stages", str(HERE / "toy_stages.py"))


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals on one folder; closes what a test left open."""
    (tmp_path / "nights.yaml").write_text(SLOW)
    opened: list[Terminal] = []

    def found(*words: str, **env: str) -> Terminal:
        opened.append(Terminal(tmp_path, *words, **env))
        return opened[-1]

    yield found
    with contextlib.suppress(Exception):
        find(opened[0].store).request_stop(kill=True)
    for terminal in opened:
        terminal.process.kill()
        terminal.process.wait()
        terminal.close()


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


def test_a_window_that_is_closed_ends_the_dashboard_and_not_the_run(open_terminal):
    first = open_terminal("run", "nights.yaml", *STAGES)
    first.wait_for("running")
    first.close()
    first.process.wait(20)
    folder = find(first.store)
    assert folder.alive()
    second = open_terminal("watch")
    second.wait_for("done 2/2")
    second.press("q")
    assert second.end() == 0
    assert f"run {folder.id} finished" in second.after()
    assert f"see it again: meta watch {folder.id}" in second.after()


def test_a_run_that_lost_its_runner_goes_on_from_the_dashboard(open_terminal):
    first = open_terminal("run", "nights.yaml", *STAGES)
    first.wait_for("running")
    lost = find(first.store)
    os.kill(json.loads(lost.events.read_bytes().splitlines()[0])["pid"], signal.SIGKILL)
    first.wait_for("lost its runner")
    first.press("r")
    first.wait_for("Start nights again?")
    first.press("\r")
    first.wait_for("done 2/2")
    first.press("q")
    assert first.end() == 0
    assert find(first.store).id != lost.id
    assert code_of(first) == 0
    assert f"meta watch {find(first.store).id}" in first.after()


def test_who_leaves_a_run_without_a_runner_is_told_how_it_goes_on(open_terminal):
    first = open_terminal("run", "nights.yaml", *STAGES)
    first.wait_for("running")
    os.kill(
        json.loads(find(first.store).events.read_bytes().splitlines()[0])["pid"], signal.SIGKILL
    )
    first.wait_for("lost its runner")
    first.press("q")
    assert first.end() == 3
    assert "the same `meta run` goes on from its checkpoints" in first.after()


def test_a_wrong_setting_ends_with_2_before_anything_runs(open_terminal, tmp_path):
    path = tmp_path / "config" / "meta" / "config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("theme: dark\nkeys: {run.zom: Z}\n")
    terminal = open_terminal("run", "nights.yaml", *STAGES)
    assert terminal.end() == 2
    assert re.search(r"config\.yaml:2:8: error: no command `run\.zom`", terminal.output)
    assert "did you mean `run.zoom`?" in terminal.output
    assert not terminal.store.exists()


def test_a_key_of_ones_own_leaves(open_terminal, tmp_path):
    path = tmp_path / "config" / "meta" / "config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("keys: {app.leave: w}\n")
    terminal = open_terminal("run", "nights.yaml", *STAGES)
    terminal.wait_for("w leave")
    terminal.press("w")
    assert terminal.end() == 0


def coloured(text: str) -> bool:
    """Whether a terminal is asked for a colour; 39 and 49 are its own."""
    asked = {part for codes in re.findall(r"\x1b\[([\d;]*)m", text) for part in codes.split(";")}
    return bool(asked & {str(code) for tens in (30, 40, 90, 100) for code in range(tens, tens + 9)})


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_is_honoured(open_terminal, no_color):
    terminal = open_terminal(
        "run", "nights.yaml", *STAGES, **({"NO_COLOR": "1"} if no_color else {})
    )
    terminal.wait_for("done 2/2")
    terminal.press("q")
    assert terminal.end() == 0
    assert coloured(terminal.output) == (not no_color)


@pytest.mark.parametrize("how", ["--ascii", "LC_ALL"])
def test_a_terminal_of_ascii_gets_nothing_else(open_terminal, how):
    more = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} if how == "LC_ALL" else {}
    words = [how] if how == "--ascii" else []
    terminal = open_terminal("run", "nights.yaml", *STAGES, *words, **more)
    terminal.wait_for("+ done 2/2")
    terminal.press("?")
    terminal.wait_for("esc closes")
    terminal.press("qq")
    assert terminal.end() == 0
    assert terminal.output.isascii()


def test_a_dumb_terminal_gets_lines(open_terminal):
    terminal = open_terminal("run", "nights.yaml", *STAGES, TERM="dumb")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.output
    assert "[2/2]" in terminal.output


BACK = {
    "\x1b[?1049l": "the screen of its own is left", "\x1b[?25h": "the cursor is shown",
    "\x1b[?1000l": "the mouse is let go", "\x1b[?1003l": "the mouse is let go",
    "\x1b[?1004l": "focus is told no more", "\x1b[?2004l": "pasting is as it was",
}  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("verb", ["ui", "run"])
def test_a_signal_restores_the_terminal_and_ends_with_its_code(open_terminal, verb, number, code):
    words = ["ui"] if verb == "ui" else ["run", "nights.yaml", *STAGES]
    found = open_terminal(*words)
    before = termios.tcgetattr(found.master)
    found.wait_for("\x1b[?1049h")
    found.wait_for("no run" if verb == "ui" else "running")
    assert not termios.tcgetattr(found.master)[3] & termios.ECHO
    os.kill(found.process.pid, number)
    assert found.end() == code
    last = found.output.rpartition("\x1b[?1049h")[2]
    assert [what for sequence, what in BACK.items() if sequence not in last] == []
    after = termios.tcgetattr(found.master)
    assert after == before
    assert after[3] & termios.ECHO
    assert "Traceback" not in found.after()
    if verb == "run":
        assert f"the run goes on: meta watch {find(found.store).id}" in found.after()
        assert find(found.store).alive()


def test_a_window_that_is_closed_ends_the_dashboard_with_129(open_terminal):
    found = open_terminal("run", "nights.yaml", *STAGES)
    found.wait_for("running")
    found.close()
    assert found.process.wait(30) == 129
    assert find(found.store).alive()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_window_that_is_closed_under_lines_saves_and_ends_with_129(open_terminal, as_json):
    found = open_terminal("run", "nights.yaml", *STAGES, "--json" if as_json else "--plain")
    found.wait_for("cell_started" if as_json else "running")
    found.close()
    assert found.process.wait(30) == 129
    assert code_of(found) == 129


@pytest.mark.parametrize("verb", ["watch", "ui"])
def test_no_text_of_a_run_acts_on_the_terminal_behind_the_dashboard(open_terminal, tmp_path, verb):
    hostile_run(tmp_path / ".meta")
    found = open_terminal(verb)
    found.wait_for("name" if verb == "ui" else "c0e")
    for key in "\r1234?":
        found.press(key)
        found.read(0.5)
    found.process.terminate()
    assert found.end() == 143, found.after()
    assert "\\x1b]52;c;eA==" in found.output
    bad = (
        "\x1b]52",
        "eA==\x07",
        "\x9b",
        "\u202e",
        "\u2066",
        "\u200b",
        "\U000e0041",
        "\u2028",
        "\xad",
    )
    assert [sign for sign in bad if sign in found.output] == []
