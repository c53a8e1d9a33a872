"""A value that cannot be read is one fault at its place, and hides no other fault of the file."""

from pathlib import Path

import pytest
import yaml
from stand_ins import CATALOGUE

from pipelines.core.errors import PipelineError
from pipelines.pipeline import check

GOOD = """\
version: 1
name: good
description: all of it
seed: 3
seeds: 2
max_cells: 50
params: {net: {kind: conv4}, lr: [0.1, 0.2]}
stages:
  s: {uses: dataset, with: {name: x}, timeout: 5m, retry: 1, cache: use}
  m:
    uses: pretrain
    from: {data: s}
    with: {net: $params.net}
    matrix: {lr: $params.lr, epochs: [8, 16]}
    exclude: [{lr: 0.1, epochs: 8}]
    resources: {threads: 1}
    retry: {lost: 1}
    stall: 10
    allow: [unused-param]
"""
WORSE = "  z: {uses: nothing}\n"
BAD = [".nan", "-.inf", "1e999", "9" * 40, '"a\\0b"', '"\\u2028"', "!!float 1",
       "!!timestamp 2020-99-99", "!x a"]  # fmt: skip


def told(text: str) -> list[tuple[int, int, str]]:
    """Line, column and message of every fault."""
    with pytest.raises(PipelineError) as caught:
        check(text, file="p.yaml", folder=Path(), stages=CATALOGUE)
    return [(p.mark.line, p.mark.column, p.message) for p in caught.value.problems if p.mark]


def scalars() -> list[yaml.ScalarNode]:
    """The scalar values of the file that is right."""
    found, left = [], [yaml.compose(GOOD, yaml.SafeLoader)]
    while left:
        node = left.pop()
        if isinstance(node, yaml.ScalarNode):
            found.append(node)
        else:
            mapping = isinstance(node, yaml.MappingNode)
            left += [value for _, value in node.value] if mapping else node.value
    return found


def test_the_file_is_right_where_every_value_is_read():
    assert check(GOOD, file="p.yaml", folder=Path(), stages=CATALOGUE).cells


@pytest.mark.parametrize("node", scalars(), ids=lambda node: f"{node.start_mark.line}-{node.value}")
def test_one_unreadable_value_anywhere_is_one_fault_and_hides_no_other(node):
    start, end = node.start_mark, node.end_mark
    for bad in BAD:
        text = GOOD[: start.index] + bad + GOOD[end.index :] + WORSE
        first, *rest = told(text)
        assert first[:2] == (start.line + 1, start.column + 1), bad
        assert [message for *_, message in rest] == ["there is no stage type `nothing`"], bad


def test_every_unreadable_value_is_told_with_the_faults_beside_it():
    stage = "{uses: pretrain, from: {data: s}, matrix: {lr: [1, .nan], batch: []}, with: {epoch: 1}"
    head = "version: 1\nname: t\nstages:\n  s: {uses: dataset, with: {name: x}, timeout: .inf}\n"
    found = [message for *_, message in told(f"{head}  m: {stage}, stall: 4}}\n{WORSE}")]
    assert found[0] == "a number must be finite, not .inf"
    assert "a number must be finite, not .nan" in found
    for part in ("`batch` has no values", "`stall` is 4 s", "no stage type `nothing`", "`epoch`"):
        assert any(part in message for message in found), part


def test_the_same_key_quoted_and_not_repeats_nothing_inside():
    both = '  "1": {uses: dataset, with: {name: x}}\n  1: {uses: dataset, with: {name: y}}\n'
    assert told(f"version: 1\nname: t\nstages:\n{both}") == [(5, 3, "a key is a string, not 1")]


def test_a_reference_to_an_axis_that_is_wrong_is_no_second_fault():
    stage = "{uses: pretrain, from: {data: s}, matrix: {n: []}, with: {net: $matrix.n, epoch: 1}}"
    head = "version: 1\nname: t\nstages:\n  s: {uses: dataset, with: {name: x}}\n"
    found = [message for *_, message in told(f"{head}  m: {stage}\n")]
    assert found == ["the axis `n` has no values", "`epoch` is not a parameter of `pretrain`"]
