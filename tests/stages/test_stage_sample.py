import math
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from scipy import stats

from engine import learning
from engine.learning.generative.models import generator as pairs
from engine.learning.generative.sampling import indexing, latent_distributions
from engine.library.artifacts import Gallery, Samples
from engine.library.generative.generator_session import SAMPLE_SEED
from engine.library.stages.autoencoder import autoencoder
from engine.library.stages.sample import Name, sample
from engine.library.stages.vae import vae
from engine.stage_api.catalogue import Catalogue
from engine.stage_api.channel import Silent
from pipelines.core.errors import PipelineError, StageError
from pipelines.core.facts import Facts
from pipelines.pipeline import check

MLP = {"kind": "mlp", "hidden": [32]}
WAYS = get_args(Name)
COUNTED = ("prior", "matched", "covariance", "mixture", "reconstruction")
PARTS = ("train", "val", "test")
SMALL = {
    "interpolation": {"kind": "interpolation", "steps": 3, "pairs": 3},
    "traversal": {"kind": "traversal", "steps": 3},
    "manifold": {"kind": "manifold", "side": 4},
}
"""The same ways with fewer images."""


@pytest.fixture(scope="module")
def digits(bench):
    return bench.dataset()


@pytest.fixture(scope="module")
def trained(bench, digits):
    """Small generators that have learned something."""
    fields = {"z": 2, "net": MLP, "steps": 120, "batch": 64, "lr": 0.008}
    told = {"z": 4, "steps": 120, "conditional": True, "binarise": "dynamic"}
    few = bench.dataset(classes=[7, 1, 4])
    stages = {
        "vae": (vae, {}, digits), "ae": (autoencoder, {}, digits), "told": (vae, told, digits),
        "few": (vae, {**told, "steps": 40, "binarise": "none"}, few),
    }  # fmt: skip
    return {
        name: bench.stage(kind, {**fields, **more}, data=data).generator
        for name, (kind, more, data) in stages.items()
    }


@pytest.fixture
def draw(bench, digits, trained):
    """Draw from one of the generators."""

    def call(name="vae", how="prior", *, data=digits, seed=0, run=None, **fields):
        fields = {"how": how, **({"count": 30} if how in COUNTED else {}), **fields}
        return bench.stage(sample, fields, seed=seed, run=run, generator=trained[name], data=data)

    return call


def _pair(trained, name):
    return pairs.restore(trained[name], "cpu")


def _bytes(images):
    return (images * 255).round().to(torch.uint8)


def _test(bench, data):
    task = learning.data.device_data.load(data, bench.files, "cpu")
    return task.parts["test"].x.float() / 16, task.parts["test"].y


def _order(bench, y, seed=0):
    """Places of the test part, of classes y, as a walk takes them."""
    return indexing.shuffled(y, bench.run(seed).seed("noise") + 2)


def _alike(one, other, most=1):
    """Bytes that rounding alone may tell apart."""
    assert one.shape == other.shape
    assert (one.int() - other.int()).abs().max() <= most


# Draws


def test_prior_images_are_decoded_draws_of_n_0_1(bench, trained, draw):
    found = draw(count=2000).samples
    z = latent_distributions.prior(2).draw(2000, bench.run().seed("noise"))
    _alike(found.pixels, _bytes(_pair(trained, "vae").images(z)))
    assert stats.kstest(z[:, 0].numpy(), "norm").pvalue > 0.01
    assert (found.data, found.shape, found.how, found.labels) == ("digits", (1, 8, 8), "prior", ())
    assert found.pixels.dtype == torch.uint8
    assert len(found) == 2000


@pytest.mark.parametrize("how", ["matched", "covariance", "mixture"])
@pytest.mark.parametrize("name", ["vae", "ae", "told"])
def test_fitted_images_are_decoded_draws_of_what_fits_the_codes_of_training_images(
    bench, digits, trained, draw, name, how
):
    seed, pair = bench.run().seed("noise"), _pair(trained, name)
    part = learning.data.device_data.load(digits, bench.files, "cpu").parts["train"]
    x, y = part.x.float() / 16, part.y if name == "told" else None
    if name == "told":  # it learned black and white images
        x = learning.generative.models.binarize.fixed(x, "dynamic")
    found = pair.codes(x, y)
    z = found.mean
    if name != "ae":  # draws of q(z|x), not means
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed + 1))
        z = z + (found.log_variance / 2).exp() * noise
    fits = {
        "matched": latent_distributions.matched, "covariance": latent_distributions.covariance,
        "mixture": lambda z: latent_distributions.mixture(z, 10, seed + 3),
    }  # fmt: skip
    asked = torch.arange(30) % 10 if name == "told" else None
    wanted = pair.images(fits[how](z.double()).draw(30, seed), asked)
    made = draw(name, how)
    _alike(made.samples.pixels, _bytes(wanted))
    assert made.samples.how == ("mixture of 10" if how == "mixture" else how)


