# ruff: noqa: E501
"""What a person writes who knows another tool, or does not know this one yet: the exact words."""

import json
from pathlib import Path

import pytest

from engine.library.generative import training
from engine.library.methods import finetune
from engine.library.stages import judge, meta_evaluate, meta_train, pretrain
from engine.stage_api.catalogue import Catalogue
from pipelines.core.attribute_docs import describe
from pipelines.core.errors import PipelineError
from pipelines.pipeline import Pipeline, check
from pipelines.schema.jsonschema import schema

STAGES = Catalogue()
HEAD = "version: 1\nname: t\n"
BASE = """stages:
  source: {uses: dataset, with: {name: digits, task: low, classes: [0, 1]}}
  few: {uses: subset, from: {data: source}, with: {train: 20}}
  backbone: {uses: pretrain, from: {data: source}, with: {net: {kind: mlp, hidden: [8]}}}
"""
TUNED = "  tuned: {uses: finetune, from: {model: backbone, data: few}, "


def asked(text: str) -> Pipeline:
    return check(text, file="p.yaml", folder=Path("/nowhere"), stages=STAGES)


def told(text: str) -> list[tuple[str, str]]:
    """Message and hint of each fault."""
    with pytest.raises(PipelineError) as caught:
        asked(text)
    return [(problem.message, problem.hint) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("field", "message", "hint"),
    [
        ('steps: "50"', "`steps` is text in quotes: write 50", ""),
        ('lr: "0.03"', "`lr` is text in quotes: write 0.03", ""),
        ("lr: '1e-3'", "`lr` is text in quotes: write 1e-3", ""),
        ("clip: 'null'", "`clip` is text in quotes: write null", ""),
        ('optimizer: {kind: adam, betas: ["0.9", 0.99]}',
         "`optimizer.betas.0` is text in quotes: write 0.9", ""),
        ('stop: {patience: "3"}', "`stop.patience` is text in quotes: write 3", ""),
        ('steps: "0.5"', "`steps` must be a whole number, not 0.5", ""),
        ('steps: "-50"', "`steps` must be a whole number, not -50", ""),
        ("steps: many", "`steps` must be a whole number, not many", ""),
        ("steps: 50.0", "`steps` must be a whole number, not 50.0", "write `50`"),
        ("curve: 10", "`curve` must be a list, not 10", "write `[10]`"),
        ("optimizer: {name: adam}", "`optimizer` needs `kind`: `sgd`, `adam` or `adamw`",
         "write `kind: adam`, not `name`"),
        ("optimizer: {type: sgd, momentum: 0.9}",
         "`optimizer` needs `kind`: `sgd`, `adam` or `adamw`", "write `kind: sgd`, not `type`"),
        ("optimizer: {momentum: 0.9}", "`optimizer` needs `kind`: `sgd`, `adam` or `adamw`", ""),
    ],
)  # fmt: skip
def test_a_value_in_another_spelling_is_told_with_the_right_one(
    field: str, message: str, hint: str
) -> None:
    assert told(HEAD + BASE + TUNED + f"with: {{{field}}}}}\n") == [(message, hint)]


def test_text_in_quotes_is_told_wherever_it_came_from() -> None:
    axis = TUNED + 'matrix: {lr: [0.1, "0.2"], replay: ["0"]}}\n'
    assert told(HEAD + BASE + axis) == [
        ("`lr` is text in quotes: write 0.2", ""),
        ("`replay` is text in quotes: write 0", ""),
    ]
    text = HEAD + 'params: {n: "7"}\n' + BASE + TUNED + "with: {steps: $params.n}}\n"
    assert told(text) == [("`steps` is text in quotes: write 7 (stage `tuned`)", "")]
    assert told(HEAD + 'seeds: "3"\n' + BASE) == [("`seeds` is text in quotes: write 3", "")]
    vae = "  v: {uses: vae, from: {data: source}, with: {z: 2, conditional: 'true'}}\n"
    assert told(HEAD + BASE + vae) == [("`conditional` is text in quotes: write true", "")]


def test_a_number_where_text_is_wanted_gets_its_quotes() -> None:
    text = BASE.replace("task: low", "task: 5")
    assert told(HEAD + text)[0] == ("`task` must be text, not 5", 'write `"5"`')


