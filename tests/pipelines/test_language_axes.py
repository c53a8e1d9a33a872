"""Axes flow along edges: which cells there are, how they are named, and what each reads."""

import pytest
from stand_ins import checked, told

from pipelines.core.cells import Pipeline
from pipelines.expansion.axes import Axis, declared, labelled_numbers

BASE = """
stages:
  source: {uses: dataset, with: {name: low}}
  target: {uses: dataset, with: {name: high}}
  backbone: {uses: pretrain, from: {data: source}}
"""
TUNED = "  tuned: {uses: finetune, from: {model: backbone, data: target}, "


def names(pipeline: Pipeline, stage: str) -> list[str]:
    return [cell.name for cell in pipeline.cells if cell.stage == stage]


def reads(pipeline: Pipeline, name: str) -> dict[str, list[str]]:
    cell = next(cell for cell in pipeline.cells if cell.name == name)
    return {
        port: [pipeline.cells[wire.cell].name for wire in wires]
        for port, wires in cell.inputs.items()
    }


def test_five_backbones_give_five_of_everything_after_them_paired() -> None:
    found = checked("seeds: 5" + BASE + TUNED + "matrix: {head: [random, zero]}}\n")
    assert names(found, "backbone") == [f"backbone@seed={i}" for i in range(5)]
    assert set(names(found, "tuned")) == {
        f"tuned@head={head}@seed={i}" for head in ("random", "zero") for i in range(5)
    }
    assert reads(found, "tuned@head=zero@seed=3")["model"] == ["backbone@seed=3"]
    assert all(cell.seed == int(cell.axes["seed"]) for cell in found.cells if cell.axes)


def test_seeds_that_were_asked_for_stand_for_the_files() -> None:
    tuned = BASE + TUNED + "matrix: {head: [random, zero]}}\n"
    for own in ("", "seeds: 3"):
        asked, written = checked(own + tuned, seeds=5), checked("seeds: 5" + tuned)
        assert [cell.name for cell in asked.cells] == [cell.name for cell in written.cells]
        assert [cell.seed for cell in asked.cells] == [cell.seed for cell in written.cells]


def test_a_stage_keeps_its_own_seeds_whatever_was_asked_for() -> None:
    found = checked(BASE.replace("data: source}", "data: source}, seeds: 1"), seeds=3)
    assert names(found, "backbone") == ["backbone"]


def test_a_stage_upstream_of_an_axis_is_computed_once() -> None:
    found = checked("seeds: 5" + BASE + TUNED + "matrix: {head: [random, zero]}}\n")
    assert names(found, "source") == ["source"]
    assert names(found, "target") == ["target"]
    assert [cell.seed for cell in found.cells if cell.stage == "source"] == [None]


def test_a_type_that_draws_has_seed_0_without_an_axis() -> None:
    found = checked(BASE)
    assert [(cell.name, cell.seed) for cell in found.cells[2:]] == [("backbone", 0)]


def test_a_block_opts_out_of_the_seed_axis() -> None:
    found = checked("seeds: 3" + BASE.replace("{data: source}}", "{data: source}, seeds: 1}"))
    assert names(found, "backbone") == ["backbone"]


def test_seeds_that_have_no_effect_are_an_error() -> None:
    text = told("seeds: 3" + BASE + TUNED + "seeds: 1}\n")
    assert "`seeds` has no effect on `tuned`: it inherits the axis `seed` from `backbone`" in text
    text = told(BASE.replace("name: low}", "name: low}, seeds: 2"))
    assert "`seeds` has no effect on `source`: `dataset` draws nothing at random" in text


def test_axes_join_on_what_they_share() -> None:
    found = checked(
        "seeds: 2"
        + BASE
        + """
  few: {uses: subset, from: {data: target}, matrix: {train: [1, 5]}}
  tuned: {uses: finetune, from: {model: backbone, data: few}}
"""
    )
    assert set(names(found, "tuned")) == {
        f"tuned@train={n}@seed={i}" for n in (1, 5) for i in (0, 1)
    }
    inputs = reads(found, "tuned@train=5@seed=1")
    assert inputs == {"model": ["backbone@seed=1"], "data": ["few@train=5@seed=1"]}


def test_the_seed_is_last_in_a_name_whatever_the_order_of_inputs() -> None:
    found = checked("seeds: 2" + BASE + TUNED + "matrix: {lr: [1, 1e-1], head: [zero]}}\n")
    assert names(found, "tuned")[0] == "tuned@lr=1@head=zero@seed=0"
    assert "tuned@lr=0.1@head=zero@seed=1" in names(found, "tuned")


