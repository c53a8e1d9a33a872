from meta_tui.render.graph.items import Item, Rect, Sheet, step

A, B, C, D = Item("a"), Item("b"), Item("c"), Item("d")
SQUARE = {A: Rect(0, 0, 10, 4), B: Rect(12, 0, 10, 4), C: Rect(0, 6, 10, 4), D: Rect(12, 6, 10, 4)}


def test_a_step_leads_to_the_next_box_in_its_direction():
    assert step(SQUARE, A, 1, 0) == B
    assert step(SQUARE, A, 0, 1) == C
    assert step(SQUARE, D, -1, 0) == C
    assert step(SQUARE, D, 0, -1) == B


def test_where_there_is_no_box_a_step_leads_nowhere():
    assert step(SQUARE, A, -1, 0) == A
    assert step(SQUARE, A, 0, -1) == A
    assert step(SQUARE, D, 1, 0) == D
    assert step({A: SQUARE[A]}, A, 0, 1) == A


def test_of_two_boxes_the_one_that_lies_ahead_is_nearer_than_one_aside():
    places = {A: Rect(20, 0, 10, 4), B: Rect(0, 6, 10, 4), C: Rect(18, 20, 10, 4)}
    assert step(places, A, 0, 1) == C
    places[B] = Rect(10, 6, 9, 4)
    assert step(places, A, 0, 1) == B


def test_from_a_box_that_is_opened_a_step_to_a_side_begins_at_its_head_or_at_a_cell():
    cell = Item("a", 3)
    places = {A: Rect(0, 0, 10, 20), cell: Rect(0, 15, 10, 1), B: Rect(12, 0, 10, 4),
              C: Rect(12, 14, 10, 4)}  # fmt: skip
    assert step(places, A, 1, 0) == B
    assert step(places, cell, 1, 0) == C


def test_what_lies_at_a_place_is_the_innermost():
    cell = Item("a", 3)
    sheet = Sheet([], {A: Rect(0, 0, 10, 6), cell: Rect(0, 3, 10, 1)})
    assert sheet.at(9, 3) == cell
    assert sheet.at(0, 0) == A
    assert sheet.at(10, 3) is None
    assert sheet.at(-1, 3) is None
    assert sheet.at(0, 6) is None