KINDS = [
    ("pretrain", "{data: source}", "net: mlp", "net: {kind: mlp}", "net: {kind: mlp, hidden: [256, 256]}"),
    ("pretrain", "{data: source}", "optimizer: adamw", "optimizer: {kind: adamw}",
     "optimizer: {kind: adamw, weight_decay: 0.01}"),
    ("finetune", "{model: backbone, data: few}", "anchor: l2sp", "anchor: {kind: l2sp}",
     "anchor: {kind: l2sp, weight: 0.01}"),
    ("meta_train", "{tasks: lessons}", "algorithm: ridge, net: mlp, budget: {tasks: 8}",
     "algorithm: {kind: ridge}, net: {kind: mlp}, budget: {tasks: 8}",
     "algorithm: {kind: ridge}, net: {kind: mlp, hidden: [256, 256]}, budget: {tasks: 8}"),
    ("meta_evaluate", "{learner: backbone, tasks: lessons}", "method: probe",
     "method: {kind: probe}", "method: {kind: probe, l2: auto}"),
    ("vae", "{data: source}", "z: 2, net: mlp, objective: elbo",
     "z: 2, net: {kind: mlp}, objective: {kind: elbo}", "z: 2, objective: {kind: elbo}"),
    ("sample", "{generator: coder.generator}", "how: prior", "how: {kind: prior}", "count: 2000"),
]  # fmt: skip


@pytest.mark.parametrize(("uses", "inputs", "bare", "kind", "whole"), KINDS)
def test_a_bare_name_its_kind_and_its_defaults_are_one_value(
    uses: str, inputs: str, bare: str, kind: str, whole: str
) -> None:
    more = (
        "  lessons: {uses: tasks, from: {data: source}, "
        "with: {episode: {ways: 2, shots: 1}, queries: 2, count: 5}}\n"
        "  coder: {uses: vae, from: {data: source}, with: {z: 2}}\n"
    )
    found = [
        asked(HEAD + BASE + more + f"  x: {{uses: {uses}, from: {inputs}, with: {{{fields}}}}}\n")
        for fields in (bare, kind, whole)
    ]
    texts = {pipeline.cells[-1].params.model_dump_json() for pipeline in found}
    assert len(texts) == 1


def test_a_bare_name_may_be_an_axis_and_its_label() -> None:
    found = asked(HEAD + BASE + TUNED + "matrix: {optimizer: [sgd, adam]}}\n")
    cells = [cell for cell in found.cells if cell.stage == "tuned"]
    assert [cell.name for cell in cells] == ["tuned@optimizer=sgd", "tuned@optimizer=adam"]
    assert [cell.params.optimizer.kind for cell in cells] == ["sgd", "adam"]  # type: ignore[attr-defined]


def test_a_bare_name_of_what_needs_more_says_what() -> None:
    more = "  x: {uses: vae, from: {data: source}, with: {z: 2, likelihood: gaussian}}\n"
    ((message, _),) = told(HEAD + BASE + more)
    assert message == "`likelihood` needs `sigma`"


def test_a_name_that_is_no_kind_is_told_with_those_there_are() -> None:
    ((message, hint),) = told(HEAD + BASE + TUNED + "with: {optimizer: adamm}}\n")
    assert message == "`optimizer` must be a mapping, not adamm"
    assert hint == "as `{kind: adam}`; kinds: `sgd`, `adam` and `adamw`"


def test_a_dataset_is_named_not_of_a_kind() -> None:
    text = BASE.replace("{name: digits,", "{kind: digits,")
    assert told(HEAD + text) == [("`kind` is not a parameter of `dataset`", "write `name: digits`")]


