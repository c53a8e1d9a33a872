# ruff: noqa: E501
"""What a person reads when a file is wrong: the whole text, with place, caret and hint."""

from pathlib import Path

import pytest
from stand_ins import CATALOGUE, told

from pipelines.core.errors import PipelineError
from pipelines.pipeline import check

HEAD = """
stages:
  source: {uses: dataset, with: {name: low}}
  backbone: {uses: pretrain, from: {data: source}}
"""

CASES = {
    "unknown stage type": (
        "  tuned: {uses: fintune, from: {model: backbone, data: source}}",
        """\
p.yaml:7:17: error: there is no stage type `fintune`
      tuned: {uses: fintune, from: {model: backbone, data: source}}
                    ^^^^^^^
    hint: did you mean `finetune`?""",
    ),
    "unknown port": (
        "  tuned: {uses: finetune, from: {modle: backbone, data: source}}",
        """\
p.yaml:7:34: error: `finetune` has no port `modle`
      tuned: {uses: finetune, from: {modle: backbone, data: source}}
                                     ^^^^^
    hint: did you mean `model`?""",
    ),
    "unknown output": (
        "  tuned: {uses: finetune, from: {model: backbone.modell, data: source}}",
        """\
p.yaml:7:41: error: `backbone` has no output `modell`
      tuned: {uses: finetune, from: {model: backbone.modell, data: source}}
                                            ^^^^^^^^^^^^^^^
    hint: did you mean `model`?""",
    ),
    "unknown key of a stage": (
        "  more: {uses: dataset, whit: {name: x}}",
        """\
p.yaml:7:25: error: `whit` is not a key of a stage
      more: {uses: dataset, whit: {name: x}}
                            ^^^^
    hint: did you mean `with`?""",
    ),
    "unknown parameter": (
        "  more: {uses: pretrain, from: {data: source}, with: {epoch: 3}}",
        """\
p.yaml:7:55: error: `epoch` is not a parameter of `pretrain`
      more: {uses: pretrain, from: {data: source}, with: {epoch: 3}}
                                                          ^^^^^
    hint: did you mean `epochs`?""",
    ),
    "unknown field inside a parameter": (
        "  more: {uses: init, with: {net: {kind: conv4, widht: 3}}}",
        """\
p.yaml:7:48: error: `widht` is not a field of `net` (conv4)
      more: {uses: init, with: {net: {kind: conv4, widht: 3}}}
                                                   ^^^^^
    hint: did you mean `width`?""",
    ),
    "unknown kind": (
        "  more: {uses: init, with: {net: {kind: resnet}}}",
        """\
p.yaml:7:41: error: `net` has no kind `resnet`
      more: {uses: init, with: {net: {kind: resnet}}}
                                            ^^^^^^
    hint: kinds: `conv4` and `mlp`""",
    ),
    "missing kind": (
        "  more: {uses: init, with: {net: {width: 3}}}",
        """\
p.yaml:7:34: error: `net` needs `kind`: `conv4` or `mlp`
      more: {uses: init, with: {net: {width: 3}}}
                                     ^""",
    ),
    "wrong type": (
        "  more: {uses: init, with: {epochs: many}}",
        """\
p.yaml:7:37: error: `epochs` must be a whole number, not many
      more: {uses: init, with: {epochs: many}}
                                        ^^^^""",
    ),
    "wrong range": (
        "  more: {uses: init, with: {epochs: 0}}",
        """\
p.yaml:7:37: error: `epochs` must be greater than 0, not 0
      more: {uses: init, with: {epochs: 0}}
                                        ^""",
    ),
    "a value that is not allowed": (
        "  t: {uses: finetune, from: {model: backbone, data: source}, with: {head: zeros}}",
        """\
p.yaml:7:75: error: `head` must be `random`, `zero` or `probe`, not zeros
      t: {uses: finetune, from: {model: backbone, data: source}, with: {head: zeros}}
                                                                              ^^^^^
    hint: did you mean `zero`?""",
    ),
    "a value of an axis that is not allowed": (
        "  t: {uses: finetune, from: {model: backbone, data: source}, matrix: {lr: [1, -1]}}",
        """\
p.yaml:7:79: error: `lr` must be greater than 0.0, not -1
      t: {uses: finetune, from: {model: backbone, data: source}, matrix: {lr: [1, -1]}}
                                                                                  ^^""",
    ),
    "missing parameter": (
        "  more: {uses: dataset, with: {task: x}}",
        """\
p.yaml:7:25: error: `dataset` needs `name`
      more: {uses: dataset, with: {task: x}}
                            ^^^^
    hint: Collection""",
    ),
    "missing input": (
        "  tuned: {uses: finetune, from: {model: backbone}}",
        """\
p.yaml:7:27: error: `tuned` has nothing on the port `data`: `finetune` needs a Dataset
      tuned: {uses: finetune, from: {model: backbone}}
                              ^^^^
    hint: write `from: {data: <stage>}`""",
    ),
    "mistyped input": (
        "  tuned: {uses: finetune, from: {model: source, data: source}}",
        """\
p.yaml:7:41: error: `tuned.model` takes a Model, but `source` gives data: Dataset
      tuned: {uses: finetune, from: {model: source, data: source}}
                                            ^^^^^^""",
    ),
    "mistyped input with a port": (
        "  tuned: {uses: finetune, from: {model: source.data, data: source}}",
        """\
p.yaml:7:41: error: `tuned.model` takes a Model, but `source.data` is a Dataset
      tuned: {uses: finetune, from: {model: source.data, data: source}}
                                            ^^^^^^^^^^^
    hint: `source` gives data: Dataset""",
    ),
    "an input that could be two": (
        "  two: {uses: twins}\n  tuned: {uses: finetune, from: {model: two, data: source}}",
        """\
p.yaml:8:41: error: `tuned.model` takes a Model, and `two` has several: first: Model, second: Model
      tuned: {uses: finetune, from: {model: two, data: source}}
                                            ^^^
    hint: write `two.first` or `two.second`""",
    ),
    "cycle": (
        "  a: {uses: finetune, from: {model: b, data: source}}\n"
        "  b: {uses: finetune, from: {model: a, data: source}}",
        """\
p.yaml:7:23: error: stages feed each other in a circle: a → b → a
      a: {uses: finetune, from: {model: b, data: source}}
                          ^^^^""",
    ),
    "unknown reference": (
        "  more: {uses: pretrain, from: {data: sorce}}",
        """\
p.yaml:7:39: error: there is no stage `sorce`
      more: {uses: pretrain, from: {data: sorce}}
                                          ^^^^^
    hint: did you mean `source`?""",
    ),
    "an axis nobody uses": (
        "  more: {uses: pretrain, from: {data: source}, matrix: {epoch: [1, 2]}}",
        """\
p.yaml:7:57: error: nobody uses the axis `epoch`: `pretrain` has no such parameter, and no value is `$matrix.epoch`
      more: {uses: pretrain, from: {data: source}, matrix: {epoch: [1, 2]}}
                                                            ^^^^^
    hint: did you mean `epochs`?""",
    ),
    "an axis set twice": (
        "  m: {uses: pretrain, from: {data: source}, matrix: {lr: [1]}, with: {lr: 2}}",
        """\
p.yaml:7:54: error: `lr` is set by `with` too
      m: {uses: pretrain, from: {data: source}, matrix: {lr: [1]}, with: {lr: 2}}
                                                         ^^
    hint: leave one of them out""",
    ),
    "values without labels": (
        "  m: {uses: pretrain, from: {data: source}, matrix: {lr: [[1], [2]]}}",
        """\
p.yaml:7:59: error: this value of the axis `lr` has no name
      m: {uses: pretrain, from: {data: source}, matrix: {lr: [[1], [2]]}}
                                                              ^
    hint: give labels: `lr: {first: ..., second: ...}`
p.yaml:7:64: error: this value of the axis `lr` has no name
      m: {uses: pretrain, from: {data: source}, matrix: {lr: [[1], [2]]}}
                                                                   ^
    hint: give labels: `lr: {first: ..., second: ...}`""",
    ),
    "a pick of what is not there": (
        "  m: {uses: pretrain, from: {data: source}, matrix: {lr: [1, 2]}}\n"
        "  t: {uses: finetune, from: {model: m@lr=3, data: source@rl=1}}",
        """\
p.yaml:8:37: error: the axis `lr` of `m` has no value `3`
      t: {uses: finetune, from: {model: m@lr=3, data: source@rl=1}}
                                        ^^^^^^
    hint: its values: `1` and `2`
p.yaml:8:51: error: `source` has no axis `rl`
      t: {uses: finetune, from: {model: m@lr=3, data: source@rl=1}}
                                                      ^^^^^^^^^^^
    hint: it has no axes""",
    ),
    "a data folder without the files": (
        "  more: {uses: dataset, with: {name: mnist, root: here}}",
        """\
p.yaml:7:25: error: here has no train-images.gz
      more: {uses: dataset, with: {name: mnist, root: here}}
                            ^^^^
    hint: fetch it with `meta data`""",
    ),
    "duplicate key": (
        "  source: {uses: init}",
        """\
p.yaml:7:3: error: `source` is here twice; first in line 5
      source: {uses: init}
      ^^^^^^""",
    ),
    "not YAML": (
        "  more: {uses: init, with: {lr: 1}",
        """\
p.yaml:8:1: error: this is not YAML: did not find expected ',' or '}', while parsing a flow mapping that begins in line 7
    hint: close the bracket, or put a comma between two items""",
    ),
    "braces of another language": (
        "  more: {uses: init, with: {epochs: '${{ params.n }}', lr: '${rate}'}}",
        """\
p.yaml:7:37: error: `${{ params.n }}` stands for nothing
      more: {uses: init, with: {epochs: '${{ params.n }}', lr: '${rate}'}}
                                        ^^^^^^^^^^^^^^^^^
    hint: write `$params.n`, without braces; `$$` is a dollar
p.yaml:7:60: error: `${rate}` stands for nothing
      more: {uses: init, with: {epochs: '${{ params.n }}', lr: '${rate}'}}
                                                               ^^^^^^^^^
    hint: write `$params.rate`, without braces; `$$` is a dollar""",
    ),
    "a name that cannot be one": (
        "  ../x: {uses: init}",
        """\
p.yaml:7:3: error: `../x` cannot name a stage
      ../x: {uses: init}
      ^^^^
    hint: a name is a lower-case letter, then at most 62 of a-z, 0-9, _ and -""",
    ),
    "a stall that a slow report would be": (
        "  m: {uses: init, stall: 2s}",
        """\
p.yaml:7:26: error: `stall` is 2 s, and must be at least 5
      m: {uses: init, stall: 2s}
                             ^^
    hint: reports reach the run about once a second""",
    ),
    "wide letters before the fault": (
        '  m: {uses: dataset, description: "数据 é", with: {nam: x}}',
        """\
p.yaml:7:50: error: `nam` is not a parameter of `dataset`
      m: {uses: dataset, description: "数据 é", with: {nam: x}}
                                                       ^^^
    hint: did you mean `name`?""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_message_for(name: str) -> None:
    text, message = CASES[name]
    assert told(HEAD + text + "\n") == message


@pytest.mark.parametrize("key", ["timeout", "stall"])
@pytest.mark.parametrize("value", ["0s", "00m", "0", "1.5h", "-1", "1e9", "abc", "10 s", "true"])
def test_a_wrong_duration_is_told_in_words(key: str, value: str) -> None:
    found = told(HEAD + f"  m: {{uses: init, {key}: {value}}}\n")
    right = "seconds, more than 0 and at most 10000000, or text such as 90s, 15m, 2h or 1d"
    assert f"error: `{key}` must be {right}, not " in found
    assert found.count("error:") == 1
    assert "hint: whole numbers before s, m, h or d: 90m for 1.5h" in found


@pytest.mark.parametrize("value", ["1s", "010s", "999999d", "0.5", "null"])
def test_a_right_duration_passes(value: str) -> None:
    text = HEAD + f"  m: {{uses: init, timeout: {value}, wrong: 1}}\n"
    assert "timeout" not in told(text).splitlines()[0]
    assert told(text).count("error:") == 1


@pytest.mark.parametrize("key", ["timeout", "stall"])
def test_an_empty_duration_is_no_text_in_quotes(key: str) -> None:
    found = told(HEAD + f"  m: {{uses: init, {key}: ''}}\n")
    assert f"error: `{key}` is empty text: write null" in found


@pytest.mark.parametrize(("value", "shown"), [("1e99", "1e+99"), ("-1e30", "-1e+30")])
def test_a_number_that_is_too_large_is_told_so(value: str, shown: str) -> None:
    found = told(HEAD + f"  m: {{uses: init, threads: 1, seeds: {value}}}\n")
    assert f"not {shown}: too large, a whole number has at most 64 bits" in found
    assert "write `" not in found


def test_every_fault_is_told_at_once_in_file_order() -> None:
    text = "\n".join(text for text, _ in list(CASES.values())[:12])
    lines = [line.split() for line in told(HEAD + _numbered(text)).splitlines() if "p.yaml" in line]
    places = [tuple(map(int, line[0].split(":")[1:3])) for line in lines]
    assert places == sorted(places)
    assert len({line for line, _ in places}) == 12


def _numbered(text: str) -> str:
    """The same blocks under names of their own."""
    blocks = text.splitlines()
    return "".join(f"  b{i}:{line.partition(':')[2]}\n" for i, line in enumerate(blocks))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml:1:1: error: the file is empty; a pipeline is a mapping"),
        ("- a\n", "the file is [\"a\"]; a pipeline is a mapping"),
        ("version: 2\nname: x\nstages: {a: {uses: init}}\n", "`version` must be 1, not 2"),
        ("version: 1\nstages: {a: {uses: init}}\n", "a pipeline needs `name`"),
        ("version: 1\nname: X\nstages: {a: {uses: init}}\n", "`name` must be text that matches"),
        ("version: 1\nname: x\nstages: 3\n", "`stages` must be a mapping, not 3"),
        ("version: 1\nname: x\nstages: {}\n", "there are no stages"),
        ("version: 1\nname: x\nstage: {}\n", "`stage` is not a key of a pipeline"),
        ("version: 1\nname: x\nstages: {a: 3}\n", "stage `a` is a mapping with `uses`, not 3"),
        ("version: 1\nname: x\nstages: {a: {with: {}}}\n", "a stage needs `uses`"),
        ("version: 1\nname: x\nseeds: 0\nstages: {a: {uses: init}}\n", "must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_message_for_a_wrong_top_level(text: str, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        check(text, file="p.yaml", folder=Path("/nowhere"), stages=CATALOGUE)
    assert message in str(caught.value)


def test_a_fault_in_params_is_shown_where_it_is_written() -> None:
    text = told(
        "params: {net: {kind: conv4, width: -1}}\n"
        "stages:\n  a: {uses: init, with: {net: $params.net}}"
    )
    assert text.startswith("p.yaml:3:36: error: `net.width` must be greater than 0, not -1")
    assert "(stage `a`)" in text


def test_a_very_long_line_is_cut_around_the_fault() -> None:
    text = told(f"stages:\n  a: {{uses: init, description: {'x' * 3000}, with: {{epoch: 1}}}}\n")
    line, caret = text.splitlines()[1:3]
    assert len(line) < 140
    assert line[caret.index("^") :].startswith("epoch: 1")


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ("uses: init, with: {net: mpl}", "hint: as `{kind: mlp}`; kinds"),
        ("uses: init, with: {net: [64]}", "hint: as `{kind: conv4}`; kinds: `conv4` and `mlp`"),
    ],
)
def test_what_stands_for_a_mapping_is_told_with_how_it_is_written(fields: str, hint: str) -> None:
    assert hint in told(f"{HEAD}  a: {{{fields}}}\n")
