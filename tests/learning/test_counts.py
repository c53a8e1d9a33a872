import math
from fractions import Fraction

import pytest

from engine.learning.training.exact_counts import dealt, exact, until
from engine.library.datasets.image_folder import borders
from engine.library.optimizers import Training


def test_a_number_is_the_one_that_a_file_says():
    assert exact(0.1) == Fraction(1, 10)
    assert exact(1e-7) == Fraction(1, 10**7)
    assert exact(3) == 3
    assert exact(2.5e20) == 25 * 10**19


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.7, 0.95])
@pytest.mark.parametrize("batch", [1, 7, 8, 20, 32])
def test_a_share_is_exact_on_average_and_never_off_by_an_image(share, batch):
    each = exact(share) * batch
    counts = [until(step, each) - until(step - 1, each) for step in range(1, 401)]
    assert set(counts) <= {math.floor(each), math.ceil(each)}
    assert sum(counts) == 400 * each
    for step in range(1, 401):
        assert 0 <= step * each - sum(counts[:step]) < 1


def test_what_is_dealt_goes_in_turns_and_none_is_lost():
    assert dealt(0, 3, 2) == [2, 1]
    assert dealt(3, 6, 2) == [1, 2]
    assert dealt(5, 5, 3) == [0, 0, 0]
    assert dealt(4, 5, 3) == [0, 1, 0]
    assert [sum(hand) for hand in zip(*(dealt(i, i + 1, 3) for i in range(10)), strict=True)] == [
        4, 3, 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("epochs", "examples", "new", "steps"),
    [
        (0.07, 100, 7, 1),  # 0.07 * 100 is 7.000000000000001 in floats
        (0.29, 100, 29, 1),
        (1.1, 1000, 11, 100),
        (0.1, 30, 3, 1),
        (1, 64, Fraction(32, 5), 10),
        (1, 537, 20, 27),
        (0.001, 10, 10, 1),
    ],
)
def test_steps_are_computed_in_exact_arithmetic(epochs, examples, new, steps):
    assert Training(epochs=epochs).total(examples, new, otherwise=9) == steps


def test_shares_of_a_folder_are_computed_in_exact_arithmetic():
    for count in range(1, 3000):
        first, second = round(0.6 * count), round(0.8 * count)
        assert borders(count, (0.6, 0.2, 0.2)) == {
            "train": (0, first), "val": (first, second), "test": (second, count),
        }  # fmt: skip
    # 0.1 + 0.2 is above 0.3 in floats, and so 5 * 0.3 above 1.5, which rounds to the even 2 anyway;
    # 0.7 + 0.15 is below 0.85, and 10 * 0.85 = 8.5 rounds to 8.
    assert borders(5, (0.1, 0.2, 0.7))["val"] == (0, 2)
    assert borders(30, (0.15, 0.7, 0.15))["val"] == (4, 26)
