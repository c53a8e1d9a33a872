"""What cannot be of generative models is told at its place, with the fix, before anything runs."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from engine import learning
from engine.library.datasets import builtin
from engine.library.stages.dataset import dataset
from engine.stage_api.catalogue import Catalogue
from pipelines.core.errors import PipelineError
from pipelines.pipeline import check

HEAD = """version: 1
name: p
stages:
  images: {uses: dataset, with: {name: digits, task: seen}}
"""
STAGES = {
    "few": "{uses: dataset, with: {name: digits, task: few, classes: [1, 2]}}",
    "low": "{uses: dataset, with: {name: digits, task: low, classes: [0, 1]}}",
    "colour": "{uses: dataset, with: {name: folder, root: own, size: [6, 5], task: colour}}",
    "grey": "{uses: dataset, with: {name: folder, root: own, color: gray, size: [8, 8], task: g}}",
    "tiny": "{uses: dataset, with: {name: folder, root: own, size: [3, 9], task: tiny}}",
    "vae": "{uses: vae, from: {data: images}, with: {z: 3}}",
    "scored": "{uses: vae, from: {data: images}, with: {z: 2, likelihood: logistic}}",
    "told": "{uses: vae, from: {data: few}, with: {z: 2, conditional: true}}",
    "points": "{uses: autoencoder, from: {data: images}, with: {z: 2}}",
    "drawn": "{uses: sample, from: {generator: told.generator}, with: {count: 100}}",
    "many": "{uses: sample, from: {generator: told.generator}, with: {count: 1000}}",
    "own": "{uses: vae, from: {data: grey}, with: {z: 2}}",
    "small": "{uses: sample, from: {generator: own.generator}, with: {count: 100}}",
    "jury": "{uses: judge, from: {data: colour}}",
    "judge": "{uses: judge, from: {data: images}}",
    "strict": "{uses: judge, from: {data: few}}",
    "net": "{uses: pretrain, from: {data: images}, with: {net: {kind: conv4}}}",
    "raw": "{uses: init, with: {net: {kind: conv4}}}",
    "back": "{uses: classifier_samples, from: {model: net, data: images}, with: {count: 50}}",
}
ADAPT = "adapt it first, with `linear_probe` or `finetune`"
ALIKE = "connect samples, judge and data of one collection"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with a folder of images."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("ant", "bee"):
        (folder / "own" / name).mkdir(parents=True)
        for level in range(10):
            Image.new("RGB", (5, 6), (level, 0, 0)).save(folder / "own" / name / f"{level}.png")
    return folder


def page(stage: str, needs: str) -> str:
    """A file with some known stages, and one more in the last line."""
    known = [f"  {name}: {STAGES[name]}\n" for name in needs.split()]
    return f"{HEAD}{''.join(known)}  x: {{uses: {stage}}}\n"


def told(text: str, folder: Path) -> list[tuple[str, str, str]]:
    """What is marked in the last line, the message and the hint of each problem."""
    with pytest.raises(PipelineError) as caught:
        check(text, file="p.yaml", folder=folder, stages=Catalogue(()))
    found = []
    for problem in caught.value.problems:
        mark = problem.mark
        assert mark is not None
        assert mark.line == len(text.splitlines())
        marked = mark.text[mark.column - 1 :][: mark.width]
        found.append((marked, problem.message, problem.hint))
    return found


TRAINING = [
    (
        "vae, from: {data: images}", "x", "`vae` needs `z`", "Dimensions of the latent code",
    ),
    (
        "vae, from: {data: images}, with: {z: 0}", "0", "`z` must be greater than 0, not 0", "",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, free_bits: -1}",
        "-1", "`free_bits` must be at least 0.0, not -1", "",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, kl_warmup: 1.5}",
        "1.5", "`kl_warmup` must be less than 1.0, not 1.5", "",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, beta: .nan}",
        ".nan", "a number must be finite, not .nan", "",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, binarize: dynamic}",
        "binarize", "`binarize` is not a parameter of `vae`", "did you mean `binarise`?",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, binarise: dinamic}",
        "dinamic", "`binarise` must be `none`, `dynamic` or `threshold`, not dinamic",
        "did you mean `dynamic`?",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, likelihood: {kind: gaussian}}",
        "{", "`likelihood` needs `sigma`",
        "Standard deviation, for pixels from 0 to 1: a number, `optimal` (in closed form from "
        "each batch, arXiv 2006.13202), or `learned` by gradient descent",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, likelihood: gaussian}", "gaussian",
        "`likelihood` needs `sigma`",
        "Standard deviation, for pixels from 0 to 1: a number, `optimal` (in closed form from "
        "each batch, arXiv 2006.13202), or `learned` by gradient descent",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, likelihood: bernouli}", "bernouli",
        "`likelihood` must be `bernoulli` or `logistic` or a mapping, not bernouli",
        "did you mean `bernoulli`?",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, likelihood: {kind: bernoulli}}", "{",
        "`likelihood`: `bernoulli` is a name alone, not the kind of a mapping",
        "say `likelihood: bernoulli`",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, sigma_lr: 0.1}",
        "0.1", "the likelihood `bernoulli` has no learned scale here",
        "leave it out, or set `likelihood: {kind: gaussian, sigma: learned}`",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, binarise: dynamic, likelihood: logistic}",
        "dynamic", "`likelihood: logistic` does not score binary images",
        "set `likelihood: bernoulli`, or leave `binarise` out",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, objective: {kind: iwae, k: 5}, beta: 2.0}",
        "2.0", "`beta` is not supported with `objective: {kind: iwae}`",
        "leave it out, or set `objective: {kind: elbo}`",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, objective: {kind: iwae, k: 0}}",
        "0", "`objective.k` must be greater than 0, not 0", "",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, objective: {kind: iwae}}",
        "{", "`objective` needs `k`",
        "Samples of the code for each image; 1 is the ELBO with a noisier KL estimate",
    ),
    (
        "vae, from: {data: images}, with: {z: 2, net: {kind: convolution}}",
        "convolution", "`net` has no kind `convolution`", "kinds: `mlp` and `conv`",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "marked", "message", "hint"), TRAINING)
def test_what_cannot_be_trained_is_told_at_its_place(own, stage, marked, message, hint):
    assert told(page(stage, ""), own) == [(marked, message, hint)]


OWN = [
    (
        "colour", "vae, from: {data: colour}, with: {z: 2, binarise: threshold}", "threshold",
        "images of colour are in colour, and only grey images can be binarised",
        "leave it out, or use grey images: `color: gray`",
    ),
    (
        "tiny", "vae, from: {data: tiny}, with: {z: 2, net: {kind: conv}}", "{",
        "a conv coder halves images twice, and images of tiny have 3x9 pixels",
        "use `net: {kind: mlp}`",
    ),
    (
        "tiny", "autoencoder, from: {data: tiny}, with: {z: 2, net: {kind: conv}}", "{",
        "a conv coder halves images twice, and images of tiny have 3x9 pixels",
        "use `net: {kind: mlp}`",
    ),
    (
        "vae colour", "linear_probe, from: {model: vae.encoder, data: colour}", "colour",
        "colour has images of 3x6x5, and the model takes 1x8x8",
        "pretrain on images of the same shape",
    ),
    (
        "vae colour", "finetune, from: {model: vae.encoder, data: images, retain: colour}",
        "colour", "colour has images of 3x6x5, and the model takes 1x8x8",
        "pretrain on images of the same shape",
    ),
    (
        "net colour", "classifier_samples, from: {model: net, data: colour}, with: {task: seen}",
        "colour", "colour has images of 3x6x5, and the model takes 1x8x8",
        "pretrain on images of the same shape",
    ),
    (
        "vae colour", "likelihood, from: {generator: vae.generator, data: colour}", "colour",
        "colour has images of 3x6x5, and the generator makes 1x8x8", "judge it on such images",
    ),
    (
        "scored grey", "likelihood, from: {generator: scored.generator, data: grey}", "grey",
        "pixels of g have 256 levels, and the generator scores 17", "judge it on digits",
    ),
    (
        "grey own small colour jury",
        "evaluate_samples, from: {samples: small, judge: jury, data: colour}", "small",
        "of images of 1x8x8, and the data are of 3x6x5", ALIKE,
    ),
    (
        "grey judge few told drawn",
        "evaluate_samples, from: {samples: drawn, judge: judge, data: grey}", "judge",
        "of digits, and the data are of folder", ALIKE,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("needs", "stage", "marked", "message", "hint"), OWN)
def test_images_of_ones_own_that_do_not_fit_are_told(own, needs, stage, marked, message, hint):
    assert (marked, message, hint) in told(page(stage, needs), own)


JUDGING = [
    (
        "points", "likelihood, from: {generator: points.generator, data: images}",
        "points.generator", "an autoencoder has no density of images, and so no likelihood",
        "take a `vae`, or judge its samples",
    ),
    (
        "vae", "likelihood, from: {generator: vae.generator, data: images}, with: {k: [0]}",
        "0", "`k.0` must be at least 1, not 0", "",
    ),
    (
        "vae", "likelihood, from: {generator: vae.generator, data: images}, with: {images: 360}",
        "360", "seen has 359 test images at most", "take fewer, or leave it out to judge by all",
    ),
    (
        "few told", "likelihood, from: {generator: told.generator, data: images}", "images",
        "the generator was not trained on the classes `0`, `3`, `4`, `5`, `6`, `7`, `8` and `9`",
        "judge it on classes that it was trained on",
    ),
    (
        "vae", "likelihood, from: {generator: vae.encoder, data: images}", "vae.encoder",
        "`x.generator` takes a Generator, but `vae.encoder` is a Model",
        "`vae` gives generator: Generator, encoder: Model, scores: Scores, gallery: Gallery",
    ),
    (
        "vae", "linear_probe, from: {model: vae.generator, data: images}", "vae.generator",
        "`x.model` takes a Model, but `vae.generator` is a Generator",
        "`vae` gives generator: Generator, encoder: Model, scores: Scores, gallery: Gallery",
    ),
    (
        "vae", "sample, from: {generator: vae.generator}, with: {how: manifold}", "manifold",
        "`manifold` needs codes of two dimensions, and these have 3",
        "use a generator with `z: 2`, or `exclude` the others",
    ),
    (
        "vae", "sample, from: {generator: vae.generator}, with: {how: priro}", "priro",
        "`how` must be `prior`, `matched`, `covariance`, `mixture`, `reconstruction`, "
        "`interpolation`, `traversal` or `manifold` or a mapping, not priro",
        "did you mean `prior`?",
    ),
    (
        "few told", "sample, from: {generator: told.generator}, with: {classes: [7]}", "7",
        "the generator has no class 7", "it has the classes [1, 2]",
    ),
    (
        "vae", "classifier_samples, from: {model: vae.encoder, data: images}", "vae.encoder",
        "the model has no head to maximise", ADAPT,
    ),
    (
        "raw", "classifier_samples, from: {model: raw, data: images}", "raw",
        "the model has no head to maximise", ADAPT,
    ),
    (
        "vae", "evaluate, from: {model: vae.encoder, data: images}", "vae.encoder",
        "the model has no head to evaluate", ADAPT,
    ),
    (
        "vae", "finetune, from: {model: vae.encoder, data: images}, with: {head: kept}", "kept",
        "no head of the model has the classes of seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "say `random`, `zero` or `probe`",
    ),
    (
        "vae low",
        "finetune, from: {model: vae.encoder, data: images, retain: low}, with: {replay: 0.2}",
        "0.2", "the model has no head for low, classes [0, 1]", "replay what it was trained on",
    ),
    (
        "net", "classifier_samples, from: {model: net, data: images}, with: {classes: [1, 1]}",
        "{", "`classifier_samples`: `classes` names a class twice; name each once", "",
    ),
    (
        "net back judge",
        "evaluate_samples, from: {samples: back, judge: judge, data: images}, with: {n: 51}",
        "51", "there are 50 samples at most", "take fewer, or leave it out",
    ),
    (
        "few told drawn judge",
        "evaluate_samples, from: {samples: drawn, judge: judge, data: images}, with: {n: 101}",
        "101", "there are 100 samples at most", "take fewer, or leave it out",
    ),
    (
        "few told many judge",
        "evaluate_samples, from: {samples: many, judge: judge, data: images}, with: {n: 360}",
        "360", "there are 359 test images at most", "take fewer, or leave it out",
    ),
    (
        "", "vae, from: {data: images}, with: {z: 10001}",
        "10001", "`z` must be at most 10000, not 10001", "",
    ),
    (
        "net back few strict",
        "evaluate_samples, from: {samples: back, judge: strict, data: few}", "strict",
        "samples have the classes 0, 3, 4, 5, 6 and 3 more, which the judge does not know",
        "train the judge on a dataset with all their classes",
    ),
    (
        "net judge",
        "evaluate_samples, from: {samples: net, judge: judge, data: images}", "net",
        "`x.samples` takes a Samples, but `net` gives model: Model, scores: Scores", "",
    ),
    (
        "judge",
        "classifier_samples, from: {model: judge.judge, data: images}", "judge.judge",
        "`x.model` takes a Model, but `judge.judge` is a Judge",
        "`judge` gives judge: Judge, scores: Scores",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("needs", "stage", "marked", "message", "hint"), JUDGING)
def test_what_cannot_be_drawn_or_judged_is_told_at_its_place(
    own, needs, stage, marked, message, hint
):
    assert told(page(stage, needs), own) == [(marked, message, hint)]


@pytest.mark.parametrize(
    ("needs", "stage"),
    [
        ("vae", "likelihood, from: {generator: vae.generator, data: images}, with: {images: 359}"),
        ("vae", "linear_probe, from: {model: vae.encoder, data: images}"),
        ("raw grey", "linear_probe, from: {model: raw, data: grey}"),
        ("vae grey", "finetune, from: {model: vae.encoder, data: grey}"),
        (
            "net back judge",
            "evaluate_samples, from: {samples: back, judge: judge, data: images}, with: {n: 50}",
        ),
        ("colour", "vae, from: {data: colour}, with: {z: 2, net: {kind: conv}}"),
        ("grey", "vae, from: {data: grey}, with: {z: 2, binarise: dynamic}"),
    ],
)  # fmt: skip
def test_what_is_just_possible_passes(own, needs, stage):
    text = page(stage, needs)
    assert check(text, file="p.yaml", folder=own, stages=Catalogue(())).cells


def test_nothing_is_written_and_the_command_exits_with_2(tmp_path):
    (tmp_path / "p.yaml").write_text(page(TRAINING[7][0], ""))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "meta_tui", "run", "p.yaml", "--plain"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("p.yaml:5:65: error: `likelihood` needs `sigma`\n")
    assert [path.name for path in tmp_path.iterdir()] == ["p.yaml"]


def test_levels_are_those_that_likelihoods_score():
    names = {"digits", "mnist", "omniglot", "folder"}
    scored = {name: learning.generative.models.generator.levels(name) for name in names}
    assert {name: builtin.levels(name) for name in names} == scored


def test_there_are_as_many_images_as_the_counts_of_the_classes_say(look):
    facts, _ = look(dataset, {"name": "digits", "classes": [0, 3], "take": {"val": 9}})
    assert facts["data"].sizes == {"train": 107 + 110, "val": 9, "test": 36 + 37}