def test_an_axis_sets_the_parameter_of_its_name() -> None:
    found = checked(BASE + TUNED + "matrix: {lr: [0.1, 1], head: [zero]}, with: {steps: 3}}\n")
    assert [cell.params.lr for cell in found.cells[3:]] == [0.1, 1.0]
    assert {(cell.params.head, cell.params.steps) for cell in found.cells[3:]} == {("zero", 3)}


def test_a_list_on_a_port_of_one_value_is_an_axis_whose_elements_may_differ() -> None:
    found = checked(
        BASE
        + """
  coder: {uses: vae, from: {data: source}, matrix: {epochs: [8, 32]}}
  probe: {uses: finetune, from: {model: [coder.encoder, backbone], data: target}}
"""
    )
    assert names(found, "probe") == [
        "probe@model=coder.encoder@epochs=8",
        "probe@model=coder.encoder@epochs=32",
        "probe@model=backbone",
    ]


def test_a_mapping_labels_the_references_of_a_port() -> None:
    found = checked(
        BASE
        + TUNED
        + """matrix: {head: [zero, random]}}
  more: {uses: finetune, from: {model: {warm: tuned@head=zero, cold: backbone}, data: target}}
"""
    )
    assert names(found, "more") == ["more@model=warm", "more@model=cold"]
    assert reads(found, "more@model=warm")["model"] == ["tuned@head=zero"]


def test_a_many_valued_port_gathers_all_and_a_partial_pick_gathers_the_rest() -> None:
    matrix = "matrix: {head: [random, zero], lr: [1, 0.5]}}\n"
    compare = "  all: {uses: compare, from: {scores: tuned}}\n"
    compare += "  some: {uses: compare, from: {scores: [tuned@head=zero]}}\n"
    found = checked("seeds: 2" + BASE + TUNED + matrix + compare)
    assert len(reads(found, "all")["scores"]) == 8
    assert reads(found, "some")["scores"] == [
        f"tuned@head=zero@lr={r}@seed={s}" for s in (0, 1) for r in ("1", "0.5")
    ]
    sources = [str(wire.source) for wire in found.cells[-1].inputs["scores"]]
    assert sources == reads(found, "some")["scores"]


def test_a_many_valued_port_gathers_only_what_agrees_with_the_cells_own_axes() -> None:
    found = checked(
        "seeds: 3"
        + BASE
        + """
  old: {uses: subset, from: {data: source}}
  tuned: {uses: finetune, from: {model: backbone, data: target, retain: [old]}}
"""
    )
    assert reads(found, "tuned@seed=2")["retain"] == ["old@seed=2"]


def test_a_pick_means_a_number_however_it_is_written() -> None:
    text = BASE + TUNED + "matrix: {lr: [1.0, 1e-3]}}\n"
    text += "  result: {uses: compare, from: {scores: [tuned@lr=1, tuned@lr=0.001]}}\n"
    assert reads(checked(text), "result")["scores"] == ["tuned@lr=1", "tuned@lr=0.001"]


def test_exclude_removes_combinations_and_says_nothing_of_it() -> None:
    found = checked(
        BASE + TUNED + "matrix: {head: [random, zero], lr: [1, 0.1]}, "
        "exclude: [{head: zero, lr: 0.1}]}\n"
    )
    assert names(found, "tuned") == [
        "tuned@head=random@lr=1",
        "tuned@head=random@lr=0.1",
        "tuned@head=zero@lr=1",
    ]
    assert not found.warnings


def test_a_mapping_axis_has_labels_and_a_list_of_kinds_is_named_by_kind() -> None:
    found = checked(
        BASE
        + TUNED
        + "matrix: {method: [{kind: conv4, width: 8}, {kind: mlp}], lr: {slow: 0.01, fast: 1.0}}}\n"
    )
    assert names(found, "tuned")[:2] == [
        "tuned@method=conv4@lr=slow",
        "tuned@method=conv4@lr=fast",
    ]


def test_two_values_of_one_label_are_an_error() -> None:
    text = told(BASE + TUNED + 'matrix: {lr: [0.1, "0.1"]}}\n')
    assert "two values of the axis `lr` are both named `0.1`" in text
    assert "give labels: `lr: {first: ..., second: ...}`" in text


