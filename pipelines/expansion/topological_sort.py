"""A stable topological order, and the circles that have none."""

import heapq
from collections.abc import Iterator, Mapping, Set

_DRAWN = 12


def ordered(needs: Mapping[str, Set[str]]) -> tuple[list[str], list[list[str]]]:
    """The names so that each comes after all it needs, otherwise in the order given.

    Returns:
        The order, without the members of circles; and each circle in the direction in which
        things flow, from its first name in the order given, which is again at its end.
    """
    position = {name: index for index, name in enumerate(needs)}
    users: dict[str, list[str]] = {name: [] for name in needs}
    for name, before in needs.items():
        for need in before:
            users[need].append(name)
    waiting = {name: len(before) for name, before in needs.items()}
    ready = [index for name, index in position.items() if not waiting[name]]
    heapq.heapify(ready)
    done: set[str] = set()
    order: list[str] = []
    circles: list[list[str]] = []
    names, first = list(needs), 0
    while len(done) < len(needs):
        if ready:
            finished = [names[heapq.heappop(ready)]]
            order += finished
        else:
            while names[first] in done:
                first += 1
            finished = _circle(names[first], needs, done)
            start = finished.index(min(finished, key=position.__getitem__))
            turned = [*finished[start::-1], *finished[:start:-1]]
            circles.append([*turned, turned[0]])
        done.update(finished)
        for user in _released(finished, users, waiting):
            if user not in done:
                heapq.heappush(ready, position[user])
    return order, circles


def drawn(circle: list[str]) -> str:
    """A circle as `a → b → a`, the middle of a long one left out."""
    long = len(circle) > _DRAWN
    return " → ".join([*circle[: _DRAWN // 2], "…", *circle[-_DRAWN // 2 :]] if long else circle)


def _released(
    finished: list[str], users: Mapping[str, list[str]], waiting: dict[str, int]
) -> Iterator[str]:
    for name in finished:
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:
                yield user


def _circle(name: str, needs: Mapping[str, Set[str]], done: Set[str]) -> list[str]:
    """Walk from need to need among what is left until a name comes again."""
    seen: dict[str, int] = {}
    while name not in seen:
        seen[name] = len(seen)
        name = min(need for need in needs[name] if need not in done)
    return list(seen)[seen[name] :]
