import math

import numpy as np
import pytest
from scipy import stats

from engine.learning.evaluation import statistics

VALUES = [0.1, 0.4, -0.2, 0.3, 0.25, 0.0]


def test_the_interval_is_that_of_student():
    found = statistics.mean(VALUES)
    low, high = stats.t.interval(0.95, 5, np.mean(VALUES), stats.sem(VALUES))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.n == 6


def test_few_values_have_no_interval():
    assert statistics.mean([]).mean is None
    assert statistics.mean([2.0]) == statistics.Mean(2.0, None, None, 1)


def test_the_paired_p_is_that_of_a_t_test():
    other = [0.3, 0.2, 0.1, 0.35, 0.5, 0.4]
    differences = [a - b for a, b in zip(VALUES, other, strict=True)]
    assert statistics.paired_p(differences, 0.5) == pytest.approx(
        stats.ttest_rel(VALUES, other).pvalue
    )


def test_no_p_below_five_pairs():
    assert statistics.paired_p([1.0, 2.0, 3.0, 4.0], 1.0) is None
    assert statistics.paired_p([1.0, 2.0, 3.0, 4.0, 5.0], 1.0) is not None


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3])
def test_no_p_where_the_differences_have_no_spread(value):
    assert statistics.paired_p([value] * 6, value) is None
    assert statistics.paired_p([(value + 1) - 1] * 6, 1.0) is None


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_difference_that_is_constant_up_to_float32_is_no_difference_to_test(scale):
    """As accuracies of float32: 19 of 20 minus 18 of 20 is not the same number for every pair."""
    rng = np.random.default_rng(0)
    right = rng.integers(200, 900, 50)
    left = scale * ((right + 50) / np.float32(1000)).astype(np.float32).astype(float)
    other = scale * (right / np.float32(1000)).astype(np.float32).astype(float)
    differences = list(left - other)
    assert len(set(differences)) > 1
    assert statistics.paired_p(differences, float(left.max())) is None


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_one_example_of_a_million_is_a_difference(scale):
    """The border lies between rounding and the smallest step of any real test set."""
    differences = [0.05 * scale] * 5
    eps = 2.0**-23 * scale
    for step, known in ((1.9 * eps, False), (3.9 * eps, False), (4.2 * eps, True)):
        found = statistics.paired_p([*differences, 0.05 * scale + step], scale)
        assert (found is not None) == known
    assert statistics.paired_p([*differences, 0.05 * scale + 1e-6 * scale], scale) is not None


def test_holm_multiplies_step_by_step_and_never_falls():
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert statistics.holm([]) == []


def test_a_standard_error_is_that_of_the_mean():
    assert statistics.standard_error([1.0, 3.0]) == pytest.approx(math.sqrt(2) / math.sqrt(2))
    assert statistics.standard_error([1.0]) is None


@pytest.mark.parametrize("power", [0, 100, 300, 900, 995])
def test_huge_numbers_have_the_interval_of_small_ones(power):
    values, unit = [1.0, 2.5, -3.0, 4.25, 7.0, 0.5], 2.0**power
    small, huge = statistics.mean(values), statistics.mean([value * unit for value in values])
    assert [huge.mean, huge.low, huge.high] == [
        x * unit for x in (small.mean, small.low, small.high)
    ]
    p = statistics.paired_p([value * unit for value in values], 7.0 * unit)
    assert p == statistics.paired_p(values, 7.0)
