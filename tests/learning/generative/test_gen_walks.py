import math

import numpy as np
import pytest
import torch
from scipy import stats

from engine.learning.data.device_data import generator
from engine.learning.generative.models import generator as pairs
from engine.learning.generative.models.autoencoder import Codes, Design
from engine.learning.generative.sampling import indexing, latent_walks
from engine.learning.generative.training import snapshots

MLP = {"kind": "mlp", "hidden": [16], "activation": "tanh"}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def pair(*, classes=0, z=3, spread=True):
    return pairs.begin(
        Design(MLP, (1, 8, 8), z, "digits", classes, spread), {"kind": "bernoulli"}, 3
    ).eval()


def test_a_way_begins_and_ends_at_its_codes():
    left, right = normal(50, 6), normal(50, 6, seed=1)
    for path in ("linear", "spherical"):
        ways = latent_walks.between(left, right, 7, path)
        assert ways.shape == (50, 7, 6)
        assert ways.dtype == torch.float32
        assert torch.allclose(ways[:, 0], left, atol=1e-6)
        assert torch.allclose(ways[:, -1], right, atol=1e-6)


def test_a_linear_way_has_equal_steps_and_the_mean_in_its_middle():
    left, right = normal(20, 4), normal(20, 4, seed=1)
    ways = latent_walks.between(left, right, 5, "linear")
    assert torch.allclose(ways[:, 2], (left + right) / 2, atol=1e-6)
    assert torch.allclose(
        ways.diff(dim=1), ((right - left) / 4)[:, None].expand(20, 4, 4), atol=1e-6
    )


def test_a_spherical_way_keeps_the_norm_and_turns_by_equal_angles():
    left = torch.nn.functional.normalize(normal(50, 8), dim=1) * 2.5
    right = torch.nn.functional.normalize(normal(50, 8, seed=1), dim=1) * 2.5
    ways = latent_walks.between(left, right, 9, "spherical")
    assert torch.allclose(ways.norm(dim=2), torch.tensor(2.5), atol=1e-5)
    whole = torch.cosine_similarity(left, right).acos()
    turns = torch.cosine_similarity(ways[:, 1:].double(), ways[:, :-1].double(), dim=2).acos()
    assert torch.allclose(turns.float(), (whole / 8)[:, None].expand(50, 8), atol=1e-4)
    # The middle of the line is nearer to 0 than any draw.
    assert (latent_walks.between(left, right, 9, "linear")[:, 4].norm(dim=1) < 2.4).all()


def test_a_spherical_way_between_codes_of_other_lengths_is_the_published_formula():
    left, right = normal(5, 3), 4 * normal(5, 3, seed=1)
    ways = latent_walks.between(left, right, 11, "spherical")
    for way, one, other in zip(ways.numpy(), left.numpy(), right.numpy(), strict=True):
        omega = math.acos(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
        for t, found in zip(np.linspace(0, 1, 11), way, strict=True):
            arc = (math.sin((1 - t) * omega) * one + math.sin(t * omega) * other) / math.sin(omega)
            assert np.allclose(found, arc, atol=1e-5)


def test_a_spherical_way_between_opposite_codes_keeps_the_norm_as_long_as_it_turns():
    for away in (1e-1, 1e-2, 1e-3, 2e-4):
        left = torch.tensor([[3.0, 0.0]])
        right = 3 * torch.tensor([[-math.cos(away), math.sin(away)]])
        ways = latent_walks.between(left, right, 5, "spherical")
        assert torch.allclose(ways.norm(dim=2), torch.tensor(3.0), rtol=0.01), away


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0, 1 + 1e-7])
def test_a_way_between_codes_that_are_parallel_or_0_comes_to_its_end(factor):
    left = normal(4, 5)
    ways = latent_walks.between(left, left * factor, 5, "spherical")
    line = latent_walks.between(left, left * factor, 5, "linear")
    if factor:
        assert torch.allclose(ways, line, atol=1e-6)
    assert ways.isfinite().all()
    assert torch.allclose(ways[:, [0, -1]], line[:, [0, -1]], atol=1e-6)


def test_one_dimension_at_a_time_takes_values_and_the_others_stay():
    start, values = normal(4), torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    ways = latent_walks.along(start, [2, 0], values)
    assert ways.shape == (2, 3, 4)
    for row, dimension in enumerate([2, 0]):
        assert ways[row, :, dimension].tolist() == values[row].tolist()
        others = [place for place in range(4) if place != dimension]
        assert ways[row][:, others].equal(start[others].expand(3, 3))