def test_a_mixture_has_as_many_gaussians_as_it_is_told(draw, monkeypatch):
    asked = []
    real = latent_distributions.mixture
    monkeypatch.setattr(
        latent_distributions, "mixture", lambda z, k, s: asked.append(k) or real(z, k, s)
    )
    found = draw("vae", {"kind": "mixture", "components": 3})
    assert asked == [3]
    assert found.samples.how == "mixture of 3"
    assert found.gallery.pictures[0].name == "samples-mixture"
    assert "a mixture of 3 Gaussians fitted to training codes" in found.gallery.pictures[0].caption


def test_a_mixture_of_more_gaussians_than_codes_says_what_to_change(bench, digits, trained, draw):
    few = replace(digits.parts["train"], indices=digits.parts["train"].indices[:5])
    tiny = replace(digits, parts={**digits.parts, "train": few})
    with pytest.raises(StageError, match=r"10 Gaussians cannot be .* 5 codes; take fewer `comp"):
        draw("vae", "mixture", data=tiny)


def test_a_mixture_that_has_not_settled_is_noted(bench, draw, monkeypatch):
    monkeypatch.setattr(latent_distributions, "ROUNDS", 2)
    run = bench.run(channel=Silent())
    draw("vae", "mixture", run=run)
    assert run.channel.notes == ["the mixture had not settled when its rounds were over"]


def test_what_is_fitted_sees_all_of_a_large_part_that_is_sorted_by_class(
    bench, digits, draw, monkeypatch
):
    task = learning.data.device_data.load(digits, bench.files, "cpu")
    order = task.parts["train"].y.argsort(stable=True).tolist()
    places = tuple(digits.parts["train"].indices[place] for place in order)
    train = replace(digits.parts["train"], indices=places)
    data, seen = replace(digits, parts={**digits.parts, "train": train}), []
    monkeypatch.setattr(latent_distributions, "MOST", 50)
    real = latent_distributions.codes
    monkeypatch.setattr(
        latent_distributions, "codes", lambda *args: seen.append(args) or real(*args)
    )
    for name in ("vae", "told"):
        draw(name, "matched", data=data)
    x = task.parts["train"].x[order].float() / 16
    y = task.parts["train"].y[order]
    chosen = indexing.shuffled(y, SAMPLE_SEED, 50).sort().values
    assert torch.bincount(y[chosen]).tolist() == pytest.approx([5] * 10, abs=1)
    assert seen[0][1].equal(x[chosen])
    assert seen[0][2] is None
    assert seen[1][2].bincount().tolist() == pytest.approx([5] * 10, abs=1)
    assert set(seen[1][1].unique().tolist()) == {0.0, 1.0}


def test_the_naive_draw_of_an_autoencoder_says_how_far_its_codes_are_from_it(bench, draw):
    run = bench.run(channel=Silent())
    draw("ae", run=run)
    assert len(run.channel.notes) == 1
    assert "an autoencoder's codes have no prior" in run.channel.notes[0]
    assert "spreads of" in run.channel.notes[0]
    run = bench.run(channel=Silent())
    draw("ae", run=run, data=None)
    assert run.channel.notes[0].endswith("drawn from all the same")
    run = bench.run(channel=Silent())
    draw("vae", run=run)
    assert run.channel.notes == []


def test_spreads_in_the_note_are_those_of_the_codes(bench, digits, trained, draw):
    run = bench.run(channel=Silent())
    draw("ae", run=run)
    part = learning.data.device_data.load(digits, bench.files, "cpu").parts["train"]
    low, high = sorted(_pair(trained, "ae").codes(part.x.float() / 16).mean.std(0).tolist())
    assert f"spreads of {low:.2g} to {high:.2g} a dimension" in run.channel.notes[0]


# Classes


def test_all_classes_come_in_equal_shares_with_their_labels(draw):
    labels = draw("told", count=95).samples.labels
    assert labels == tuple(place % 10 for place in range(95))
    assert {labels.count(label) for label in range(10)} == {9, 10}
    few = draw("few", data=None, count=7).samples.labels
    assert few == (7, 1, 4, 7, 1, 4, 7)


def test_classes_that_are_asked_for_come_as_asked(bench, trained, draw):
    found = draw("told", count=40, classes=[1, 0])
    assert found.samples.labels == (1, 0) * 20
    z = latent_distributions.prior(4).draw(40, bench.run().seed("noise"))
    wanted = _pair(trained, "told").images(z, torch.tensor([1, 0]).repeat(20))
    _alike(found.samples.pixels, _bytes(wanted))
    ones, zeros = found.samples.pixels[::2].float(), found.samples.pixels[1::2].float()
    # A zero is dark in its middle and a one is bright there.
    assert ones[:, 0, 3:5, 3:5].mean() > 2 * zeros[:, 0, 3:5, 3:5].mean()


