# ruff: noqa: E501
"""Figures that would flatter: each leak is a warning with a code, and none is told without cause."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.stage_api.catalogue import Catalogue
from pipelines.core.codes import CODES
from pipelines.pipeline import check

STAGES = Catalogue()
HEAD = "version: 1\nname: t\nstages:\n"
CHARS = """
  train: {uses: dataset, with: {name: omniglot, root: omniglot, split: random, part: train, task: train}}
  val: {uses: dataset, with: {name: omniglot, root: omniglot, split: random, part: val, task: val}}
  test: {uses: dataset, with: {name: omniglot, root: omniglot, split: random, part: test, task: test}}
  lessons: {uses: tasks, from: {data: train}, with: {task: lessons, episode: {ways: 5, shots: 1}, queries: 5}}
  quiz: {uses: tasks, from: {data: val}, with: {task: quiz, episode: {ways: 5, shots: 1}, queries: 5, count: 20}}
  exam: {uses: tasks, from: {data: test}, with: {task: exam, episode: {ways: 5, shots: 1}, queries: 5, count: 20}}
  same: {uses: tasks, from: {data: train}, with: {task: same, episode: {ways: 5, shots: 1}, queries: 5, count: 20}}
  twin: {uses: tasks, from: {data: test}, with: {task: twin, stream: 7, episode: {ways: 3, shots: 1}, queries: 2, count: 20}}
  net: {uses: pretrain, from: {data: train}, with: {net: {kind: conv4, width: 8}, steps: 5}}
  learner: {uses: meta_train, from: {tasks: lessons, validate: quiz}, with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 40}, stop: {by: accuracy, every: 10}}}
  good: {uses: meta_evaluate, from: {learner: learner, tasks: exam, validate: quiz}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, omniglot_twin: Path) -> Path:
    """Omniglot's twin, a folder of images, a link, hard links and a copy of it, and tables."""
    place = tmp_path_factory.mktemp("leaks")
    shutil.copytree(omniglot_twin, place / "omniglot")
    draws = np.random.default_rng(3)
    for name in ("cat", "dog"):
        (place / "pets" / name).mkdir(parents=True)
        for number in range(40):
            pixels = draws.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "pets" / name / f"{number}.png")
    (place / "linked").symlink_to("pets")
    shutil.copytree(place / "pets", place / "copied")
    shutil.copytree(place / "pets", place / "hard", copy_function=os.link)
    shutil.copytree(place / "pets", place / "renamed")
    (place / "renamed" / "cat").rename(place / "renamed" / "kitten")
    rows = [f"t{i % 40},{(i * 37) % 401},{i * i},{(i * 7) % 11}" for i in range(400)]
    table = "\n".join(["task,x,y,z", *rows]) + "\n"
    (place / "t.csv").write_text(table)
    (place / "u.csv").write_text(table)
    (place / "v.csv").write_text(table.replace(",0\n", ",1\n"))
    return place


def codes(folder: Path, text: str) -> list[str]:
    """Codes of the warnings of a file, and the stage at whose line each stands."""
    text = HEAD + text
    found = check(text, file="p.yaml", folder=folder, stages=STAGES).warnings
    lines = text.splitlines()
    return [f"{lines[w.mark.line - 1].split(':')[0].strip()} {w.code}" for w in found if w.mark]


def judged(learner: str = "learner", tasks: str = "exam", more: str = "") -> str:
    return f"  x: {{uses: meta_evaluate, from: {{learner: {learner}, tasks: {tasks}{more}}}"


def test_a_pipeline_that_divides_as_it_should_has_no_warning(folder: Path) -> None:
    text = CHARS + judged("net") + ", with: {method: probe}}\n"
    found = codes(folder, text)
    assert [code for code in found if not code.startswith(("same ", "twin "))] == []
    assert found == ["same unread-stage", "twin unread-stage"]


