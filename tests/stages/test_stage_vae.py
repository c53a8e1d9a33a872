import math
from pathlib import Path

import pytest
import torch

from engine import learning
from engine.library.artifacts import Gallery, Generator, Model
from engine.library.stages.finetune import finetune
from engine.library.stages.linear_probe import linear_probe
from engine.library.stages.vae import vae
from engine.stage_api.catalogue import Catalogue
from pipelines.core.errors import PipelineError
from pipelines.core.facts import Facts
from pipelines.pipeline import check

SMALL = {"z": 3, "net": {"kind": "mlp", "hidden": [32]}, "steps": 20, "batch": 32}
DIGITS = Facts(
    task="digits",
    collection="digits",
    classes=tuple(range(10)),
    sources=frozenset({("digits/1", "train"), ("digits/1", "test")}),
    metrics={f"digits/{name}": () for name in ("accuracy", "loss", "val_accuracy", "val_loss")},
    examples={"train": 104, "val": 35, "test": 35},
)
OPTIMAL = {"kind": "gaussian", "sigma": "optimal"}


@pytest.fixture(scope="module")
def digits(bench):
    return bench.dataset()


@pytest.fixture(scope="module")
def small(bench, digits):
    """A VAE that has hardly learned."""
    return bench.stage(vae, SMALL, data=digits)


@pytest.fixture(scope="module")
def trained(bench, digits):
    """A VAE that has learned something, and the run."""
    run = bench.run()
    fields = {"z": 8, "net": {"kind": "mlp", "hidden": [64]}, "steps": 200, "batch": 64}
    fields |= {"lr": 0.006, "binarise": "dynamic", "conditional": True}
    return bench.stage(vae, fields, run=run, data=digits), run


def _same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_vae_learns_and_is_judged_by_the_elbo_of_binarised_images(trained):
    scores = trained[0].scores
    curve = [nats for _, nats in scores.curves["digits/val_neg_elbo"]]
    assert curve[-1] < 24 < curve[0]
    assert scores.metrics["digits/neg_elbo"] == pytest.approx(curve[-1], rel=0.05)
    assert 0 < scores.metrics["digits/kl"] < scores.metrics["digits/neg_elbo"]
    assert scores.status == "ok"
    assert "nats of binarised images" in scores.notes[0]
    assert scores.notes[1].startswith("KL of each dimension on the test part, in nats: ")


def test_a_generator_comes_back_from_files_and_scores_the_same(bench, trained, digits, tmp_path):
    trained[0].generator.write(tmp_path)
    found = Generator.read({path.name: path for path in tmp_path.iterdir()})
    pair = learning.generative.models.generator.restore(found, "cpu")
    task = learning.data.device_data.load(digits, bench.files, "cpu")
    judged = learning.generative.training.validation.assess(
        pair, task.parts["test"], "dynamic"
    ).metrics
    assert {f"digits/{name}": value for name, value in judged.items()} == {
        name: value for name, value in trained[0].scores.metrics.items() if "/val_" not in name
    }
    assert found.classes == tuple(range(10))
    assert found.trained["objective"] == {"kind": "elbo"}
    assert found.trained["epochs"] == pytest.approx(200 * 64 / 1078, abs=0.01)
    assert (found.trained["binarise"], found.trained["examples"]) == ("dynamic", 1078)


def test_a_conditional_vae_draws_what_it_is_told(trained):
    found = trained[0].generator
    pair = learning.generative.models.generator.restore(found, "cpu")
    z = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    zeros, ones = (pair.images(z, torch.full((200,), label)).mean(0) for label in (0, 1))
    middle = slice(3, 5)
    # A zero is dark in its middle and a one is bright there, whatever the code.
    assert float(zeros[0, middle, middle].mean()) < 0.2
    assert float(ones[0, middle, middle].mean()) > 0.7


def test_its_encoder_gives_the_mean_codes_as_features(bench, digits, small):
    found = small
    pair = learning.generative.models.generator.restore(found.generator, "cpu")
    part = learning.data.device_data.load(digits, bench.files, "cpu").parts["test"]
    model = found.encoder
    net = learning.models.backbones.restore(model.net, model.shape, model.weights, {})
    codes = pair.codes(learning.generative.models.generator.pixels(part)).mean
    assert torch.allclose(net.features(part.pictures(slice(None))), codes, atol=1e-5)


