import pytest
from graphs import any_graph

from meta_tui.render.graph.layering import layers


def edges_of(seed: int, count: int) -> set[tuple[int, int]]:
    needs = any_graph(seed, count)
    return {(int(a[1:]), int(b[1:])) for b, every in needs.items() for a in every}


def levels(found) -> dict[int, int]:
    return {node: level for level, row in enumerate(found.order) for node in row}


@pytest.mark.parametrize("seed", range(30))
def test_each_link_leads_to_the_next_layer_and_bends_lead_to_the_ends_of_their_edges(seed):
    edges = edges_of(seed, 20)
    found = layers(20, edges)
    level = levels(found)
    assert sorted(level) == list(range(len(found.origin)))
    for node, targets in enumerate(found.after):
        assert all(level[target] == level[node] + 1 for target in targets)
    read = {
        (found.origin[node], end)
        for node, targets in enumerate(found.after)
        for target in targets
        for end in found.ends[target]
    }
    assert read == edges


def test_an_edge_that_leads_nowhere_or_back_is_left_out():
    found = layers(2, [(0, 1), (1, 0), (0, 0), (-1, 1), (0, 2)])
    assert found.after == ((1,), ())
    assert layers(0, []).order == ()


def test_edges_of_one_node_share_their_bends():
    # 0 is read in the third layer twice, and in the fourth.
    found = layers(6, [(0, 1), (1, 2), (0, 2), (1, 3), (0, 3), (2, 4), (3, 4), (0, 4), (4, 5)])
    assert len(found.origin) == 6 + 2
    assert [found.origin[node] for node in range(6, 8)] == [0, 0]


def test_a_node_is_as_late_as_its_readers_let_it_be():
    found = layers(4, [(0, 2), (2, 3), (1, 3)])
    assert levels(found) == {0: 0, 2: 1, 1: 1, 3: 2}


def test_what_can_be_drawn_without_crossings_is_ordered_so():
    # Two chains whose nodes come in turns, each the other way round than the one before.
    found = layers(6, [(0, 3), (1, 2), (2, 5), (3, 4)])
    first, second, third = found.order
    assert [found.after[node][0] for node in first] == list(second)
    assert [found.after[node][0] for node in second] == list(third)
