"""Minimum and maximum of any range of a growing curve, without reading every point.

The extremes of each full block of sixteen values are computed once; a query reads the blocks
inside its range and the few values at both ends. A chart of 100,000 points makes some hundred
such queries at each redraw.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

_BLOCK = 16


def _doubles() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Extremes:
    """Range minimum and maximum of values that only grow, or are truncated with `cut`."""

    values: Sequence[float]
    _low: "array[float]" = field(default_factory=_doubles, init=False)
    _high: "array[float]" = field(default_factory=_doubles, init=False)
    _positive: "array[float]" = field(default_factory=_doubles, init=False)

    def cut(self, length: int) -> None:
        """Forget the blocks from index `length` on."""
        for blocks in (self._low, self._high, self._positive):
            del blocks[length // _BLOCK :]

    def span(self, start: int, end: int) -> tuple[float, float]:
        """Return the minimum and maximum of `values[start:end]`, which must not be empty."""
        first, last = self._blocks(start, end)
        values = self.values
        if first >= last:
            part = values[start:end]
            return min(part), max(part)
        low, high = min(self._low[first:last]), max(self._high[first:last])
        for edge in (values[start : first * _BLOCK], values[last * _BLOCK : end]):
            if len(edge):
                low, high = min(low, *edge), max(high, *edge)
        return low, high

    def positive(self, start: int, end: int) -> float:
        """Return the smallest positive value of `values[start:end]`; infinity if there is none."""
        first, last = self._blocks(start, end)
        values = self.values
        if first >= last:
            return _positive(values[start:end])
        edges = _positive(values[start : first * _BLOCK]), _positive(values[last * _BLOCK : end])
        return min(*edges, *self._positive[first:last])

    def _blocks(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of whole blocks between two indices, after adding the new ones."""
        values, known = self.values, len(self._low)
        for at in range(known * _BLOCK, len(values) - _BLOCK + 1, _BLOCK):
            part = values[at : at + _BLOCK]
            low = min(part)
            self._low.append(low)
            self._high.append(max(part))
            self._positive.append(low if low > 0 else _positive(part))
        return -(-start // _BLOCK), end // _BLOCK


def _positive(part: Sequence[float]) -> float:
    return min((value for value in part if value > 0), default=inf)