@pytest.mark.parametrize("net", [{"kind": "mlp", "hidden": [32]}, {"kind": "conv", "width": 4}])
def test_its_encoder_serves_as_a_pretrained_model(bench, digits, lesson, net, tmp_path):
    fields = {**SMALL, "net": net, "z": 8, "steps": 100, "lr": 0.005, "beta": 0.1}
    made = bench.stage(vae, fields, data=digits).encoder
    made.write(tmp_path)
    model = Model.read({path.name: path for path in tmp_path.iterdir()})
    assert (model.net["z"], model.shape, model.heads) == (8, (1, 8, 8), {})
    assert _same(model.weights, made.weights)
    probed = bench.stage(linear_probe, {"l2": 0.001}, model=model, data=digits)
    assert probed.scores.metrics["digits/accuracy"] > 0.6
    fields = {"head": "probe", "steps": 5, "lr": 0.01}
    tuned = bench.stage(finetune, fields, model=model, data=lesson.few)
    assert "high/accuracy" in tuned.scores.metrics


VARIANTS = {
    "elbo": {"binarise": "dynamic", "kl_warmup": 0.5, "beta": 2.0, "free_bits": 0.1},
    "iwae": {"objective": {"kind": "iwae", "k": 3}, "binarise": "threshold"},
    "optimal": {"likelihood": OPTIMAL},
    "learned": {"likelihood": {"kind": "gaussian", "sigma": "learned"}, "sigma_lr": 0.01},
    "logistic": {"likelihood": "logistic"},
    "conv": {"net": {"kind": "conv", "width": 4, "hidden": 16}, "conditional": True},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_vae_stopped_and_resumed_equals_one_in_one_go(bench, digits, tmp_path, variant):
    fields = {**SMALL, **VARIANTS[variant]}
    whole = bench.stage(vae, fields, data=digits)
    pieces = bench.interrupted(
        tmp_path, 7, lambda run: bench.stage(vae, fields, run=run, data=digits)
    )
    assert _same(whole.generator.weights, pieces.generator.weights)
    assert whole.scores == pieces.scores
    assert whole.gallery == pieces.gallery


def test_a_seed_gives_the_same_bits_and_another_others(bench, digits, small):
    again, other = (
        bench.stage(vae, SMALL, seed=seed, data=digits).generator.weights for seed in (0, 1)
    )
    assert _same(small.generator.weights, again)
    assert not _same(again, other)


def test_a_large_beta_collapses_all_dimensions_and_a_small_one_none(bench, digits):
    fields = {"z": 6, "net": {"kind": "mlp", "hidden": [64]}, "steps": 100, "lr": 0.006}
    used = {
        beta: bench.stage(vae, {**fields, "beta": beta}, data=digits).scores.metrics
        for beta in (0.2, 20.0)
    }
    assert used[0.2]["digits/active_dims"] == 6
    assert used[20.0]["digits/active_dims"] == 0
    assert used[20.0]["digits/kl"] < 0.1


def test_free_bits_keep_the_dimensions_that_a_large_beta_kills(bench, digits):
    fields = {"z": 6, "net": {"kind": "mlp", "hidden": [64]}, "steps": 100, "lr": 0.006}
    kept = bench.stage(vae, {**fields, "beta": 20.0, "free_bits": 0.5}, data=digits).scores.metrics
    assert kept["digits/active_dims"] == 6
    assert 1.5 < kept["digits/kl"] < 3.3  # about what is free


def test_the_gallery_shows_the_end_then_each_kind_of_snapshot_in_order(trained, tmp_path):
    gallery = trained[0].gallery
    steps = (0, 2, 10, 40, 100, 200)
    assert [picture.name for picture in gallery.pictures] == [
        "reconstructions", "samples", "kl-by-dimension",
        *[f"step-{step:06}-reconstructions" for step in steps],
        *[f"step-{step:06}-samples" for step in steps],
    ]  # fmt: skip
    captions = {picture.name: picture.caption for picture in gallery.pictures}
    assert captions["step-000010-samples"].startswith("A VAE with z = 8, after 10 steps: ")
    assert "each column told its class" in captions["samples"]
    assert len({picture.png for picture in gallery.pictures}) == len(gallery.pictures)
    gallery.write(tmp_path)
    assert Gallery.read({path.name: path for path in tmp_path.iterdir()}) == gallery


def test_a_vae_that_diverges_says_so_and_shows_how_far_it_came(bench, digits):
    found = bench.stage(vae, {**SMALL, "steps": 60, "lr": 1e6}, data=digits)
    assert found.scores.status == "diverged"
    assert found.scores.notes[-1].startswith("diverged: the loss was infinite or undefined")
    assert all(math.isfinite(value) for value in found.scores.metrics.values())
    names = [picture.name for picture in found.gallery.pictures]
    assert names[0] == "step-000000-reconstructions"
    assert "samples" not in names


def test_facts_name_exactly_the_metrics_and_looks_that_come_out(small, look):
    facts, faults = look(vae, SMALL, data=DIGITS)
    found = small.scores
    assert not faults
    assert facts["scores"].metrics.keys() == found.metrics.keys()
    assert {name: steps for name, steps in facts["scores"].metrics.items() if steps} == {
        name: tuple(step for step, _ in curve) for name, curve in found.curves.items()
    }


def test_facts_tell_who_draws_what_the_generator_can_do(look):
    facts, _ = look(vae, {"z": 2, "conditional": True, "binarise": "dynamic"}, data=DIGITS)
    found = facts["generator"]
    assert (found.collection, found.z, found.classes) == ("digits", 2, tuple(range(10)))
    assert found.protocol == {"kind": "vae", "likelihood": "bernoulli", "binarise": "dynamic"}
    assert found.sources == facts["encoder"].sources == {("digits/1", "train")}
    assert look(vae, {"z": 2}, data=DIGITS)[0]["generator"].classes == ()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"binarise": "dynamic", "likelihood": OPTIMAL}, "binarise"),
        ({"binarise": "threshold", "likelihood": "logistic"}, "binarise"),
        ({"objective": {"kind": "iwae", "k": 5}, "beta": 2.0}, "beta"),
        ({"objective": {"kind": "iwae", "k": 5}, "kl_warmup": 0.5}, "kl_warmup"),
        ({"objective": {"kind": "iwae", "k": 5}, "free_bits": 0.5}, "free_bits"),
        ({"objective": {"kind": "iwae", "k": 5}, "likelihood": OPTIMAL}, "likelihood.sigma"),
        ({"sigma_lr": 0.1}, "sigma_lr"),
        ({"sigma_lr": 0.1, "likelihood": OPTIMAL}, "sigma_lr"),
    ],
)
def test_what_means_nothing_together_is_told_at_its_place(look, fields, place):
    faults = look(vae, {"z": 2, **fields}, data=DIGITS)[1]
    assert [(kind, where) for kind, where, _, _ in faults] == [("error", place)]
    assert faults[0][3]  # and how to mend it


