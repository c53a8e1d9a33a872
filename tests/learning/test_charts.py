import io
import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from engine.learning.plotting import drawing, line_charts
from engine.learning.plotting import panel as panels
from engine.learning.plotting.line_charts import Chart, Curve, Panel, Style
from engine.learning.plotting.ticks import Axis, fitted, labels

RED = (255, 0, 0)
SIZE = (100.0, 80.0)


def solid(**more):
    return Style("#ff0000", **{"width": 3.0, **more})


def pixels(image, colour=RED):
    """(row, column) of each pixel of a colour."""
    return np.argwhere((np.asarray(image.convert("RGB")) == colour).all(2))


def drawn(*curves, **fields):
    """One panel without numbers around it, so that it is the whole page but its margin."""
    axes = {"x_range": (0.0, 1.0), "y_range": (0.0, 1.0), **fields}
    return line_charts.draw(Chart(((Panel(curves, **axes),),), size=SIZE))


def plot_of(image):
    """The plotted part of a lone panel: it ends a margin before the right edge."""
    right = image.width - 16 * drawing.SCALE
    top = 16 * drawing.SCALE
    width, height = (round(n * drawing.SCALE) for n in SIZE)
    return image.crop((right - width, top, right, top + height))


def at(image, x, y):
    """The pixel of a lone panel at shares of its axes."""
    part = plot_of(image)
    return part.getpixel((round(x * (part.width - 1)), round((1 - y) * (part.height - 1))))


def test_a_line_goes_where_its_numbers_say():
    image = drawn(Curve([0.0, 1.0], [0.25, 0.75], style=solid()))
    for x in (0.1, 0.3, 0.5, 0.9):
        assert at(image, x, 0.25 + 0.5 * x) == RED
        assert at(image, x, 0.25 + 0.5 * x + 0.1) != RED
        assert at(image, x, 0.25 + 0.5 * x - 0.1) != RED


def test_a_logarithmic_axis_gives_equal_ratios_equal_room():
    fields = {"y_range": (1.0, 100.0), "log_y": True}
    image = drawn(Curve([0.0, 1.0], [10.0, 10.0], style=solid()), **fields)
    assert at(image, 0.5, 0.5) == RED


def test_a_line_is_broken_where_a_number_is_missing_and_no_sign_stands_there():
    y = [0.5, 0.5, math.nan, 0.5, 0.5]
    image = drawn(Curve([0.0, 0.25, 0.5, 0.75, 1.0], y, style=solid(marker="dot")))
    assert at(image, 0.1, 0.5) == at(image, 0.9, 0.5) == RED
    assert at(image, 0.5, 0.5) != RED


def test_what_cannot_stand_on_a_logarithmic_axis_is_left_out():
    fields = {"y_range": (0.1, 10.0), "log_y": True}
    image = drawn(Curve([0.0, 0.5, 1.0], [1.0, 0.0, -1.0], style=solid()), **fields)
    assert len(pixels(image)) < 40  # a round end at x = 0 and nothing more


def test_a_dashed_line_has_gaps_and_a_whole_one_has_none():
    line = [0.0, 1.0], [0.5, 0.5]
    whole, dashed = (
        pixels(plot_of(drawn(Curve(*line, style=solid(dash=dash))))) for dash in ((), (10, 5))
    )
    columns = np.unique(dashed[:, 1])
    # The y axis covers the first point.
    assert len(np.unique(whole[:, 1])) >= (SIZE[0] - 1) * drawing.SCALE
    # Of 100 points, 10 of each 15 are drawn, the last dash in full.
    assert len(columns) == pytest.approx(70 * drawing.SCALE, abs=8)
    assert (np.diff(columns) > 1).sum() == 6


def test_a_dash_goes_on_around_corners():
    points = [(float(i), 0.0) for i in range(101)]
    pieces = list(drawing._dashed(points, (7.0, 3.0)))
    assert [(piece[0][0], piece[-1][0]) for piece in pieces] == [
        (pytest.approx(10.0 * k), pytest.approx(10.0 * k + 7)) for k in range(10)
    ]


@pytest.mark.parametrize("marker", ["dot", "triangle", "square", "diamond"])
def test_a_sign_stands_on_its_point_with_a_rim_of_paper(marker):
    image = drawn(Curve([0.5], [0.5], style=solid(width=0.0, marker=marker, radius=5.0)))
    assert at(image, 0.5, 0.5) == RED
    found = pixels(image)
    assert np.ptp(found[:, 0]) == pytest.approx(10 * drawing.SCALE, abs=6)
    part = np.asarray(plot_of(image))
    assert (part == 255).all(2).sum() > 10 * drawing.SCALE