def test_labels_are_told_by_their_place_in_training_not_by_their_number(bench, trained, draw):
    found = draw("few", data=None, count=6, classes=[4, 7])
    z = latent_distributions.prior(4).draw(6, bench.run().seed("noise"))
    wanted = _pair(trained, "few").images(z, torch.tensor([2, 0, 2, 0, 2, 0]))
    _alike(found.samples.pixels, _bytes(wanted))
    assert found.samples.labels == (4, 7) * 3


@pytest.mark.parametrize("how", ["reconstruction", "interpolation", "traversal"])
def test_walks_keep_to_the_classes_that_are_asked_for(draw, how):
    found = draw("few", how, classes=[4, 1]).samples
    assert set(found.labels) <= {4, 1}
    assert len(found.labels) == len(found)


def test_images_of_other_classes_are_told_as_the_generator_knows_them(bench, digits, draw, trained):
    # The data has ten classes in another order than the generator's three.
    found = draw("few", "reconstruction", count=500).samples
    x, y = _test(bench, digits)
    kept = torch.isin(y, torch.tensor([7, 1, 4]))
    order = _order(bench, y[kept])
    x, y = x[kept][order], y[kept][order]
    assert found.labels == tuple(y.tolist())
    place = torch.tensor([{7: 0, 1: 1, 4: 2}[label] for label in y.tolist()])
    pair = _pair(trained, "few")
    _alike(found.pixels, _bytes(pair.images(pair.codes(x, place).mean, place)))


# Walks


@pytest.mark.parametrize("name", ["vae", "ae", "told"])
def test_reconstructions_are_of_test_images_by_their_mean_codes(bench, digits, trained, draw, name):
    found = draw(name, "reconstruction", count=25).samples
    x, y = _test(bench, digits)
    if name == "told":
        x = learning.generative.models.binarize.fixed(x, "dynamic")
    order = _order(bench, y)[:25]
    pair, y = _pair(trained, name), y[order] if name == "told" else None
    _alike(found.pixels, _bytes(pair.images(pair.codes(x[order], y).mean, y)))
    # They are images of those: nearer to them than to others.
    away = (found.pixels.float() / 255 - x[order]).square().mean()
    assert away < (found.pixels.float() / 255 - x[order].roll(1, 0)).square().mean() * 0.9


def test_there_are_no_more_reconstructions_than_images(draw):
    assert len(draw("vae", "reconstruction", count=5000).samples) == 359


@pytest.mark.parametrize(("name", "path"), [("vae", "spherical"), ("ae", "linear")])
def test_an_interpolation_goes_from_a_reconstruction_to_another(
    bench, digits, trained, draw, name, path
):
    found = draw(name, {"kind": "interpolation", "steps": 5, "pairs": 6}).samples
    assert found.how == f"{path} interpolation"
    ways = found.pixels.view(6, 5, 1, 8, 8)
    x, y = _test(bench, digits)
    order = _order(bench, y)[:1000]
    left, right = indexing.partners(y[order], 6, same=False)
    assert (y[order][left] != y[order][right]).all()
    pair = _pair(trained, name)
    codes = [pair.codes(x[order][side]).mean for side in (left, right)]
    _alike(ways[:, 0], _bytes(pair.images(codes[0])))
    _alike(ways[:, -1], _bytes(pair.images(codes[1])))
    middle = (codes[0] + codes[1]) / 2
    if path == "spherical":
        angle = torch.cosine_similarity(*codes).acos()[:, None]
        middle = middle / (angle / 2).cos()
    _alike(ways[:, 2], _bytes(pair.images(middle)), most=2)


def test_the_path_of_an_interpolation_may_be_chosen(draw):
    found = {
        path: draw("vae", {"kind": "interpolation", "path": path}).samples
        for path in ("linear", "spherical")
    }
    assert draw("vae", "interpolation").samples.pixels.equal(found["spherical"].pixels)
    ways = [item.pixels.view(8, 11, -1) for item in found.values()]
    assert ways[0][:, [0, -1]].equal(ways[1][:, [0, -1]])
    assert not ways[0][:, 5].equal(ways[1][:, 5])


def test_who_is_told_a_class_goes_between_two_images_of_it(bench, digits, trained, draw):
    found = draw("told", {"kind": "interpolation", "steps": 3, "pairs": 7})
    x, y = _test(bench, digits)
    x, order = learning.generative.models.binarize.fixed(x, "dynamic"), _order(bench, y)
    left, right = indexing.partners(y[order], 7, same=True)
    pair, ways = _pair(trained, "told"), found.samples.pixels.view(7, 3, 1, 8, 8)
    for column, side in ((0, left), (2, right)):
        told = y[order][side]
        made = pair.images(pair.codes(x[order][side], told).mean, told)
        _alike(ways[:, column], _bytes(made))
    assert "of one class, which it is told" in found.gallery.pictures[0].caption
    labels = torch.tensor(found.samples.labels).view(7, 3)
    assert (labels == labels[:, :1]).all()
    assert len(labels[:, 0].unique()) > 2


