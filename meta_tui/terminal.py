"""The one door to the terminal: all that this program writes to stdout and stderr goes through it.

`open_door` puts a `Stream` in the place of both, so that what Typer, Python's tracebacks and its
warnings write passes too. A stream makes visible what would act on a terminal; escape sequences
for colours are made of numbers by `render.escapes`, and nothing else writes any. The dashboard
writes its screen by Textual's driver, and filters what is on it (`dashboard.themes`).

What cannot be written: a reader that went away (`| head`) ends a command in silence with 141, as
SIGPIPE would; a terminal that is gone ends it with 129, as SIGHUP; all else with 3 and one line on
stderr. `keep_going` lets a run go on instead. stderr itself may be lost without a word.
"""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, TextIO

from pipelines.core.errors import EnvironmentFault, MetaError
from pipelines.core.text import safe_text, visible

if TYPE_CHECKING:
    from meta_tui.render.images.half_blocks import Depth, Row

ENDED_BY = 128
"""Exit codes above it are those of signals."""


class OutputLost(MetaError):  # noqa: N818 (named for what it is)
    """Nobody can read on: the reader of a pipe, or the terminal, is gone. There is no message."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("")
        self.code = exit_code


class OutputFault(EnvironmentFault):
    """The output cannot be written: the disk that it goes to is full, or it is closed."""


class Stream(io.TextIOBase):
    """stdout or stderr of this process.

    Args:
        inner: what takes the text; None where it was closed before the program began.
        forgiving: what cannot be written is lost without a word.
    """

    NAMES: ClassVar = {1: "the output", 2: "stderr"}

    def __init__(self, inner: TextIO | None, *, forgiving: bool) -> None:
        self._inner = inner
        self._forgiving = forgiving
        self._terminal = inner is not None and inner.isatty()
        self._hang_up: Callable[[], None] | None = None
        self.lost: MetaError | None = None
        """What became of it, once it could not be written."""
        if inner is None:
            self.lost = OutputFault("cannot write the output: it is closed")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of what is written."""
        return str(getattr(self._inner, "encoding", None) or "ascii")

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What becomes of a letter that the encoding has not."""
        return getattr(self._inner, "errors", None)

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """Whether it was a terminal when the program began."""
        return self._terminal

    def fileno(self) -> int:
        """The descriptor; what is written to it goes past the door."""
        if self._inner is None:
            raise io.UnsupportedOperation("the stream is closed")
        return self._inner.fileno()

    def reconfigure(self, *, encoding: str | None = None, errors: str) -> None:
        """Write letters otherwise from now on."""
        if isinstance(self._inner, io.TextIOWrapper):
            self._inner.reconfigure(encoding=encoding, errors=errors)

    def keep_going(self, hang_up: Callable[[], None]) -> None:
        """Raise nothing from now on; `hang_up` is called once when the terminal is gone."""
        self._forgiving, self._hang_up = True, hang_up
        self._tell(self.lost)

    def write(self, text: str) -> int:
        """Write text, made visible."""
        if not isinstance(text, str):
            raise TypeError(f"a str is written here, not {type(text).__name__}")
        if text:
            self.write_made(visible(text))
        return len(text)

    def write_made(self, text: str) -> None:
        """Write text that was made of numbers and visible text alone.

        Raises:
            OutputLost: nobody can read it.
            OutputFault: it cannot be written.
        """
        self._try(lambda inner: inner.write(text))

    def flush(self) -> None:
        """Write what is still kept back; raises as `write_made`."""
        self._try(lambda inner: inner.flush())

    def _try(self, do: Callable[[TextIO], object]) -> None:
        if self.lost is None and self._inner is not None:
            try:
                do(self._inner)
            except (OSError, ValueError) as error:
                self._lose(error)
        if self.lost is not None and not self._forgiving:
            # Raised once: what is flushed on the way out would raise it again.
            self._forgiving = True
            raise self.lost

    def _lose(self, error: OSError | ValueError) -> None:
        number = error.errno if isinstance(error, OSError) else errno.EBADF
        if number == errno.EPIPE:
            self.lost = OutputLost(ENDED_BY + signal.SIGPIPE)
        elif number == errno.EIO and self._terminal:
            self.lost = OutputLost(ENDED_BY + signal.SIGHUP)
        else:
            told = os.strerror(number or errno.EIO)
            self.lost = OutputFault(f"cannot write the output: {told}")
        self._silence()
        if self._forgiving:
            self._tell(self.lost)

    def _silence(self) -> None:
        """Let what Python still keeps back go nowhere: it would complain again at the end."""
        try:
            descriptor = self._inner.fileno() if self._inner is not None else -1
        except (OSError, ValueError):
            return  # Text in memory, as in a test.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)

    def _tell(self, lost: MetaError | None) -> None:
        """Of a stream whose faults end nothing: say so once, or that the terminal is gone."""
        if self._hang_up is None:
            return
        if isinstance(lost, OutputFault):
            warn(f"error: {lost}; the run goes on")
        elif isinstance(lost, OutputLost) and lost.code == ENDED_BY + signal.SIGHUP:
            self._hang_up()


class Screen(Stream):
    """stderr for the driver of the dashboard, which makes its escape sequences itself.

    What it shows was made visible line by line (`dashboard.themes`).
    """

    def write(self, text: str) -> int:
        """Write as it is."""
        self.write_made(text)
        return len(text)

    def _tell(self, lost: MetaError | None) -> None:
        """Without a terminal there is nothing to show, whatever the reason."""
        if lost is not None and self._hang_up is not None:
            self._hang_up()


@contextmanager
def screen(hang_up: Callable[[], None]) -> Iterator[None]:
    """Let Textual's driver outlive its terminal: a write that fails would block it for ever.

    Args:
        hang_up: called once when the terminal is gone, in the thread that wrote.
    """
    before = sys.__stderr__
    shown = Screen(before, forgiving=True)
    shown.keep_going(hang_up)
    sys.__stderr__ = shown  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]


def open_door() -> None:
    """Put the door before stdout and stderr of this process; once."""
    for number in (0, 1, 2):
        _hold(number)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets a question mark, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.stdout = Stream(sys.stdout, forgiving=False)
    sys.stderr = Stream(_apart(sys.stderr), forgiving=True)


def _apart(stderr: TextIO | None) -> TextIO | None:
    """Write to stderr by another descriptor, which no child has: a run points 2 at a file."""
    if not isinstance(stderr, io.TextIOWrapper) or stderr is not sys.__stderr__:
        return stderr
    apart = os.dup(stderr.fileno())
    return os.fdopen(apart, "w", 1, encoding=stderr.encoding, errors="replace")


def _hold(number: int) -> None:
    """Open a standard descriptor that is closed: else the next file would get its number."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