def test_what_goes_together_is_not_told(look):
    iwae = {"objective": {"kind": "iwae", "k": 5}, "beta": 1.0, "binarise": "dynamic"}
    learned = {"likelihood": {"kind": "gaussian", "sigma": "learned"}, "sigma_lr": 0.1}
    for fields in (iwae, learned, {"likelihood": "logistic", "sigma_lr": 0.1}):
        assert look(vae, {"z": 2, **fields}, data=DIGITS)[1] == []


def test_a_dataset_must_have_training_examples_and_classes_to_tell(look):
    none = Facts(task="digits", classes=(1, 2), examples={"test": 5})
    assert [fault[1] for fault in look(vae, {"z": 2}, data=none)[1]] == ["from.data"]
    one = Facts(task="digits", classes=(1,), examples={"train": 5})
    assert look(vae, {"z": 2}, data=one)[1] == []
    assert [f[1] for f in look(vae, {"z": 2, "conditional": True}, data=one)[1]] == ["conditional"]


PAGE = """
version: 1
name: p
stages:
  data: {uses: dataset, with: {name: digits}}
  vae: {uses: vae, from: {data: data}, with: {z: 2, likelihood: LIKELIHOOD}}
"""


@pytest.mark.parametrize(
    ("likelihood", "problem"),
    [
        ("{kind: gaussian}", "sigma"),
        ("{kind: gaussian, sigma: 0}", "sigma"),
        ("{kind: gaussian, sigma: best}", "sigma"),
        ("poisson", "likelihood"),
    ],
)
def test_a_likelihood_that_is_none_is_told_before_anything_runs(likelihood, problem):
    text = PAGE.replace("LIKELIHOOD", likelihood)
    with pytest.raises(PipelineError) as told:
        check(text, file="p.yaml", folder=Path(), stages=Catalogue(()))
    assert problem in str(told.value)


@pytest.mark.parametrize("likelihood", ["bernoulli", "logistic", "{kind: gaussian, sigma: 1}"])
def test_a_likelihood_passes_the_check_as_it_is_written(likelihood):
    text = PAGE.replace("LIKELIHOOD", likelihood)
    assert check(text, file="p.yaml", folder=Path(), stages=Catalogue(())).cells
