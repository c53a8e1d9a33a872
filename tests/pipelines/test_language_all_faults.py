"""All faults of a file at once, each at its place: of a matrix, of seeds, of stages that follow."""

import pytest
from stand_ins import checked, told

from pipelines.core.errors import Mark, PipelineError

BASE = """
stages:
  source: {uses: dataset, with: {name: low}}
  target: {uses: dataset, with: {name: high, classes: CLASSES}}
  backbone: {uses: pretrain, from: {data: source}}
  tuned: {uses: finetune, from: {model: backbone, data: target}, REST}
"""


def faults(rest: str, classes: str = "[5, 6]", head: str = "", more: str = "") -> list[str]:
    """Each fault: the text that it is at, and its message."""
    text = head + BASE.replace("REST", rest).replace("CLASSES", classes) + more
    with pytest.raises(PipelineError) as caught:
        checked(text)
    return [f"{_marked(problem.mark)}: {problem.message}" for problem in caught.value.problems]


def _marked(mark: Mark | None) -> str:
    """The text over the caret."""
    assert mark is not None
    return mark.text[mark.column - 1 :][: mark.width]


def test_each_value_of_a_matrix_that_is_wrong_is_told_at_its_place() -> None:
    found = faults("matrix: {replay: [0.1, 0, 0.3, 0.5]}")
    assert found == [f"{value}: replay has no source" for value in ("0.1", "0.3", "0.5")]


def test_values_under_labels_are_told_at_their_places() -> None:
    found = faults("matrix: {replay: {a: 0.1, b: 0, c: 0.3}}")
    assert found == ["0.1: replay has no source", "0.3: replay has no source"]


def test_a_fault_of_all_seeds_and_axes_is_told_once() -> None:
    rest = "matrix: {head: [random, zero]}, with: {replay: 0.1}"
    assert faults(rest, head="seeds: 7") == ["0.1: replay has no source"]


def test_values_of_params_that_cells_take_are_told_where_they_stand() -> None:
    head = "params: {shares: {a: 0.1, b: 0, c: 0.3}}"
    found = faults("matrix: {replay: $params.shares}", head=head)
    assert found == ["0.1: replay has no source", "0.3: replay has no source"]


def test_a_wrong_value_beside_right_ones_hides_no_fault_of_these() -> None:
    found = faults("matrix: {replay: [7, 0.1, -1, 0.3]}")
    assert [line.partition(":")[0] for line in found] == ["7", "0.1", "-1", "0.3"]
    assert found[1] == "0.1: replay has no source"


def test_a_faulty_stage_hides_no_fault_of_those_that_read_it() -> None:
    for classes in ("[99]", "nonsense"):
        found = faults("with: {replay: 0.1}", classes)
        assert len(found) == 2
        assert found[1] == "0.1: replay has no source"


def test_a_stage_that_cannot_be_connected_is_checked_with_what_it_has() -> None:
    for broken in ("sorce", "source.nothing", "source@lr=1"):
        rest = f"with: {{replay: 0.1}}}}\n  more: {{uses: pretrain, from: {{data: {broken}}}"
        found = faults(rest)
        assert len(found) == 2
        assert found[0] == "0.1: replay has no source"


def test_what_reads_a_faulty_cell_is_told_nothing_that_follows_from_it() -> None:
    rest = "with: {replay: 0.1}"
    more = "  result: {uses: compare, from: {scores: tuned}, with: {show: [high/accuracy]}}\n"
    assert faults(rest, more=more) == ["0.1: replay has no source"]


def test_faults_of_two_axes_stand_at_both() -> None:
    rest = "matrix: {epoch: [1], lr: [[1], 2, [3]]}"
    found = faults(rest)
    assert len(found) == 3
    assert "nobody uses the axis `epoch`" in found[0]
    assert found[1:] == ["[: this value of the axis `lr` has no name"] * 2


def test_every_entry_of_exclude_is_told() -> None:
    rest = "matrix: {lr: [1, 2]}, exclude: [{lr: 3, hed: zero}, {rl: 1}]"
    assert [line.partition(": ")[2] for line in faults(rest)] == [
        "the axis `lr` has no value `3`",
        "`tuned` has no axis `hed`",
        "`tuned` has no axis `rl`",
    ]


def test_every_pick_of_a_reference_is_told() -> None:
    more = "  t: {uses: finetune, from: {model: m@lr=3@x=1, data: source}}\n"
    more = "  m: {uses: pretrain, from: {data: source}, matrix: {lr: [1, 2]}}\n" + more
    assert [line.partition(": ")[2] for line in faults("", more=more)] == [
        "the axis `lr` of `m` has no value `3`",
        "`m` has no axis `x`",
    ]


def test_every_option_of_the_command_that_is_wrong_is_told() -> None:
    text = "params: {a: 0.5, b: 3}" + BASE.replace("CLASSES", "[5]").replace(
        "REST", "matrix: {replay: [$params.a, 0.1]}, with: {lr: $params.b}"
    )
    found = told(text, ["a=7", "b=-1", "c=1"])
    assert "--set a=7: `replay` must be at most 1.0, not 7" in found
    assert "--set b=-1: `lr` must be greater than 0.0, not -1" in found
    assert "--set c=1: there is no `c` in `params`" in found


@pytest.mark.parametrize("raw", ["[]", "{}"])
def test_an_axis_without_values_says_what_is_wrong(raw: str) -> None:
    text = told(BASE.replace("CLASSES", "[5]").replace("REST", f"matrix: {{head: {raw}}}"))
    assert "error: the axis `head` has no values\n" in text
    assert "hint: give it at least one, as `head: [...]`, or leave the axis out" in text


def test_an_axis_that_is_one_value_is_told_with_its_list() -> None:
    text = told(BASE.replace("CLASSES", "[5]").replace("REST", "matrix: {head: zero}"))
    assert "the axis `head` is a list or a mapping of labels, not zero" in text
    assert "hint: write `head: [zero]`" in text


def test_a_right_file_has_no_fault() -> None:
    assert checked(BASE.replace("CLASSES", "[5]").replace("REST", "with: {lr: 1}")).cells


@pytest.mark.parametrize(
    "wrong",
    ["stall: 1s", "timeout: 0s", "retry: x", "cache: never", "allow: [zz]", "description: 5"],
)
def test_what_changes_no_result_of_a_stage_hides_no_fault_of_a_reference_to_it(wrong: str) -> None:
    rest = f"matrix: {{lr: [0.1, 0.2]}}, {wrong}"
    more = "  result: {uses: compare, from: {scores: tuned@lr=7}}\n"
    found = faults(rest, more=more)
    assert len(found) == 2
    assert "the axis `lr` of `tuned` has no value `7`" in found[1]


@pytest.mark.parametrize("wrong", ["seeds: many", "mtrix: {}"])
def test_what_changes_the_cells_of_a_stage_leaves_references_to_it_unjudged(wrong: str) -> None:
    rest = f"matrix: {{lr: [0.1, 0.2]}}, {wrong}"
    assert len(faults(rest, more="  result: {uses: compare, from: {scores: tuned@lr=7}}\n")) == 1
