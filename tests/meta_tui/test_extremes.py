import random
from array import array
from math import inf

import pytest

from meta_tui.model.range_extremes import Extremes


def walk(count: int, seed: int = 0) -> "array[float]":
    draw = random.Random(seed)
    return array("d", (draw.gauss(0, 1) for _ in range(count)))


@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 32, 33, 100])
def test_every_stretch_has_the_extremes_that_looking_at_each_value_finds(count):
    values = walk(count)
    extremes = Extremes(values)
    for start in range(count):
        for end in range(start + 1, count + 1):
            part = values[start:end]
            assert extremes.span(start, end) == (min(part), max(part))
            positive = min((value for value in part if value > 0), default=inf)
            assert extremes.positive(start, end) == positive


def test_values_that_grow_and_are_cut_have_the_extremes_of_what_is_there():
    values, draw = walk(5), random.Random(1)
    extremes = Extremes(values)
    for _ in range(300):
        if draw.random() < 0.2:
            length = draw.randrange(len(values) + 1)
            del values[length:]
            extremes.cut(length)
        values.extend(draw.gauss(0, 1) for _ in range(draw.randrange(1, 40)))
        start = draw.randrange(len(values))
        end = draw.randrange(start + 1, len(values) + 1)
        assert extremes.span(start, end) == (min(values[start:end]), max(values[start:end]))
