import pytest
from graphs import any_graph, drawn, read_edges


def edges_of(needs) -> set[tuple[str, str]]:
    return {(need, name) for name, every in needs.items() for need in every}


@pytest.mark.parametrize(("columns", "rows"), [(42, 23), (116, 34)], ids=["down", "right"])
@pytest.mark.parametrize("seed", range(60))
def test_an_eye_that_follows_the_lines_finds_the_edges_and_no_others(seed, columns, rows):
    needs = any_graph(seed, count=3 + seed % 12)
    text, sheet = drawn(needs, columns, rows)
    assert read_edges(text, sheet) == edges_of(needs)
