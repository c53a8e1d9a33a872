"""The least and greatest value of any stretch of a growing curve, without looking at every point.

Blocks of sixteen values are summed up once, when they are full; a question looks at the blocks
between its ends and at the few values beside them. A chart of a hundred thousand points asks some
hundred such questions at each redraw.
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
    """Of values that only grow at their end, or are cut there (and then say so by `cut`)."""

    values: Sequence[float]
    _low: "array[float]" = field(default_factory=_doubles, init=False)
    _high: "array[float]" = field(default_factory=_doubles, init=False)
    _positive: "array[float]" = field(default_factory=_doubles, init=False)

    def cut(self, length: int) -> None:
        """The values now end there."""
        for blocks in (self._low, self._high, self._positive):
            del blocks[length // _BLOCK :]

    def span(self, start: int, end: int) -> tuple[float, float]:
        """The least and the greatest of `values[start:end]`, which is not empty."""
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
        """The least value above 0 of `values[start:end]`; infinite where there is none."""
        first, last = self._blocks(start, end)
        values = self.values
        if first >= last:
            return _positive(values[start:end])
        edges = _positive(values[start : first * _BLOCK]), _positive(values[last * _BLOCK : end])
        return min(*edges, *self._positive[first:last])

    def _blocks(self, start: int, end: int) -> tuple[int, int]:
        """The first and last whole block between two places; sums up those that are new."""
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
