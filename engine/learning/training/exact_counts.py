"""Whole numbers of images per step that are exact on average. Standard library only.

A share such as 0.2 of a batch of 8 is 1.6 images: 1 in some steps and 2 in others. Fractions keep
0.1 an exact tenth, so no count is off by rounding.
"""

import math
from fractions import Fraction


def exact(value: float) -> Fraction:
    """Return the decimal value as a fraction: 0.1 is 1/10, not the nearest float."""
    return Fraction(repr(value))


def until(step: int, each: Fraction) -> int:
    """Return the number of images in steps 1 .. `step` at `each` per step, rounded down."""
    return math.floor(step * each)


def dealt(start: int, stop: int, hands: int) -> list[int]:
    """Return how many of the items start .. stop - 1 each group gets, dealt round-robin from 0.

    Args:
        start: first item; all before it are dealt already.
        stop: one past the last item.
        hands: number of groups.
    """
    return [(stop - hand - 1) // hands - (start - hand - 1) // hands for hand in range(hands)]
