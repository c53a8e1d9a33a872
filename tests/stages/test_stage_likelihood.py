import math
from dataclasses import replace

import pytest
import torch

from engine import learning
from engine.learning.generative.training.iwae_bound import Bound, places
from engine.library.stages.autoencoder import autoencoder
from engine.library.stages.likelihood import likelihood
from engine.library.stages.vae import vae
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts

SMALL = {"net": {"kind": "mlp", "hidden": [32]}, "z": 3, "steps": 60, "lr": 0.003}
DYNAMIC = {**SMALL, "binarise": "dynamic"}
K = [1, 5, 50]


@pytest.fixture(scope="module")
def digits(bench):
    return bench.dataset()


@pytest.fixture(scope="module")
def trained(bench, digits):
    return bench.stage(vae, DYNAMIC, data=digits)


def _judge(bench, generator, data, *, run=None, **fields):
    return bench.stage(
        likelihood, {"k": K, **fields}, run=run, generator=generator, data=data
    ).scores


def _labels(bench, data):
    return learning.data.device_data.load(data, bench.files, "cpu").parts["test"].y


def _direct(bench, generator, data, k, part="test"):
    """The bound of every image, asked for without the stage."""
    task = learning.data.device_data.load(data, bench.files, "cpu")
    way = generator.trained["binarise"]
    images = learning.generative.models.binarize.fixed(
        learning.generative.models.generator.pixels(task.parts[part]), way
    )
    y = task.parts[part].y if generator.classes else None
    bound = Bound(
        learning.generative.models.generator.restore(generator, "cpu"), images, y, draws=[k]
    )
    for step in range(1, bound.steps + 1):
        bound.step(step)
    return bound.values(k)


def test_the_metrics_are_minus_the_mean_bound_over_all_test_images(bench, trained, digits):
    found = _judge(bench, trained.generator, digits)
    assert list(found.metrics) == ["digits/nll_1", "digits/nll_5", "digits/nll_50"]
    direct = _direct(bench, trained.generator, digits, 50)
    assert len(direct) == 359
    assert found.metrics["digits/nll_50"] == pytest.approx(-float(direct.mean()), abs=1e-5)
    assert found.metrics["digits/nll_1"] > found.metrics["digits/nll_5"] + 0.1
    assert found.metrics["digits/nll_5"] > found.metrics["digits/nll_50"] + 0.1
    assert found.status == "ok"


def test_by_one_draw_it_is_the_negative_elbo_that_training_told(bench, trained, digits):
    found = _judge(bench, trained.generator, digits, k=[1, 400])
    told = trained.scores.metrics["digits/neg_elbo"]
    assert found.metrics["digits/nll_1"] == pytest.approx(told, abs=0.5)
    assert abs(found.metrics["digits/nll_400"] - told) > 0.5


def test_the_error_over_images_is_told(bench, trained, digits):
    found = _judge(bench, trained.generator, digits)
    values = _direct(bench, trained.generator, digits, 50)
    error = float(values.std()) / math.sqrt(359)
    assert f"nll_50 has a standard error of {error:.2f} over 359 images" in found.notes
    assert not found.each  # an interval over images would be called one over tasks


def test_so_many_images_are_the_same_ones_with_the_same_draws(bench, trained, digits):
    some = _judge(bench, trained.generator, digits, k=[50], images=40)
    chosen = places(_labels(bench, digits), 40)
    assert len(set(chosen.tolist())) == 40
    assert chosen.tolist() == sorted(chosen.tolist())
    expected = -float(_direct(bench, trained.generator, digits, 50)[chosen].mean())
    assert some.metrics["digits/nll_50"] == pytest.approx(expected, abs=1e-5)
    assert any("over 40 images" in note for note in some.notes)


def test_every_seed_judges_by_the_same_noise(bench, trained, digits):
    assert not likelihood.draws
    first, other = (
        _judge(bench, trained.generator, digits, run=bench.run(seed), images=30) for seed in (0, 1)
    )
    assert first == other


def test_the_validation_part_has_names_of_its_own(bench, trained, digits):
    found = _judge(bench, trained.generator, digits, k=[2, 9], part="val")
    assert list(found.metrics) == ["digits/val_nll_2", "digits/val_nll_9"]
    expected = -float(_direct(bench, trained.generator, digits, 9, "val").mean())
    assert found.metrics["digits/val_nll_9"] == pytest.approx(expected, abs=1e-5)
    assert "of one fixed seeded binarisation of the val images" in found.notes[0]


