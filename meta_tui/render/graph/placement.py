"""Where the nodes of a layered graph lie across their layers: each near its neighbours."""

from collections.abc import Sequence

from meta_tui.render.graph.layering import Layers

_SWEEPS = 6
_STRAIGHT = 8.0
"""Weight of an edge between bends: that a long one is straight matters most."""


def ports(graph: Layers, across: Sequence[int], gap: int, room: int) -> list[int]:
    """The middle of each node; the first box begins at 0.

    Args:
        graph: the nodes.
        across: size of each, across the layers.
        gap: free places between two boxes of a layer.
        room: places that there are across; more are used only where a layer needs them.
    """
    found = [0] * len(across)
    spaces = [_spaces(graph, row, across, gap) for row in graph.order]
    widest = max((places[-1] for places in spaces), default=0)
    slack = [max(room, widest) - places.pop() for places in spaces]
    for row, space in zip(graph.order, spaces, strict=True):
        for node, place in zip(row, space, strict=True):
            found[node] = place
    for sweep in range(_SWEEPS):
        levels = list(range(len(graph.order)))
        for level in reversed(levels) if sweep % 2 else levels:
            row = graph.order[level]
            near = [_near(graph, node, sweep, found) for node in row]
            placed = _packed(near, spaces[level], slack[level])
            for node, place in zip(row, placed, strict=True):
                found[node] = place
    first = min((found[node] - across[node] // 2 for node in range(len(across))), default=0)
    return [place - first for place in found]


def _spaces(graph: Layers, row: Sequence[int], across: Sequence[int], gap: int) -> list[int]:
    """Middles of the nodes of a layer that lie as close as they may, and where the last ends.

    Beside a line there is one free place where there are any.
    """
    places: list[int] = []
    left = 0
    for at, node in enumerate(row):
        if at:
            lines = graph.is_bend(node) or graph.is_bend(row[at - 1])
            left += min(gap, 1) if lines else gap
        places.append(left + across[node] // 2)
        left += across[node]
    return [*places, left]


def _near(graph: Layers, node: int, sweep: int, found: Sequence[int]) -> tuple[float, float]:
    """Where a node should lie for its neighbours on the side that a sweep comes from; how much so.

    The last two sweeps look at both sides.
    """
    sides = (
        (graph.before, graph.after)
        if sweep >= _SWEEPS - 2
        else ((graph.after,) if sweep % 2 else (graph.before,))
    )
    weighed = [
        (found[other], _STRAIGHT if graph.is_bend(node) or graph.is_bend(other) else 1.0)
        for side in sides
        for other in side[node]
    ]
    if not weighed:
        return float(found[node]), 0.1
    weight = sum(each for _, each in weighed)
    return sum(place * each for place, each in weighed) / weight, weight


def _packed(near: Sequence[tuple[float, float]], spaces: Sequence[int], slack: int) -> list[int]:
    """Places in order, at least as far apart as in `spaces`, nearest to where they should be.

    Weighted squared distances are the least (pools of adjacent violators), where no place may be
    before that in `spaces`, or more than `slack` after it.
    """
    pools: list[tuple[float, float, int]] = []
    for (place, weight), space in zip(near, spaces, strict=True):
        mean, heavy, size = place - space, weight, 1
        while pools and pools[-1][0] >= mean:
            other, more, count = pools.pop()
            mean = (mean * heavy + other * more) / (heavy + more)
            heavy, size = heavy + more, size + count
        pools.append((mean, heavy, size))
    means = [min(slack, max(0, round(mean))) for mean, _, size in pools for _ in range(size)]
    return [mean + space for mean, space in zip(means, spaces, strict=True)]
