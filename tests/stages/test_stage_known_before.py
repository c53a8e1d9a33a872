# ruff: noqa: E501
"""What would die in training is told by the check: parts, sizes, shapes, heads, layers."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import learning
from engine.library.nets import shapes
from engine.library.nets.kinds import Conv4, Mlp
from engine.stage_api.catalogue import Catalogue
from pipelines.core.errors import PipelineError
from pipelines.pipeline import Pipeline, check

STAGES = Catalogue()
HEAD = """version: 1
name: t
stages:
  digits: {uses: dataset, with: {name: digits}}
  low: {uses: dataset, with: {name: digits, task: low, classes: [0, 1]}}
  train: {uses: dataset, with: {name: omniglot, root: omniglot, split: random, part: train, task: train}}
  exam: {uses: dataset, with: {name: omniglot, root: omniglot, split: random, part: test, task: exam}}
  wide: {uses: dataset, with: {name: folder, root: pets, task: wide, size: [12, 8], color: gray}}
  one: {uses: dataset, with: {name: folder, root: pets, task: one, size: [8, 8], color: gray, split: none, part: test}}
  net: {uses: pretrain, from: {data: digits}, with: {net: {kind: conv4, width: 8}, steps: 5}}
  drawn: {uses: pretrain, from: {data: train}, with: {net: {kind: conv4, width: 8}, steps: 5}}
  raw: {uses: init, with: {net: {kind: conv4, width: 8}}}
  ae: {uses: autoencoder, from: {data: digits}, with: {z: 2}}
  judge: {uses: judge, from: {data: digits}, with: {steps: 5}}
  waves: {uses: tasks, with: {kind: sinusoid, task: waves, episode: {shots: 3}, queries: 3, count: 4}}
  planes: {uses: tasks, with: {kind: linear, task: planes, episode: {shots: 3}, queries: 3, count: 4}}
  table: {uses: tasks, with: {kind: table, task: table, file: t.csv, episode: {shots: 2}, queries: 2, count: 4}}
  two: {uses: tasks, with: {kind: table, task: two, file: t.csv, targets: [y, z], inputs: [x], episode: {shots: 2}, queries: 2, count: 4}}
  lessons: {uses: tasks, from: {data: train}, with: {task: lessons, episode: {ways: 5, shots: 1}, queries: 5, count: 10}}
  small: {uses: tasks, from: {data: digits}, with: {task: small, part: test, episode: {ways: 2, shots: 1}, queries: 5, count: 10}}
  learner: {uses: meta_train, from: {tasks: lessons}, with: {algorithm: maml, net: {kind: conv4, width: 8}, budget: {tasks: 4}}}
  numbers: {uses: meta_train, from: {tasks: table}, with: {algorithm: maml, net: mlp, budget: {tasks: 4}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, omniglot_twin: Path) -> Path:
    """Where a pipeline lies: beside it a twin of Omniglot, a folder of images, and a table."""
    place = tmp_path_factory.mktemp("known")
    shutil.copytree(omniglot_twin, place / "omniglot")
    draws = np.random.default_rng(3)
    for name, count in (("cat", 10), ("dog", 40)):
        (place / "pets" / name).mkdir(parents=True)
        for number in range(count):
            pixels = draws.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "pets" / name / f"{number}.png")
    rows = [f"t{i % 8},{i},{i * i},{i % 3}" for i in range(64)]
    (place / "t.csv").write_text("\n".join(["task,x,y,z", *rows]) + "\n")
    return place


def asked(folder: Path, block: str) -> Pipeline:
    return check(f"{HEAD}  x: {{{block}}}\n", file="p.yaml", folder=folder, stages=STAGES)


