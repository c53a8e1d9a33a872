"""What drawing costs: graphs, charts, pictures, logs and tables, each beside a peer where one is.

    python -m benchmarks.dashboard --only renderers

CPU milliseconds in one process, ours and the peer in turn. Of plotext (5) and rich-pixels is
measured what is installed.
"""

import asyncio
import importlib.util
import math
import random
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from PIL import Image, ImageDraw, ImageFilter
from rich.console import Console
from rich.style import Style
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable, RichLog

from benchmarks import dashboard_runs
from benchmarks.measure import spread, table
from engine.rundir import events
from engine.rundir.events import CellInfo
from meta_tui.dashboard.widgets.image_view import tiles
from meta_tui.dashboard.widgets.log_view import LogPane
from meta_tui.model.curves import Curve
from meta_tui.model.run_reducer import RunView, fold
from meta_tui.model.stage_summary import StageView, stages
from meta_tui.model.table_cursor import Reading
from meta_tui.render.charts.line_chart import linechart
from meta_tui.render.charts.viewport import Series
from meta_tui.render.graph.boxes import Boxes
from meta_tui.render.graph.graph import Graph, arranged, dag
from meta_tui.render.images import half_blocks
from meta_tui.render.tables.table_page import tablepage
from meta_tui.render.text.symbols import UNICODE

_AREA = 120, 40
_SIDE, _TILE = 8, 14
"""Pictures across and down, and pixels of each."""
_LINES = 10_000
_METRICS = ("digits/accuracy", "digits/loss", "digits/forgetting")

Work = Callable[[], object]


def main(rounds: int) -> None:
    """Measure and print."""
    rows = [_row(name, works, rounds) for name, works in _works().items()]
    header = ["what", "ours", "peer", "peer / ours"]
    table(f"Renderers, CPU ms, medians (least - most) of {rounds}", header, rows)


def _row(name: str, works: tuple[Work, str, Work | None], rounds: int) -> list[str]:
    ours, peer_name, peer = works
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for took, work in zip(spent, (ours, peer), strict=True):
            if work is not None:
                began = time.process_time()
                work()
                took.append((time.process_time() - began) * 1000)
    if peer is None:
        return [name, spread(spent[0]), peer_name and f"{peer_name} not installed", ""]
    ratio = sorted(spent[1])[rounds // 2] / sorted(spent[0])[rounds // 2]
    return [name, spread(spent[0]), f"{peer_name} {spread(spent[1])}", f"{ratio:.1f}"]


def _works() -> Mapping[str, tuple[Work, str, Work | None]]:
    sheet = _digits()
    noise = Image.effect_noise(sheet.size, 80).convert("RGB")
    return {
        "graph of 11 stages, laid out and drawn": (_graph(11), "", None),
        "graph of 200 stages, laid out and drawn": (_graph(200), "", None),
        "line of 10 000 points": (_line(10_000), "plotext", _plotext(10_000)),
        "line of 1 000 000 points, the first time": (_line(1_000_000), "", None),
        "the same again, as it is drawn live": (_again(1_000_000), "", None),
        "64 digits of 14x14": (lambda: _pictures(sheet), "rich-pixels", _rich_pixels(sheet)),
        "64 pictures of noise": (lambda: _pictures(noise), "rich-pixels", _rich_pixels(noise)),
        "an app of Textual with nothing in it": (_shown(_Empty), "", None),
        "10 000 lines of log, app and paint": (_shown(_Log), "RichLog", _shown(_PeerLog)),
        "table of 30 rows": (_table(30), "DataTable, app and paint", _shown(_peer_table(30))),
        "table of 1000 rows": (_table(1000), "DataTable, app and paint", _shown(_peer_table(1000))),
        "the same again, another column marked": (_marked(1000), "", None),
    }


def _graph(count: int) -> Work:
    draw = random.Random(3)
    needs = [tuple(draw.sample(range(at), k=min(at, draw.randint(0, 2)))) for at in range(count)]
    infos = tuple(
        CellInfo(f"n{at}", f"n{at}", "t", {}, tuple(sorted(need))) for at, need in enumerate(needs)
    )
    began = events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="c")
    staged: Sequence[StageView] = stages(fold(RunView(), began))

    def work() -> object:
        found = arranged(Graph.of(staged), staged, (), *_AREA)
        return dag(staged, found, Boxes((), found.tall, 0.0, UNICODE), None)

    return work


