import pytest
from graphs import LADDER, any_graph, drawn, read_edges, staged

from meta_tui.render.graph.boxes import sizes
from meta_tui.render.graph.edge_routing import channel
from meta_tui.render.graph.graph import Graph
from meta_tui.render.graph.items import Item
from meta_tui.render.graph.layering import layers
from meta_tui.render.graph.layout import DOWNWARD, RIGHTWARD, layout
from meta_tui.render.text.symbols import ASCII
from pipelines.core.text import width


def edges_of(needs) -> set[tuple[str, str]]:
    return {(need, name) for name, every in needs.items() for need in every}


@pytest.mark.parametrize(("columns", "rows"), [(42, 23), (116, 34)], ids=["down", "right"])
@pytest.mark.parametrize("seed", range(60))
def test_an_eye_that_follows_the_lines_finds_the_edges_and_no_others(seed, columns, rows):
    needs = any_graph(seed, count=3 + seed % 12)
    text, sheet = drawn(needs, columns, rows)
    assert read_edges(text, sheet) == edges_of(needs)


@pytest.mark.parametrize("seed", [3, 27, 34, 47, 59, 73])
def test_lines_that_would_end_opposite_to_each_other_go_across_twice(seed):
    needs = any_graph(seed, count=3 + seed % 38, most=1 + seed % 4)
    text, sheet = drawn(needs, 1000, 20)
    assert read_edges(text, sheet) == edges_of(needs)


def test_a_door_gives_way_to_a_line_that_leaves_opposite():
    graph = layers(4, [(0, 2), (0, 3), (1, 2)])
    first, second = channel(graph, (0, 1), [10, 30, 30, 10], [19] * 4, 2)
    assert first.sources == {0: 10}
    assert not set(second.targets.values()) & set(first.sources.values())
    assert not first.jogs
    assert not second.jogs


@pytest.mark.parametrize("seed", range(40))
def test_boxes_never_touch_and_lines_never_go_through_them(seed):
    found = staged(any_graph(seed, count=4 + seed))
    graph = Graph.of(found)
    for direction in (DOWNWARD, RIGHTWARD):
        shown = layout(graph.layers, sizes(found, (), tall=True), direction, 30)
        taken: set[tuple[int, int]] = set()
        for box in shown.boxes:
            inside = {
                (x, y)
                for x in range(box.left, box.left + box.columns)
                for y in range(box.top, box.top + box.rows)
            }
            assert not inside & taken
            taken |= inside
        assert not [place for wire in shown.wires for place in wire.cells if place in taken]
        assert min(0, *(min(place) for place in taken)) == 0


LADDER_42 = """\
  ╭─────────────────╮  ╭─────────────────╮
  │ · source    0/5 │  │ · target    0/5 │
  │ waiting         │  │ waiting         │
  ╰────────┬────────╯  ╰────────┬────────╯
         ╭─┴────────╮          ╭╯
         ▼          │          ▼
┏━━━━━━━━━━━━━━━━━┓ │ ╭─────────────────╮
┃ · backbone  0/5 ┃ │ │ · few       0/5 │
┃ waiting         ┃ │ │ waiting         │
┗━━━━━━━━┯━━━━━━━━┛ │ ╰────────┬────────╯
         ╰┬─────────┴──────────┤
          ▼                    ▼
 ╭─────────────────╮  ╭─────────────────╮
 │ · probe     0/5 │  │ · tuned     0/5 │
 │ waiting         │  │ waiting         │
 ╰────────┬────────╯  ╰────────┬────────╯
          ╰──────────┬─────────╯
                     ▼
            ╭─────────────────╮
            │ · result    0/5 │
            │ waiting         │
            ╰─────────────────╯"""


def test_the_ladder_fits_the_pane_of_a_screen_of_120_columns():
    text, _ = drawn(LADDER, 42, 23, cells=5, selected=Item("backbone"))
    assert text == LADDER_42


def test_a_wide_area_has_the_graph_to_the_right():
    text, sheet = drawn(LADDER, 116, 34)
    lefts = [sheet.places[Item(name)].left for name in ("source", "backbone", "probe", "result")]
    assert lefts == sorted(set(lefts))
    assert "▶" in text
    assert "▼" not in text


def test_ascii_signs_draw_nothing_but_ascii_and_still_tell_the_selected_box():
    text, _ = drawn(LADDER, 42, 23, cells=3, opened=["few"], selected=Item("few", 7), signs=ASCII)
    assert text.isascii()
    assert "#" in text
    assert "> . 1" in text or "> . seed=1" in text


def test_a_box_that_is_opened_lists_its_cells_where_each_can_be_chosen():
    text, sheet = drawn({"a": (), "b": ("a",)}, 80, 30, cells=3, opened=["b"])
    assert [item for item in sheet.places if item.stage == "b"] == [
        Item("b"), Item("b", 3), Item("b", 4), Item("b", 5),
    ]  # fmt: skip
    row = text.split("\n")[sheet.places[Item("b", 4)].top]
    assert "· seed=1" in row
    assert sheet.at(*sheet.places[Item("b", 4)][:2]) == Item("b", 4)


def test_a_box_of_many_cells_shows_those_around_the_chosen_one_and_tells_how_many_there_are():
    text, sheet = drawn({"a": ()}, 80, 30, cells=100, opened=["a"], selected=Item("a", 50))
    assert "45-56 of 100" in text
    assert Item("a", 50) in sheet.places
    assert "▸ · seed=50" in text
    end, _ = drawn({"a": ()}, 80, 30, cells=100, opened=["a"], selected=Item("a", 99))
    assert "89-100 of 100" in end


def test_what_belongs_to_the_chosen_box_is_told_apart():
    needs = {"a": (), "b": (), "c": ("a",), "d": ("b",)}
    _, sheet = drawn(needs, 80, 30, selected=Item("c"))
    styles = {
        sheet.at(x + 1, y) or sheet.at(x, y + 1): style
        for y, row in enumerate(sheet.rows)
        for x, (letter, style) in enumerate((c, span.style) for span in row for c in span.text)
        if letter in "▶▼"
    }
    assert styles == {Item("c"): "accent", Item("d"): "dim"}


def test_a_name_of_wide_letters_keeps_the_frame_straight():
    text, _ = drawn({"学習モデル": (), "b": ("学習モデル",)}, 80, 30)
    assert len({width(row) for row in text.split("\n")[:4]}) == 1


def test_a_graph_without_stages_or_lines_is_drawn_too():
    assert drawn({}, 80, 30)[0] == ""
    text, sheet = drawn({"a": (), "b": ()}, 80, 30)
    assert len(sheet.places) == 2
    assert read_edges(text, sheet) == set()


@pytest.mark.parametrize(("count", "most_steps"), [(11, 20_000), (200, 500_000)])
def test_a_graph_is_laid_out_and_drawn_with_bounded_work(count, most_steps, work):
    found = staged(any_graph(3, count, most=2))
    with work.counting():
        arrangement = Graph.of(found).layers
        shown = layout(arrangement, sizes(found, (), tall=True), DOWNWARD, 100)
    assert len(shown.boxes) == count
    assert work.steps < most_steps