def test_who_is_told_none_goes_between_images_of_one_class_where_there_is_one(bench, digits, draw):
    y = _test(bench, digits)[1]
    indices = digits.parts["test"].indices
    kept = tuple(indices[place] for place, label in enumerate(y.tolist()) if label == 3)
    data = replace(
        digits, parts={**digits.parts, "test": replace(digits.parts["test"], indices=kept)}
    )
    found = draw("vae", SMALL["interpolation"], data=data)
    assert len(found.samples) == 9
    assert "two test images of one class; at the ends" in found.gallery.pictures[0].caption


def test_one_image_has_nothing_to_go_to(bench, digits, draw):
    one = replace(digits.parts["test"], indices=digits.parts["test"].indices[:1])
    data = replace(digits, parts={**digits.parts, "test": one})
    with pytest.raises(StageError, match="there are no two test images to go between"):
        draw("vae", "interpolation", data=data)


def test_a_traversal_takes_the_dimension_first_that_says_most(bench, digits, trained, draw):
    found = draw("told", {"kind": "traversal", "steps": 5, "span": 2}).samples
    pair = _pair(trained, "told")
    x, y = _test(bench, digits)
    order = _order(bench, y)
    x = learning.generative.models.binarize.fixed(x, "dynamic")[order]
    codes = pair.codes(x, y[order])
    q = torch.distributions.Normal(codes.mean, (codes.log_variance / 2).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).mean(0)
    first = y[order][:1]
    rows = []
    for dimension in kl.argsort(descending=True).tolist():
        z = codes.mean[0].repeat(5, 1)
        z[:, dimension] = torch.tensor([-2.0, -1, 0, 1, 2])
        rows.append(pair.images(z, first.expand(5)))
    _alike(found.pixels, _bytes(torch.cat(rows)))
    assert kl.argsort().tolist() != kl.argsort(descending=True).tolist()
    assert set(found.labels) == {int(first)}


def test_a_traversal_says_which_class_is_told(draw):
    found = draw("few", {"kind": "traversal", "steps": 3}, data=None, classes=[4, 1])
    assert "(digits, seed 0), told the class 4, makes of the code 0" in (
        found.gallery.pictures[0].caption
    )
    found = draw("vae", {"kind": "traversal", "steps": 3})
    assert "told" not in found.gallery.pictures[0].caption


def test_a_traversal_of_an_autoencoder_goes_in_units_of_its_spread(bench, digits, trained, draw):
    found = draw("ae", {"kind": "traversal", "steps": 3, "span": 1.5}).samples
    x, y = _test(bench, digits)
    pair, order = _pair(trained, "ae"), _order(bench, y)
    codes = pair.codes(x[order]).mean
    mean, std = codes.mean(0), codes.std(0, correction=0)
    rows = []
    for dimension in std.argsort(descending=True).tolist():
        z = codes[0].repeat(3, 1)
        z[:, dimension] = mean[dimension] + std[dimension] * torch.tensor([-1.5, 0, 1.5])
        rows.append(pair.images(z))
    _alike(found.pixels, _bytes(torch.cat(rows)))


def test_a_traversal_without_data_starts_from_0_and_orders_by_what_moves_pixels(trained, draw):
    found = draw("vae", {"kind": "traversal", "steps": 3, "span": 2.5}, data=None)
    pair = _pair(trained, "vae")
    values = torch.tensor([-2.5, 0, 2.5])
    rows = [pair.images(torch.eye(2)[place] * values[:, None]) for place in range(2)]
    moved = [float((row[2] - row[0]).square().mean()) for row in rows]
    rows = rows if moved[0] > moved[1] else rows[::-1]
    _alike(found.samples.pixels, _bytes(torch.cat(rows)))
    _alike(found.samples.pixels[1], found.samples.pixels[4])  # both are of the code 0
    told = draw("told", "traversal", data=None, classes=[3]).samples
    assert set(told.labels) == {3}


def test_pictures_of_walks_name_their_rows_and_columns(bench, digits, trained, draw, monkeypatch):
    grids, real = [], learning.plotting.image_grid.png
    monkeypatch.setattr(
        "engine.learning.plotting.image_grid.png", lambda grid: grids.append(grid) or real(grid)
    )
    draw("vae", {"kind": "traversal", "steps": 5})
    draw("ae", {"kind": "traversal", "steps": 4, "span": 2})
    draw("vae", {"kind": "traversal", "steps": 3}, data=None)
    draw("vae", {"kind": "interpolation", "steps": 4, "pairs": 1})
    assert grids[0].column_labels == ["start", "-3", "-1.5", "0", "+1.5", "+3"]
    assert grids[1].column_labels == ["start", "-2", "-0.667", "+0.667", "+2"]
    assert grids[3].column_labels == ["test", "0", "0.33", "0.67", "1", "test"]
    assert all(label.endswith(" nats") for label in grids[0].row_labels)
    codes = _pair(trained, "vae").codes(_test(bench, digits)[0])
    says = (
        learning.generative.sampling.latent_walks.activity(codes)
        .sort(descending=True)
        .values.tolist()
    )
    told = [float(label.split()[1]) for label in grids[0].row_labels]
    assert told == pytest.approx(says, rel=0.006)
    assert {label[:3] for label in grids[1].row_labels} == {"z0:", "z1:"}
    assert not any(
        label.endswith(" nats") for label in [*grids[1].row_labels, *grids[2].row_labels]
    )


