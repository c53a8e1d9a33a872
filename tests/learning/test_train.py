import math

import pytest

from engine.learning.training.trainer import Recipe


def test_the_rate_rises_in_the_warm_up_and_then_stays():
    recipe = Recipe(steps=100, lr=0.5, optimizer={"kind": "sgd"}, warmup=0.1)
    assert [recipe.rate(step) for step in (1, 5, 10, 11, 100)] == pytest.approx(
        [0.05, 0.25, 0.5, 0.5, 0.5]
    )


def test_a_cosine_falls_from_the_top_to_almost_nothing():
    recipe = Recipe(steps=100, lr=1.0, optimizer={"kind": "sgd"}, schedule="cosine")
    assert recipe.rate(1) == 1
    assert recipe.rate(51) == pytest.approx(0.5)
    assert 0 < recipe.rate(100) == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.99)))


def test_a_warm_up_shorter_than_a_step_is_none():
    assert Recipe(steps=3, lr=1.0, optimizer={"kind": "sgd"}, warmup=0.1).rate(1) == 1


def test_a_line_falls_from_the_top_after_the_warm_up():
    recipe = Recipe(steps=100, lr=1.0, optimizer={"kind": "sgd"}, warmup=0.2, schedule="linear")
    assert [recipe.rate(step) for step in (10, 20, 21, 61, 100)] == pytest.approx(
        [0.5, 1.0, 1.0, 0.5, 1 / 80]
    )
