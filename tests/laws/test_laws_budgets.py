"""Sizes and names. Over a budget is a warning, over the limit is against the law."""

import ast
import warnings

import house
import pytest

MODULE_LINES, FUNCTION_LINES = (400, 500), (40, 80)
"""Warn above the first, fail above the second."""
FORBIDDEN_NAMES = ("utils", "util", "common", "helpers", "helper", "manager", "misc")


def lines(path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path) -> list[tuple[str, int]]:
    """Name and length of every function of a file."""
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(house.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def judge(what: str, size: int, budget: tuple[int, int]) -> None:
    warn, limit = budget
    if size > warn:
        warnings.warn(f"{what} has {size} lines, over the budget of {warn}", stacklevel=1)
    assert size <= limit, f"{what} has {size} lines: divide it"


@pytest.mark.filterwarnings("default:.*over the budget.*")
@pytest.mark.parametrize("path", house.sources(), ids=house.shown)
def test_modules_and_functions_stay_small(path):
    judge(house.shown(path), lines(path), MODULE_LINES)
    for name, size in functions(path):
        judge(f"{house.shown(path)}: {name}", size, FUNCTION_LINES)


def test_the_budget_counts_lines():
    with pytest.warns(match="41 lines"):
        judge("it", 41, (40, 80))
    with pytest.raises(AssertionError, match="divide it"), pytest.warns(match="over"):
        judge("it", 81, (40, 80))
    this = dict(functions(house.Path(__file__)))
    assert this["lines"] == 2


def test_a_module_is_named_for_what_it_is():
    assert [
        house.shown(path)
        for path in house.sources()
        if set(path.stem.split("_")) & set(FORBIDDEN_NAMES)
    ] == []


def test_no_two_files_of_tests_share_a_name():
    """A test file is imported by its bare name: a second one of that name stops the whole run."""
    names = [path.name for path in (house.ROOT / "tests").rglob("*.py")]
    shared = {name for name in names if names.count(name) > 1}
    assert shared <= {"conftest.py"}
