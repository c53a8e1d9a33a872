"""The lines between two layers of a graph, each on a track of its own where it goes across.

Lines that have the same ends are one: whatever a line touches belongs to it, and lines that only
cross never share a corner or a way into a box.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

from meta_tui.render.graph.layering import Layers

_SHIFTS = (0, 1, -1, 2, -2, 3, -3)


class Jog(NamedTuple):
    """A second way across, where the first may not end opposite to where another line begins."""

    place: int
    """Across, where the line lies between its two tracks."""
    track: int


@dataclass(frozen=True, slots=True)
class Net:
    """Lines from some nodes of a layer to some of the next, all to all.

    Attributes:
        sources: nodes, and where across they are left.
        targets: nodes, and where across they are entered.
        track: where along the channel it goes across; None where it is straight.
        jogs: targets to which it goes across twice.
    """

    sources: Mapping[int, int]
    targets: Mapping[int, int]
    track: int | None = None
    jogs: Mapping[int, Jog] = field(default_factory=dict)

    @property
    def doors(self) -> Mapping[int, int]:
        """Targets, and where across its lines to them leave its track."""
        jogged = {node: jog.place for node, jog in self.jogs.items()}
        return {**self.targets, **jogged}

    @property
    def extent(self) -> tuple[int, int]:
        """First and last place of it on its track."""
        places = [*self.sources.values(), *self.doors.values()]
        return min(places), max(places)

    @property
    def tracks(self) -> int:
        """How many tracks there must be for it."""
        last = -1 if self.track is None else self.track
        return max([last, *(jog.track for jog in self.jogs.values())]) + 1


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
    Where that goes round in a circle, one goes across twice.
    """
    used = {place for net in nets for place in (*net.sources.values(), *net.targets.values())}
    found = [net for net in nets if net.extent[0] == net.extent[1]]
    waiting = sorted((net for net in nets if net not in found), key=lambda net: net.extent)
    tracks = _Tracks()
    jogged: list[Net] = []
    while waiting:
        net = next((net for net in waiting if not _barred(net, waiting)), waiting[0])
        waiting.remove(net)
        jogs = {}
        for node in _barred(net, waiting):
            jogs[node] = Jog(_unused(net.targets[node], used), -1)
            used.add(jogs[node].place)
        moved = replace(net, jogs=jogs)
        first = tracks.after(set(moved.doors.values()))
        jogged.append(replace(moved, track=tracks.take(moved.extent, first)))
        tracks.left(net.sources.values(), jogged[-1].track or 0)
    return found + [replace(net, jogs=_jogs(net, tracks)) for net in jogged]


def _barred(net: Net, waiting: Sequence[Net]) -> list[int]:
    """Targets that a net enters where another, which has no track yet, leaves a box opposite."""
    left = {place for other in waiting if other is not net for place in other.sources.values()}
    return [node for node, door in net.targets.items() if door in left]


def _unused(place: int, used: Collection[int]) -> int:
    """The nearest place at which no line begins or ends."""
    near = (place + side * far for far in count(1) for side in (1, -1) if place >= side * -far)
    return next(other for other in near if other not in used)


def _jogs(net: Net, tracks: "_Tracks") -> dict[int, Jog]:
    jogs: dict[int, Jog] = {}
    for node, jog in net.jogs.items():
        door = net.targets[node]
        first = max(tracks.after({door}), (net.track or 0) + 1)
        extent = min(door, jog.place), max(door, jog.place)
        jogs[node] = Jog(jog.place, tracks.take(extent, first))
    return jogs


@dataclass(slots=True)
class _Tracks:
    """The tracks of a channel: where each is taken, and on which one what begins where ends."""

    _taken: list[tuple[int, int, int]] = field(default_factory=list)
    _left: dict[int, int] = field(default_factory=dict)

    def left(self, places: Iterable[int], track: int) -> None:
        """Lines that begin at these places lie along as far as a track."""
        self._left |= dict.fromkeys(places, track)

    def after(self, places: Collection[int]) -> int:
        """The first track behind all lines that begin at these places."""
        return max((self._left[place] + 1 for place in places if place in self._left), default=0)

    def take(self, extent: tuple[int, int], first: int) -> int:
        """The first track from one on that is free there."""
        low, high = extent
        taken = {track for a, b, track in self._taken if low <= b + 1 and a <= high + 1}
        track = next(track for track in count(first) if track not in taken)
        self._taken.append((low, high, track))
        return track