LEARNED = {
    "tasks of the data that was meta-trained on": (judged(tasks="same") + "}", "x judged-on-training"),
    "tasks of the data that was pretrained on": (judged("net", "same") + ", with: {method: probe}}", "x judged-on-training"),
    "the very tasks that were trained on": (judged(tasks="lessons") + "}", "x judged-on-training"),
    "a net adapted from one that saw them": (
        judged("y.model", "same") + ", with: {method: probe}}\n"
        "  y: {uses: meta_train, from: {tasks: quiz, model: net}, with: {algorithm: ridge, budget: {tasks: 4}}}",
        "x judged-on-training",
    ),
    "a part of the classes by another split": (
        judged("net", "z") + ", with: {method: probe}}\n"
        "  z: {uses: tasks, from: {data: y}, with: {task: z, episode: {ways: 2, shots: 1}, queries: 5, count: 20}}\n"
        "  y: {uses: dataset, with: {name: omniglot, root: omniglot, split: vinyals, part: test, task: y}}",
        "x leakage",
    ),
    "another name and another stream": (
        judged(tasks="z") + "}\n"
        "  z: {uses: tasks, from: {data: y}, with: {task: other, stream: 9, episode: {ways: 5, shots: 1}, queries: 3, count: 20}}\n"
        "  y: {uses: dataset, with: {name: omniglot, root: omniglot, split: random, part: train, task: y, rotations: classes}}",
        "x judged-on-training",
    ),
    "a learner that was chosen among some": (
        judged("y.learner", "same") + "}\n"
        "  y: {uses: select, from: {candidates: z}, with: {over: outer, by: quiz/accuracy, goal: max}}\n"
        "  z: {uses: meta_train, from: {tasks: lessons, validate: quiz}, matrix: {outer: {a: {kind: adam, lr: 0.1}, b: {kind: adam, lr: 0.2}}}, "
        "with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 40}}}",
        "x judged-on-training",
    ),
    "validation tasks of what is learned from": (
        "  x: {uses: meta_train, from: {tasks: lessons, validate: same}, with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 40}}}",
        "x judged-on-training",
    ),
    "stopped by the exam": (
        judged("y") + "}\n"
        "  y: {uses: meta_train, from: {tasks: lessons, validate: exam}, with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 40}, stop: {every: 10}}}",
        "x chosen-on-the-exam",
    ),
    "stopped by tasks of the same characters under another name": (
        judged("y.model", "exam") + ", with: {method: probe}}\n"
        "  y: {uses: meta_train, from: {tasks: lessons, validate: twin}, with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 40}, stop: {every: 10}}}",
        "x chosen-on-the-exam",
    ),
    "selected by the exam": (
        judged("y.learner") + "}\n"
        "  y: {uses: select, from: {candidates: z}, with: {over: outer, by: twin/accuracy, goal: max}}\n"
        "  z: {uses: meta_train, from: {tasks: lessons, validate: twin}, matrix: {outer: {a: {kind: adam, lr: 0.1}, b: {kind: adam, lr: 0.2}}}, "
        "with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 40}}}",
        "x chosen-on-the-exam",
    ),
    "the step chosen on the exam": (
        judged("net", more=", validate: twin") + ", with: {method: finetune, headline: chosen_on_validate}}",
        "x chosen-on-the-exam",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEARNED)
def test_a_leak_of_tasks_is_told_where_they_are_judged(name: str, folder: Path) -> None:
    block, code = LEARNED[name]
    assert code in codes(folder, CHARS + block + "\n")


def test_a_learner_that_only_looks_at_the_exam_on_the_way_is_not_stopped_by_it(
    folder: Path,
) -> None:
    block = judged("y") + "}\n  y: {uses: meta_train, from: {tasks: lessons, validate: twin}, "
    block += "with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 40}}}\n"
    assert "x chosen-on-the-exam" not in codes(folder, CHARS + block)


FOLDER = (
    "{{uses: dataset, with: {{name: folder, root: {root}, task: {task}, size: [8, 8]{more}}}}}\n"
)
USE = (
    "  net: {uses: pretrain, from: {data: a}, with: {steps: 5}}\n"
    "  judged: {uses: evaluate, from: {model: net, data: b}}\n"
)


def two(root: str, one: str, other: str) -> str:
    """Two datasets, the first of which is learned from and the second judged on."""
    found = "  a: " + FOLDER.format(root="pets", task="a", more=one)
    return found + "  b: " + FOLDER.format(root=root, task="b", more=other) + USE


OTHERS = ["pets", "./pets", "linked", "copied", "hard"]


@pytest.mark.parametrize("root", OTHERS)
def test_shares_that_overlap_are_told_whatever_the_folder_is_called(
    root: str, folder: Path
) -> None:
    found = codes(folder, two(root, ", shares: [0.8, 0.1, 0.1]", ""))
    assert "b overlapping-parts" in found
    assert "judged leakage" in found


@pytest.mark.parametrize("root", OTHERS)
def test_one_folder_divided_alike_is_no_leak(root: str, folder: Path) -> None:
    assert codes(folder, two(root, "", "")) == []
    assert codes(folder, two(root, ", shares: [0.6, 0.2, 0.2]", ", color: gray, take: {test: 8}")
                 .replace("shares: [0.6, 0.2, 0.2]", "color: gray")) == []  # fmt: skip


def test_a_class_of_another_name_is_the_same_class(folder: Path) -> None:
    text = two("renamed", ", shares: [0.8, 0.1, 0.1]", "").partition("  judged:")[0]
    assert "b overlapping-parts" in codes(folder, text)


def test_all_images_under_two_parts_are_told(folder: Path) -> None:
    found = codes(folder, two("pets", "", ", split: none, part: test"))
    assert "b overlapping-parts" in found
    assert "judged leakage" in found


def test_test_images_that_are_replayed_under_another_name_are_told(folder: Path) -> None:
    text = two("linked", "", ", shares: [0.8, 0.1, 0.1]").replace(
        "  judged: {uses: evaluate, from: {model: net, data: b}}\n", ""
    )
    text += "  few: {uses: subset, from: {data: b}, with: {train: 10}}\n"
    text += "  y: {uses: finetune, from: {model: net, data: low, retain: a, replay: b}, with: {replay: 0.5, head: zero}}\n"
    text += "  low: " + FOLDER.format(root="pets", task="low", more="")
    text += "  x: {uses: evaluate, from: {model: y, data: low}}\n"
    assert "x leakage" in codes(folder, text)


TABLE = "  {name}: {{uses: tasks, with: {{kind: table, task: {name}, file: {file}, part: {part}, episode: {{shots: 3}}, queries: 3, count: 8{more}}}}}\n"


def tables(one: str = "", other: str = "", file: str = "t.csv", part: str = "test") -> str:
    text = TABLE.format(name="a", file="t.csv", part="train", more=one)
    text += TABLE.format(name="b", file=file, part=part, more=other)
    text += "  net: {uses: meta_train, from: {tasks: a}, with: {algorithm: maml, net: mlp, budget: {tasks: 4}}}\n"
    return text + "  x: {uses: meta_evaluate, from: {learner: net, tasks: b}}\n"


STANDARD, COLUMNS = ", scaling: standard", ", targets: [z], inputs: [x]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (tables(STANDARD, STANDARD), []),
        (tables(), []),
        (tables("", ", scaling: none"), []),
        (tables().replace("count: 8", "count: 9"), ["x few-units"]),
        (tables(STANDARD, ""), ["x scaling-differs"]),
        (tables("", STANDARD), ["x scaling-differs"]),
        (tables(STANDARD + COLUMNS, STANDARD + COLUMNS, "v.csv"), ["x scaling-differs"]),
        (tables(", inputs: [x, z]", ", inputs: [z, x]"), ["x scaling-differs"]),
        (tables(part="train"), ["x judged-on-training"]),
        (tables(part="all"), ["x judged-on-training"]),
        (tables(file="u.csv", part="train"), ["x judged-on-training"]),
        (tables(file="./t.csv", part="train"), ["x judged-on-training"]),
    ],
)  # fmt: skip
def test_tables_in_other_units_or_of_the_same_tasks_are_told(
    text: str, expected: list[str], folder: Path
) -> None:
    assert sorted(codes(folder, text)) == expected