@pytest.mark.parametrize("word", ["needs", "depends_on", "inputs", "requires"])
def test_words_of_other_tools_for_inputs_get_from_with_the_right_ports(word: str) -> None:
    block = f"  tuned: {{uses: finetune, {word}: [backbone, few, source]}}\n"
    assert told(HEAD + BASE + block) == [
        (f"`{word}` is not a key of a stage",
         "write `from: {model: backbone, data: few, retain: source}`")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("block", "hint"),
    [
        ("uses: pretrain, from: source", "write `from: {data: source}`"),
        ("uses: subset, from: [few]", "write `from: {data: few}`"),
        ("uses: finetune, from: backbone", "write `from: {model: backbone}`"),
        ("uses: compare, from: backbone", "write `from: {scores: backbone}`"),
        ("uses: compare, from: [backbone, backbone.scores]",
         "write `from: {scores: [backbone, backbone.scores]}`"),
        ("uses: nothing, from: source",
         "write `from: {PORT: STAGE}`; `meta stages TYPE` names the ports"),
        ("uses: dataset, with: {name: digits}, from: source",
         "leave it out: `dataset` reads no other stage"),
    ],
)  # fmt: skip
def test_from_without_a_port_gets_the_right_one(block: str, hint: str) -> None:
    assert hint in [hint for _, hint in told(HEAD + BASE + f"  x: {{{block}}}\n")]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("  x: {type: init, with: {net: mlp}}\n", "`type` is not a key of a stage", "here it is `uses`"),
        ("  x: {uses: init, params: {net: mlp}}\n", "`params` is not a key of a stage",
         "here it is `with`"),
        ("  x: {uses: init, with: {net: mlp}, grid: {}}\n", "`grid` is not a key of a stage",
         "here it is `matrix`"),
    ],
)  # fmt: skip
def test_other_keys_of_a_stage_get_ours(text: str, message: str, hint: str) -> None:
    assert told(HEAD + BASE + text) == [(message, hint)]


def test_another_word_for_the_stages_gets_ours() -> None:
    assert told(HEAD + "jobs: {a: {uses: init}}\n")[-1] == (
        "`jobs` is not a key of a pipeline", "here it is `stages`",
    )  # fmt: skip


def test_a_file_without_a_version_is_told_the_line_to_write() -> None:
    assert told("name: t\n" + BASE) == [
        ("a pipeline needs `version`", "write `version: 1` as the first line")
    ]


@pytest.mark.parametrize(
    "value", ["${{ params.steps }}", "${{params.steps}}", "${params.steps}", "{{ params.steps }}"]
)
@pytest.mark.parametrize("block", ["flow", "block"])
def test_expressions_of_other_tools_get_ours(value: str, block: str) -> None:
    text = TUNED + f"with: {{steps: {value}, lr: 1}}}}\n"
    if block == "block":
        text = "  x:\n    uses: pretrain\n    from: {data: source}\n    with:\n"
        text += f"      steps: {value}\n"
    ((_, hint),) = told(HEAD + "params: {steps: 3}\n" + BASE + text)
    assert hint == "write `$params.steps`, without braces; `$$` is a dollar"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lora", "`lora` is a value of `method: {kind: lora}` of `fits` and `meta_evaluate`; and of "
                 "`algorithm.inner: {kind: lora}` of `meta_train`"),
        ("maml", "`maml` is a value of `algorithm: {kind: maml}` of `meta_train`"),
        ("mnist", "`mnist` is a value of `name: mnist` of `dataset`"),
        ("fintune", "did you mean `finetune`?"),
    ],
)  # fmt: skip
def test_a_stage_type_that_is_none_says_where_such_a_thing_is_had(name: str, hint: str) -> None:
    assert told(HEAD + BASE + f"  x: {{uses: {name}}}\n") == [
        (f"there is no stage type `{name}`", hint)
    ]


def test_a_table_as_a_dataset_says_how_numbers_are_read() -> None:
    text = HEAD + "stages:\n  a: {uses: dataset, with: {name: table}}\n"
    ((message, _),) = told(text)
    assert "a CSV file of numbers is read by the stage `tasks` with `kind: table`" in message


def test_the_schema_for_editors_takes_a_bare_name() -> None:
    text = json.dumps(schema({"pretrain": STAGES["pretrain"]}))
    assert '{"enum": ["sgd", "adam", "adamw"]}' in text
    assert '{"enum": ["conv4", "mlp"]}' in text


@pytest.mark.parametrize(
    ("name", "field", "default"),
    [
        ("pretrain", "steps", pretrain.STEPS),
        ("finetune", "steps", finetune.STEPS),
        ("judge", "steps", judge.STEPS),
        ("vae", "epochs", training.EPOCHS),
        ("autoencoder", "epochs", training.EPOCHS),
        ("tasks", "count", meta_evaluate.TASKS),
        ("tasks", "count", meta_train.VALIDATED),
    ],
)
def test_the_default_of_a_length_stands_in_the_help(name: str, field: str, default: int) -> None:
    text = describe(STAGES[name].params)[field]
    assert "by default" in text.lower()
    assert str(default) in text.replace(".", " ").replace(";", " ").split()
