"""Plots of a table: bands, crossed intervals, and what a table's own numbers give unasked."""

import math

import pytest

from engine.library.artifacts import Interval, Row, Table
from meta_tui.model.table_cursor import Reading
from meta_tui.render.charts.plot_data import FRONTIER, LINE, plots
from meta_tui.render.charts.xy_plot import plane
from meta_tui.render.tables.table_page import tablepage
from meta_tui.render.text.spans import plain
from meta_tui.render.text.symbols import ASCII
from pipelines.core.text import width

A, FORGOTTEN = "high/accuracy", "low/forgetting"


def frontier(*series, **more):
    return {"kind": FRONTIER, "x": FORGOTTEN, "y": A, "series": list(series), **more}


def one(label, points, spreads=None, names=None):
    return {"label": label, "points": points, "spreads": spreads or [], "names": names or []}


def picture(plot, columns=61, rows=13, signs=ASCII) -> list[str]:
    """The rows of the picture alone."""
    shown = plain(plane(plot, columns, signs, rows)).split("\n")
    return [row.partition("│")[2].ljust(columns - 9) for row in shown if "│" in row]


def test_a_point_has_an_interval_both_ways_that_cross_at_its_letter():
    shown = picture(frontier(one("a", [[0.5, 0.5]], [[0.0, 1.0, 0.0, 1.0]])))
    middle = len(shown) // 2
    row = shown[middle]
    place = row.index("o")
    assert row.strip(" ").count("o") == 1
    assert row[0] not in " o"
    assert row[-1] not in " o"
    assert all(other[place] != " " for other in shown)
    assert all(not other.replace(other[place], "").strip() for other in shown if other is not row)


def test_the_frame_has_room_for_the_intervals():
    shown = plain(plane(frontier(one("a", [[0.5, 0.5]], [[0.25, 0.75, 0.0, 1.0]])), 60))
    assert "1│" in shown
    assert "0│" in shown
    assert [float(label) for label in shown.split("\n")[-2].split()] == [0.25, 0.5, 0.75]


def test_a_point_without_intervals_is_its_letter_alone():
    shown = picture(frontier(one("a", [[0, 0], [1, 1]], [[None] * 4] * 2)), rows=6)
    assert sum(row.count("o") for row in shown) == 2
    assert shown[0].rstrip().endswith("o")
    assert shown[-1].startswith("o")


def test_series_are_told_apart_by_letters_and_points_of_one_by_their_names():
    shown = plain(plane(frontier(
        one("first", [[0, 0], [1, 0.5]], None, ["0.1", "0.3"]), one("second", [[0.5, 1]]),
        along="lr",
    ), 60))  # fmt: skip
    assert "along lr" in shown.split("\n")[0]
    assert "o0.1" in shown
    assert "o first" in shown
    assert "x second" in shown
    # There is no room at the right end.
    assert "o0.3" not in shown


def test_no_name_covers_another_point_or_its_name():
    near = [[0, 0], [0.04, 0], [0.08, 0], [1, 1]]
    shown = picture(frontier(one("a", near, None, ["long", "name", "far", "end"])))
    assert shown[-1].startswith("o o ofar")


def test_where_better_points_lie_is_told():
    assert "(upper left is better)" in plain(plane(frontier(one("a", [[0, 0]])), 80))
    other = frontier(one("a", [[0, 0]])) | {"x": A, "y": "high/loss"}
    assert "(lower right is better)" in plain(plane(other, 80))


def line_plot(*series, **more):
    return {"kind": LINE, "x": "adaptation_step", "y": A, "series": list(series), **more}


def test_a_band_is_as_high_as_its_intervals_at_every_step():
    points = [[step, 0.5, 0.5 - step / 10, 0.5 + step / 10] for step in range(6)]
    shown = picture(line_plot({"label": "a", "points": points}), columns=60, rows=11)
    heights = [sum(row[at] != " " for row in shown) for at in range(0, 51, 10)]
    assert heights == sorted(heights)
    assert heights[0] == 1
    assert heights[-1] == 11
    assert shown[5].strip() == shown[5].rstrip()
    assert all(letter != " " for letter in shown[5])


def test_lines_of_several_end_with_their_letters_and_one_alone_does_not():
    rising = [{"label": name, "points": [[0, 0], [1, high]]} for name, high in (("a", 1), ("b", 2))]
    shown = plain(plane(line_plot(*rising), 60))
    assert "o a" in shown
    assert "x b" in shown
    body = [row for row in shown.split("\n") if "│" in row]
    assert body[0].endswith("x")
    alone = plain(plane(line_plot(rising[0]), 60))
    assert "━ a" in alone
    assert "o" not in "".join(row.partition("│")[2] for row in alone.split("\n") if "│" in row)


def test_more_lines_than_colours_are_counted():
    many = [{"label": f"row {n}", "points": [[0, n], [1, n]]} for n in range(9)]
    shown = plain(plane(line_plot(*many), 60))
    assert "and 3 more" in shown
    assert "row 5" in shown
    assert "row 6" not in shown