def test_a_traversal_has_no_more_rows_than_it_is_told(draw):
    assert len(draw("told", {"kind": "traversal", "dimensions": 3}).samples) == 33
    assert len(draw("told", {"kind": "traversal", "dimensions": 9}).samples) == 44


def test_the_manifold_of_a_vae_is_a_grid_of_quantiles(trained, draw):
    found = draw("vae", {"kind": "manifold", "side": 5}, data=None).samples
    values = torch.from_numpy(stats.norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])).float()
    sheet = found.pixels.view(5, 5, 1, 8, 8)
    pair = _pair(trained, "vae")
    for row in range(5):
        for column in range(5):
            # The first number grows to the right, the second upwards.
            z = torch.stack([values[column], values[4 - row]])
            _alike(sheet[row, column], _bytes(pair.images(z[None]))[0])


def test_the_manifold_of_an_autoencoder_covers_the_range_of_its_training_codes(
    bench, digits, trained, draw
):
    found = draw("ae", {"kind": "manifold", "side": 4}).samples
    pair = _pair(trained, "ae")
    part = learning.data.device_data.load(digits, bench.files, "cpu").parts["train"]
    codes = pair.codes(part.x.float() / 16).mean.double()
    low, high = codes.quantile(0.01, 0), codes.quantile(0.99, 0)
    sheet = found.pixels.view(4, 4, 1, 8, 8)
    corners = {(0, 0): (low[0], high[1]), (0, 3): (high[0], high[1]),
               (3, 0): (low[0], low[1]), (3, 3): (high[0], low[1])}  # fmt: skip
    for (row, column), z in corners.items():
        _alike(sheet[row, column], _bytes(pair.images(torch.stack(z)[None].float()))[0])


def test_the_manifold_of_a_conditional_vae_is_a_sheet_for_each_class(bench, draw, trained):
    few = bench.dataset(classes=[7, 1, 4])
    fields = {"z": 2, "net": MLP, "steps": 30, "lr": 0.005, "conditional": True}
    generator = bench.stage(vae, fields, data=few).generator
    found = bench.stage(
        sample, {"how": {"kind": "manifold", "side": 3}, "classes": [4, 7]}, generator=generator
    )
    assert found.samples.labels == (4,) * 9 + (7,) * 9
    pair, values = pairs.restore(generator, "cpu"), stats.norm.ppf([1 / 6, 0.5, 5 / 6])
    for sheet, place in ((0, 2), (1, 0)):
        z = torch.tensor([[values[0], values[2]]]).float()
        wanted = _bytes(pair.images(z, torch.tensor([place])))
        _alike(found.samples.pixels[9 * sheet], wanted[0])
    assert [item.name for item in found.gallery.pictures] == ["manifold-2", "manifold-0"]
    assert "told the class 4" in found.gallery.pictures[0].caption


# Seeds, bits, files


@pytest.mark.parametrize(
    ("name", "how"),
    [*(("vae", how) for how in WAYS), ("ae", "matched"), ("ae", "traversal"), ("ae", "manifold"),
     ("told", "prior"), ("told", "reconstruction"), ("told", "interpolation")],
)  # fmt: skip
def test_a_seed_gives_the_same_bits_and_another_others(draw, name, how):
    torch.manual_seed(1)
    way = SMALL.get(how, how)
    one = draw(name, way)
    torch.manual_seed(2)  # a new process, after a kill, has other random states
    again, other = draw(name, way), draw(name, way, seed=1)
    assert one.samples.pixels.equal(again.samples.pixels)
    assert one.samples.labels == again.samples.labels
    assert one.gallery == again.gallery
    # A plane of codes has nothing random in it.
    assert one.samples.pixels.equal(other.samples.pixels) == (how == "manifold")
    assert one.gallery.pictures[0].caption.count("seed 0") == 1
    assert other.gallery.pictures[0].caption.count("seed 1") == 1


@pytest.mark.parametrize("how", WAYS)
def test_how_many_images_go_at_a_time_changes_none(draw, how, monkeypatch):
    way = SMALL.get(how, how)
    whole = draw("vae", way).samples
    monkeypatch.setattr(pairs, "CHUNK", 13)
    _alike(draw("vae", way).samples.pixels, whole.pixels)