WAVES = """
  tr: {uses: tasks, with: {kind: sinusoid, task: s, episode: {shots: 5}, queries: 5, count: 20}}
  val: {uses: tasks, with: {kind: sinusoid, task: v, episode: {shots: 5}, queries: 5, count: 20, stream: 1}}
  exam: {uses: tasks, with: {kind: sinusoid, task: ex, episode: {shots: 5}, queries: 5, count: 20, stream: 2}}
  learner: {uses: meta_train, from: {tasks: tr, validate: val}, with: {algorithm: maml, net: mlp, budget: {tasks: 40}, stop: {by: loss, every: 20}}}
  x: {uses: meta_evaluate, from: {learner: learner, tasks: exam}}
"""
EXAM = ["x chosen-on-the-exam"]
ON = ("validate: val}", "validate: exam}")
BY = ("tasks: exam}}", "tasks: exam, validate: val}, with: {headline: chosen_on_validate}}")
SELECTED = (
    (
        "stop: {by: loss, every: 20}}",
        "meta_batch: 2}, matrix: {outer: {a: {kind: adam, lr: 0.1}, b: {kind: adam, lr: 0.2}}}",
    ),
    ("learner: learner,", "learner: best.learner,"),
    (
        "  x:",
        "  best: {uses: select, from: {candidates: learner}, with: {over: outer, by: v/loss, goal: min}}\n  x:",
    ),
)
CALM = ("stop: {by: loss, every: 20}", "meta_batch: 2")
GENERATED = [
    ((), []),
    # Who learns draws its tasks by its own seed: of the same stream they are others.
    ((("stream: 2", "stream: 0"),), []),
    ((("stream: 1", "stream: 0"), ("validate: val", "validate: tr")), ["val unread-stage"]),
    ((("tasks: exam}", "tasks: tr}"),), ["exam unread-stage"]),
    ((("stream: 2", "stream: 1"),), EXAM),
    ((("count: 20, stream: 2", "stream: 1"),), EXAM),
    ((("count: 20, stream: 1", "stream: 2"),), EXAM),
    ((("stream: 2", "stream: 1"), ("queries: 5, count: 20, stream: 1", "queries: 9, stream: 1")), EXAM),
    ((("stream: 2", "stream: 1, amplitude: {min: 0.1, max: 5}, x: {min: 0, max: 1}"),), EXAM),
    ((ON,), ["val unread-stage", *EXAM]),
    ((ON, CALM), ["val unread-stage"]),
    ((("stream: 2", "stream: 1"), CALM), []),
    ((BY, CALM), []),
    ((("stream: 2", "stream: 1"), BY, CALM), EXAM),
    ((("stream: 2", "stream: 1"), *SELECTED), EXAM),
    (SELECTED, []),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["sinusoid", "linear"])