def test_judging_stopped_and_resumed_equals_judging_in_one_go(
    bench, trained, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr("engine.learning.generative.training.iwae_bound.CODES", 1000)
    whole = _judge(bench, trained.generator, digits)
    run = bench.run()
    pieces = bench.interrupted(
        tmp_path, 5, lambda run: _judge(bench, trained.generator, digits, run=run)
    )
    assert whole == pieces
    _judge(bench, trained.generator, digits, run=run)
    last, value = run.curves["bound"]["nll_50"][-1]
    assert (last, value) == (18, whole.metrics["digits/nll_50"])


@pytest.mark.parametrize(
    ("fields", "first", "other"),
    [
        (
            {"binarise": "dynamic"},
            "importance-weighted bound L_2 of an ELBO-trained VAE, nats per image of one fixed "
            "seeded binarisation of the test images",
            "nats of binarised images",
        ),
        (
            {"binarise": "dynamic", "objective": {"kind": "iwae", "k": 7}},
            "importance-weighted bound L_2 of an IWAE-7-trained VAE, nats per image of one fixed "
            "seeded binarisation of the test images",
            "nats of binarised images",
        ),
        (
            {"binarise": "threshold", "beta": 4.0, "free_bits": 0.5},
            "importance-weighted bound L_2 of an ELBO-trained VAE (beta 4, free_bits 0.5), nats "
            "per image of the test images cut at one half",
            "not comparable with those of drawn ones",
        ),
        (
            {},
            "importance-weighted bound L_2 of an ELBO-trained VAE, nats per image of the test "
            "images as stored",
            "not a likelihood",
        ),
        (
            {"likelihood": {"kind": "gaussian", "sigma": "optimal"}},
            "importance-weighted bound L_2 of an ELBO-trained VAE, nats per image of the test "
            "images as stored",
            "not comparable",
        ),
        (
            {"likelihood": "logistic"},
            "importance-weighted bound L_2 of an ELBO-trained VAE, nats per image of the test "
            "images as stored",
            "nats of the stored levels: comparable",
        ),
    ],
)
def test_the_notes_say_what_the_nats_are_of(bench, digits, fields, first, other):
    made = bench.stage(vae, {**SMALL, "steps": 3, **fields}, data=digits).generator
    found = _judge(bench, made, digits, k=[2], images=20)
    assert found.notes[0] == first
    assert other in found.notes[1]


def test_black_and_white_images_need_no_warning(bench, digits, monkeypatch):
    made = bench.stage(vae, {**SMALL, "steps": 3}, data=digits).generator
    monkeypatch.setattr(
        "engine.learning.generative.models.generator.pixels", lambda part: (part.x > 8).float()
    )
    found = _judge(bench, made, digits, k=[2], images=20)
    assert not any("not a likelihood" in note for note in found.notes)


def test_levels_are_told_in_bits_per_dimension_as_well(bench, digits):
    made = bench.stage(vae, {**SMALL, "likelihood": "logistic"}, data=digits).generator
    found = _judge(bench, made, digits, k=[3, 1, 3], images=50).metrics
    assert found.keys() == {
        "digits/nll_1", "digits/nll_3", "digits/bits_per_dim_1", "digits/bits_per_dim_3"
    }  # fmt: skip
    for k in (1, 3):
        nats = found[f"digits/nll_{k}"]
        assert found[f"digits/bits_per_dim_{k}"] == pytest.approx(nats / math.log(2) / 64)
    assert found["digits/nll_1"] > found["digits/nll_3"]
    # A trained model needs less than the log2(17) bits of a level that nobody knows.
    assert found["digits/bits_per_dim_3"] < math.log2(17)


def test_a_conditional_generator_is_told_labels_in_any_order_of_the_classes(bench, digits):
    made = bench.stage(vae, {**DYNAMIC, "conditional": True}, data=digits).generator
    found = _judge(bench, made, digits, k=[10])
    expected = -float(_direct(bench, made, digits, 10).mean())
    assert found.metrics["digits/nll_10"] == pytest.approx(expected, abs=1e-5)
    assert "likelihood of an image given its class" in found.notes
    turned = bench.dataset(classes=[3, 4, 5, 6, 7, 8, 9, 0, 1, 2])
    assert _judge(bench, made, turned, k=[10]).metrics == found.metrics
    some = _judge(bench, made, turned, k=[10], images=40).metrics["digits/nll_10"]
    expected = -float(_direct(bench, made, digits, 10)[places(_labels(bench, digits), 40)].mean())
    assert some == pytest.approx(expected, abs=1e-5)


def test_a_generator_that_diverged_has_no_likelihood(bench, trained, digits):
    weights = dict(trained.generator.weights)
    weights["coder.mean.bias"] = torch.full_like(weights["coder.mean.bias"], math.nan)
    found = _judge(bench, replace(trained.generator, weights=weights), digits, images=20)
    assert (found.status, found.metrics) == ("diverged", {})
    assert not any("nan" in note for note in found.notes)


def test_images_of_another_collection_may_be_judged_and_it_is_said(bench, trained, digits):
    elsewhere = replace(trained.generator, data="mnist")
    found = _judge(bench, elsewhere, digits, k=[2], images=20)
    assert "trained on mnist, judged on digits" in found.notes


def test_what_has_no_likelihood_is_refused(bench, trained, digits):
    made = bench.stage(autoencoder, {**SMALL, "steps": 3}, data=digits).generator
    with pytest.raises(StageError, match="an autoencoder has no density"):
        _judge(bench, made, digits)


@pytest.mark.parametrize(
    ("changed", "fields", "message"),
    [
        ({}, {"images": 360}, "digits has 359 test images, not 360"),
        ({"shape": (1, 8, 9)}, {}, "makes images of 1x8x9, and those of digits are 1x8x8"),
        ({"classes": (0, 1, 2)}, {}, "was not trained on the classes `3`, `4`"),
        ({"likelihood": {"kind": "logistic"}, "data": "mnist"}, {}, "have 17 levels"),
    ],
)
def test_what_does_not_fit_is_refused(bench, trained, digits, changed, fields, message):
    with pytest.raises(StageError, match=message):
        _judge(bench, replace(trained.generator, **changed), digits, **fields)


def test_a_part_that_is_not_there_is_refused(bench, trained, digits):
    bare = replace(digits, parts={"train": digits.parts["train"]})
    with pytest.raises(StageError, match="digits has no test images"):
        _judge(bench, trained.generator, bare)


DATA = Facts(task="digits", classes=tuple(range(10)), examples={"train": 104, "test": 35})


def _vae(likelihood="bernoulli", **more):
    protocol = {"kind": "vae", "likelihood": likelihood, "binarise": "dynamic"}
    return Facts(protocol=protocol, z=3, **more)


@pytest.mark.parametrize(
    ("generator", "names"),
    [
        (_vae(), {"digits/nll_1", "digits/nll_7"}),
        (
            _vae("logistic"),
            {"digits/nll_1", "digits/nll_7", "digits/bits_per_dim_1", "digits/bits_per_dim_7"},
        ),
        (
            Facts(),  # of a stage of somebody's own, which tells nothing of it
            {"digits/nll_1", "digits/nll_7", "digits/bits_per_dim_1", "digits/bits_per_dim_7"},
        ),
    ],
)
def test_the_names_of_the_metrics_are_known_before(look, generator, names):
    known, faults = look(likelihood, {"k": [7, 1, 7]}, generator=generator, data=DATA)
    assert not faults
    assert known["scores"].metrics.keys() == names


@pytest.mark.parametrize(
    ("generator", "fields", "place", "message"),
    [
        (Facts(protocol={"kind": "autoencoder"}), {}, "from.generator", "no likelihood"),
        (_vae(), {"part": "val"}, "from.data", "digits has no val examples"),
        (_vae(classes=(0, 1)), {}, "from.data", "not trained on the classes `2`"),
    ],
)
def test_faults_are_told_at_their_place(look, generator, fields, place, message):
    _, faults = look(likelihood, fields, generator=generator, data=DATA)
    ((kind, where, told, _),) = faults
    assert (kind, where) == ("error", place)
    assert message in told


@pytest.mark.parametrize("k", [[], [0], [100_001]])
def test_a_bound_needs_a_number_of_draws(bench, k):
    with pytest.raises(ValueError, match="k"):
        bench.params(likelihood, k=k)