def say(text: str) -> None:
    """Write a line at once.

    Raises:
        OutputLost: nobody can read it.
        OutputFault: it cannot be written.
    """
    sys.stdout.write(f"{visible(text)}\n")
    sys.stdout.flush()


def say_rows(rows: "Iterable[Row]", depth: "Depth") -> None:
    """Write a picture in colours; raises as `say`."""
    lines: list[str] = import_module("meta_tui.render.text.escapes").ansi(rows, depth)
    text = "".join(f"{line}\n" for line in lines)
    stream = sys.stdout
    if isinstance(stream, Stream):
        stream.write_made(text)
    else:
        stream.write(text)
    stream.flush()


def warn(text: str) -> None:
    """Write a line to stderr; one that cannot be written is lost."""
    if sys.stderr is not None:
        sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()


def keep_going(hang_up: Callable[[], None]) -> None:
    """Let a run outlive its output.

    Args:
        hang_up: called when the terminal is gone.
    """
    if isinstance(sys.stdout, Stream):
        sys.stdout.keep_going(hang_up)


def output_fault() -> bool:
    """Whether some output could not be written, other than because nobody reads any more."""
    return isinstance(sys.stdout, Stream) and isinstance(sys.stdout.lost, OutputFault)


def tell(error: MetaError, hint: str = "") -> int:
    """Write an error to stderr; returns its exit code."""
    if isinstance(error, OutputLost):
        return error.code
    prefix = "" if hasattr(error, "problems") else "error: "
    more = f"\n    hint: {safe_text(hint)}" if hint else ""
    warn(f"{prefix}{safe_text(str(error), lines=True)}{more}")
    return error.exit_code


def encoding() -> str:
    """Of stdout: `utf8`, `ascii`."""
    return (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")


def reconfigure(*, encoding: str, errors: str) -> None:
    """Write other letters to stdout from now on."""
    if isinstance(sys.stdout, Stream | io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=encoding, errors=errors)


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()