ERRORS = {
    "an ordinary dataset of omniglot, probed": (
        "uses: linear_probe, from: {model: drawn, data: exam}, with: {l2: loo}",
        "exam", "exam has no training images to adapt to, only test ones",
    ),
    "and fine-tuned": (
        "uses: finetune, from: {model: drawn, data: exam}",
        "exam", "exam has no training images to adapt to, only test ones",
    ),
    "and pretrained on": (
        "uses: pretrain, from: {data: exam}",
        "exam", "exam has no training images to train on, only test ones",
    ),
    "and judged by": ("uses: judge, from: {data: train}", "train", "train has no test images to measure its accuracy, only training ones"),
    "and encoded": ("uses: vae, from: {data: exam}, with: {z: 2}", "exam", "exam has no training images to train on, only test ones"),
    "a folder of one part": (
        "uses: finetune, from: {model: net, data: one}",
        "one", "one has no training images to adapt to, only test ones",
    ),
    "replay without training images": (
        "uses: finetune, from: {model: raw, data: digits, retain: one}, with: {replay: 0.5, batch: 8}",
        "one", "one has no training images to replay, only test ones",
    ),
    "replay from a port of its own": (
        "uses: finetune, from: {model: raw, data: digits, replay: one}, with: {replay: 0.5, batch: 8}",
        "one", "one has no training images to replay, only test ones",
    ),
    "replay in meta-training": (
        "uses: meta_train, from: {tasks: lessons, model: drawn, retain: exam}, with: {algorithm: maml, budget: {tasks: 4}, replay: 0.5}",
        "exam", "exam has no training images to replay, only test ones",
    ),
    "a subset larger than its source": (
        "uses: subset, from: {data: low}, with: {train: 300}",
        "300", "`train: 300` is more than the 216 training images of low",
    ),
    "a validation subset larger than its source": (
        "uses: subset, from: {data: low}, with: {train: 100, val: 73}",
        "73", "`val: 73` is more than the 72 validation images of low",
    ),
    "a subset of a subset": (
        "uses: subset, from: {data: y}, with: {train: 31}}\n  y: {uses: subset, from: {data: low}, with: {train: 30}",
        "31", "`train: 31` is more than the 30 training images of low",
    ),
    "a subset of what is not there": (
        "uses: subset, from: {data: exam}, with: {train_per_class: 5}",
        "exam", "exam has no training images for `train_per_class: 5`, only test ones",
    ),
    "a subset of validation images that are not there": (
        "uses: subset, from: {data: exam}, with: {val: 5}",
        "exam", "exam has no validation images for `val: 5`, only test ones",
    ),
    "more than a collection has": (
        "uses: dataset, with: {name: digits, classes: [0, 1], take: {test: 73}}",
        "73", "`take.test: 73` is more than the 72 test images of digits",
    ),
    "more than a folder has": (
        "uses: dataset, with: {name: folder, root: pets, size: [8, 8], take: {train: 31}}",
        "31", "`take.train: 31` is more than the 30 training images of folder",
    ),
    "tasks of a part that is not there": (
        "uses: tasks, from: {data: exam}, with: {part: train, episode: {ways: 2, shots: 1}, queries: 1}",
        "exam", "exam has no training images for `part: train`, only test ones",
    ),
    "more ways than classes": (
        "uses: tasks, from: {data: low}, with: {episode: {ways: 3, shots: 1}, queries: 1}",
        "3", "3 ways, and low has 2 classes",
    ),
    "more examples than a class has": (
        "uses: tasks, from: {data: exam}, with: {episode: {ways: 2, shots: 6}, queries: 15}",
        "6", "6 shots and 15 queries need 21 examples of each class, and one of exam has 20",
    ),
    "a model for another shape": (
        "uses: finetune, from: {model: net, data: wide}",
        "wide", "wide has images of 1x12x8, and the model takes 1x8x8",
    ),
    "tasks of another shape for a learner": (
        "uses: meta_evaluate, from: {learner: learner, tasks: small}",
        "small", "small has inputs of 1x8x8, and the learner takes 1x28x28",
    ),
    "tasks of another shape for a model": (
        "uses: meta_evaluate, from: {learner: net, tasks: lessons}, with: {method: probe}",
        "lessons", "lessons has inputs of 1x28x28, and the learner takes 1x8x8",
    ),
    "numbers for a net of images": (
        "uses: meta_evaluate, from: {learner: raw, tasks: waves}, with: {method: probe}",
        "waves", "conv4 takes images, and the inputs of waves are numbers",
    ),
    "meta-training from a model of another shape": (
        "uses: meta_train, from: {tasks: lessons, model: net}, with: {algorithm: maml, budget: {tasks: 4}}",
        "lessons", "lessons has inputs of 1x28x28, and the model takes 1x8x8",
    ),
    "meta-training that retains another shape": (
        "uses: meta_train, from: {tasks: lessons, model: drawn, retain: digits}, with: {algorithm: maml, budget: {tasks: 4}}",
        "digits", "digits has inputs of 1x8x8, and the model takes 1x28x28",
    ),
    "validation tasks of another shape": (
        "uses: meta_train, from: {tasks: lessons, validate: small}, with: {algorithm: ridge, net: {kind: conv4, width: 8}, budget: {tasks: 4}}",
        "small", "inputs of `tasks` have the shape 1x28x28, those of `validate` 1x8x8",
    ),
    "validation tasks of other inputs": (
        "uses: meta_train, from: {tasks: waves, validate: planes}, with: {algorithm: ridge, net: mlp, budget: {tasks: 4}}",
        "planes", "`tasks` have 1 inputs, `validate` 3",
    ),
    "tasks of more targets than were learned": (
        "uses: meta_evaluate, from: {learner: y, tasks: two}}\n  y: {uses: meta_train, from: {tasks: waves}, with: {algorithm: maml, net: mlp, budget: {tasks: 4}}",
        "two", "the learner has 1 outputs, and two has 2 targets",
    ),
    "a picture of two targets": (
        "uses: fits, from: {learner: raw, tasks: two}, with: {method: probe}",
        "two", "two has 2 targets, and only one can be plotted",
    ),
    "LoRA on no layer": (
        "uses: meta_evaluate, from: {learner: drawn, tasks: lessons}, with: {method: {kind: lora, targets: ['9']}}",
        "['9']", "no layer is among `targets: [9]`; the net has 0 (conv), 4 (conv), 8 (conv), 12 (conv)",
    ),
    "LoRA on linear layers of a net that has none": (
        "uses: meta_train, from: {tasks: lessons}, with: {algorithm: {kind: maml, inner: {kind: lora, targets: [all-linear]}}, net: {kind: conv4, width: 8}, budget: {tasks: 4}}",
        "[all-linear]", "no layer is among `targets: [all-linear]`; the net has 0 (conv), 4 (conv), 8 (conv), 12 (conv)",
    ),
    "LoRA on no layer of a pretrained net": (
        "uses: meta_train, from: {tasks: lessons, model: drawn}, with: {algorithm: {kind: maml, inner: {kind: lora, targets: [fc]}}, budget: {tasks: 4}}",
        "[fc]", "no layer is among `targets: [fc]`; the net has 0 (conv), 4 (conv), 8 (conv), 12 (conv)",
    ),
    "a kept head of a model that is none of tasks": (
        "uses: meta_evaluate, from: {learner: drawn, tasks: lessons}, with: {method: {kind: finetune, head: kept}}",
        "kept", "`head: kept` needs a head with 5 outputs, and there is none",
    ),
    "a kept head of other outputs": (
        "uses: meta_evaluate, from: {learner: learner, tasks: y}, with: {method: finetune, head: kept}}\n  y: {uses: tasks, from: {data: train}, with: {task: y, episode: {ways: 3, shots: 1}, queries: 5}",
        "kept", "`head: kept` needs a head with 3 outputs, and there is one with 5",
    ),
    "a step that the curve has not": (
        "uses: meta_evaluate, from: {learner: drawn, tasks: lessons}, with: {method: {kind: finetune}, headline: 3}",
        "3", "the curve has no step 3",
    ),
    "a norm that makes every feature 0": (
        "uses: pretrain, from: {data: digits}, with: {net: {kind: conv4, width: 9}}",
        "9", "of images of 8x8 pixels the last maps have one pixel, and `norm: group` at `width: 9` makes every feature 0",
    ),
    "a batch norm of one number": (
        "uses: pretrain, from: {data: digits}, with: {net: {kind: conv4, norm: batch}, batch: 1}",
        "1", "of images of 8x8 pixels the last maps have one pixel, and batch norm needs more than one number of each feature",
    ),
    "more Gaussians than codes": (
        "uses: sample, from: {generator: y.generator, data: z}, with: {how: {kind: mixture, components: 30}}}\n  z: {uses: subset, from: {data: digits}, with: {train: 20}}\n  y: {uses: vae, from: {data: z}, with: {z: 2}",
        "{", "`mixture` needs 30 train images, and there are 20",
    ),
    "too few samples to judge": (
        "uses: evaluate_samples, from: {samples: y, judge: judge, data: digits}}\n  y: {uses: sample, from: {generator: ae.generator, data: digits}, with: {count: 5, how: matched}",
        "y", "5 samples, and judging needs 6 on each side",
    ),
    "more images than a part has": (
        "uses: likelihood, from: {generator: y.generator, data: low}, with: {images: 73}}\n  y: {uses: vae, from: {data: low}, with: {z: 2}",
        "73", "low has 72 test images at most",
    ),
}  # fmt: skip


