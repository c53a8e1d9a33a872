import pytest

from meta_tui.render.text.numbers import duration, metric, number, seconds_short, signed


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"), (7.9, "0:07"), (151, "2:31"), (3599, "59:59"), (3600, "1:00:00"),
        (10931, "3:02:11"), (86400 * 2 + 11460, "2d 03:11"), (None, "\u2013"),
        (float("inf"), "\u2013"), (-3, "0:00"),
    ],
)  # fmt: skip
def test_durations_read_like_a_clock(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0813, "0.0813"), (12.4, "12.40"), (4130, "4130"), (0, "0"), (0.239, "0.239"),
        (0.000012, "1.20e-05"), (-0.5, "-0.500"), (2.5e7, "2.50e+07"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_numbers_are_short(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.88, "0.880"), (-0.0001, "0.000"), (12.345, "12.35"), (-123.45, "-123.5"),
        (54321, "5.432e+04"),
    ],
)  # fmt: skip
def test_metrics_of_a_column_have_the_same_decimals(value, shown):
    assert metric(value) == shown


def test_differences_always_show_their_sign():
    assert [signed(value) for value in (0.1, -0.1, 0.0)] == ["+0.100", "-0.100", "+0.000"]


def test_short_times_have_a_decimal():
    assert [seconds_short(value) for value in (0.44, 61)] == ["0.4s", "1:01"]
