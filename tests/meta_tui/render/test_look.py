from dataclasses import replace
from math import inf

import pytest

from meta_tui.render.charts.chart_view import WEIGHTS, Look
from meta_tui.render.charts.viewport import WHOLE, Series

CURVE = (Series("a", list(range(101)), [0.0] * 101),)


def test_zooming_in_without_a_cursor_goes_to_the_end_and_stays_open_there():
    look = Look().zoomed(CURVE, closer=True)
    assert look.window == (50, inf)
    assert look.zoomed(CURVE, closer=True).window == (75, inf)


def test_zooming_in_at_a_cursor_keeps_it_in_its_place():
    look = replace(Look(), cursor=20.0).zoomed(CURVE, closer=True)
    assert look.window == (10, 60)
    assert (20 - 10) / 50 == (20 - 0) / 100


def test_zooming_out_ends_with_the_whole():
    look = Look()
    for closer in (True, True, True, False, False, False, False):
        look = look.zoomed(CURVE, closer=closer)
    assert look.window == WHOLE


def test_zooming_in_has_an_end():
    look = Look()
    for _ in range(200):
        look = look.zoomed(CURVE, closer=True)
    assert look.window[0] < 100


def test_a_window_goes_a_quarter_to_each_side_and_not_beyond_the_ends():
    look = replace(Look(), cursor=50.0).zoomed(CURVE, closer=True)
    assert look.window == (25, 75)
    assert look.panned(CURVE, 1).window == (37.5, 87.5)
    assert look.panned(CURVE, -1).window == (12.5, 62.5)
    for _ in range(9):
        look = look.panned(CURVE, 1)
    assert look.window == (50, inf)
    for _ in range(9):
        look = look.panned(CURVE, -1)
    assert look.window == (-inf, 50)


def test_the_cursor_comes_from_the_side_it_is_called_from_and_stops_at_the_ends():
    assert Look().moved(CURVE, 1).cursor == 0
    look = Look().moved(CURVE, -1)
    assert look.cursor == 100
    assert look.moved(CURVE, 1).cursor == 100
    assert look.moved(CURVE, -1).cursor == 98


def test_the_cursor_stands_on_points_however_far_apart():
    sparse = (Series("a", [1, 50, 51, 1000], [0.0] * 4), Series("b", [400], [0.0]))
    look, seen = Look(), []
    for _ in range(5):
        look = look.moved(sparse, 1)
        seen.append(look.cursor)
    assert seen == [1, 50, 400, 1000, 1000]


def test_the_cursor_comes_back_into_a_window_that_left_it():
    look = replace(Look(), cursor=3.0, window=(50.0, inf))
    assert look.moved(CURVE, 1).cursor == 51
    assert look.moved(CURVE, -1).cursor == 50


def test_a_click_finds_the_nearest_point():
    assert Look().pointed((Series("a", [1, 50, 51], [0.0] * 3),), 30.0).cursor == 50


def test_weights_come_round_and_end_with_none():
    look, seen = Look(), []
    for _ in range(5):
        seen.append(look.weight)
        look = look.smoother()
    assert seen == [*WEIGHTS, 0.0]


def test_another_axis_forgets_what_was_shown_of_the_first():
    look = Look(window=(3.0, 9.0), cursor=4.0, log_y=True).turned()
    assert look == Look(axis="time", log_y=True)
    assert look.turned().axis == "step"


def test_going_back_leaves_one_thing_at_a_time():
    look = Look(alone=True, cursor=3.0, window=(1.0, 9.0))
    look = look.left_behind()
    assert look == Look(cursor=3.0, window=(1.0, 9.0))
    look = look.left_behind()
    assert look == Look(window=(1.0, 9.0))
    assert look.left_behind() == Look()


@pytest.mark.parametrize("series", [(), (Series("a", [], []),)])
def test_without_points_nothing_moves(series):
    look = Look()
    assert look.moved(series, 1) == look.panned(series, 1) == look.pointed(series, 3.0) == look
    assert look.zoomed(series, closer=True) == look


def test_a_curve_of_one_point_has_a_cursor_and_no_zoom():
    one = (Series("a", [7], [1.0]),)
    assert Look().moved(one, -1).cursor == 7
    assert Look().zoomed(one, closer=True).window == WHOLE