@pytest.mark.parametrize("how", WAYS)
def test_samples_and_pictures_come_back_from_files(draw, how, tmp_path):
    found = draw("vae", SMALL.get(how, how))
    for artifact, kind in ((found.samples, Samples), (found.gallery, Gallery)):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        artifact.write(folder)
        back = kind.read({path.name: path for path in folder.iterdir()})
        if kind is Gallery:
            assert back == artifact
        else:
            assert back.pixels.equal(artifact.pixels)
            assert replace(back, pixels=0) == replace(artifact, pixels=0)
    for picture in found.gallery.pictures:
        assert picture.size[0] > 300
        assert "z = 2 (digits, seed 0)" in picture.caption


@pytest.mark.parametrize("how", ["prior", "matched", "reconstruction", "traversal"])
def test_a_generator_that_diverged_gives_no_images_and_says_so(how, bench, trained, digits):
    lost = {name: torch.full_like(item, math.nan) for name, item in trained["vae"].weights.items()}
    spoilt = replace(trained["vae"], weights=lost)
    found = bench.stage(sample, {"how": how}, generator=spoilt, data=digits)
    assert found.samples.pixels.shape == (0, 1, 8, 8)
    assert found.samples.labels == ()
    assert "diverged when it was trained" in found.samples.how
    assert found.gallery.pictures == ()


# What is told before anything runs

DIGITS = Facts(
    task="digits",
    collection="digits",
    shape=(1, 8, 8),
    classes=tuple(range(10)),
    sources=frozenset((f"digits/{label}", part) for label in range(10) for part in PARTS),
    examples={"train": 104, "val": 35, "test": 35},
)
PLAIN = Facts(
    collection="digits",
    shape=(1, 8, 8),
    z=2,
    protocol={"kind": "vae", "likelihood": "bernoulli", "binarise": "none"},
    sources=frozenset({("digits/0", "train"), ("digits/1", "train")}),
)
POINTS = replace(PLAIN, protocol={**PLAIN.protocol, "kind": "autoencoder"})
TOLD = replace(PLAIN, classes=(0, 1, 2))


def _places(found):
    return [(kind, place) for kind, place, _, _ in found[1]]


@pytest.mark.parametrize("generator", [PLAIN, POINTS, TOLD], ids=["vae", "ae", "told"])
@pytest.mark.parametrize("how", WAYS)
def test_every_way_fits_a_generator_with_its_data(look, generator, how):
    facts, faults = look(sample, {"how": how}, generator=generator, data=DIGITS)
    assert faults == []
    found = facts["samples"]
    assert (found.collection, found.shape, found.classes) == (
        "digits", (1, 8, 8), generator.classes,
    )  # fmt: skip
    part = {"prior": "", "reconstruction": "test", "interpolation": "test", "traversal": "test"}
    part |= {"manifold": "train" if generator is POINTS else ""}
    seen = {source for source in DIGITS.sources if source[1] == part.get(how, "train")}
    assert found.sources == facts["gallery"].sources == generator.sources | seen


@pytest.mark.parametrize(
    ("how", "lacking"),
    [
        ("prior", ()), ("matched", (PLAIN, POINTS)), ("covariance", (PLAIN, POINTS)),
        ("mixture", (PLAIN, POINTS)), ("reconstruction", (PLAIN, POINTS)),
        ("interpolation", (PLAIN, POINTS)), ("traversal", (POINTS,)), ("manifold", (POINTS,)),
    ],
)  # fmt: skip
def test_data_that_is_absent_where_it_is_needed_is_told(look, how, lacking):
    for generator in (PLAIN, POINTS):
        found = look(sample, {"how": how}, generator=generator)
        assert _places(found) == ([("error", "from.data")] if generator in lacking else [])
        for *_, message, hint in found[1]:
            assert f"`{how}`" in message
            assert "from: {data" in hint


