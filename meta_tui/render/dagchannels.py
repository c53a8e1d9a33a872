"""The lines between two layers of a graph, each on a track of its own where it goes across.

Lines that have the same ends are one: whatever a line touches belongs to it, and lines that only
cross never share a corner or a way into a box.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meta_tui.render.daglayers import Layers

_SHIFTS = (0, 1, -1, 2, -2, 3, -3)


@dataclass(frozen=True, slots=True)
class Net:
    """Lines from some nodes of a layer to some of the next, all to all.

    Attributes:
        sources: nodes, and where across they are left.
        targets: nodes, and where across they are entered.
        track: where along the channel it goes across; None where it is straight.
    """

    sources: Mapping[int, int]
    targets: Mapping[int, int]
    track: int | None = None

    @property
    def extent(self) -> tuple[int, int]:
        """First and last place that it goes to across."""
        places = [*self.sources.values(), *self.targets.values()]
        return min(places), max(places)


def channel(
    graph: Layers, row: Sequence[int], ports: Sequence[int], across: Sequence[int], pitch: int
) -> list[Net]:
    """The nets that leave a layer.

    Args:
        graph: the nodes.
        row: those of the layer.
        ports: middle of each node across.
        across: size of each node across.
        pitch: places between two lines into one box.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for node in row:
        if graph.after[node]:
            groups.setdefault(tuple(sorted(graph.after[node])), []).append(node)
    left = [{node: ports[node] for node in sources} for sources in groups.values()]
    entered: list[dict[int, int]] = [{} for _ in groups]
    for target in dict.fromkeys(target for targets in groups for target in targets):
        arriving = [at for at, targets in enumerate(groups) if target in targets]
        arriving.sort(key=lambda at: sum(left[at].values()) / len(left[at]))
        room = 0 if graph.is_bend(target) else across[target] // 2 - 1
        for at, place in zip(
            arriving, _doors(arriving, left, ports[target], room, pitch), strict=True
        ):
            entered[at][target] = place
    return _tracked([Net(*ends) for ends in zip(left, entered, strict=True)])


def lines_into(graph: Layers) -> list[int]:
    """How many nets enter each node: its box must have room for as many lines."""
    arriving: list[set[tuple[int, ...]]] = [set() for _ in graph.origin]
    for row in graph.order:
        for node in row:
            for target in graph.after[node]:
                arriving[target].add(tuple(sorted(graph.after[node])))
    return [len(nets) for nets in arriving]


def _doors(
    arriving: Sequence[int], left: Sequence[Mapping[int, int]], middle: int, room: int, pitch: int
) -> list[int]:
    """Where the nets enter a box; not where another net leaves the layer before, if possible."""
    first = middle - (len(arriving) - 1) * pitch // 2
    doors = [first + at * pitch for at in range(len(arriving))]
    for shift in _SHIFTS:
        moved = [door + shift for door in doors]
        if max(abs(door - middle) for door in moved) > room:
            continue
        taken = (
            door in found.values()
            for door, net in zip(moved, arriving, strict=True)
            for at, found in enumerate(left)
            if at != net
        )
        if not any(taken):
            return moved
    return doors


def _tracked(nets: Sequence[Net]) -> list[Net]:
    """The nets on tracks: lines on one track do not touch, nor do those that end opposite.

    Where one net leaves a box opposite to where another enters one, the first goes across first.
    """
    found = [net for net in nets if net.extent[0] == net.extent[1]]
    waiting = sorted((net for net in nets if net not in found), key=lambda net: net.extent)
    done: list[Net] = []
    while waiting:
        net = next((net for net in waiting if not _blocked(net, waiting)), waiting[0])
        waiting.remove(net)
        done.append(Net(net.sources, net.targets, _free(net, done)))
    return [*found, *done]


def _blocked(net: Net, others: Sequence[Net]) -> bool:
    doors = set(net.targets.values())
    return any(other is not net and doors & set(other.sources.values()) for other in others)


def _free(net: Net, done: Sequence[Net]) -> int:
    """The first track, after those that must come before, on which nobody is in the way."""
    doors = set(net.targets.values())
    first, last = net.extent
    before = [other for other in done if other.track is not None]
    track = max(
        (other.track + 1 for other in before if other.track is not None
         and doors & set(other.sources.values())), default=0,
    )  # fmt: skip
    taken = {
        other.track
        for other in before
        if first <= other.extent[1] + 1 and other.extent[0] <= last + 1
    }
    while track in taken:
        track += 1
    return track
