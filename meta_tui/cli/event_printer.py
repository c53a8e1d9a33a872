"""Prints a run that goes on in the foreground: what `launch.run` calls with each event."""

import dataclasses
import time
from pathlib import Path

from engine.rundir import run_folder
from engine.rundir.events import Event, MetricBatch
from meta_tui.cli.output import say_json, say_lines, signs
from meta_tui.model.run_reducer import RunView, fold, fold_batch
from meta_tui.readers.past_durations import Past
from meta_tui.render.runs.plain_log import heartbeat, lines

_HEARTBEAT_SECONDS = 30.0


class Pulse:
    """Says that a run lives when nothing was said for long.

    Args:
        store: where the run is, and those before it: what they took tells how long it takes.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._said = time.monotonic()
        self._past: Past | None = None

    def tell(self, told: list[str]) -> None:
        """Say some lines, if there are any."""
        if told:
            say_lines(told)
            self._said = time.monotonic()

    def beat(self, view: RunView) -> None:
        """Say where the run stands, if it is time."""
        if view.run and not view.over and time.monotonic() - self._said > _HEARTBEAT_SECONDS:
            if self._past is None:
                self._past = Past(run_folder.find(self._store, view.run))
                self._past.read_all(view.name)
            self.tell([heartbeat(view, time.time(), self._past.seconds)])


class Printer:
    """Folds a run's events and prints them as lines, or as JSON."""

    def __init__(self, store: Path, *, as_json: bool) -> None:
        self.view = RunView()
        self._as_json = as_json
        self._pulse = Pulse(store)
        self._signs = signs()

    def __call__(self, news: Event | tuple[int, MetricBatch]) -> None:
        """Take one event, or some points of a cell."""
        if isinstance(news, Event):
            self.view = fold(self.view, news)
            if self._as_json:
                say_json({"kind": news.kind, **dataclasses.asdict(news)})
            else:
                self._pulse.tell(lines(self.view, news, self._signs))
        else:
            self.view = fold_batch(self.view, *news)
        if not self._as_json:
            self._pulse.beat(self.view)
