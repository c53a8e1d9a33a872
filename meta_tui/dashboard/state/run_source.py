"""What the dashboard shows: the run's folder, read in small pieces, and the store's results."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.library.artifacts import Table
from engine.planning.run_request import Request
from engine.rundir.answers import CellRetried
from engine.rundir.events import CellDamaged, Event
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui.config import Config
from meta_tui.dashboard.state.sent_requests import Wishes
from meta_tui.model.curves import Curves
from meta_tui.model.eta import Remaining, remaining
from meta_tui.model.run_reducer import CellView, RunView, State, stopped
from meta_tui.model.stage_summary import StageView, stages
from meta_tui.readers import results
from meta_tui.readers.device_usage import Usage
from meta_tui.readers.past_durations import Past
from meta_tui.readers.results import Missing, Shown
from meta_tui.readers.run_reader import Feed
from meta_tui.render.runs.plain_log import lines
from meta_tui.render.text.symbols import ASCII, UNICODE, Signs

MOST_CURVES = 6
"""Cells whose curves lie over each other: as many as there are colours."""
_ALIVE_SECONDS = 1.0
_EVENTS_SECONDS = 0.05
_FIRST_SECONDS = 0.15
"""For what is known before the first paint: some thousand events."""
_POINTS_SECONDS, _GLANCE_SECONDS = 0.03, 0.005
"""For the points of all cells together: between two paints, and while somebody waits for one."""
_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Source:
    """A reader of one run; it changes nothing but by `stop` and `wishes`."""

    folder: RunFolder
    store: Store
    now: Callable[[], float] = time.time
    config: Config = field(default_factory=Config)
    """What the person set."""
    asked: Request | None = None
    """Names the file whose faults are to be shown, where there is one."""
    feed: Feed = field(init=False)
    past: Past = field(init=False)
    wishes: Wishes = field(init=False)
    usage: Usage = field(default_factory=Usage, init=False)
    alive: bool = field(default=True, init=False)
    gone: bool = field(default=False, init=False)
    stops: int = field(default=0, init=False)
    """How often the person asked to stop."""
    history: list[str] = field(default_factory=list, init=False)
    """What happened so far, in lines."""
    watched: tuple[int, ...] = field(default=(), init=False)
    """Cells whose live curves are on the screen."""
    behind: bool = field(default=False, init=False)
    """There was far more to read than there was time for: the next piece is to be read soon."""
    _asked: float = field(default=float("-inf"), init=False)
    _held: bool = field(default=True, init=False)
    """A runner held the run when that was asked last."""
    _lost: tuple[RunView, RunView] | None = field(default=None, init=False)
    _staged: tuple[RunView, tuple[StageView, ...]] | None = field(default=None, init=False)
    _published: dict[int, Curves] = field(default_factory=dict, init=False)
    _tables: dict[int, Table | Missing] = field(default_factory=dict, init=False)
    _pictured: dict[int, bool] = field(default_factory=dict, init=False)
    _shown: tuple[str, tuple[Shown, ...] | Missing] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.feed = Feed(self.folder, listen=self._listen)
        self.past = Past(self.folder)
        self.wishes = Wishes(self.folder)

    @property
    def empty(self) -> bool:
        """There is no run in the store: a folder without an id stands for it."""
        return not self.folder.id

    @property
    def signs(self) -> Signs:
        """The characters to draw with."""
        return ASCII if self.config.ascii else UNICODE

    def _listen(self, view: RunView, event: Event) -> None:
        self.history += lines(view, event, self.signs)
        self.wishes.hear(event)
        if isinstance(event, CellRetried | CellDamaged):
            # What was told of it, and of what waits again with it, may become something else.
            revived = event.revived if isinstance(event, CellRetried) else ()
            for known in (self._tables, self._pictured):
                for cell in (event.cell, *revived):
                    known.pop(cell, None)

    @property
    def view(self) -> RunView:
        """The run as far as it was read; without a runner nothing in it runs."""
        found = self.feed.view
        if self.alive or found.over:
            return found
        if self._lost is None or self._lost[0] is not found:
            self._lost = found, stopped(found, "its runner is gone")
        return self._lost[1]

    @property
    def time(self) -> float:
        """The time to show: it stands still where there is no runner."""
        return self.now() if self.alive else self.feed.view.latest

    @property
    def left(self) -> Remaining | None:
        """The time until the run may be over."""
        return remaining(self.view, self.time, self.past.seconds)

    @property
    def stages(self) -> tuple[StageView, ...]:
        """The view by stages."""
        view = self.view
        if self._staged is None or self._staged[0] is not view:
            self._staged = view, stages(view)
        return self._staged[1]

    def begin(self) -> bool:
        """The first poll: as many events as a first paint can wait for, of points only a few."""
        return self.poll(_FIRST_SECONDS, _GLANCE_SECONDS)

    def poll(
        self, seconds: float = _EVENTS_SECONDS, points_seconds: float = _POINTS_SECONDS
    ) -> bool:
        """Read what is new, events and points for about so long; whether there was anything."""
        before = (self.alive, self.gone)
        if not self.view.over and self.now() - self._asked >= _ALIVE_SECONDS:
            self._asked = self.now()
            self.gone = self.feed.gone()
            self._held = not self.gone and self.feed.held()
        news = [self.feed.poll(seconds)]
        # Its end may stand in what was not read yet: nobody is to be told that its runner is lost.
        self.alive = self._held or (self.feed.behind and not self.gone)
        news += [before != (self.alive, self.gone), self._poll_metrics(points_seconds)]
        news.append(self.usage.poll(self.feed.view, alive=self.alive))
        news.append(not self.feed.view.over and self.past.read(self.feed.view.name))
        return any(news) or self.feed.logs_behind

    def _poll_metrics(self, seconds: float) -> bool:
        """Read points of the cells that are shown, then of all that run: they tell progress."""
        running = (c.ordinal for c in self.feed.view.cells if c.state is State.RUNNING)
        cells = [*dict.fromkeys((*self.watched, *running))]
        changed = self._read_points(cells, seconds)
        self.behind = self.feed.far_behind(cells)
        return changed

    def _read_points(self, cells: Sequence[int], seconds: float) -> bool:
        """Read new points of some cells, the first ones first; of each at least a piece."""
        until = time.monotonic() + seconds
        behind = [cell for cell in cells if self.feed.metrics_behind(cell)]
        found = [self.feed.poll_metrics(cell, until - time.monotonic()) for cell in behind]
        return any(found)

    def stop(self) -> None:
        """Ask the runner to stop after checkpoints; asked again, to kill what runs."""
        if self.view.over or not self.alive:
            return
        self.folder.request_stop(kill=self.stops > 0)
        self.stops += 1

    def curves(self, cells: Sequence[CellView]) -> list[tuple[CellView, Curves]]:
        """Curves of as many of the cells as have a colour, in their order.

        Those that run, and beside them those that ended last; when nothing runs, the first.
        """
        ran = [cell for cell in cells if cell.state is not State.WAITING]
        if any(cell.state is State.RUNNING for cell in ran):
            ran.sort(key=lambda cell: (cell.state is not State.RUNNING, -cell.ordinal))
        shown = sorted(ran[:MOST_CURVES], key=lambda cell: cell.ordinal)
        self.watched = tuple(c.ordinal for c in shown if c.state is not State.CACHED)
        self._read_points(self.watched, _GLANCE_SECONDS)
        return [(cell, self._curves(cell)) for cell in shown]

    def _curves(self, cell: CellView) -> Curves:
        if cell.state is not State.CACHED:
            return self.view.cells[cell.ordinal].curves
        if cell.ordinal not in self._published:
            self._published[cell.ordinal] = results.curves_or_none(cell, self.store)
        return self._published[cell.ordinal]

    def galleries(self) -> list[CellView]:
        """Cells that are over and have pictures; each is asked once, for at most 50 ms in all."""
        until = time.monotonic() + _LOOK_SECONDS
        for cell in self.view.cells:
            if cell.ordinal in self._pictured or not (cell.key and cell.state.over):
                continue
            self._pictured[cell.ordinal] = results.has_pictures(cell, self.store)
            if time.monotonic() >= until:
                break
        return [cell for cell in self.view.cells if self._pictured.get(cell.ordinal)]

    def pictures(self, cell: CellView) -> tuple[Shown, ...] | Missing:
        """The pictures of a cell; those of the last one asked for are kept."""
        if self._shown is None or self._shown[0] != cell.key:
            self._shown = cell.key, results.pictures(cell, self.store)
        return self._shown[1]

    def tables(self) -> list[tuple[CellView, Table | Missing]]:
        """Tables of the `compare` cells that are over; each is read once."""
        for cell in self.view.cells:
            wanted = cell.type == "compare" and cell.key and cell.state.over
            if wanted and cell.ordinal not in self._tables:
                found = results.artifact(cell, self.store)
                if isinstance(found, Table | Missing):
                    self._tables[cell.ordinal] = found
        return [(self.view.cells[ordinal], found) for ordinal, found in self._tables.items()]
