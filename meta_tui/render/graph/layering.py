"""Nodes of a graph in layers, ordered so that few edges cross (Sugiyama, Tagawa, Toda 1981).

An edge that spans several layers is led through each by a bend; edges of one node share their
bends, so that they part as late as they can.
"""

from bisect import bisect_right, insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass

Edge = tuple[int, int]
"""From a node to a later one that reads its result."""
_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Layers:
    """A layered graph.

    Attributes:
        order: the nodes of each layer, across.
        before: of each node, those of the layer before that lead to it.
        after: of each node, those of the next layer that it leads to.
        origin: of each node itself, of a bend the node where its edges begin.
        ends: the nodes where the edges through a bend end; of a node itself.
    """

    order: tuple[tuple[int, ...], ...]
    before: tuple[tuple[int, ...], ...]
    after: tuple[tuple[int, ...], ...]
    origin: tuple[int, ...]
    ends: tuple[frozenset[int], ...]

    def is_bend(self, node: int) -> bool:
        """Whether it is no node but a place that an edge goes through."""
        return self.origin[node] != node


def layers(count: int, edges: Collection[Edge]) -> Layers:
    """The layers of so many nodes; an edge that does not lead to a later node is left out."""
    kept = sorted({(a, b) for a, b in edges if 0 <= a < b < count}, key=lambda edge: edge[::-1])
    depth = _depths(count, kept)
    origin, links = _bends(kept, depth)
    before: list[list[int]] = [[] for _ in origin]
    after: list[list[int]] = [[] for _ in origin]
    for a, b in links:
        before[b].append(a)
        after[a].append(b)
    rows: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for node, at in enumerate(depth):
        rows[at].append(node)
    order = _ordered(rows, before, after)
    return Layers(
        tuple(map(tuple, order)),
        tuple(map(tuple, before)),
        tuple(map(tuple, after)),
        tuple(origin),
        _ends(origin, order, after),
    )


def _depths(count: int, edges: Sequence[Edge]) -> list[int]:
    """Layer of each node: after all that it needs, and late where that shortens its edges."""
    depth = [0] * count
    users: list[list[int]] = [[] for _ in range(count)]
    needs = [0] * count
    for a, b in edges:
        depth[b] = max(depth[b], depth[a] + 1)
        users[a].append(b)
        needs[b] += 1
    for node in reversed(range(count)):
        if needs[node] < len(users[node]):
            depth[node] = min(depth[user] for user in users[node]) - 1
    return depth


def _bends(edges: Sequence[Edge], depth: list[int]) -> tuple[list[int], list[Edge]]:
    """Origins of all nodes, bends included, and edges from layer to layer; `depth` grows."""
    origin = list(range(len(depth)))
    bends: dict[Edge, int] = {}
    links: list[Edge] = []
    for a, b in edges:
        last = a
        for level in range(depth[a] + 1, depth[b]):
            if (a, level) not in bends:
                bends[a, level] = len(origin)
                origin.append(a)
                depth.append(level)
                links.append((last, bends[a, level]))
            last = bends[a, level]
        links.append((last, b))
    return origin, links


def _ends(
    origin: Sequence[int], order: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> tuple[frozenset[int], ...]:
    ends = [frozenset([node]) for node in range(len(origin))]
    for row in reversed(order):
        for node in row:
            if origin[node] != node:
                ends[node] = frozenset().union(*(ends[target] for target in after[node]))
    return tuple(ends)


def _ordered(
    rows: list[list[int]], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> list[list[int]]:
    """The rows with the fewest crossings that sweeps down and up come to."""
    place = {node: at for row in rows for at, node in enumerate(row)}
    best, fewest = [list(row) for row in rows], _crossings(rows, after, place)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        near = after if sweep % 2 else before
        for row in reversed(rows) if sweep % 2 else rows:
            row.sort(key=lambda node: _mean([place[other] for other in near[node]], place[node]))
            place.update((node, at) for at, node in enumerate(row))
        crossings = _crossings(rows, after, place)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _mean(places: Sequence[int], otherwise: int) -> float:
    return sum(places) / len(places) if places else otherwise


def _crossings(
    rows: Sequence[Sequence[int]], after: Sequence[Sequence[int]], place: dict[int, int]
) -> int:
    """Pairs of edges that cross."""
    total = 0
    for row in rows:
        seen: list[int] = []
        for node in row:
            ends = sorted(place[target] for target in after[node])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