@pytest.mark.parametrize("rows", [10, 14, 22, 40])
@pytest.mark.parametrize("columns", [40, 61, 80, 120])
def test_a_plot_fits_its_pane_however_many_series_it_has(columns, rows):
    many = [one(f"tuned@head=zero@lr={n}", [[n, n]], [[n - 1, n + 1] * 2]) for n in range(20)]
    shown = plain(plane(frontier(*many), columns, most=rows)).split("\n")
    assert len(shown) <= max(rows, 9)
    assert max(map(width, shown)) <= columns


@pytest.mark.parametrize(
    "points",
    [[], [[1]], [[None, 1]], [[1, None]], [[math.nan, 1]], [[math.inf, 1], [0, -math.inf]]],
)
def test_what_is_no_point_is_not_drawn(points):
    assert "no points" in plain(plane(line_plot({"label": "a", "points": points}), 60))


def test_equal_and_huge_and_tiny_values_are_drawn():
    for value in (0.0, 5.0, 1e300, -1e300, 1e-300):
        points = [[0, value, value, value], [1, value, value, value]]
        assert "━ a" in plain(plane(line_plot({"label": "a", "points": points}), 60))
    wild = [[0, -1e308, -1e308, 1e308], [1, 1e308, None, None]]
    assert "━ a" in plain(plane(line_plot({"label": "a", "points": wild}), 60))


def interval(mean, half=0.1):
    return Interval(mean, mean - half, mean + half, 5)


def test_learning_against_forgetting_is_given_unasked_with_intervals():
    rows = tuple(
        Row(name, name, {}, {A: interval(high), FORGOTTEN: interval(low)})
        for name, high, low in (("a", 0.8, 0.2), ("b", 0.9, 0.4))
    )
    (found,) = plots(Table((A, FORGOTTEN), rows))
    assert (found["kind"], found["x"], found["y"]) == (FRONTIER, FORGOTTEN, A)
    assert found["series"][1]["points"] == [[0.4, 0.9]]
    assert found["series"][1]["spreads"] == [[0.4 - 0.1, 0.4 + 0.1, 0.9 - 0.1, 0.9 + 0.1]]


def test_steps_of_a_metric_that_the_table_shows_are_a_curve():
    steps = {f"{A}@step={n}": interval(n / 20) for n in (10, 2, 0)}
    table = Table(tuple(steps), (Row("a", "a", {}, steps), Row("b", "b", {}, {})))
    (found,) = plots(table)
    assert (found["kind"], found["y"]) == (LINE, A)
    assert [point[0] for point in found["series"][0]["points"]] == [0, 2, 10]
    assert found["series"][0]["points"][2] == [10, 0.5, 0.5 - 0.1, 0.5 + 0.1]
    assert plots(Table(tuple(steps)[:1], table.rows)) == []


def test_the_plot_that_the_pipeline_asked_for_comes_first_and_once(ladder_table):
    assert plots(ladder_table) == [ladder_table.plot]
    lines = {**ladder_table.plot, "kind": LINE}
    found = plots(Table(ladder_table.metrics, ladder_table.rows, plot=lines))
    assert [plot["kind"] for plot in found] == [LINE, FRONTIER]


def test_rows_that_are_filtered_out_are_not_in_the_plot_and_lines_along_an_axis_stay():
    rows = tuple(
        Row(name, name, {}, {A: interval(0.5), FORGOTTEN: interval(0.5)}) for name in ("aa", "bb")
    )
    reading = Reading(Table((A, FORGOTTEN), rows), view="plot")
    reading.filter("aa")
    shown = plain(tablepage(reading, 80, 20).lines)
    assert "o aa" in shown
    assert "bb" not in shown
    along = frontier(one("lot", [[0.5, 0.5]]), along="lr")
    reading = Reading(Table((A,), rows, plot=along), view="plot")
    reading.filter("aa")
    assert "o lot" in plain(tablepage(reading, 80, 20).lines)


def test_a_matrix_is_drawn_with_numbers_on_the_page():
    rows = tuple(Row(name, name, {}, {}) for name in ("after_0", "after_1"))
    series = [
        {"label": "after_0", "points": [[0, 0.9]]},
        {"label": "after_1", "points": [[0, 0.25], [1, 1.0]]},
    ]
    plot = {"kind": "accuracy_matrix", "y": "accuracy", "columns": ["a", "b"], "series": series}
    shown = plain(tablepage(Reading(Table((), rows, plot=plot), view="plot"), 60, 20).lines)
    assert "0.250 " in shown
    assert "n/a" in shown
    assert "██" in shown


def test_a_table_without_a_plot_says_so():
    page = tablepage(Reading(Table((A,), ()), view="plot"), 60, 20)
    assert "no plot" in plain(page.lines)
