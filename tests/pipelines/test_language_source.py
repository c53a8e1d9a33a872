"""YAML text becomes data as YAML 1.2 says, and every key and value knows its place."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.yaml import source
from pipelines.yaml.scalars import canonical, scalar

SCALARS: list[tuple[str, Any]] = [
    ("1e-3", 0.001), ("on", "on"), ("yes", "yes"), ("017", 17), ("0o17", 15), ("0x1F", 31),
    ("1_000", "1_000"), ("1:30", "1:30"), ("2026-01-01", "2026-01-01"), ("0.1", 0.1), (".5", 0.5),
    ("1.", 1.0), ("+3", 3), ("-0", 0), ("1E5", 1e5), ("true", True), ("FALSE", False),
    ("tRUE", "tRUE"),
    ("null", None), ("~", None), ("", None), ("Null", None), ("nil", "nil"), ("=", "="), ("-", "-"),
    ("1e", "1e"), ("0b1", "0b1"), ("0x", "0x"), ("1.2.3", "1.2.3"), ("-.5e3", -500.0), (".", "."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalar_is_read_as_yaml_1_2_core(text: str, value: Any) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan", "1e400", "9223372036854775808"])
def test_number_that_is_not_finite_or_too_large_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"finite|64 bits"):
        scalar(text)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1))
def test_canonical_text_of_a_number_reads_back_as_it(value: float) -> None:
    assert scalar(canonical(value)) == value


def test_quoted_scalars_are_text() -> None:
    assert source.parse("a: '1'\nb: \"true\"\nc: |\n  1\n", "x").data == {
        "a": "1", "b": "true", "c": "1\n",
    }  # fmt: skip


def test_places_are_true_with_letters_of_any_width() -> None:
    text = "é: [\"日本\", 😀, x]\nb: {c: 'd e', f: 1}\n"
    found = source.parse(text, "x.yaml")
    lines = text.split("\n")
    for path, expected in {
        ("é",): "[", ("é", 0): '"日本"', ("é", 1): "😀", ("é", 2): "x",
        ("b",): "{", ("b", "c"): "'d e'", ("b", "f"): "1",
    }.items():  # fmt: skip
        mark = found.mark(path)
        assert lines[mark.line - 1][mark.column - 1 :].startswith(expected)
        assert mark.width == (1 if expected in "[{" else len(expected))
    mark = found.mark(("b", "f"), key=True)
    assert (mark.line, mark.column, mark.width) == (2, 15, 1)


@pytest.mark.parametrize("text", ["a: 1\r\nb: [x,\r\n  yy]\r\n", "\ufeffa: 1\nb: [x,\n  yy]\n"])
def test_places_are_true_with_windows_line_ends_and_a_byte_order_mark(text: str) -> None:
    found = source.parse(text.encode(), "x.yaml")
    mark = found.mark(("b", 1))
    assert (mark.line, mark.column, mark.text) == (3, 3, "  yy]")
    assert (found.mark(("a",)).line, found.mark(("a",)).column) == (1, 4)


def test_the_place_of_what_is_not_there_is_that_of_what_would_hold_it() -> None:
    found = source.parse("a: {b: 1}\n", "x.yaml")
    assert found.mark(("a", "c", "d")) == found.mark(("a",))


def test_an_alias_is_what_its_anchor_is_with_the_places_of_the_original() -> None:
    found = source.parse("a: &x {b: [1, 2]}\nc: *x\n", "x.yaml")
    assert found.data == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}
    assert found.mark(("c", "b", 1)) == found.mark(("a", "b", 1))
    assert found.mark(("c",)).line == 2


def test_all_faults_of_content_are_told_at_once() -> None:
    with pytest.raises(source.PipelineError) as caught:
        source.parse("a: 1\na: .inf\nb: !x 2\n3: c\n", "x.yaml")
    assert [problem.mark.line for problem in caught.value.problems if problem.mark] == [2, 2, 3, 4]


# Lines of the reference pipelines' style: flow mappings, picks, substitutions, comments, labels.
STYLE = """
version: 1
name: style
seeds: 5
params: {net: {kind: conv4, width: 32, norm: batch}, episode: {ways: {min: 3, max: 10}, shots: 1}}
stages:
  pool: {uses: dataset, with: {name: mnist, task: digits, take: {train: 20000, val: 1000}}}
  start: {uses: pretrain, from: {data: pool}, with: {net: $params.net, epochs: 3}}
  chain:
    uses: sequence
    from: {model: start, retain: [pool], tasks: [vae.encoder, pool]}   # in order; then retained
    matrix:
      method:
        naive: {kind: finetune, head: zero}
        l2sp: {kind: finetune, head: zero, anchor: {kind: l2sp, weight: 0.01}}
    with: {buffer: {examples: 200, select: class_balanced}, targets: [all-linear, all-conv]}
  result:
    uses: compare
    from: {scores: [tuned@lr=0.03, base@learner=pretrained@method=ridge]}
    with:
      show: [high/accuracy@step=10, low/forgetting]
      contrasts:
        - [best_tuned@head=probe@replay=0, best_tuned@head=random@replay=0]
      plot: {kind: line, x: adaptation_step, y: test/accuracy, band: seed, log_x: true}
"""


def test_a_stock_loader_reads_the_same_from_our_style() -> None:
    assert source.parse(STYLE, "x.yaml").data == yaml.safe_load(STYLE)


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[2].glob("examples/*.yaml")), ids=str)
def test_a_stock_loader_reads_the_same_structure_from_an_example(path: Path) -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return [shape(item) for item in value] if isinstance(value, list) else None

    text = path.read_text()
    assert shape(source.parse(text, "x.yaml").data) == shape(yaml.safe_load(text))


def test_a_value_that_is_not_written_lies_at_the_end_of_the_last_line() -> None:
    document = source.parse("---", "f.yaml")
    assert (document.data, str(document.mark(()))) == (None, "f.yaml:1:4")