@pytest.mark.parametrize(
    ("values", "named"),
    [("[1, 1.0]", "1"), ("[2, 1.0, 1]", "1"), ("[0.001, 1e-3]", "0.001"), ("[0, -0.0]", "0"),
     ("[0.5, 0.50]", "0.5"), ("[100, 1e2]", "100")],
)  # fmt: skip
def test_one_number_however_written_is_one_value_and_twice_is_an_error(values, named):
    text = told(BASE + TUNED + f"matrix: {{lr: {values}}}}}\n")
    assert f"two values of the axis `lr` are both named `{named}`" in text
    assert "they are the same value: leave one of them out" in text
    line = next(line for line in text.splitlines() if "both named" in line)
    place = (BASE + TUNED).splitlines()[-1]
    assert int(line.split(":")[2]) == len(place) + len("matrix: {lr: ") + values.rindex(" ") + 2


def test_true_and_text_are_not_the_number_one():
    given = declared("x", [True, 1], "a", ())
    assert isinstance(given, Axis)
    assert given.values == {"true": True, "1": 1}
    assert not given.same(declared("x", {"true": 1, "1": 1}, "b", ()))
    assert not declared("x", [1], "a", ()).same(declared("x", {"1": "1"}, "b", ()))


def test_axes_whose_numbers_are_written_otherwise_are_the_same():
    one = declared("x", [1, 2.0, -0.0, 1e-3], "a", ())
    other = declared("x", [1.0, 2, 0, 0.001], "b", ())
    assert list(one.values) == list(other.values) == ["1", "2", "0", "0.001"]
    assert one.same(other)
    assert not one.same(declared("x", [1.5, 2, 0, 0.001], "b", ()))


def test_values_are_numbers_whatever_their_labels_are():
    space = {
        "lr": declared("lr", {"big": 0.0101, "small": 1e-2, "2": 3}, "a", ()),
        "n": declared("n", [10, 5], "a", ()),
        "on": declared("on", {"1": True}, "a", ()),
    }
    found = [labelled_numbers({"lr": lr, "n": "10", "on": "1"}, space) for lr in ("big", "2")]
    assert found == [{"lr": 0.0101}, {"lr": 3.0}]


def test_inputs_with_differing_axes_keep_the_order_of_the_file() -> None:
    few = "  few: {uses: subset, from: {data: source}, matrix: {train: [1, 2]}}\n"
    mixed = "  tuned: {uses: finetune, from: {model: backbone, data: target, "
    mixed += "retain: [few@train=2, source, few@train=1]}}\n"
    retained = ["few@train=2", "source", "few@train=1"]
    assert reads(checked(BASE + few + mixed), "tuned")["retain"] == retained
    several = "  old: {uses: subset, from: {data: {a: source, b: few, c: few@train=1}}}\n"
    text = BASE + few + several + TUNED + "matrix: {lr: [1]}, with: {}}\n"
    text += "  both: {uses: finetune, from: {model: tuned, data: old}}\n"
    assert names(checked(text), "both") == [
        f"both@lr=1@{rest}" for rest in ("data=a", "data=b@train=1", "data=b@train=2", "data=c")
    ]


def test_axes_of_one_name_with_other_values_are_an_error_that_names_both() -> None:
    text = told(
        BASE.replace("{data: source}}", "{data: source}, matrix: {epochs: [1, 2]}}")
        + """
  few: {uses: subset, from: {data: target}, matrix: {epochs: [1, 3]}, with: {train: $matrix.epochs}}
  tuned: {uses: finetune, from: {model: backbone, data: few}}
"""
    )
    assert "the axis `epochs` of `backbone` is [1, 2], that of `few` is [1, 3]" in text


def test_redeclaring_an_inherited_axis_is_an_error() -> None:
    text = told(
        BASE.replace("{data: source}}", "{data: source}, matrix: {lr: [1, 2]}}")
        + TUNED
        + "matrix: {lr: [1, 2]}}\n"
    )
    assert "`tuned` inherits the axis `lr` from `backbone`" in text


EXCLUDED = """
stages:
  s: {uses: dataset, with: {name: x}}
  m: {uses: pretrain, from: {data: s}, matrix: {lr: [1, 2]}, exclude: [{lr: LEFT}]}
  d: {uses: subset, from: {data: s}, matrix: {lr: [1, 2]}, with: {train: $matrix.lr}, RIGHT}
  t: {uses: finetune, from: {model: m, data: d}ALLOW}
"""