TWO_FAULTS = {
    "replay without training images",  # and no head for it
    "replay from a port of its own",
    "replay in meta-training",
    "tasks of another shape for a learner",  # and of other ways
    "a picture of two targets",  # and a net for images
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_would_die_is_told_at_its_place(name: str, folder: Path) -> None:
    block, marked, message = ERRORS[name]
    with pytest.raises(PipelineError) as caught:
        asked(folder, block)
    found = {problem.message: problem for problem in caught.value.problems}
    problem = found[message]
    assert len(found) == (2 if name in TWO_FAULTS else 1)
    assert problem.mark is not None
    text = problem.mark.text[problem.mark.column - 1 :]
    assert text.startswith(marked.removesuffix("]") if marked != "{" else "{")
    assert problem.hint


def test_the_pipeline_around_them_is_right(folder: Path) -> None:
    assert asked(folder, "uses: finetune, from: {model: net, data: low}").cells


WARNINGS = {
    "class-smaller-than-asked": (
        "uses: subset, from: {data: wide}, with: {train_per_class: 7}",
        "`train_per_class: 7`, and the smallest class of wide has 6",
    ),
    "classes-without-examples": (
        "uses: subset, from: {data: digits}, with: {train: 9}",
        "9 training images of 10 classes: some classes have none",
    ),
    "batch-larger-than-data": (
        "uses: pretrain, from: {data: wide}, with: {batch: 120, steps: 5}",
        "a batch of 120 of 30 training images has each 4 times",
    ),
    "nothing-measured": (
        "uses: finetune, from: {model: drawn, data: y, retain: train}}\n  y: {uses: dataset, with: {name: folder, root: pets, size: [28, 28], color: gray}",
        "train has no test images, so what is forgotten of it is not measured",
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", WARNINGS)
def test_what_is_hardly_meant_is_a_warning_with_a_code(code: str, folder: Path) -> None:
    block, message = WARNINGS[code]
    found = [(item.code, item.message) for item in asked(folder, block).warnings]
    assert (code, message) in found
    quiet = asked(folder, f"allow: [{code}], {block}").warnings
    assert code not in [item.code for item in quiet]


def test_what_is_not_measured_cannot_be_compared(folder: Path) -> None:
    block = (
        "uses: compare, from: {scores: y}, with: {show: [train/forgetting]}}\n"
        "  y: {uses: finetune, from: {model: drawn, data: z, retain: train}}\n"
        "  z: {uses: dataset, with: {name: folder, root: pets, size: [28, 28], color: gray}"
    )
    with pytest.raises(PipelineError, match="nobody measures `train/forgetting`"):
        asked(folder, block)


NETS = [
    (net, shape)
    for net in (
        Conv4(width=4), Conv4(width=4, norm="none"), Conv4(width=4, norm="batch", downsample="stride"),
        Mlp(hidden=(5, 4, 3)),
    )
    for shape in ((1, 8, 8), (1, 28, 28), (3, 40, 40), (1, 1, 1))
]  # fmt: skip


@pytest.mark.parametrize(("net", "shape"), NETS)
def test_layers_are_named_as_the_net_that_is_built_names_them(
    net: Conv4 | Mlp, shape: tuple[int, ...]
) -> None:
    built = learning.models.backbones.build(net.model_dump(), shape, 0).backbone
    kinds = {4: "conv", 2: "linear"}
    right = {
        name.removesuffix(".weight"): kinds[item.ndim]
        for name, item in built.named_parameters()
        if name.endswith(".weight") and item.ndim > 1
    }
    assert shapes.layers(net.model_dump(), shape) == right
    assert learning.models.backbones.GROUP_CHANNELS == shapes.GROUP_CHANNELS


def test_what_follows_from_a_fault_is_not_told_two_stages_later(folder: Path) -> None:
    block = (
        "uses: finetune, from: {model: y, data: digits}, with: {head: kept}}\n"
        "  y: {uses: finetune, from: {model: z, data: low}}\n"
        "  z: {uses: pretrain, from: {data: one}"
    )
    with pytest.raises(PipelineError) as caught:
        asked(folder, block)
    (problem,) = caught.value.problems
    assert problem.message == "one has no training images to train on, only test ones"