def test_a_band_lies_between_its_edges_and_lets_the_ground_through():
    image = drawn(Curve([0.0, 1.0], [0.5, 0.5], "", solid(), (0.3, 0.3), (0.7, 0.7)))
    bare = at(drawn(), 0.5, 0.6)
    for y in (0.4, 0.6):
        red, green, _ = at(image, 0.45, y)
        assert green < bare[1] < 255
        assert red > green > 128
    assert at(image, 0.45, 0.8) == at(drawn(), 0.45, 0.8)


def test_axes_have_room_for_bands():
    line = Curve([0.0, 1.0], [0.5, 0.5], "", solid(), (-3.0, -3.0), (9.0, 9.0))
    axis = line_charts.y_axis([Panel((line,))])
    assert axis.low < -3
    assert axis.high > 9


def test_what_lies_outside_the_axes_is_cut_off():
    image = drawn(Curve([0.0, 1.0], [-1e30, 1e30], style=solid()), title="t", y_label="y")
    found = pixels(image)
    assert len(found) > 100
    assert len(found) == len(pixels(plot_of_titled(image)))


def plot_of_titled(image):
    right = image.width - 16 * drawing.SCALE
    width, height = (round(n * drawing.SCALE) for n in SIZE)
    # Above stands a title, below numbers: the plot is the highest part with any red.
    top = pixels(image)[:, 0].min()
    return image.crop((right - width, top, right, top + height))


def test_panels_that_share_axes_show_the_same_range_and_numbers_once():
    low = Panel((Curve([0.0, 1.0], [0.0, 1.0], style=solid()),), y_label="y", x_label="x")
    high = Panel((Curve([0.0, 1.0], [0.0, 9.0], style=solid()),), y_label="y", x_label="x")
    rows = ((low, high),)
    shared, own = (line_charts.draw(Chart(rows, size=SIZE, shared=way)) for way in (True, False))
    gutter = own.width - 2 * (16 + SIZE[0]) * drawing.SCALE - 14 * drawing.SCALE
    assert own.width - shared.width == pytest.approx(gutter / 2, abs=8 * drawing.SCALE)
    # On the axis of the higher, the lower line stays at the foot of its panel.
    reach = {}
    for name, image in {"shared": shared, "own": own}.items():
        found = pixels(image)
        left = found[found[:, 1] < image.width / 2]
        reach[name] = np.ptp(left[:, 0])
    assert reach["own"] > 5 * reach["shared"]


def test_the_legend_names_each_curve_once_and_wraps():
    panel = Panel(tuple(Curve([0.0], [0.0], label) for label in ("one", "two", "one", "")))
    bare = Panel(tuple(Curve([0.0], [0.0], "") for _ in range(4)))
    lines = line_charts._legend(Chart(((panel, panel),)), 300.0)
    assert [[curve.label for _, curve in line] for line in lines] == [["one", "two"]]
    assert line_charts._legend(Chart(((bare,),)), 300.0) == []
    many = Panel(tuple(Curve([0.0], [0.0], f"a long label {i}") for i in range(7)))
    lines = line_charts._legend(Chart(((many,),)), 300.0)
    assert len(lines) > 2
    for line in lines:
        x, last = line[-1]
        assert x + line_charts._length(last) + drawing.text_width(last.label, 11.0) <= 300
    assert line_charts.draw(Chart(((many,),))).height > line_charts.draw(Chart(((panel,),))).height


def test_a_label_wider_than_the_page_has_a_line_of_its_own():
    wide = Panel((Curve([0.0], [0.0], "x" * 200), Curve([0.0], [0.0], "y")))
    lines = line_charts._legend(Chart(((wide,),)), 100.0)
    assert [len(line) for line in lines] == [1, 1]


def test_the_same_chart_gives_the_same_png_without_anything_beside_it():
    chart = Chart(((Panel((Curve([0.0, 1.0], [0.0, 2.0], "a"),), "title"),),), "A title")
    content = line_charts.png(chart)
    assert content == line_charts.png(chart)
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.info == {}
    kinds, place = [], 8
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        kinds.append(content[place + 4 : place + 8])
        place += 12 + size
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("rows", [(), ((),), ((Panel(()),), (Panel(()), Panel(())))])
def test_rows_that_make_no_chart_are_refused(rows):
    with pytest.raises(ValueError, match="same number of panels"):
        line_charts.draw(Chart(rows))


