"""The graph of a run: a box for each stage, lines for what reads whose results.

A line that only crosses another passes under it, so that lines which touch are those that belong
together. A stage of several cells is one box with counts until it is opened.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

from meta_tui.model.stage_summary import StageView
from meta_tui.render.graph.boxes import Boxes, sizes
from meta_tui.render.graph.char_grid import Grid
from meta_tui.render.graph.items import Item, Rect, Sheet
from meta_tui.render.graph.layering import Layers, layers
from meta_tui.render.graph.layout import DOWNWARD, RIGHTWARD, Layout, layout
from meta_tui.render.text.spans import Style
from meta_tui.render.text.symbols import STYLES

_ASIDE = 4
"""How much worse it is to scroll to the side than down."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The stages of a run as nodes of a graph. It depends on the file only, not on the run."""

    names: tuple[str, ...]
    layers: Layers

    @classmethod
    def of(cls, stages: Sequence[StageView]) -> "Graph":
        """The graph of some stages."""
        number = {stage.name: at for at, stage in enumerate(stages)}
        edges = [
            (number[need], at) for at, stage in enumerate(stages) for need in stage.needs
            if need in number
        ]  # fmt: skip
        return cls(tuple(number), layers(len(number), edges))


@dataclass(frozen=True, slots=True)
class Arranged:
    """A graph on a grid, with tall boxes or short ones."""

    layout: Layout
    tall: bool


def arranged(
    graph: Graph, stages: Sequence[StageView], opened: Collection[str], columns: int, rows: int
) -> Arranged:
    """The arrangement that suits an area best.

    To the right before downward, wide boxes for cells before narrow ones, tall heads before short
    ones; where nothing fits, what reaches least beyond, above all to the right.
    """
    tried: list[tuple[int, Arranged]] = []
    for tall, roomy, direction in product((True, False), (True, False), (RIGHTWARD, DOWNWARD)):
        if not (roomy or opened):
            continue
        wanted = sizes(stages, opened, tall=tall, roomy=roomy)
        found = layout(graph.layers, wanted, direction, columns if direction.down else rows)
        beyond = _ASIDE * max(0, found.columns - columns) + max(0, found.rows - rows)
        if not beyond:
            return Arranged(found, tall)
        tried.append((beyond, Arranged(found, tall)))
    return min(tried, key=lambda each: each[0])[1]


def dag(
    stages: Sequence[StageView], arrangement: Arranged, boxes: Boxes, selected: Item | None
) -> Sheet:
    """The drawing, and where each stage and each cell of an opened one is in it."""
    found, signs = arrangement.layout, boxes.signs
    grid = Grid(found.columns, found.rows)
    number = {stage.name: at for at, stage in enumerate(stages)}
    node = number.get(selected.stage) if selected else None
    # What belongs to the selected box is drawn last, over what it crosses.
    for wire in sorted(found.wires, key=lambda wire: node in wire.nodes):
        style: Style = "accent" if node in wire.nodes else "dim"
        grid.line(wire.cells, style)
        for x, y in wire.heads:
            grid.put(x, y, "▼" if found.down else "▶", style)
    places: dict[Item, Rect] = {}
    for at, (stage, rect) in enumerate(zip(stages, found.boxes, strict=True)):
        frame: Style = "accent" if at == node else STYLES[stage.state]
        grid.box(rect, frame, heavy=at == node, down=found.down)
        cell = selected.cell if selected and at == node else None
        places |= _filled(grid, stage, rect, boxes, cell)
    return Sheet(grid.lines(ascii_only=not signs.braille), places)


def _filled(
    grid: Grid, stage: StageView, rect: Rect, boxes: Boxes, selected: int | None
) -> dict[Item, Rect]:
    """Write what stands in a box; returns where the stage and its cells are."""
    left, y, columns = rect.left + 2, rect.top + 1, rect.columns - 4
    places = {Item(stage.name): rect}
    for row in boxes.head(stage, columns):
        grid.write(left, y, row)
        y += 1
    if stage.name not in boxes.opened:
        return places
    cells = boxes.cells(stage, columns, selected)
    for cell, row in cells:
        grid.write(left, y, row)
        places[Item(stage.name, cell.ordinal)] = Rect(rect.left, y, rect.columns, 1)
        y += 1
    grid.write(left, y, boxes.more(stage, [cell for cell, _ in cells]))
    return places
