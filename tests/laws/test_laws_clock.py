"""No test judges by the clock: a busy machine must not fail one. Benchmarks measure time."""

import ast
from collections.abc import Iterator

import pytest
from house import ROOT, dotted, shown

CLOCKS = {"time.monotonic", "time.time", "time.time_ns", "time.monotonic_ns", "datetime.now"}
"""What a helper that waits may read, to fail loudly after a generous time."""
STOPWATCHES = {
    "perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "thread_time",
    "thread_time_ns", "getrusage", "default_timer", "timeit", "times",
}  # fmt: skip


WORDS = ("time", "getrusage", "perf_counter", "deadline")
"""A file with none of them names no clock: it need not be parsed."""


def is_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) in CLOCKS


def readings(file: ast.Module) -> set[str]:
    """Names that a bare reading of a clock was given: `began = time.monotonic()`."""
    return {
        dotted(target)
        for node in ast.walk(file)
        if isinstance(node, ast.Assign) and is_clock(node.value)
        for target in node.targets
    }


def judged_by_the_clock(file: ast.Module) -> Iterator[ast.expr]:
    """Time that went by (a reading less a reading), stopwatches, and deadlines of Hypothesis."""
    names = readings(file)
    for node in ast.walk(file):
        match node:
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                if all(is_clock(side) or dotted(side) in names for side in (left, right)):
                    yield node
            case ast.Call(func=func, keywords=keywords):
                of_hypothesis = dotted(func).endswith(("settings", "register_profile"))
                deadlines = [word.value for word in keywords if word.arg == "deadline"]
                if dotted(func).rpartition(".")[2] in STOPWATCHES or (
                    of_hypothesis and any(getattr(at, "value", 0) is not None for at in deadlines)
                ):
                    yield node


def test_no_test_judges_by_the_clock() -> None:
    """Count work instead (fixture `work`), or measure time in benchmarks/."""
    files = [ROOT / "conftest.py", *sorted((ROOT / "tests").rglob("*.py"))]
    assert len(files) > 100
    assert [
        f"{shown(path)}:{node.lineno}"
        for path in files
        if any(word in (text := path.read_text()) for word in WORDS)
        for node in judged_by_the_clock(ast.parse(text))
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "began = time.monotonic()\nassert time.monotonic() - began < 2",
        "a = time.time()\nb = time.time()\nassert b - a < 2",
        "began = time.process_time()",
        "os.times()",
        "resource.getrusage(resource.RUSAGE_SELF)",
        "@settings(deadline=1000)\ndef test(): pass",
    ],
)
def test_the_law_finds_what_judges_by_the_clock(text: str) -> None:
    assert list(judged_by_the_clock(ast.parse(text)))
    assert any(word in text for word in WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "until = time.monotonic() + 20\nwhile time.monotonic() < until: pass",
        "until = time.monotonic() + 20\nleft = until - time.monotonic()",
        "long_ago = time.time() - 2 * AGE",
        "@settings(deadline=None)\ndef test(): pass",
    ],
)
def test_the_law_lets_pass_what_waits(text: str) -> None:
    assert not list(judged_by_the_clock(ast.parse(text)))
