"""A drawing with things in it that a cursor can be put on, and the way from one to the next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meta_tui.render.text.spans import Line


@dataclass(frozen=True, slots=True)
class Item:
    """What a cursor can be put on: a stage, or one of its cells."""

    stage: str
    cell: int | None = None


class Rect(NamedTuple):
    """Where something is drawn."""

    left: int
    top: int
    columns: int
    rows: int

    def holds(self, x: int, y: int) -> bool:
        """Whether a place lies in it."""
        return 0 <= x - self.left < self.columns and 0 <= y - self.top < self.rows


@dataclass(frozen=True, slots=True)
class Sheet:
    """Lines, and where in them each item is, in the order of the file.

    Where items lie in each other (the cells of a stage in its box), the inner come later.
    """

    rows: list[Line]
    places: Mapping[Item, Rect]

    def at(self, x: int, y: int) -> Item | None:
        """The item at a place, the innermost of several."""
        found = [item for item, rect in self.places.items() if rect.holds(x, y)]
        return found[-1] if found else None


_ASIDE, _ROW = 3, 2
"""A step to the side counts so much as one ahead, a row so many columns."""
_TIE, _ALIKE = 1e-3, 8
"""Of those as far ahead the one that lies in the middle is nearer; of those alike, the later."""


def step(places: Mapping[Item, Rect], item: Item, across: int, down: int) -> Item:
    """The nearest item in a direction, or the same where there is none.

    Args:
        places: where the items are.
        item: from where.
        across: 1 to the right, -1 to the left, 0 up or down.
        down: 1 down, -1 up, 0 to a side.
    """
    here = _head(places[item])
    best, nearest = item, float("inf")
    for other, rect in places.items():
        there = _head(rect)
        dx = _apart(here.left, here.columns, there.left, there.columns)
        dy = _apart(here.top, here.rows, there.top, there.rows) * _ROW
        ahead, aside = dx * across + dy * down, abs(dx * down) + abs(dy * across)
        middle = abs(2 * here.left + here.columns - 2 * there.left - there.columns)
        far = ahead + _ASIDE * aside + _TIE * (middle // _ALIKE)
        if ahead > 0 and far <= nearest:
            best, nearest = other, far
    return best


def _head(rect: Rect) -> Rect:
    """Its first two rows: the cells in a box that is opened lie below them."""
    return rect._replace(rows=min(rect.rows, 2))


def _apart(start: int, size: int, other: int, extent: int) -> int:
    """How far another stretch lies behind one; negative before it, 0 where they overlap."""
    if other >= start + size:
        return other - start - size + 1
    return min(0, other + extent - start - 1)
