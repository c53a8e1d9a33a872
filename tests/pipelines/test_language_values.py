"""Substitution, overrides, resources, facts, warnings: what the values of a file come to."""

from pathlib import Path

import pytest
from stand_ins import CATALOGUE, Conv, Dataset, checked, told

from pipelines.core.stage import Artifact, Params, stage
from pipelines.pipeline import check

BASE = """
stages:
  source: {uses: dataset, with: {name: low, classes: [0, 1]}}
  backbone: {uses: pretrain, from: {data: source}}
"""
TUNED = "  tuned: {uses: finetune, from: {model: backbone, data: source}, "


def params(text: str, stage: str, **options: object) -> list:
    found = checked(text, **options)  # type: ignore[arg-type]
    return [cell.params for cell in found.cells if cell.stage == stage]


def test_a_whole_value_keeps_its_type() -> None:
    text = "params: {n: 7, net: {kind: conv4, width: 5}}\nstages:\n"
    text += "  a: {uses: init, with: {epochs: $params.n, net: $params.net}}\n"
    [found] = params(text, "a")
    assert found.epochs == 7
    assert found.net == Conv(width=5)


def test_inside_a_text_only_a_scalar_can_stand() -> None:
    text = "params: {n: 1e-3, b: true, l: [1]}\nstages:\n"
    [found] = params(text + "  a: {uses: dataset, with: {name: x-$params.n-$params.b-$$}}\n", "a")
    assert found.name == "x-0.001-true-$"
    message = told(text + "  a: {uses: dataset, with: {name: x-$params.l}}\n")
    assert "inside a text only a scalar can stand" in message


def test_params_may_refer_to_each_other_in_any_order() -> None:
    text = "params: {a: $params.b.c, b: {c: $params.d}, d: 3}\nstages:\n"
    [found] = params(text + "  x: {uses: init, with: {epochs: $params.a}}\n", "x")
    assert found.epochs == 3


def test_params_in_a_circle_are_shown() -> None:
    text = told("params: {a: $params.b, b: $params.a}\nstages:\n  x: {uses: init}\n")
    assert "params refer in a circle: params.a → params.b → params.a" in text


def test_matrix_values_and_the_seed_are_substituted() -> None:
    text = "seeds: 2\nstages:\n  a: {uses: init, matrix: {size: {s: {w: 4}, l: {w: 8}}}, "
    text += "with: {net: {kind: conv4, width: $matrix.size.w}, lr: 1, epochs: 2}, "
    text += "resources: {threads: $matrix.size.w}}\n"
    found = checked(text)
    assert [(cell.name, cell.params.net.width, cell.threads) for cell in found.cells] == [
        ("a@size=s@seed=0", 4, 4), ("a@size=s@seed=1", 4, 4),
        ("a@size=l@seed=0", 8, 8), ("a@size=l@seed=1", 8, 8),
    ]  # fmt: skip
    named = "seeds: 2\nstages:\n  d: {uses: dataset, with: {name: x}}\n"
    named += "  s: {uses: subset, from: {data: d}, with: {train: $seed}}\n"
    assert "`train` must be greater than 0, not 0" in told(named)


def test_a_list_of_values_from_params_makes_an_axis() -> None:
    text = "params: {rates: [0.1, -0.2]}" + BASE + TUNED + "matrix: {lr: $params.rates}}\n"
    message = told(text)
    assert message.startswith("p.yaml:3:23: error: `lr` must be greater than 0.0, not -0.2")


def test_set_replaces_what_exists() -> None:
    text = "params: {n: 7, net: {kind: conv4, width: 5}}\nstages:\n"
    text += "  a: {uses: init, with: {epochs: $params.n, net: $params.net}}\n"
    [found] = params(text, "a", overrides=["n=9", "net.width=6"])
    assert (found.epochs, found.net.width) == (9, 6)
    [found] = params(text, "a", overrides=["net={kind: mlp, hidden: [1, 2]}"])
    assert found.net.hidden == (1, 2)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("m=1", "error: --set m=1: there is no `m` in `params`\n    hint: did you mean `n`?"),
        ("net.widht=1", "--set net.widht=1: there is no `widht` in `params.net`"),
        ("n.x=1", "--set n.x=1: there is no `x` in `params.n`"),
        ("n", "--set n: write `--set name=value`"),
        ("n=[1", "--set n=[1: this is not YAML"),
        ("n=-1", "error: --set n=-1: `epochs` must be greater than 0, not -1"),
        ("net.width=wide", "error: --set net.width=wide: `net.width` must be a whole number"),
    ],
)  # fmt: skip
def test_set_that_is_wrong_is_told_without_a_place(option: str, message: str) -> None:
    text = "params: {n: 7, net: {kind: conv4, width: 5}}\nstages:\n"
    text += "  a: {uses: init, with: {epochs: $params.n, net: $params.net}}\n"
    found = told(text, [option])
    assert message.replace("\n    hint: did you mean `n`?", "") in found
    assert found.startswith("error: --set")


