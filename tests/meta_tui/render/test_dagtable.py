from graphs import staged

from meta_tui.render.graph.items import Item
from meta_tui.render.graph.stage_table import dagtable
from meta_tui.render.graph.stages_pane import Drawing
from meta_tui.render.text.spans import plain
from meta_tui.render.text.symbols import ASCII
from pipelines.core.text import width

MANY = {f"s{at:02}": [f"s{at - 1:02}"] if at else [] for at in range(61)}


def test_a_table_tells_state_type_cells_and_inputs_of_each_stage():
    sheet = dagtable(staged({"a": (), "b": ("a",)}, 2), ["b"], 0.0, 80)
    rows = plain(sheet.rows).split("\n")
    assert rows[0].split() == ["state", "stage", "type", "part", "cells", "time", "needs"]
    assert rows[2].split() == ["·", "waiting", "b", "t", "0/2", "a"]
    assert rows[3].split() == ["·", "waiting", "seed=0"]
    assert sheet.places[Item("b", 3)].top == 4


def test_a_table_keeps_to_its_columns_and_to_ascii():
    sheet = dagtable(staged(MANY, 2), ["s01"], 0.0, 40, ASCII)
    assert plain(sheet.rows).replace("…", "").isascii()
    assert max(width(plain([row])) for row in sheet.rows) <= 40


def form(needs, columns: int, rows: int, *, whole: bool = False, cells: int = 1) -> str:
    drawing = Drawing()
    drawing.fit(staged(needs, cells), (), (columns, rows), whole=whole)
    return drawing.form


def test_more_than_sixty_stages_are_a_list_and_alone_on_the_screen_a_table():
    assert form(MANY, 200, 400) == "list"
    assert form(MANY, 200, 400, whole=True) == "table"
    sixty = {name: needs for name, needs in MANY.items() if name != "s60"}
    assert form(sixty, 200, 400) == "graph"


def test_a_graph_is_shown_where_it_fits_and_alone_on_the_screen_in_any_case():
    pair = {"a": (), "b": ("a",)}
    broad = {"a": ()} | {f"b{at}": ("a",) for at in range(9)}
    assert form(pair, 42, 20) == "graph"
    assert form(pair, 39, 20) == "list"
    assert form(broad, 60, 12) == "list"
    assert form(broad, 60, 12, whole=True) == "graph"


def test_a_box_that_is_opened_does_not_turn_the_graph_into_a_list():
    found = staged({"a": (), "b": ("a",)}, 40)
    drawing = Drawing()
    drawing.fit(found, ["b"], (42, 5), whole=False)
    assert drawing.form == "graph"
    assert Item("b", 41) in drawing.sheet(found, ["b"], 0.0, None).places