def test_a_panel_without_curves_is_drawn_too():
    assert line_charts.draw(Chart(((Panel((), log_y=True),),))).width > 100


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-5.3, 5.3, ["-5.0", "-2.5", "0.0", "2.5", "5.0"]),
        (0.0, 1.0, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (-0.1, 0.31, ["-0.1", "0.0", "0.1", "0.2", "0.3"]),
        (0.0, 4e6, ["0", "1e6", "2e6", "3e6", "4e6"]),
        (0.0, 4e-6, ["0", "1e-6", "2e-6", "3e-6", "4e-6"]),
        (97.2, 98.9, ["97.5", "98.0", "98.5"]),
    ],
)
def test_ticks_are_round_and_say_so(low, high, expected):
    ticks = Axis(low, high).ticks(4)
    assert labels(ticks) == expected
    assert all(low <= tick <= high for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.008, 1.5, ["0.01", "0.1", "1"]),
        (3.0, 300.0, ["5", "10", "20", "50", "100", "200"]),
        (1.0, 1e12, ["1", "1000", "1e6", "1e9", "1e12"]),
        (90.0, 99.0, ["90", "92", "94", "96", "98"]),
    ],
)
def test_ticks_of_a_logarithmic_axis(low, high, expected):
    assert labels(Axis(low, high, log=True).ticks(5)) == expected


@pytest.mark.parametrize("seed", range(200))
def test_any_axis_has_a_few_ticks_in_order_that_can_be_told_apart(seed):
    draw = np.random.default_rng(seed)
    low = float(draw.normal() * 10.0 ** draw.integers(-6, 7))
    high = low + float(10 ** draw.uniform(-3, 3)) * abs(low)
    ticks = Axis(low, high).ticks(5)
    assert 2 <= len(ticks) <= 10
    assert all(a < b for a, b in pairwise(ticks))
    said = labels(ticks)
    assert len(set(said)) == len(said)
    assert [float(text) for text in said] == pytest.approx(ticks, abs=(high - low) / 100)


def test_an_axis_fits_what_is_finite_and_never_has_no_length():
    axis = fitted([1.0, math.nan, 3.0, math.inf])
    assert axis.low < 1.0
    assert 3.0 < axis.high < 4.0
    for values in ([], [math.nan], [2.0, 2.0], [0.0], [1e9, 1e9 + 1e-7]):
        assert fitted(values).high > fitted(values).low
        assert fitted(values, log=True).high > fitted(values, log=True).low > 0
    assert fitted([-3.0, 0.0, 2.0, 8.0], log=True).low > 1.0
    # What differs by rounding alone is not enlarged.
    rounding = fitted([0.1 + 0.2, 0.3])
    assert rounding.high - rounding.low > 0.5


def test_letters_that_the_font_lacks_are_replaced():
    assert drawing.lettered("a − b × π\n\x1b") == "a - b x ???"  # noqa: RUF001
    assert drawing.lettered("4.1 → 0.9 ± 0.1 · a") == "4.1 -> 0.9 ± 0.1 · a"


def test_a_title_and_a_note_that_do_not_fit_in_one_line_take_two():
    heights = {
        (title, note): panels.above(Panel((), title=title, note=note), 100.0)
        for title in ("", "t", "a long title") for note in ("", "n", "a longer note")
    }  # fmt: skip
    line = heights["t", ""]
    assert heights["", ""] == 0 < heights["", "n"] < line == heights["t", "n"]
    assert heights["a long title", ""] == line < heights["a long title", "a longer note"]


def test_a_title_is_cut_to_the_width_of_its_panel():
    assert drawing.cut("short", 12.0, 100.0) == "short"
    cut = drawing.cut("x" * 100, 12.0, 100.0)
    assert cut.endswith("x…")
    assert 90 < drawing.text_width(cut, 12.0) <= 100


def test_text_is_wrapped_at_blanks_to_the_width():
    lines = drawing.wrapped("one two three four five six seven", 11.0, 80.0)
    assert " ".join(lines) == "one two three four five six seven"
    assert len(lines) > 1
    assert all(drawing.text_width(line, 11.0) <= 80 for line in lines)
    assert drawing.wrapped("", 11.0, 80.0) == []
