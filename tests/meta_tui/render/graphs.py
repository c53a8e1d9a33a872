"""Stages to draw, and a reader of drawings that knows nothing of how they were made."""

import random
from collections.abc import Mapping, Sequence

from engine.rundir import events
from meta_tui.model.run_reducer import RunView, fold
from meta_tui.model.stage_summary import StageView, stages
from meta_tui.render.graph.boxes import Boxes
from meta_tui.render.graph.graph import Graph, arranged, dag
from meta_tui.render.graph.items import Item, Sheet
from meta_tui.render.text.spans import plain
from meta_tui.render.text.symbols import UNICODE, Signs

LADDER: Mapping[str, Sequence[str]] = {
    "source": (), "target": (), "few": ("target",), "backbone": ("source",),
    "probe": ("backbone", "few", "source"), "tuned": ("backbone", "few", "source"),
    "result": ("probe", "tuned"),
}  # fmt: skip

_UP, _DOWN, _LEFT, _RIGHT = (0, -1), (0, 1), (-1, 0), (1, 0)
_OPEN = {
    "│": {_UP, _DOWN}, "─": {_LEFT, _RIGHT}, "╭": {_DOWN, _RIGHT}, "╮": {_DOWN, _LEFT},
    "╰": {_UP, _RIGHT}, "╯": {_UP, _LEFT}, "├": {_UP, _DOWN, _RIGHT}, "┤": {_UP, _DOWN, _LEFT},
    "┬": {_LEFT, _RIGHT, _DOWN}, "┴": {_LEFT, _RIGHT, _UP}, "┼": {_UP, _DOWN, _LEFT, _RIGHT},
}  # fmt: skip


def staged(needs: Mapping[str, Sequence[str]], cells: int = 1) -> tuple[StageView, ...]:
    """Stages of so many cells each, that need each other so."""
    first = {name: at * cells for at, name in enumerate(needs)}
    infos = tuple(
        events.CellInfo(
            f"{name}@seed={seed}" if cells > 1 else name, name, "t",
            {"seed": str(seed)} if cells > 1 else {},
            tuple(first[need] + seed for need in needs[name]),
        )
        for name in needs
        for seed in range(cells)
    )  # fmt: skip
    began = events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu")
    return stages(fold(RunView(), began))


def any_graph(seed: int, count: int, most: int = 3) -> dict[str, list[str]]:
    """A graph of so many nodes, each of which needs a few of those before it."""
    draw = random.Random(seed)
    names = [f"n{at}" for at in range(count)]
    return {
        name: draw.sample(names[:at], k=min(at, draw.randint(0, most)))
        for at, name in enumerate(names)
    }


def drawn(
    needs: Mapping[str, Sequence[str]],
    columns: int,
    rows: int,
    *,
    cells: int = 1,
    opened: Sequence[str] = (),
    selected: Item | None = None,
    signs: Signs = UNICODE,
) -> tuple[str, Sheet]:
    """The drawing of such stages, as text and as it is."""
    found = staged(needs, cells)
    arrangement = arranged(Graph.of(found), found, opened, columns, rows)
    sheet = dag(found, arrangement, Boxes(opened, arrangement.tall, 0.0, signs), selected)
    return plain(sheet.rows), sheet


def read_edges(text: str, sheet: Sheet) -> set[tuple[str, str]]:
    """Pairs of stages that lines lead from and to, as an eye follows them in the text.

    Lines are followed ahead and to both sides, never back; where the way is barred by an upright
    line, it goes on behind it.
    """
    down = "▼" in text
    letters = {
        (x, y): letter for y, row in enumerate(text.split("\n")) for x, letter in enumerate(row)
    }
    ways = (_DOWN, _LEFT, _RIGHT) if down else (_RIGHT, _UP, _DOWN)
    found: set[tuple[str, str]] = set()
    for item, rect in sheet.places.items():
        for x, y in _mouths(letters, rect, down=down):
            ahead = (x + ways[0][0], y + ways[0][1])
            for end in _heads(letters, ahead, ways):
                entered = sheet.at(end[0] + ways[0][0], end[1] + ways[0][1])
                assert entered is not None, f"an arrow at {end} leads nowhere"
                found.add((item.stage, entered.stage))
    return found


def _mouths(letters, rect, *, down):
    right, bottom = rect.left + rect.columns - 1, rect.top + rect.rows - 1
    if down:
        border = [(x, bottom) for x in range(rect.left + 1, right)]
        return [place for place in border if letters[place] in "┬┯"]
    border = [(right, y) for y in range(rect.top + 1, bottom)]
    return [place for place in border if letters[place] in "├┠"]


def _heads(letters, start, ways):
    """Places of arrows that are reached from a place."""
    waiting, seen, heads = [(start, ways[0])], {start}, []
    while waiting:
        place, _ = waiting.pop()
        letter = letters.get(place, " ")
        if letter in "▼▶":
            heads.append(place)
            continue
        assert letter in _OPEN, f"a line ends in {letter!r} at {place}"
        for way in ways:
            if way not in _OPEN[letter]:
                continue
            there = (place[0] + way[0], place[1] + way[1])
            while way in (_LEFT, _RIGHT) and letters.get(there) == "│":
                there = (there[0] + way[0], there[1])
            if there not in seen:
                seen.add(there)
                waiting.append((there, way))
    return heads