def test_a_join_to_nothing_is_an_error() -> None:
    text = told(
        EXCLUDED.replace("LEFT", "1").replace("RIGHT", "exclude: [{lr: 2}]").replace("ALLOW", "")
    )
    assert "the axes of `t` join to nothing" in text


def test_a_join_that_loses_values_is_a_warning_that_can_be_silenced() -> None:
    text = EXCLUDED.replace("LEFT", "1").replace("RIGHT", "seeds: 1")
    [warning] = checked(text.replace("ALLOW", "")).warnings
    assert "`t` leaves out lr=1 of `d`" in warning.message
    assert not checked(text.replace("ALLOW", ", allow: [lossy-join]")).warnings


def test_no_more_cells_than_max_cells() -> None:
    text = "max_cells: 10" + BASE + TUNED + "matrix: {lr: [1, 2, 3, 4, 5, 6, 7]}}\n"
    assert len(checked(text).cells) == 10
    text = told(text.replace("6, 7", "6, 7, 8"))
    assert "error: 8 cells in `tuned` after 3 of other stages, the limit is 10" in text
    assert "hint: `max_cells: 11` or more, or fewer values or axes" in text


def test_the_numbers_of_too_many_cells_are_told() -> None:
    axes = "matrix: {lr: [1, 2, 3, 4], replay: [0.1, 0.2]}}\n"
    text = told("max_cells: 10\nseeds: 2" + BASE + TUNED + axes)
    assert "error: 16 cells in `tuned` (2 x 4 x 2) after 4 of other stages" in text
    more = axes.replace("4]", ", ".join(map(str, range(4, 1001))) + "]")
    many = told("max_cells: 100000\nseeds: 60" + BASE + TUNED + more)
    assert "error: 120,000 cells in `tuned` (60 x 1,000 x 2)" in many
    assert "hint: use fewer values or axes\n" in many + "\n"


SELECT = "  best: {uses: select, from: {candidates: tuned}, with: {over: lr, pool: POOL}}\n"
GRID = TUNED + "matrix: {head: [random, zero], lr: [0.1, 0.2, 0.3]}}\n"


def test_select_has_the_axes_of_its_candidates_but_the_one_it_chooses_over() -> None:
    found = checked("seeds: 2" + BASE + GRID + SELECT.replace("POOL", "[]"))
    assert set(names(found, "best")) == {
        f"best@head={head}@seed={i}" for head in ("random", "zero") for i in (0, 1)
    }
    assert reads(found, "best@head=zero@seed=1")["candidates"] == [
        f"tuned@head=zero@lr={lr}@seed=1" for lr in (0.1, 0.2, 0.3)
    ]


def test_select_pools_what_it_is_told_to() -> None:
    found = checked("seeds: 2" + BASE + GRID + SELECT.replace("POOL", "[seed]"))
    expected = {f"tuned@head=zero@lr={lr}@seed={i}" for lr in (0.1, 0.2, 0.3) for i in (0, 1)}
    for seed in (0, 1):
        read = reads(found, f"best@head=zero@seed={seed}")["candidates"]
        assert set(read) == expected
        assert len(read) == 6


def test_the_outputs_of_select_are_those_of_its_candidates() -> None:
    text = BASE + GRID + SELECT.replace("POOL", "[]")
    text += "  again: {uses: finetune, from: {model: best, data: target}}\n"
    text += "  result: {uses: compare, from: {scores: best@head=zero}}\n"
    found = checked(text)
    best = next(cell for cell in found.cells if cell.stage == "best")
    assert list(found.outputs(best)) == ["model", "scores"]
    assert best.facts["scores"].metrics == {"high/accuracy": (1, 10)}
    assert reads(found, "again@head=zero") == {"model": ["best@head=zero"], "data": ["target"]}


def test_select_over_an_axis_that_is_not_there_is_an_error() -> None:
    text = told(BASE + GRID + SELECT.replace("over: lr", "over: l2").replace("POOL", "[sed]"))
    assert "the candidates of `best` have no axis `l2`" in text
    text = told("seeds: 2" + BASE + GRID + SELECT.replace("POOL", "[sed]"))
    assert "the candidates of `best` have no axis `sed`" in text
    assert "did you mean `seed`?" in text


def test_pooling_over_seeds_still_means_something_with_a_single_seed() -> None:
    found = checked(BASE + GRID + SELECT.replace("POOL", "[seed]"))
    assert set(names(found, "best")) == {"best@head=random", "best@head=zero"}