def test_the_plane_has_the_first_number_across_and_the_second_down():
    found = latent_walks.plane(torch.tensor([1.0, 2, 3]), torch.tensor([7.0, 8]))
    assert found.tolist() == [[[1, 7], [2, 7], [3, 7]], [[1, 8], [2, 8], [3, 8]]]


def test_values_are_even_symmetric_and_0_in_the_middle():
    assert latent_walks.evenly(3, 5).tolist() == [-3.0, -1.5, 0.0, 1.5, 3.0]
    assert latent_walks.evenly(0.7, 21)[10] == 0
    assert latent_walks.evenly(0.7, 21).flip(0).equal(-latent_walks.evenly(0.7, 21))
    assert latent_walks.evenly(1, 4).tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])


@pytest.mark.parametrize("side", [2, 3, 20, 40])
def test_quantiles_are_the_middles_of_parts_of_equal_chance(side):
    found = latent_walks.quantiles(side)
    assert np.allclose(found, stats.norm.ppf((np.arange(side) + 0.5) / side), atol=1e-6)
    assert np.allclose(np.diff(stats.norm.cdf(found.double())), 1 / side, atol=1e-6)


def test_the_range_of_codes_leaves_one_in_a_hundred_beyond_each_end():
    found = torch.stack([torch.arange(1001.0), 10 - 2 * torch.arange(1001.0)], 1)
    across, up = latent_walks.reach(found, 4)
    assert across.tolist() == pytest.approx([10, 10 + 980 / 3, 10 + 2 * 980 / 3, 990])
    assert (float(up[0]), float(up[-1])) == pytest.approx((10 - 1980, 10 - 20))
    far = torch.cat([found, torch.full((3, 2), 1e6)])
    assert float(latent_walks.reach(far, 4)[0, -1]) < 1010


def test_what_a_dimension_says_is_its_mean_kl_in_nats():
    mean, log_variance = normal(300, 3), normal(300, 3, seed=1) - 1
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    p = torch.distributions.Normal(0.0, 1.0)
    wanted = torch.distributions.kl_divergence(q, p).mean(0)
    assert torch.allclose(
        latent_walks.activity(Codes(mean, log_variance)), wanted.double(), atol=1e-5
    )


def test_what_a_dimension_of_points_says_is_its_spread():
    mean = normal(300, 3) * torch.tensor([1.0, 5.0, 0.2])
    wanted = torch.from_numpy(mean.double().numpy().std(0))
    assert torch.allclose(latent_walks.activity(Codes(mean)), wanted)


@pytest.mark.parametrize("classes", [0, 3])
def test_what_a_dimension_moves_is_measured_from_end_to_end(classes):
    made = pair(classes=classes)
    with torch.no_grad():
        made.coder.decoder[0].weight[:, 1] = 0  # the decoder does not see this dimension
    start, y = normal(3), torch.tensor([2]) if classes else None
    found = latent_walks.effect(made, start, 2.5, y)
    assert found[1] == 0
    for dimension in (0, 2):
        low, high = start.clone(), start.clone()
        low[dimension], high[dimension] = -2.5, 2.5
        one, other = made.images(low[None], y), made.images(high[None], y)
        wanted = (one - other).double().square().mean().sqrt()
        assert float(found[dimension]) == pytest.approx(float(wanted), rel=1e-5)
        assert found[dimension] > 0


def test_a_standard_start_is_the_origin_with_unit_spreads():
    start, middle, unit = latent_walks.standard(4)
    assert (start.tolist(), middle.tolist(), unit.tolist()) == ([0] * 4, [0] * 4, [1] * 4)


def test_classes_come_in_turns_so_that_every_beginning_is_fair():
    assert indexing.turns([4, 1, 7], 8).tolist() == [4, 1, 7, 4, 1, 7, 4, 1]
    assert indexing.turns([4, 1, 7], 2).tolist() == [4, 1]
    assert indexing.turns([4, 1], 4).tolist() == [4, 1, 4, 1]


def test_a_shuffle_is_of_its_seed_and_leaves_none_out():
    y = torch.zeros(50, dtype=torch.int64)
    order = indexing.shuffled(y, 3)
    assert sorted(order.tolist()) == list(range(50)) != order.tolist()
    torch.manual_seed(9)
    assert indexing.shuffled(y, 3).equal(order)
    assert indexing.shuffled(y, 3, 7).equal(order[:7])
    assert not indexing.shuffled(y, 4).equal(order)


