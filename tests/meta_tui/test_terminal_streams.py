"""The door to the terminal: what passes it, and what becomes of what cannot be written."""

import errno
import io
import os
import sys
from collections.abc import Callable

import pytest

from meta_tui import terminal
from meta_tui.terminal import OutputFault, OutputLost, Stream
from pipelines.core.errors import MissingFiles, PipelineError, Problem, UsageError

HOSTILE = "a\x1b]52;c;eA==\x07b\x9b31mc\u202ed\u200be\U000e0041f\ud800g\rh\x00i"
SHOWN = r"a\x1b]52;c;eA==\x07b\x9b31mc\u202ed\u200be\U000e0041f\ud800g\rh\x00i"


class Broken(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, number: int, *, terminal: bool = False) -> None:
        super().__init__()
        self.number, self.terminal, self.tries = number, terminal, 0

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.tries += 1
        raise OSError(self.number, os.strerror(self.number))


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[io.StringIO, io.StringIO]]:
    """Puts the door before streams of this test; returns what stdout and stderr take."""

    def put() -> tuple[io.StringIO, io.StringIO]:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", Stream(out, forgiving=False))
        monkeypatch.setattr(sys, "stderr", Stream(err, forgiving=True))
        return out, err

    return put


def test_what_anybody_writes_is_made_visible(doors):
    out, err = doors()
    terminal.say(HOSTILE)
    sys.stdout.write(HOSTILE)
    print(HOSTILE)  # noqa: T201 (as a library may)
    terminal.warn(HOSTILE)
    sys.stderr.write(f"{HOSTILE}\n")
    assert out.getvalue() == f"{SHOWN}\n{SHOWN}{SHOWN}\n"
    assert err.getvalue() == f"{SHOWN}\n{SHOWN}\n"


def test_a_traceback_is_made_visible(doors):
    _, err = doors()
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        sys.excepthook(*sys.exc_info())
    assert SHOWN in err.getvalue()
    assert "\x1b" not in err.getvalue()


def test_without_a_door_our_own_lines_are_made_visible(monkeypatch):
    inner = io.StringIO()
    monkeypatch.setattr(sys, "stdout", inner)
    terminal.say(HOSTILE)
    assert inner.getvalue() == f"{SHOWN}\n"


def test_there_is_no_way_around_the_door(doors):
    doors()
    assert not hasattr(sys.stdout, "buffer")
    with pytest.raises(TypeError, match="str"):
        sys.stdout.write(b"\x1b")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "is_terminal", "code"),
    [
        (errno.ENOSPC, False, 3), (errno.EPIPE, False, 141), (errno.EPIPE, True, 141),
        (errno.EIO, True, 129), (errno.EIO, False, 3), (errno.EBADF, False, 3),
        (errno.EFBIG, False, 3),
    ],
)  # fmt: skip
def test_output_that_cannot_be_written_ends_a_command_once(monkeypatch, number, is_terminal, code):
    stream = Stream(Broken(number, terminal=is_terminal), forgiving=False)
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises((OutputFault, OutputLost)) as caught:
        terminal.say("x")
    assert terminal.tell(caught.value) == code
    # What is flushed on the way out says nothing more.
    terminal.say("y")
    stream.flush()


def test_a_reader_that_went_away_is_no_error_to_tell(doors, monkeypatch):
    _, err = doors()
    monkeypatch.setattr(sys, "stdout", Stream(Broken(errno.EPIPE), forgiving=False))
    with pytest.raises(OutputLost) as caught:
        terminal.say("x")
    terminal.tell(caught.value)
    assert err.getvalue() == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EBADF, errno.EIO])
def test_a_run_outlives_its_output_and_says_so_once(doors, monkeypatch, number):
    _, err = doors()
    inner, hung_up = Broken(number), []
    monkeypatch.setattr(sys, "stdout", Stream(inner, forgiving=False))
    terminal.keep_going(lambda: hung_up.append(1))
    for _ in range(3):
        terminal.say("x")
    told = err.getvalue().splitlines()
    assert told == [f"error: cannot write the output: {os.strerror(number)}; the run goes on"]
    assert terminal.output_fault()
    assert (hung_up, inner.tries) == ([], 1)


def test_a_terminal_that_is_gone_stops_a_run_once(doors, monkeypatch):
    _, err = doors()
    hung_up = []
    monkeypatch.setattr(sys, "stdout", Stream(Broken(errno.EIO, terminal=True), forgiving=False))
    terminal.keep_going(lambda: hung_up.append(1))
    terminal.say("x")
    terminal.say("y")
    assert (hung_up, err.getvalue(), terminal.output_fault()) == ([1], "", False)


def test_a_closed_stream_is_told_when_it_is_first_needed(doors, monkeypatch):
    _, err = doors()
    monkeypatch.setattr(sys, "stdout", Stream(None, forgiving=False))
    with pytest.raises(OutputFault, match="it is closed"):
        terminal.say("x")
    monkeypatch.setattr(sys, "stdout", Stream(None, forgiving=False))
    terminal.keep_going(lambda: None)
    assert err.getvalue() == "error: cannot write the output: it is closed; the run goes on\n"


def test_stderr_may_be_lost(monkeypatch):
    for inner in (Broken(errno.ENOSPC), Broken(errno.EIO, terminal=True), None):
        monkeypatch.setattr(sys, "stderr", Stream(inner, forgiving=True))
        assert terminal.tell(UsageError("x")) == 2
    monkeypatch.setattr(sys, "stderr", None)
    terminal.warn("x")


def test_errors_are_told_with_prefix_and_hint(doors):
    _, err = doors()
    terminal.tell(UsageError("no"))
    terminal.tell(PipelineError([Problem("bad\x1b")]))
    missing = MissingFiles("gone\n", "get it\nthere")
    terminal.tell(missing, missing.hint)
    assert err.getvalue() == (
        "error: no\nerror: bad\\x1b\nerror: gone\n\n    hint: get it\\nthere\n"
    )
