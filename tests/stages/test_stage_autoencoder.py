import pytest
import torch
from PIL import Image

from engine import learning
from engine.library.stages.autoencoder import autoencoder
from engine.library.stages.vae import vae
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts

SMALL = {"z": 3, "net": {"kind": "mlp", "hidden": [32]}, "steps": 20, "batch": 32}


@pytest.fixture(scope="module")
def digits(bench):
    return bench.dataset()


def _folder(bench, folder, size):
    """A folder of three classes of images of one colour each, read at a size."""
    for name in ("ant", "bee", "cat"):
        (folder / name).mkdir()
        for i in range(10):
            Image.new("RGB", (12, 12), (20 * i, 20 * i, 9)).save(folder / name / f"{i}.png")
    return bench.dataset(name="folder", root=str(folder), size=size)


def _same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_an_autoencoder_learns_to_give_images_back(bench, digits):
    found = bench.stage(autoencoder, {**SMALL, "z": 8, "steps": 300, "lr": 0.003}, data=digits)
    curve = [error for _, error in found.scores.curves["digits/val_squared_error"]]
    assert found.scores.metrics["digits/squared_error"] < 2.2 < curve[0]
    assert curve == sorted(curve, reverse=True)
    assert found.generator.kind == "autoencoder"
    assert found.generator.classes == ()
    assert found.scores.notes == ()


@pytest.fixture(scope="module")
def small(bench, digits):
    """An autoencoder that has hardly learned."""
    return bench.stage(autoencoder, SMALL, data=digits)


def test_its_squared_error_is_summed_over_pixels_from_0_to_1(bench, digits, small):
    found = small
    pair = learning.generative.models.generator.restore(found.generator, "cpu")
    part = learning.data.device_data.load(digits, bench.files, "cpu").parts["test"]
    images = part.x.float() / 16
    made = pair.images(pair.codes(images).mean)
    error = (made - images).square().flatten(1).sum(1).double().mean()
    assert found.scores.metrics["digits/squared_error"] == pytest.approx(float(error))


def test_facts_name_exactly_the_metrics_that_come_out(small, look):
    names = ("accuracy", "loss", "val_accuracy", "val_loss")
    data = Facts(task="digits", metrics={f"digits/{name}": () for name in names})
    facts, faults = look(autoencoder, SMALL, data=data)
    found = small.scores
    assert not faults
    assert facts["scores"].metrics.keys() == found.metrics.keys()
    assert facts["scores"].metrics["digits/val_squared_error"] == (4, 8, 12, 16, 20)
    assert facts["generator"].protocol["kind"] == "autoencoder"


def test_an_autoencoder_stopped_and_resumed_equals_one_in_one_go(bench, digits, tmp_path):
    fields = {**SMALL, "likelihood": {"kind": "gaussian", "sigma": "optimal"}}
    whole = bench.stage(autoencoder, fields, data=digits)
    pieces = bench.interrupted(
        tmp_path, 7, lambda run: bench.stage(autoencoder, fields, run=run, data=digits)
    )
    assert _same(whole.generator.weights, pieces.generator.weights)
    assert (whole.scores, whole.gallery) == (pieces.scores, pieces.gallery)


def test_its_gallery_has_no_samples_for_it_has_no_prior(small):
    names = [item.name for item in small.gallery.pictures]
    assert names == ["reconstructions", *[
        f"step-{step:06}-reconstructions" for step in (0, 1, 4, 10, 20)
    ]]  # fmt: skip


def test_without_steps_or_epochs_it_sees_every_image_twelve_times(bench, digits):
    run = bench.run()
    found = bench.stage(
        autoencoder, {"z": 2, "net": {"kind": "mlp", "hidden": [8]}}, run=run, data=digits
    )
    assert len(run.curves["train"]["loss"]) == found.generator.trained["steps"] == 102
    assert found.generator.trained["epochs"] == pytest.approx(12, abs=0.2)


@pytest.mark.parametrize("kind", [autoencoder, vae])
def test_a_dataset_of_one_part_is_learned_from_and_shown(bench, omniglot_twin, look, kind):
    fields = {"name": "omniglot", "part": "train", "root": str(omniglot_twin)}
    data = bench.dataset(**fields, rotations="augment")
    found = bench.stage(kind, {**SMALL, "net": {"kind": "conv", "width": 2}}, data=data)
    assert found.scores.metrics == {}
    assert "train images of omniglot" in found.gallery.pictures[0].caption
    facts, _ = look(kind, SMALL, data=Facts(task="omniglot", examples={"train": 20}))
    assert facts["scores"].metrics == {}


def test_images_too_small_for_a_conv_net_are_told_with_the_fix(bench, tmp_path):
    data = _folder(bench, tmp_path, [3, 12])
    with pytest.raises(StageError, match=r"folder: .* but these have 3x12; use"):
        bench.stage(autoencoder, {**SMALL, "net": {"kind": "conv"}}, data=data)


def test_colour_images_of_odd_sizes_are_learned_and_shown(bench, tmp_path):
    data = _folder(bench, tmp_path, [9, 7])
    fields = {**SMALL, "net": {"kind": "conv", "width": 2}, "conditional": True, "steps": 3}
    found = bench.stage(vae, fields, data=data)
    assert found.generator.shape == (3, 9, 7)
    assert found.gallery.pictures[0].name == "reconstructions"
