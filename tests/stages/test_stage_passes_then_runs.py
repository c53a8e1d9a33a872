# ruff: noqa: E501
"""What passes the check runs to its end: small pipelines of a grammar, run with tiny nets."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.execution import launch
from engine.planning.run_request import Request
from engine.rundir.events import CellFailed
from engine.workers import inline
from pipelines.core.errors import PipelineError

HEAD = """version: 1
name: t
stages:
  digits: {uses: dataset, with: {name: digits, take: {train: 60, val: 30, test: 30}}}
  low: {uses: dataset, with: {name: digits, task: low, classes: [0, 1], take: {train: 12, val: 4, test: 8}}}
  bare: {uses: dataset, with: {name: digits, task: bare, classes: [2, 3], take: {train: 2, val: 1, test: 1}}}
  chars: {uses: dataset, with: {name: omniglot, root: omniglot, split: vinyals, part: train, task: chars}}
  exam: {uses: dataset, with: {name: omniglot, root: omniglot, split: vinyals, part: test, task: exam}}
  pets: {uses: dataset, with: {name: folder, root: pets, task: pets, size: [8, 8], color: gray}}
  wide: {uses: dataset, with: {name: folder, root: pets, task: wide, size: [8, 12]}}
  only: {uses: dataset, with: {name: folder, root: pets, task: only, size: [8, 8], color: gray, split: none, part: test}}
  few: {uses: subset, from: {data: digits}, with: {train: 10, val: 0}}
  net: {uses: pretrain, from: {data: digits}, with: {net: {kind: mlp, hidden: [6]}, steps: 2}}
  conv: {uses: pretrain, from: {data: low}, with: {net: {kind: conv4, width: 4, norm: batch}, steps: 2}}
  drawn: {uses: pretrain, from: {data: chars}, with: {net: {kind: conv4, width: 4}, steps: 1, batch: 4}}
  raw: {uses: init, with: {net: {kind: conv4, width: 4}}}
  plain: {uses: init, with: {net: {kind: mlp, hidden: [6]}}}
  ae: {uses: autoencoder, from: {data: digits}, with: {z: 2, net: {kind: mlp, hidden: [6]}, steps: 2}}
  told: {uses: vae, from: {data: digits}, with: {z: 2, net: {kind: mlp, hidden: [6]}, steps: 2, conditional: true}}
  judge: {uses: judge, from: {data: digits}, with: {net: {kind: mlp, hidden: [6]}, steps: 2}}
  waves: {uses: tasks, with: {kind: sinusoid, task: waves, episode: {shots: 3}, queries: 3, count: 3}}
  planes: {uses: tasks, with: {kind: linear, task: planes, episode: {shots: 3}, queries: 3, count: 3}}
  table: {uses: tasks, with: {kind: table, task: table, file: t.csv, episode: {shots: 2}, queries: 2, count: 3}}
  two: {uses: tasks, with: {kind: table, task: two, file: t.csv, targets: [y, z], inputs: [x], episode: {shots: 2}, queries: 2, count: 3}}
  lessons: {uses: tasks, from: {data: chars}, with: {task: lessons, episode: {ways: 3, shots: 1}, queries: 2, count: 3}}
  quiz: {uses: tasks, from: {data: exam}, with: {task: quiz, episode: {ways: 2, shots: 2}, queries: 2, count: 3}}
  small: {uses: tasks, from: {data: digits}, with: {task: small, episode: {ways: {min: 2, max: 3}, shots: 1}, queries: 1, count: 3}}
  learner: {uses: meta_train, from: {tasks: lessons}, with: {algorithm: {kind: maml, steps: 1}, net: {kind: conv4, width: 4}, budget: {tasks: 2}}}
  numbers: {uses: meta_train, from: {tasks: table}, with: {algorithm: {kind: maml, steps: 1}, net: {kind: mlp, hidden: [6]}, budget: {tasks: 2}}}
  global: {uses: tasks, from: {data: low}, with: {task: global, labels: global, episode: {ways: 2, shots: 1}, queries: 1, count: 3}}
  shared: {uses: meta_train, from: {tasks: global}, with: {algorithm: {kind: maml, steps: 1, head: shared}, net: {kind: mlp, hidden: [6]}, budget: {tasks: 2}}}
  closed: {uses: meta_train, from: {tasks: small}, with: {algorithm: ridge, net: {kind: mlp, hidden: [6]}, budget: {tasks: 2}}}