def test_the_root_seed_is_the_files_unless_the_command_gives_one() -> None:
    text = "seed: 3" + BASE
    assert checked(text).seed == 3
    assert checked(text, seed=8).seed == 8


def test_cache_and_threads_reach_the_cells() -> None:
    found = checked("cache: refresh" + BASE + TUNED + "cache: off, resources: {threads: 2}}\n")
    assert [(cell.cache, cell.threads) for cell in found.cells] == [
        ("refresh", 1), ("refresh", 1), ("off", 2),
    ]  # fmt: skip


def test_a_parameter_that_nobody_uses_is_a_warning() -> None:
    [warning] = checked("params: {n: 1}" + BASE).warnings
    assert warning.render().startswith("p.yaml:3:10: warning: nobody uses `params.n`")


def test_facts_flow_and_their_faults_stand_at_the_parameter_or_port() -> None:
    found = checked(BASE + TUNED + "with: {lr: 11}}\n")
    assert found.cells[0].facts["data"].task == "low"
    assert found.cells[-1].facts["scores"].metrics == {"low/accuracy": (1, 10)}
    [warning] = found.warnings
    assert warning.render().startswith("p.yaml:7:77: warning: this rate is very high")
    text = told(BASE + TUNED + "with: {replay: 0.1}}\n")
    assert text.startswith("p.yaml:7:81: error: replay has no source")


def test_a_fault_that_all_cells_share_is_told_once_and_hides_no_other() -> None:
    text = told("seeds: 9" + BASE.replace("[0, 1]", "[99]") + TUNED + "with: {replay: 0.1}}\n")
    assert text.count("error:") == 2
    assert "low has no class 99" in text
    assert "replay has no source" in text


def test_training_on_test_examples_is_a_warning_that_can_be_silenced() -> None:
    text = BASE.replace("pretrain", "cheat")
    [warning] = checked(text + TUNED + "with: {}}\n").warnings
    assert "`backbone` was made from test examples of `low` (low/0, low/1)" in warning.message
    assert not checked(text + TUNED + "allow: [leakage]}\n").warnings


def test_a_wrong_value_does_not_hide_the_faults_beside_it() -> None:
    text = told("stages:\n  a: {uses: init, with: {lr: $params.x, epochs: -1, nett: 1}}\n")
    assert text.count("error:") == 3


def test_stage_types_are_looked_up_only_where_they_are_used() -> None:
    asked: list[str] = []

    class Lazy(dict):
        def __getitem__(self, name: str) -> object:
            asked.append(name)
            return CATALOGUE[name]

        def __iter__(self):
            raise AssertionError("nothing needs a suggestion")

    text = "version: 1\nname: x" + BASE
    check(text, file="p.yaml", folder=Path("/nowhere"), stages=Lazy())
    assert asked == ["dataset", "pretrain"]


def test_a_reference_takes_the_exact_type_before_a_subtype() -> None:
    class Special(Dataset): ...

    def kind(output: type[Artifact], both: bool) -> object:
        import dataclasses

        fields = [("special", Special), *([("plain", Dataset)] if both else [])]
        made = dataclasses.make_dataclass("Made", fields)

        def maker(run: object, params: Params) -> None: ...

        maker.__annotations__ |= {"return": made}
        return stage(maker)

    text = "version: 1\nname: x\nstages:\n  m: {uses: maker}\n"
    text += "  p: {uses: pretrain, from: {data: m}}\n"
    for both, output in ((True, "plain"), (False, "special")):
        stages = {**CATALOGUE, "maker": kind(Dataset, both)}
        found = check(text, file="p.yaml", folder=Path("/nowhere"), stages=stages)  # type: ignore
        assert found.cells[1].inputs["data"][0].output == output


def test_each_cell_has_its_own_seed_as_a_value() -> None:
    text = "seeds: 2" + BASE
    text += "  t: {uses: finetune, from: {model: backbone, data: source, retain: source}, "
    assert [found.replay for found in params(text + "with: {replay: $seed}}\n", "t")] == [0, 1]


def test_a_param_that_cannot_be_made_is_told_once_and_not_where_it_is_used() -> None:
    text = told("params: {n: $params.m}\nstages:\n  a: {uses: init, with: {epochs: $params.n}}\n")
    assert text.count("error:") == 1
    assert text.startswith("p.yaml:3:13: error: `$params.m`: there is no `m` in `params`")
