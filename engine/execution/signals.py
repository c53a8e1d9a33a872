"""Requests to stop a run: signals, and the request file that a dashboard writes.

The first asks: no cell starts, running ones save and end. A second INT or TERM, a `kill` request,
or the end of the grace after TERM and HUP kills them. A HUP that was ignored when the run began
(`nohup`) stays ignored.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from engine.rundir.run_folder import RunFolder

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Interrupts:
    """What has been asked so far."""

    code: int = 0
    """Exit code of the run, once it was asked to stop."""
    _since: float = 0.0
    _told: bool = False
    _kill: bool = False
    _killed: bool = False

    @property
    def stopping(self) -> bool:
        """Whether nothing new may start."""
        return self.code != 0

    def stop(self, code: int) -> None:
        """Ask to stop; asking twice is asking to kill."""
        if self.stopping:
            self._kill = True
            return
        self.code, self._since = code, time.monotonic()

    def hang_up(self) -> None:
        """The terminal is gone, as its signal says or a write to it: ask to stop, once."""
        if not self.stopping:
            self.stop(128 + signal.SIGHUP)

    def look(self, folder: RunFolder) -> None:
        """See whether a reader asked through the run's folder."""
        wish = folder.stop_requested()
        if wish and not self.stopping:
            self.stop(128 + signal.SIGINT)
        if wish == "kill":
            self._kill = True

    def fresh(self) -> bool:
        """Whether there is a request that nobody has passed on; true once."""
        fresh = self.stopping and not self._told
        self._told = self._told or fresh
        return fresh

    def kill_due(self, grace_seconds: float) -> bool:
        """Whether running cells must be killed now; true once."""
        gone = self.code in (128 + signal.SIGTERM, 128 + signal.SIGHUP)
        late = gone and time.monotonic() - self._since > grace_seconds
        due = self.stopping and (self._kill or late) and not self._killed
        self._killed = self._killed or due
        return due

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Own the signals of this process while a run goes on; only from the main thread."""

        def note(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                self.hang_up()
            else:
                self.stop(128 + number)

        heard = [
            number
            for number in SIGNALS
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        ]
        before = {number: signal.signal(number, note) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