def _curve(count: int) -> Curve:
    steps = array("d", range(count))
    values = array("d", (2 * math.exp(-3 * x / count) + 0.1 * math.sin(x * x) for x in steps))
    return Curve("train", "loss", steps, values)


def _line(count: int) -> Work:
    curve = _curve(count)

    def work() -> object:
        series = Series("loss", curve.steps, curve.values)
        return linechart("loss", [series], 80, 20)

    return work


def _again(count: int) -> Work:
    curve = _curve(count)
    series = Series("loss", curve.steps, curve.values, extremes=curve.extremes)
    linechart("loss", [series], 80, 20)
    return lambda: linechart("loss", [series], 80, 20)


def _plotext(count: int) -> Work | None:
    if importlib.util.find_spec("plotext") is None:
        return None
    plot: Any = import_module("plotext")
    curve = _curve(count)
    steps, values = list(curve.steps), list(curve.values)

    def work() -> object:
        plot.clear_figure()
        plot.plotsize(80, 20)
        plot.plot(steps, values, marker="braille")
        return plot.build()

    return work


def _pictures(sheet: Image.Image) -> object:
    rows = half_blocks.halves(half_blocks.fitted(sheet, *sheet.size))
    return [tiles(row, sheet.width, Style()) for row in rows]


def _digits() -> Image.Image:
    """Eight times eight grey digits on black, each as small as the gallery shows them."""
    sheet = Image.new("RGB", (_SIDE * _TILE,) * 2)
    pen = ImageDraw.Draw(sheet)
    for number in range(_SIDE**2):
        at = number % _SIDE * _TILE + 4, number // _SIDE * _TILE + 1
        pen.text(at, str(number % 10), fill=(255 - number, 255 - number, 255 - number))
    return sheet.filter(ImageFilter.GaussianBlur(0.7))


def _rich_pixels(sheet: Image.Image) -> Work | None:
    if importlib.util.find_spec("rich_pixels") is None:
        return None
    peer: Any = import_module("rich_pixels")
    console = Console(width=sheet.width)
    return lambda: list(console.render(peer.Pixels.from_image(sheet)))


def _told() -> list[str]:
    return [f"12:00:00 step {at} loss 0.{at:06} accuracy 0.5" for at in range(_LINES)]


class _Log(App[None]):
    """Ours, filled and painted."""

    def compose(self) -> ComposeResult:
        yield LogPane()

    def on_mount(self) -> None:
        self.query_one(LogPane).follow(_told())


class _PeerLog(App[None]):
    """Textual's."""

    def compose(self) -> ComposeResult:
        yield RichLog()

    def on_ready(self) -> None:
        for line in _told():
            self.query_one(RichLog).write(line)


class _Empty(App[None]):
    """What an app costs with nothing in it."""

    def compose(self) -> ComposeResult:
        yield Widget()


def _shown(kind: Callable[[], App[None]]) -> Work:
    """An app from its start to its first whole paint."""

    async def work() -> None:
        async with kind().run_test(size=_AREA) as pilot:
            await pilot.pause()

    return lambda: asyncio.run(work())


def _table(rows: int) -> Work:
    made = dashboard_runs.table(_METRICS, rows)
    return lambda: tablepage(Reading(made), *_AREA)


def _marked(rows: int) -> Work:
    reading = Reading(dashboard_runs.table(_METRICS, rows))
    tablepage(reading, *_AREA)

    def work() -> object:
        reading.move(1)
        return tablepage(reading, *_AREA)

    return work


def _peer_table(rows: int) -> Callable[[], App[None]]:
    made = dashboard_runs.table(_METRICS, rows)
    cells = [
        (row.label, *(f"{found.mean:.3f}" for found in row.values.values() if found.mean))
        for row in made.rows
    ]

    class Peer(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable()

        def on_mount(self) -> None:
            peer: DataTable[str] = self.query_one(DataTable)
            peer.add_columns("row", *_METRICS)
            peer.add_rows(cells)

    return Peer
