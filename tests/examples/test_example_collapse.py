"""The shape of `examples/collapse.yaml`: on digits, and its figures from the file."""

import pytest
from example import Example

from engine.library.artifacts import Scores

ACTIVE, KL, ERROR = "seen/active_dims", "seen/kl", "seen/squared_error"
CELLS = (
    "beta@beta=1@seed=0", "beta@beta=20@seed=0", "free@beta=20@seed=0",
    "gaussian@sigma=optimal@seed=0", "gaussian@sigma=1@seed=0",
)  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    asked = ("data=digits", "images=1000", "epochs=20")
    return Example("collapse", tmp_path_factory.mktemp("digits"), overrides=asked, targets=CELLS)


def _metric(example, cell, metric):
    return example.output(cell, "scores", Scores).metrics[metric]


def test_on_digits_a_large_beta_empties_every_dimension_and_beta_1_does_not(digits):
    assert digits.code == 0
    kept, emptied = CELLS[:2]
    assert _metric(digits, kept, ACTIVE) >= 3
    assert _metric(digits, emptied, ACTIVE) == 0
    assert _metric(digits, kept, KL) > 5 * _metric(digits, emptied, KL)


def test_on_digits_free_bits_keep_every_dimension_alive_at_the_same_beta(digits):
    assert _metric(digits, CELLS[2], ACTIVE) == 32
    assert _metric(digits, CELLS[2], ERROR) < _metric(digits, CELLS[1], ERROR) / 2


def test_on_digits_a_wide_gaussian_is_a_large_beta(digits):
    assert _metric(digits, CELLS[3], ACTIVE) == 32
    assert _metric(digits, CELLS[4], ACTIVE) <= 2
    assert _metric(digits, CELLS[3], ERROR) < _metric(digits, CELLS[4], ERROR) / 4
