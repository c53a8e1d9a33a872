"""Where the ticks of an axis stand and what they say. Plain numbers."""

import math
from dataclasses import dataclass
from itertools import pairwise

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_PAD = 0.05
_PLAIN = (1e-4, 1e5)
"""Numbers between these are written without an exponent."""
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a panel: a range, linear or logarithmic.

    Attributes:
        low: least value.
        high: greatest value, above `low`.
        log: whether equal ratios take equal room; then both are positive.
    """

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`; nan where it cannot be drawn."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if not value > 0:
            return math.nan
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self, count: int) -> list[float]:
        """About so many round numbers within the range."""
        if self.log:
            found = _decades(self.low, self.high, count)
            if len(found) > 1:
                return found
        step = _step(self.high - self.low, max(1, count))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [0.0 if k == 0 else k * step for k in range(first, last + 1)]


def fitted(values: list[float], *, log: bool = False) -> Axis:
    """The axis that shows all finite values, with a little room around them."""
    kept = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if not kept:
        return Axis(0.1, 1.0, log=True) if log else Axis(0.0, 1.0)
    low, high = min(kept), max(kept)
    if log:
        room = max((high / low) ** _PAD, 1.05)
        return Axis(low / room, high * room, log=True)
    # A range that is nothing but rounding would make ticks that cannot be told apart.
    flat = high - low <= 1e-9 * max(abs(low), abs(high))
    room = max(0.1 * abs(high), 0.5) if flat else _PAD * (high - low)
    return Axis(low - room, high + room)


def labels(ticks: list[float]) -> list[str]:
    """What ticks say: with as few digits as tell them apart, all with as many decimals."""
    if not ticks:
        return []
    gaps = [b - a for a, b in pairwise(ticks)]
    largest = max(abs(tick) for tick in ticks)
    least = min((abs(tick) for tick in ticks if tick), default=1.0)
    even = not gaps or max(gaps) < 1.5 * min(gaps)
    if largest >= _PLAIN[1] or min(least, *gaps, 1.0) < _PLAIN[0] or not even:
        forms = (f".{digits}g" for digits in range(1, _DIGITS))
    else:
        forms = (f".{decimals}f" for decimals in range(_DIGITS))
    near = min(gaps, default=1.0) / 100
    for form in forms:
        said = [format(tick, form) for tick in ticks]
        if all(abs(float(text) - tick) <= near for text, tick in zip(said, ticks, strict=True)):
            break
    return [_short(text) for text in said]


def _short(text: str) -> str:
    """`1e6` for `1e+06`, and `20` for `2e+01`."""
    number, _, power = text.partition("e")
    if not power:
        return number
    value = float(text)
    plain = _PLAIN[0] <= abs(value) < _PLAIN[1]
    return f"{value:.12g}" if plain else f"{number}e{int(power)}"


def _step(span: float, count: int) -> float:
    """The round step that divides a span most nearly into so many."""
    power = 10.0 ** math.floor(math.log10(span / count))
    return min((power * step for step in _STEPS), key=lambda step: abs(span / step - count))


def _decades(low: float, high: float, count: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / max(1, count)))
    powers = [10.0**k for k in range(first, last + 1) if k % every == 0]
    found = [tick for tick in powers if low <= tick <= high]
    if every == 1 and len(found) < max(3, count // 2):
        finer = [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
        found = [tick for tick in finer if low <= tick <= high]
    return found
