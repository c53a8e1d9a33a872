"""Where the boxes of a layered graph and the lines between them go: whole places in a grid.

Layers follow each other along one axis, the nodes of a layer lie across it; which of the two is
down the screen is decided at the end, so that both directions are drawn by the same code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from meta_tui.render.graph.edge_routing import Net, channel, lines_into
from meta_tui.render.graph.items import Rect
from meta_tui.render.graph.layering import Layers
from meta_tui.render.graph.placement import ports

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
"""Sides of a place at which a line goes on."""


@dataclass(frozen=True, slots=True)
class Direction:
    """How a graph lies on the screen.

    Attributes:
        down: layers follow each other down the screen, not to the right.
        gap: free places between two boxes of a layer.
        stub: places between a box and the first line across.
        pitch: places from one line into a box to the next.
    """

    down: bool
    gap: int
    stub: int
    pitch: int


DOWNWARD = Direction(down=True, gap=2, stub=0, pitch=2)
RIGHTWARD = Direction(down=False, gap=0, stub=1, pitch=1)


@dataclass(frozen=True, slots=True)
class Wire:
    """A bundle of lines.

    Attributes:
        nodes: those that it connects, at its ends and beyond its bends.
        cells: (x, y) -> sides of that place at which it goes on.
        heads: places just before a box that it leads into.
    """

    nodes: frozenset[int]
    cells: Mapping[tuple[int, int], int]
    heads: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A graph on a grid."""

    boxes: tuple[Rect, ...]
    wires: tuple[Wire, ...]
    down: bool

    @property
    def columns(self) -> int:
        """How wide it is."""
        lines = (x + 1 for wire in self.wires for x, _ in wire.cells)
        return max([0, *(box.left + box.columns for box in self.boxes), *lines])

    @property
    def rows(self) -> int:
        """How high it is."""
        lines = (y + 1 for wire in self.wires for _, y in wire.cells)
        return max([0, *(box.top + box.rows for box in self.boxes), *lines])


def layout(
    graph: Layers, sizes: Sequence[tuple[int, int]], direction: Direction, room: int
) -> Layout:
    """The layout of a graph whose nodes have boxes of at least these columns and rows.

    `room` is the places that there are across the layers: more are used only where one needs them.
    """
    return _Draft(graph, sizes, direction, room).layout()


@dataclass(slots=True)
class _Draft:
    """A layout while it is made. `along` is the axis of the layers, `across` the other."""

    graph: Layers
    sizes: Sequence[tuple[int, int]]
    direction: Direction
    room: int
    along: list[int] = field(init=False)
    across: list[int] = field(init=False)
    ports: list[int] = field(init=False)
    depths: list[int] = field(init=False)
    """Of each layer, the extent of its boxes along."""

    def __post_init__(self) -> None:
        down, bends = self.direction.down, len(self.graph.origin) - len(self.sizes)
        least = [max(0, count - 1) * self.direction.pitch + 3 for count in lines_into(self.graph)]
        sizes = [*self.sizes, *[(1, 1)] * bends]
        self.along = [size[1] if down else size[0] for size in sizes]
        self.across = [
            1 if self.graph.is_bend(node) else max(size[0] if down else size[1], least[node])
            for node, size in enumerate(sizes)
        ]
        self.ports = ports(self.graph, self.across, self.direction.gap, self.room)
        self.depths = [max(self.along[node] for node in row) for row in self.graph.order]

    def layout(self) -> Layout:
        """All of it, layer after layer."""
        boxes: dict[int, Rect] = {}
        wires: list[Wire] = []
        start = 0
        for row, depth in zip(self.graph.order, self.depths, strict=True):
            boxes |= {node: self._box(node, start) for node in row if not self.graph.is_bend(node)}
            wires += [self._through(node, start, depth) for node in row if self.graph.is_bend(node)]
            nets = channel(self.graph, row, self.ports, self.across, self.direction.pitch)
            tracks = max((net.tracks for net in nets), default=0)
            after = start + depth + self.direction.stub + tracks + 1
            wires += [self._wire(net, start, start + depth, after) for net in nets]
            start = after
        return Layout(
            tuple(boxes[node] for node in sorted(boxes)), tuple(wires), self.direction.down
        )

    def _box(self, node: int, start: int) -> Rect:
        side = self.ports[node] - self.across[node] // 2
        if self.direction.down:
            return Rect(side, start, self.across[node], self.along[node])
        return Rect(start, side, self.along[node], self.across[node])

    def _through(self, bend: int, start: int, depth: int) -> Wire:
        cells: dict[tuple[int, int], int] = {}
        self._run(cells, self.ports[bend], start, start + depth)
        return Wire(self._nodes([bend], [bend]), cells)

    def _wire(self, net: Net, start: int, end: int, after: int) -> Wire:
        """The lines of a net from a layer at `start` to `end`, to the next that begins `after`."""
        cells: dict[tuple[int, int], int] = {}
        back, ahead, *_ = self._sides()
        first = end + self.direction.stub
        turn = after if net.track is None else first + net.track
        for node, port in net.sources.items():
            bend = self.graph.is_bend(node)
            self._run(cells, port, end if bend else start + self.along[node], turn)
            self._mark(cells, turn, port, back if turn < after else 0)
        for node, door in net.doors.items() if turn < after else ():
            jog = net.jogs.get(node)
            behind = after if jog is None else first + jog.track
            self._mark(cells, turn, door, ahead)
            self._run(cells, door, turn + 1, behind)
            if jog is not None:
                self._mark(cells, behind, door, back)
                self._across(cells, behind, *sorted((door, net.targets[node])))
                self._mark(cells, behind, net.targets[node], ahead)
                self._run(cells, net.targets[node], behind + 1, after)
        self._across(cells, turn, *net.extent)
        heads = tuple(
            self._place(after - 1, port)
            for node, port in net.targets.items()
            if not self.graph.is_bend(node)
        )
        return Wire(self._nodes(net.sources, net.targets), cells, heads)

    def _across(self, cells: dict[tuple[int, int], int], along: int, first: int, last: int) -> None:
        *_, low, high = self._sides()
        for place in range(first, last):
            self._mark(cells, along, place, high)
            self._mark(cells, along, place + 1, low)

    def _nodes(self, sources: Iterable[int], targets: Iterable[int]) -> frozenset[int]:
        origins = {self.graph.origin[node] for node in sources}
        return frozenset(origins.union(*(self.graph.ends[node] for node in targets)))

    def _sides(self) -> tuple[int, int, int, int]:
        """Back and ahead along, low and high across."""
        return (UP, DOWN, LEFT, RIGHT) if self.direction.down else (LEFT, RIGHT, UP, DOWN)

    def _place(self, along: int, across: int) -> tuple[int, int]:
        return (across, along) if self.direction.down else (along, across)

    def _run(self, cells: dict[tuple[int, int], int], across: int, first: int, end: int) -> None:
        back, ahead, *_ = self._sides()
        for along in range(first, end):
            self._mark(cells, along, across, back | ahead)

    def _mark(self, cells: dict[tuple[int, int], int], along: int, across: int, sides: int) -> None:
        if sides:
            place = self._place(along, across)
            cells[place] = cells.get(place, 0) | sides