"""
DATA = ["digits", "low", "bare", "chars", "exam", "pets", "wide", "only", "few"]
MODELS = [
    "net",
    "conv",
    "drawn",
    "raw",
    "plain",
    "ae.encoder",
    "learner.model",
    "closed.model",
    "shared.model",
]
TASKS = ["waves", "planes", "table", "two", "lessons", "quiz", "small", "global"]
NETS = ["mlp", "{kind: mlp, hidden: [5]}", "{kind: conv4, width: 4}", "{kind: conv4, width: 3}",
        "{kind: conv4, width: 4, norm: batch}", "{kind: conv4, width: 2, norm: layer, downsample: stride}",
        "{kind: conv4, width: 1, norm: none}"]  # fmt: skip
INNER = [
    "all",
    "head",
    "lora",
    "{kind: lora, targets: [all-linear]}",
    "{kind: lora, targets: ['0']}",
]
ALGORITHMS = [
    "ridge", "newton", "protonet", "joint", "{kind: reptile, steps: 1}", "{kind: anil, steps: 1}",
    "{kind: maml, steps: 1, head: shared}", *(f"{{kind: maml, steps: 1, inner: {i}}}" for i in INNER),
]  # fmt: skip
METHODS = ["probe", "finetune", "lora", "prototype", "{kind: finetune, head: kept}",
           "{kind: lora, targets: [all-conv]}", "{kind: lora, targets: ['1']}", "{kind: finetune, head: probe}"]  # fmt: skip
HOW = ["prior", "matched", "covariance", "{kind: mixture, components: 2}", "{kind: mixture, components: 50}",
       "reconstruction", "interpolation", "traversal", "manifold"]  # fmt: skip

PORTS = {
    "data": DATA, "model": MODELS, "before": MODELS, "retain": DATA, "replay": DATA, "tasks": TASKS,
    "validate": TASKS, "learner": [*MODELS, "learner", "numbers", "closed"], "judge": ["judge"],
    "generator": ["ae.generator", "told.generator"], "samples": ["y.samples"], "scores": ["net", "conv"],
}  # fmt: skip
"""Port -> what may be connected to it."""

FIELDS: dict[str, dict[str, list[str]]] = {
    "subset": {"train": ["1", "12", "60", "61"], "val": ["0", "4", "31"]},
    "pretrain": {"net": NETS, "batch": ["1", "2", "7"], "optimizer": ["sgd", "adam"], "steps": ["1", "2"]},
    "linear_probe": {"l2": ["auto", "loo", "0.1"], "max_iter": ["2"]},
    "finetune": {
        "head": ["random", "zero", "probe", "kept"], "replay": ["0", "0.5"], "keep_heads": ["train", "frozen", "drop"],
        "batch": ["1", "2", "8"], "stop": ["{every: 1}", "{by: val_accuracy, every: 1}"], "bn": ["train", "frozen"],
        "steps": ["1", "2"], "curve": ["[0, 1]"], "anchor": ["l2sp"],
    },
    "evaluate": {},
    "tasks": {
        "episode": ["{ways: 2, shots: 1}", "{ways: 3, shots: 5}", "{ways: {min: 2, max: 9}, shots: 1}"],
        "queries": ["1", "15"], "part": ["all", "train", "test"], "labels": ["global", "shuffled"], "count": ["3"],
    },
    "meta_train": {"algorithm": ALGORITHMS, "net": NETS, "budget": ["{tasks: 2}"], "meta_batch": ["1", "2"],
                   "learn": ["all", "adapter", "head"], "replay": ["0.5"], "stop": ["{every: 1}", "{by: accuracy, every: 2}"],
                   "bn_stats": ["query", "support", "joint"]},
    "meta_evaluate": {"method": METHODS, "head": ["kept", "zero"], "curve": ["[0, 1]"], "headline": ["1", "2", "chosen_on_validate"],
                      "bn_stats": ["running", "query", "support"]},
    "fits": {"method": METHODS, "steps": ["[0, 1]"], "count": ["1", "4"]},
    "autoencoder": {"z": ["1", "2"], "net": ["{kind: mlp, hidden: [5]}", "conv"], "steps": ["2"], "batch": ["1", "5"]},
    "vae": {"z": ["1", "2"], "net": ["{kind: mlp, hidden: [5]}"], "steps": ["2"], "conditional": ["true"],
            "binarise": ["dynamic"], "likelihood": ["logistic", "{kind: gaussian, sigma: learned}"]},
    "sample": {"how": HOW, "count": ["1", "12"], "classes": ["[0]", "[0, 11]"]},
    "judge": {"net": NETS, "batch": ["1", "5"], "steps": ["1"]},
    "likelihood": {"k": ["[1]"], "images": ["1", "30", "31"], "part": ["test", "val"]},
    "classifier_samples": {"count": ["1", "10", "12"], "steps": ["1"], "classes": ["[0]", "[1, 2]"]},
    "evaluate_samples": {"n": ["6", "13"]},
    "compare": {"show": ["[digits/val_accuracy]", "[low/accuracy, digits/accuracy]", "[low/forgetting]"]},
}  # fmt: skip
WANTED = {
    "subset": ["data"], "pretrain": ["data"], "linear_probe": ["model", "data"], "finetune": ["model", "data"],
    "evaluate": ["model", "data"], "tasks": ["data"], "meta_train": ["tasks"], "meta_evaluate": ["learner", "tasks"],
    "fits": ["learner", "tasks"], "autoencoder": ["data"], "vae": ["data"], "sample": ["generator"], "judge": ["data"],
    "likelihood": ["generator", "data"], "classifier_samples": ["model", "data"],
    "evaluate_samples": ["samples", "judge", "data"], "compare": ["scores"],
}  # fmt: skip
OPTIONAL = {
    "linear_probe": ["retain"], "finetune": ["retain", "replay"], "evaluate": ["before"],
    "meta_train": ["model", "validate", "retain"], "meta_evaluate": ["validate"], "sample": ["data"],
}  # fmt: skip
NEEDED = {
    "meta_train": ["algorithm", "budget"],
    "autoencoder": ["z"],
    "vae": ["z"],
    "tasks": ["episode"],
}
SAMPLES = (
    "  y: {uses: sample, from: {generator: told.generator, data: digits}, with: {count: 12}}\n"
)


@st.composite
def blocks(draw: Any) -> str:
    """A stage with ports and parameters at random; most are refused by the check."""
    uses = draw(st.sampled_from(sorted(FIELDS)))
    ports = [*WANTED[uses], *(p for p in OPTIONAL.get(uses, ()) if draw(st.booleans()))]
    inputs = ", ".join(f"{port}: {draw(st.sampled_from(PORTS[port]))}" for port in ports)
    every, needed = FIELDS[uses], NEEDED.get(uses, [])
    names = [name for name in every if name in needed or draw(st.integers(0, 2)) == 0]
    fields = ", ".join(f"{name}: {draw(st.sampled_from(every[name]))}" for name in names)
    return f"  x: {{uses: {uses}, from: {{{inputs}}}, with: {{{fields}}}}}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, omniglot_twin: Path) -> Path:
    """Where the pipelines lie, and one store, so that what they share is computed once."""
    found = tmp_path_factory.mktemp("grammar")
    shutil.copytree(omniglot_twin, found / "omniglot")
    draws = np.random.default_rng(3)
    for name, count in (("cat", 10), ("dog", 20)):
        (found / "pets" / name).mkdir(parents=True)
        for number in range(count):
            pixels = draws.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(found / "pets" / name / f"{number}.png")
    rows = [f"t{i % 8},{(i * 37) % 101},{i % 7},{i % 3}" for i in range(64)]
    (found / "t.csv").write_text("\n".join(["task,x,y,z", *rows]) + "\n")
    return found


def ran(place: Path, block: str) -> list[str] | None:
    """Errors of the cells of a pipeline with this block; None where the check refuses it."""
    file = place / "p.yaml"
    file.write_text(HEAD + SAMPLES + block)
    told: list[Any] = []
    try:
        launch.run(Request(file=file, store=place / ".meta"), told.append)
    except PipelineError:
        return None
    return [event.error for event in told if isinstance(event, CellFailed)]


@pytest.mark.slow
def test_what_passes_the_check_runs_to_its_end(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "Local", lambda slots, environment: inline.Inline())
    passed = []

    @settings(
        max_examples=60, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(blocks())
    def every(block: str) -> None:
        errors = ran(place, block)
        assert not errors, f"{block}{errors}"
        passed.extend([block] * (errors is not None))

    every()
    assert len(passed) >= 12, "the grammar is to make pipelines that run, too"
