"""Whole numbers of images that are exact on average. Standard library only.

A share such as 0.2 of a batch of 8 is 1.6 images: 1 in some steps and 2 in others. All is computed
with fractions, so that 0.1 is a tenth and no step more or less comes of rounding.
"""

import math
from fractions import Fraction


def exact(value: float) -> Fraction:
    """The number that a file says: 0.1 is 1/10, not the float nearest to it."""
    return Fraction(repr(value))


def until(step: int, each: Fraction) -> int:
    """Images of the steps 1 .. `step`, at `each` of them a step on average: never one too many."""
    return math.floor(step * each)


def dealt(start: int, stop: int, hands: int) -> list[int]:
    """How many of the numbers start .. stop - 1 each of some hands gets, dealt in turns from 0.

    Args:
        start: the first number; all before it have been dealt.
        stop: the number after the last.
        hands: how many there are.
    """
    return [(stop - hand - 1) // hands - (start - hand - 1) // hands for hand in range(hands)]
