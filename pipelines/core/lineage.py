"""What outputs were made from: examples of classes, which may be had under several names. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

Held = tuple[str, str] | tuple[str, str, str, int, int]
"""Examples of one class: its name and the part that they are of; where it is known, also what the
class is whatever it is called, and the first and last place (not included) of the examples in an
order of all its examples that is always the same."""

GENERATED: Final = "generated"
"""Part of tasks that a formula gives by their number in a stream, as they are judged on. Who learns
from such a family draws other tasks, by its seed, so that these are never learned from."""
ANOTHER_STREAM: Final = "give them different tasks: another `stream: NUMBER`"

_WHOLE: Final = 5
"""Fields of a `Held` whose places are known."""
_SHOWN = 4


def identity(held: Held) -> str:
    """What the class is, whatever it is called."""
    return held[2] if len(held) == _WHOLE else held[0]


def touches(one: Held, other: Held) -> bool:
    """Whether some examples are the same, as far as is known."""
    if identity(one) != identity(other):
        return False
    if len(one) == _WHOLE and len(other) == _WHOLE:
        return one[3] < other[4] and other[3] < one[4]
    return one[1] == other[1] or "all" in (one[1], other[1])


def learned_from(held: Iterable[Held]) -> frozenset[Held]:
    """Those that whoever learns from the family learns from."""
    return frozenset(each for each in held if each[1] != GENERATED)


def generated(held: Iterable[Held]) -> bool:
    """Whether these are tasks that a formula gives."""
    return any(each[1] == GENERATED for each in held)


def tests(held: Iterable[Held]) -> frozenset[Held]:
    """Those of the test part."""
    return frozenset(each for each in held if each[1] == "test")


def shared(made: Iterable[Held], judged: Iterable[Held], *, by_classes: bool = False) -> list[str]:
    """Names of what is judged on and was learned from, ascending.

    Args:
        made: what was learned from.
        judged: what is judged on.
        by_classes: other examples of a class count too.
    """
    known: dict[str, list[Held]] = {}
    for each in made:
        known.setdefault(identity(each), []).append(each)
    found = {
        each[0]
        for each in judged
        for other in known.get(identity(each), ())
        if by_classes or touches(each, other)
    }
    return sorted(found)


def listed(names: Iterable[str]) -> str:
    """Some names of classes, the last parts of long ones; of many, the first."""
    every = list(dict.fromkeys(names))
    return ", ".join(every[:_SHOWN]) + (", …" if len(every) > _SHOWN else "")


def parted(one: Iterable[Held], other: Iterable[Held]) -> Iterator[tuple[Held, Held]]:
    """Pairs of the same examples under different parts."""
    known: dict[str, list[Held]] = {}
    for each in one:
        known.setdefault(identity(each), []).append(each)
    for each in other:
        for there in known.get(identity(each), ()):
            apart = each[1] != there[1] and "all" not in (each[1], there[1])
            if apart and len(each) == len(there) == _WHOLE and touches(each, there):
                yield there, each