@pytest.mark.parametrize(("changes", "expected"), GENERATED)
def test_generated_tasks_of_one_stream_are_the_same_whatever_their_label(
    changes: tuple[tuple[str, str], ...], expected: list[str], kind: str, folder: Path
) -> None:
    text = WAVES
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    if kind == "linear":
        text = text.replace("amplitude: {min: 0.1, max: 5}, x: {min: 0, max: 1}", "noise: 0.5")
        text = text.replace("kind: sinusoid", "kind: linear")
    assert sorted(set(codes(folder, text))) == sorted(expected)


def test_waves_of_other_heights_are_other_tasks(folder: Path) -> None:
    text = WAVES.replace("stream: 2", "stream: 1, amplitude: {min: 6, max: 9}")
    assert codes(folder, text) == []


def test_who_is_told_of_a_shared_stream_is_told_to_take_another(folder: Path) -> None:
    text = HEAD + WAVES.replace("stream: 2", "stream: 1")
    (found,) = check(text, file="p.yaml", folder=folder, stages=STAGES).warnings
    assert "stopped by tasks of `ex`" in found.message
    assert "sinusoid tasks of stream 1" in found.message
    assert found.hint.startswith("give them different tasks: another `stream: NUMBER`;")


@pytest.mark.parametrize("count", [8, 600])
def test_many_draws_of_few_classes_are_told(count: int, folder: Path) -> None:
    text = (
        "  low: {uses: dataset, with: {name: digits, task: low, classes: [0, 1]}}\n"
        "  high: {uses: dataset, with: {name: digits, task: high}}\n"
        "  net: {uses: init, with: {net: {kind: conv4, width: 8}}}\n"
    )
    for name, ways in (("low", 2), ("high", 5)):
        text += f"  t{name}: {{uses: tasks, from: {{data: {name}}}, with: {{task: t{name}, episode: {{ways: {ways}, shots: 1}}, queries: 5, count: {count}}}}}\n"
        text += f"  x{name}: {{uses: meta_evaluate, from: {{learner: net, tasks: t{name}}}, with: {{method: probe}}}}\n"
    assert codes(folder, text) == ["xlow few-units"]


