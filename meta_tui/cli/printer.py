"""Prints a run that goes on in the foreground: what `launch.run` calls with each event."""

import time

from engine.events import Event, MetricBatch, encode
from meta_tui.cli.output import say, say_lines, signs
from meta_tui.plain import heartbeat, lines
from meta_tui.view import RunView, fold, fold_batch

_HEARTBEAT_SECONDS = 30.0


class Printer:
    """Folds a run's events and prints them as lines, or as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.view = RunView()
        self._as_json = as_json
        self._said = time.monotonic()
        self._signs = signs()

    def __call__(self, news: Event | tuple[int, MetricBatch]) -> None:
        """Take one event, or some points of a cell."""
        if isinstance(news, Event):
            self.view = fold(self.view, news)
            if self._as_json:
                say(encode(news))
            else:
                self._say(lines(self.view, news, self._signs))
        else:
            self.view = fold_batch(self.view, *news)
        self.beat()

    def beat(self) -> None:
        """Say that the run lives, when nothing was said for long."""
        silent = time.monotonic() - self._said > _HEARTBEAT_SECONDS
        if silent and not self._as_json and not self.view.over:
            self._say([heartbeat(self.view, time.time())])

    def _say(self, told: list[str]) -> None:
        if told:
            say_lines(told)
            self._said = time.monotonic()