@pytest.mark.parametrize(
    ("fields", "generator", "data", "place", "words"),
    [
        ({"how": "manifold"}, replace(PLAIN, z=3), DIGITS, "how", "have 3"),
        ({"how": "manifold"}, replace(POINTS, z=16), DIGITS, "how", "have 16"),
        ({"classes": [1]}, PLAIN, DIGITS, "classes", "is unconditional"),
        ({"classes": [1]}, POINTS, DIGITS, "classes", "is unconditional"),
        ({"classes": [0, 7, 2, 9]}, TOLD, DIGITS, "classes.1", "has no class 7"),
        ({"classes": ["cat"]}, TOLD, DIGITS, "classes.0", "has no class cat"),
        ({"classes": [3]}, TOLD, None, "classes.0", "has no class 3"),
        ({"count": 2}, TOLD, DIGITS, "count", "2 images cannot show 3 classes"),
        ({"count": 1, "classes": [1, 2]}, TOLD, None, "count", "cannot show 2 classes"),
        ({"how": "manifold", "count": 9}, PLAIN, DIGITS, "count", "its parameters determine"),
        ({"how": "traversal", "count": 9}, TOLD, DIGITS, "count", "its parameters determine"),
        ({"how": {"kind": "interpolation"}, "count": 2000}, PLAIN, DIGITS, "count", "determine"),
        ({}, replace(PLAIN, collection="mnist"), DIGITS, "from.data", "learned mnist"),
        ({}, replace(PLAIN, shape=(3, 8, 8)), DIGITS, "from.data", "makes 3x8x8"),
        ({}, replace(TOLD, classes=(17, 18)), DIGITS, "from.data", "has none of the classes"),
        ({"how": "matched"}, PLAIN, replace(DIGITS, examples={"test": 3}), "from.data", "no train"),
        ({"how": "reconstruction", "classes": [2]}, TOLD, replace(DIGITS, classes=(0, 1)),
         "classes", "no images of [2]"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_told_at_its_place(look, fields, generator, data, place, words):
    given = {"generator": generator, **({"data": data} if data else {})}
    found = look(sample, fields, **given)
    errors = [fault for fault in found[1] if fault[1] == place]
    assert [fault[0] for fault in errors] == ["error"]
    assert words in errors[0][2]
    if place == "classes.1":
        assert _places(found) == [("error", "classes.1"), ("error", "classes.3")]
    else:
        assert len(found[1]) == 1
    assert errors[0][3] or "no train" in words  # and how to mend it


def test_counts_of_walks_and_of_few_images_are_none_of_draws(look):
    for fields in ({"how": "reconstruction", "count": 2}, {"how": "manifold"}):
        assert look(sample, fields, generator=TOLD, data=DIGITS)[1] == []
    # An axis gives the count to those that have one.
    fields = {"how": "interpolation", "count": 64}
    assert look(sample, fields, {"how": "interpolation"}, generator=PLAIN, data=DIGITS)[1] == []
    assert look(sample, fields, {"z": "2"}, generator=PLAIN, data=DIGITS)[1] != []


def test_classes_that_the_data_lacks_may_be_drawn_though_no_walk_can_start_from_them(look):
    data = replace(DIGITS, classes=(0, 1))
    for how in WAYS:
        found = look(sample, {"how": how, "classes": [2]}, generator=TOLD, data=data)
        starts = how in ("reconstruction", "interpolation", "traversal")
        assert _places(found) == ([("error", "classes")] if starts else [])


def test_classes_of_a_folder_are_asked_for_by_name(look, tmp_path, bench):
    numbers = (1_500_000, 1_600_000, 1_700_000)
    names = dict(zip(numbers, ("ant", "bee", "cat"), strict=True))
    data = Facts(task="own", collection="folder", classes=numbers, names=names)
    generator = replace(PLAIN, collection="folder", shape=(), classes=numbers)
    facts, faults = look(sample, {"classes": ["cat", "ant"]}, generator=generator, data=data)
    assert faults == []
    assert facts["samples"].classes == (1_700_000, 1_500_000)
    assert facts["samples"].names == names
    fault = look(sample, {"classes": ["dog"]}, generator=generator, data=data)[1][0]
    assert fault[1:] == (
        "classes.0", "the generator has no class dog", "it has the classes [ant, bee, cat]",
    )  # fmt: skip
    alone = look(sample, {"classes": ["cat"]}, generator=generator)[1]
    assert [fault[1] for fault in alone] == ["classes.0"]
    assert "connect what it learned from as `data`" in alone[0][3]


def test_a_folder_is_drawn_from_by_the_names_of_its_classes(bench, tmp_path):
    for level, name in enumerate(("ant", "bee", "cat")):
        (tmp_path / name).mkdir()
        for i in range(6):
            shade = (80 * level + i,) * 3
            Image.new("RGB", (5, 5), shade).save(tmp_path / name / f"{i}.png")
    data = bench.dataset(name="folder", root=str(tmp_path), size=[5, 5])
    fields = {"z": 2, "net": MLP, "steps": 60, "lr": 0.01, "conditional": True}
    generator = bench.stage(vae, fields, data=data).generator
    found = bench.stage(
        sample, {"classes": ["cat", "ant"], "count": 40}, generator=generator, data=data
    )
    assert found.samples.labels == (data.classes[2], data.classes[0]) * 20
    assert found.samples.shape == (3, 5, 5)
    cats, ants = found.samples.pixels[::2].float(), found.samples.pixels[1::2].float()
    assert cats.mean() > ants.mean() + 80


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classes": [1, 2, 1]}, "names a class twice"), ({"classes": [3, "3"]}, "twice"),
        ({"classes": []}, "at least 1"), ({"count": 0}, "greater than 0"),
        ({"count": 100_001}, "less than or equal"), ({"how": "posterior"}, "how"),
        ({"how": {"kind": "manifold", "side": 1}}, "side"),
        ({"how": {"kind": "mixture", "components": 0}}, "components"),
        ({"how": {"kind": "mixture", "side": 3}}, "side"),
        ({"how": {"kind": "interpolation", "steps": 2}}, "steps"),
        ({"how": {"kind": "interpolation", "path": "curved"}}, "path"),
        ({"how": {"kind": "traversal", "span": 0}}, "span"),
    ],
)  # fmt: skip
def test_parameters_out_of_their_range_are_refused(bench, fields, words):
    with pytest.raises(ValidationError, match=words):
        bench.params(sample, **fields)


@pytest.mark.parametrize("how", WAYS)
def test_a_way_that_is_named_only_is_the_same_parameter(bench, how):
    named, spelled = (bench.params(sample, how=one) for one in (how, {"kind": how}))
    assert named.model_dump() == spelled.model_dump()
    assert named.how.kind == how


def test_what_is_told_before_is_told_by_the_stage_too(bench, digits, trained, draw):
    for fields, words in (
        ({"classes": [3]}, "is unconditional, so `classes` is not supported; leave"),
        ({"how": "manifold", "name": "told", "data": None}, "codes of two dimensions, not 4"),
        ({"name": "told", "classes": [11]}, "has no class 11; it has the classes"),
        ({"name": "told", "count": 3}, "3 images cannot show 10 classes"),
        ({"how": "matched", "data": None}, "connect the dataset it was trained on"),
        ({"name": "ae", "how": "manifold", "data": None}, "connect the dataset it was"),
        ({"name": "ae", "how": "traversal", "data": None}, "connect its dataset as `data`"),
        ({"data": replace(digits, shape=(1, 9, 9))}, "of 1x8x8, and digits is digits of 1x9x9"),
        ({"data": replace(digits, name="mnist")}, "trained on digits of 1x8x8"),
    ):  # fmt: skip
        with pytest.raises(StageError, match=words):
            draw(**fields)


def test_no_part_and_no_image_of_a_class_are_told_by_the_stage(digits, draw):
    none = replace(digits.parts["train"], indices=())
    data = replace(digits, parts={**digits.parts, "train": none})
    with pytest.raises(StageError, match="digits has no train images"):
        draw("vae", "matched", data=data)
    x = digits.parts["test"]
    data = replace(digits, parts={**digits.parts, "test": replace(x, indices=x.indices[:1])})
    with pytest.raises(StageError, match="digits has no test images of the classes asked for"):
        draw("told", "reconstruction", data=data, classes=[9])


def test_walks_start_from_validation_or_training_images_where_there_are_no_others(digits, draw):
    none = replace(digits.parts["test"], indices=())
    data = replace(digits, parts={**digits.parts, "test": none})
    caption = draw("vae", "reconstruction", data=data).gallery.pictures[0].caption
    assert caption.startswith("Above 30 val images, below")
    none = dict.fromkeys(("test", "val"), none)
    data = replace(digits, parts={**digits.parts, **none})
    assert "30 train images" in draw("vae", "reconstruction", data=data).gallery.pictures[0].caption


PAGE = """
version: 1
name: p
stages:
  data: {uses: dataset, with: {name: digits}}
  other: {uses: dataset, with: {name: digits, task: other, classes: [7, 8, 9]}}
  vae: {uses: vae, from: {data: data}, with: {z: 2}}
  wide: {uses: vae, from: {data: data}, with: {z: 8, conditional: true}}
  ae: {uses: autoencoder, from: {data: data}, with: {z: 2}}
  drawn: {uses: sample, DRAWN}
"""


@pytest.mark.parametrize(
    ("drawn", "line", "words"),
    [
        ("from: {generator: wide.generator}, with: {how: manifold}", 10, "these have 8"),
        ("from: {generator: vae.generator}, with: {classes: [3]}", 10, "is unconditional"),
        ("from: {generator: wide.generator}, with: {classes: [12]}", 10, "has no class 12"),
        ("from: {generator: vae.generator}, with: {how: matched}", 10, "no dataset is connected"),
        ("from: {generator: ae.generator}, with: {how: manifold}", 10, "no dataset is connected"),
        (
            "from: {generator: vae.generator}, with: {how: manifold, count: 3}",
            10,
            "parameters determine",
        ),
    ],
)
def test_a_file_that_asks_for_what_cannot_be_is_refused_at_its_place(drawn, line, words):
    with pytest.raises(PipelineError) as told:
        check(PAGE.replace("DRAWN", drawn), file="p.yaml", folder=Path(), stages=Catalogue(()))
    problem = next(item for item in told.value.problems if words in item.message)
    assert problem.mark.line == line


@pytest.mark.parametrize(
    "drawn",
    [
        "from: {generator: vae.generator}",
        "from: {generator: wide.generator, data: data}, with: {classes: [3, 1], count: 4}",
        "from: {generator: [vae.generator, ae.generator], data: data}, with: {how: manifold}",
        "from: {generator: vae.generator, data: data}, with: {count: 9}, matrix: {how: [ALL]}",
        "from: {generator: vae.generator, data: other}, with: {how: {kind: traversal, span: 2.5}}",
    ],
)
def test_a_file_that_asks_for_what_can_be_passes(drawn):
    text = PAGE.replace("DRAWN", drawn.replace("ALL", ", ".join(WAYS)))
    assert check(text, file="p.yaml", folder=Path(), stages=Catalogue(())).cells
