import math
from array import array

import pytest

from meta_tui.render.charts.line_chart import linechart
from meta_tui.render.charts.viewport import Series
from meta_tui.render.text.spans import plain, width


def dots(lines, column: int) -> int:
    """How many braille dots a column of characters has."""
    count = 0
    for line in lines:
        text = "".join(span.text for span in line)
        if len(text) > column and 0x2800 <= ord(text[column]) < 0x2900:
            count += (ord(text[column]) - 0x2800).bit_count()
    return count


def test_a_small_chart_is_drawn_like_this():
    shown = linechart("loss", [Series("loss", [0, 1, 2, 3, 4], [4, 2, 1, 0.5, 0.5])], 24, 6)
    assert plain(shown).split("\n") == [
        "loss  0.500",
        "      4│⠑⢄",
        "       │  ⠣⡀",
        "       │   ⠈⠒⢄⣀",
        "   0.50│       ⠑⠒⠤⠤⣀⣀⣀⣀⣀",
        "        0              4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "rows"), [(80, 24), (120, 40), (13, 5), (30, 3), (8, 2), (4, 1)]
)
@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_a_chart_never_leaves_its_frame(columns, rows, count):
    series = [Series("a", range(count), [math.sin(x / 9) for x in range(count)])] * 2
    shown = linechart("accuracy of something with a long name", series, columns, rows)
    assert len(shown) == rows
    assert all(width(text) <= columns for text in plain(shown).split("\n"))


def test_a_single_spike_among_a_hundred_thousand_points_is_drawn():
    y = array("d", [0.0] * 100_000)
    y[54_321] = 1.0
    shown = linechart("loss", [Series("loss", range(100_000), y)], 60, 12)
    top = "".join(span.text for span in shown[1])
    assert sum(0x2800 < ord(letter) < 0x2900 for letter in top) == 1


def test_a_logarithmic_axis_makes_an_exponential_straight():
    x = list(range(101))
    shown = linechart("loss", [Series("loss", x, [10 ** (-t / 25) for t in x])], 58, 14, log_y=True)
    rows = [plain([line])[8:] for line in shown[1:-1]]
    # Each row of characters holds an equal share of a straight line.
    lengths = [len(row.strip()) for row in rows]
    assert max(lengths) - min(lengths) <= 2
    assert "(log)" in plain(shown[:1])


def test_values_without_a_logarithm_do_not_stretch_the_axis():
    shown = linechart("x", [Series("x", [0, 1, 2], [0.0, 0.1, 10.0])], 40, 10, log_y=True)
    text = plain(shown)
    assert "10│" in text
    assert "0.10│" in text
    shown = linechart("x", [Series("x", [0, 1], [-1.0, -2.0])], 40, 10, log_y=True)
    assert "(log)" not in plain(shown)


def test_a_constant_has_one_label_and_a_line():
    shown = linechart("x", [Series("x", [0, 9], [5.0, 5.0])], 40, 8)
    assert sum("5│" in plain([line]) for line in shown) == 1
    assert dots(shown, 20) == 2


def test_several_curves_have_a_legend_with_their_last_values():
    series = [Series("a", [0, 1], [0.0, 1.0]), Series("b", [0, 1], [1.0, 0.25])]
    shown = linechart("x", series, 40, 9)
    assert plain(shown[-1:]) == " ━ a 1  ━ b 0.25"
    assert {span.style for line in shown for span in line} >= {"series0", "series1"}


def test_without_points_it_says_so():
    assert "no points yet" in plain(linechart("loss", [Series("loss", [], [])], 40, 6))


def test_ascii_draws_with_ascii():
    shown = linechart("x", [Series("x", [0, 1, 2], [0.0, 1.0, 0.0])], 40, 8, braille=False)
    assert plain(shown).replace("│", "").isascii()


def test_the_work_of_a_chart_is_linear_in_its_points(work):
    steps = []
    for count in (1000, 10_000):
        x = array("d", range(count))
        y = array("d", [math.exp(-3 * t / count) for t in range(count)])
        with work.counting():
            linechart("loss", [Series("loss", x, y)], 80, 20)
        steps.append(work.steps)
    assert steps[1] < 10 * steps[0]
    assert steps[1] < 5 * 10_000