def test_classes_are_found_again_among_others_by_their_labels():
    y = torch.tensor([0, 1, 2, 2, 0])
    assert indexing.relabelled(y, (7, 8, 9), (9, 7)).tolist() == [1, -1, 0, 0, 1]
    assert indexing.among(y, [0, 2]).tolist() == [0, 2, 3, 4]
    assert indexing.among(y, [5]).tolist() == []
    assert indexing.every(y).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("same", [True, False])
def test_partners_are_of_one_class_or_of_two_and_each_image_has_one(same):
    y = torch.randint(4, (60,), generator=generator(5))
    left, right = indexing.partners(y, 12, same=same)
    assert len(left) == len(right) == 12
    assert ((y[left] == y[right]) == same).all()
    assert len(torch.cat([left, right]).unique()) == 24
    # The first in random order are taken.
    assert left[0] == 0
    assert left.equal(left.sort().values)


def test_there_are_fewer_partners_where_classes_lack_them():
    y = torch.tensor([0, 0, 0, 1, 2])
    assert [side.tolist() for side in indexing.partners(y, 9, same=True)] == [[0], [1]]
    assert [side.tolist() for side in indexing.partners(y, 9, same=False)] == [[0, 1], [3, 4]]
    assert [side.tolist() for side in indexing.partners(y[:1], 9, same=False)] == [[], []]


def test_rows_are_laid_alternating_beside_each_other_and_as_a_sheet():
    images = torch.arange(12.0).view(12, 1, 1, 1) * torch.ones(1, 1, 2, 3)
    rows = indexing.rows(images, 3)
    assert rows[:, :, 0, 0, 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    both = indexing.alternating(images[:4], images[4:8], 2)
    assert both[:, 0, 0, 0].tolist() == [0, 1, 4, 5, 2, 3, 6, 7]
    wide = indexing.beside(rows[:, :1], rows, rows[:, -1:])
    assert wide[1, :, 0, 0, 0].tolist() == [4, 4, 5, 6, 7, 7]
    sheet = indexing.sheet(rows)
    assert sheet.shape == (1, 1, 6, 12)
    assert sheet[0, 0, ::2, ::3].tolist() == rows[:, :, 0, 0, 0].tolist()
    assert sheet[0, 0, 1::2, 2::3].tolist() == rows[:, :, 0, 0, 0].tolist()
    assert indexing.joined([images[:2], images[5:6]])[:, 0, 0, 0].tolist() == [0, 1, 5]


def test_a_sheet_keeps_what_is_within_an_image_and_its_colours():
    images = torch.randint(256, (2, 3, 3, 4, 5), generator=generator(0))
    sheet = indexing.sheet(images)
    assert sheet.shape == (1, 3, 8, 15)
    for row in range(2):
        for column in range(3):
            part = sheet[0, :, row * 4 : row * 4 + 4, column * 5 : column * 5 + 5]
            assert part.equal(images[row, column])


@pytest.mark.parametrize("classes", [0, 4])
def test_how_many_go_at_a_time_changes_no_image_and_no_code(monkeypatch, classes):
    made, z, y = pair(classes=classes), normal(40, 3), torch.arange(40) % 4 if classes else None
    x = torch.rand(40, 1, 8, 8, generator=generator(1))
    images, told = made.images(z, y), made.codes(x, y)
    monkeypatch.setattr(pairs, "CHUNK", 7)
    assert torch.allclose(made.images(z, y), images, atol=1e-6)
    assert torch.allclose(made.codes(x, y).mean, told.mean, atol=1e-6)
    assert torch.allclose(made.codes(x, y).log_variance, told.log_variance, atol=1e-6)
    assert (images.shape, told.mean.shape) == ((40, 1, 8, 8), (40, 3))
    assert made.images(z[:0]).shape == (0, 1, 8, 8)


def test_bytes_are_the_nearest_and_what_is_no_number_is_grey():
    images = torch.tensor([0.0, 1.0, 0.5, 0.1, -3.0, 7.0, math.nan, 0.998])
    assert snapshots.shown(images).tolist() == [0, 255, 128, 26, 0, 255, 128, 254]
    assert snapshots.shown(images).dtype == torch.uint8


def test_stored_pixels_are_from_0_to_1_whatever_their_levels():
    x = torch.tensor([[0, 8, 16]], dtype=torch.uint8).view(1, 1, 1, 3)
    for kind, top in (("digits", 16), ("mnist", 255)):
        examples = pairs.Examples(x, torch.tensor([0]), pairs.SCALINGS[kind])
        assert pairs.pixels(examples).flatten().tolist() == pytest.approx([0, 8 / top, 16 / top])
        assert pairs.levels(kind) == top + 1
        assert pairs.pixels(examples, torch.tensor([0, 0])).shape == (2, 1, 1, 3)