PAIR = (
    "  low: {uses: dataset, with: {name: digits, task: low, classes: [0, 1]}}\n"
    "  high: {uses: dataset, with: {name: digits, task: high, classes: [2, 3]}}\n"
    "  net: {uses: pretrain, from: {data: low}, with: {steps: 5}}\n"
)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("lr: 0.5", True), ("lr: 0.1", False), ("lr: 0.1, optimizer: adam", True),
        ("optimizer: adamw", True), ("lr: 0.001, optimizer: adam", False),
        ("lr: 0.5, head: probe", False), ("lr: 0.5, head: zero", False), ("lr: 0.03", False),
    ],
)  # fmt: skip
def test_a_random_head_at_a_high_rate_is_told(fields: str, told: bool, folder: Path) -> None:
    text = PAIR + f"  x: {{uses: finetune, from: {{model: net, data: high}}, with: {{{fields}}}}}\n"
    assert codes(folder, text) == ["x random-head-high-rate"] * told
    scratch = "  raw: {uses: init, with: {net: mlp}}\n"
    assert codes(folder, text.replace("model: net", "model: raw") + scratch) == []


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("  x: {uses: dataset, with: {name: digits, task: x}}\n", ["x unread-stage"]),
        ("  x: {uses: subset, from: {data: low}, with: {train: 9}}\n", ["x unread-stage"]),
        ("  x: {uses: init, with: {net: mlp}}\n", ["x unread-stage"]),
        ("  x: {uses: pretrain, from: {data: low}}\n", []),
        ("  y: {uses: linear_probe, from: {model: net, data: high}}\n"
         "  x: {uses: linear_probe, from: {model: net, data: low}}\n"
         "  r: {uses: compare, from: {scores: y}}\n", ["x unread-stage"]),
        ("  y: {uses: linear_probe, from: {model: net, data: high}}\n"
         "  x: {uses: linear_probe, from: {model: net, data: low}}\n"
         "  r: {uses: compare, from: {scores: [x, y]}}\n", []),
    ],
)  # fmt: skip
def test_a_stage_that_nobody_reads_is_told(block: str, expected: list[str], folder: Path) -> None:
    found = codes(folder, PAIR.replace("  high", "  high") + block)
    assert [code for code in found if code.startswith("x ")] == expected


def test_a_list_of_data_is_told_to_be_an_axis(folder: Path) -> None:
    block = "  x: {uses: pretrain, from: {data: DATA}, with: {steps: 5}}\n"
    assert codes(folder, PAIR + block.replace("DATA", "[low, high]")) == ["x list-makes-nets"]
    assert codes(folder, PAIR + block.replace("DATA", "{a: low, b: high}")) == []
    assert codes(folder, PAIR + block.replace("DATA", "[high]")) == []


def test_every_leak_can_be_silenced_at_its_place(folder: Path) -> None:
    for block, told in LEARNED.values():
        code = told.split()[1]
        quiet = block.replace("  x: {", f"  x: {{allow: [{code}], ", 1)
        assert told not in codes(folder, CHARS + quiet + "\n")
    text = two("linked", ", shares: [0.8, 0.1, 0.1]", "").replace(
        "  b: {", "  b: {allow: [overlapping-parts], "
    )
    assert "b overlapping-parts" not in codes(folder, text)


def test_every_code_is_explained_on_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "warnings.md").read_text(encoding="utf-8")
    headings = [line[4:].strip("`") for line in page.splitlines() if line.startswith("### ")]
    assert headings == sorted(CODES)


def test_other_images_of_the_same_sizes_are_another_class(tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    for root in ("pets", "others"):
        for name in ("cat", "dog"):
            (tmp_path / root / name).mkdir(parents=True)
            for number in range(10):
                pixels = draws.integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / root / name / f"{number}.bmp")
    found = codes(tmp_path, two("others", ", shares: [0.8, 0.1, 0.1]", ""))
    assert not {"b overlapping-parts", "judged leakage"} & set(found)
