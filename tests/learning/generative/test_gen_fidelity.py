import math

import pytest
import torch

from engine.learning.generative.judging import fidelity


def _points(n, d, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=draws, dtype=torch.float64)


def _with_moments(n, mean, covariance, seed=0):
    """Points (n, d) whose sample mean and unbiased covariance are exactly these."""
    x = _points(n, len(mean), seed)
    x = x - x.mean(0)
    whitened = x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / (n - 1)).T)
    return whitened @ torch.linalg.cholesky(covariance).T + mean


def _covariance(d, seed):
    root = _points(d, d, seed)
    return root @ root.T + 0.1 * torch.eye(d, dtype=torch.float64)


def test_the_distance_of_a_set_to_itself_is_zero():
    for n, d in [(50, 4), (10, 30)]:
        x = _points(n, d) * 100
        assert fidelity.distance(x, x.flip(0)) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_gaussians_in_one_dimension_is_that_of_their_means_and_spreads():
    one = _with_moments(20, torch.tensor([1.0]).double(), torch.tensor([[4.0]]).double())
    other = _with_moments(30, torch.tensor([4.0]).double(), torch.tensor([[25.0]]).double(), 1)
    assert fidelity.distance(one, other) == pytest.approx(3**2 + (5 - 2) ** 2, rel=1e-12)


def test_the_distance_is_that_of_the_moments_by_eigenvalues_of_the_product():
    zero = torch.zeros(6).double()
    one, other = _covariance(6, 1), _covariance(6, 2)
    product = torch.linalg.eigvals(one @ other)
    expected = one.trace() + other.trace() - 2 * product.sqrt().sum().real
    points = _with_moments(40, zero, one), _with_moments(50, zero + 1, other, 3)
    assert fidelity.distance(*points) == pytest.approx(float(expected) + 6, rel=1e-10)


def test_the_distance_is_exact_where_there_are_fewer_images_than_features():
    # On orthogonal planes the covariances share nothing: the distance is the sum of their traces.
    one, other = torch.zeros(8, 20).double(), torch.zeros(8, 20).double()
    one[:, :3], other[:, 10:15] = _points(8, 3), _points(8, 5, 1)
    apart = (one.mean(0) - other.mean(0)).square().sum()
    traces = one.var(0).sum() + other.var(0).sum()
    assert fidelity.distance(one, other) == pytest.approx(float(apart + traces), rel=1e-12)


def test_the_distance_changes_neither_with_order_nor_with_a_turn_and_grows_with_the_scale():
    one, other = _points(40, 5), 2 * _points(40, 5, 1) + 1
    turn = torch.linalg.qr(_points(5, 5, 2)).Q
    expected = fidelity.distance(one, other)
    assert fidelity.distance(other, one) == pytest.approx(expected)
    assert fidelity.distance((one @ turn).flip(0), other @ turn + 0) == pytest.approx(expected)
    assert fidelity.distance(3 * one, 3 * other) == pytest.approx(9 * expected)


def test_one_image_has_no_distance():
    with pytest.raises(ValueError, match="two images"):
        fidelity.distance(_points(1, 3), _points(5, 3))


def test_radii_reach_the_kth_neighbour_and_nobody_neighbours_itself(monkeypatch):
    monkeypatch.setattr(fidelity, "CHUNK", 2)
    x = torch.tensor([[0.0], [1.0], [3.0], [7.0], [7.0]])
    assert fidelity.radii(x, 1).tolist() == [1, 1, 2, 0, 0]
    assert fidelity.radii(x, 2).tolist() == [3, 2, 3, 4, 4]


def test_a_point_is_inside_where_some_ball_reaches_it(monkeypatch):
    monkeypatch.setattr(fidelity, "CHUNK", 2)
    centres, reach = torch.tensor([[0.0, 0.0], [10.0, 0.0]]), torch.tensor([1.0, 5.0]).double()
    points = torch.tensor([[0.0, 1.0], [0.0, 1.1], [6.0, 0.0], [4.9, 0.0], [20.0, 0.0]])
    assert fidelity.inside(points, centres, reach).tolist() == [True, False, True, False, False]


def test_a_real_image_is_covered_by_a_sample_within_its_five_neighbours(monkeypatch):
    monkeypatch.setattr(fidelity, "CHUNK", 4)
    real = torch.arange(10.0)[:, None]  # the fifth neighbour of 0 is at 5, of 4 at distance 3
    covered = fidelity.covered(real, torch.tensor([[-4.5]])).tolist()
    assert covered == [True, *[False] * 9]
    assert fidelity.covered(real, torch.tensor([[4.0], [40.0]])).tolist() == [
        abs(x - 4) <= max(5 - x, 3, x - 4) for x in range(10)
    ]


def test_a_set_is_inside_its_own_manifold_and_covers_itself():
    x = _points(60, 8)
    reach = fidelity.radii(x, fidelity.NEIGHBOURS)
    assert fidelity.inside(x, x, reach).all()
    assert fidelity.covered(x, x).all()


def test_one_mode_repeated_is_precise_and_covers_little():
    real = _points(200, 8)
    one = real[:1].expand(200, 8)
    assert fidelity.inside(one, real, fidelity.radii(real, 3)).all()
    assert not fidelity.inside(real[1:], one, fidelity.radii(one, 3)).any()
    assert fidelity.covered(real, one).double().mean() < 0.1


def _images(n, seed):
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, 1, 4, 4), generator=draws, dtype=torch.uint8)


def test_the_nearest_image_is_found_and_its_distance_is_exact(monkeypatch):
    monkeypatch.setattr(fidelity, "CHUNK", 7)
    points, among = _images(20, 0), _images(50, 1)
    among[33] = points[4]
    every = torch.cdist(points.flatten(1).double(), among.flatten(1).double())
    found = fidelity.nearest(points, among)
    assert torch.allclose(found, every.amin(1), rtol=1e-12)
    assert found[4] == 0
    held = fidelity.nearest(among[:20], among, itself=False)
    others = torch.cdist(among.flatten(1).double(), among.flatten(1).double())
    others.fill_diagonal_(math.inf)
    assert torch.allclose(held, others.amin(1)[:20], rtol=1e-12)


def test_copies_of_training_images_are_memorised_and_new_images_are_not():
    train, test, new = _images(3000, 0), _images(1000, 1), _images(1000, 2)
    assert fidelity.memorising(train[:500], train, test) == 0
    assert fidelity.memorising(new, train, test) == pytest.approx(1, abs=0.02)
    half = torch.cat([new[:500], train[:500]])
    assert fidelity.memorising(half, train, test) == pytest.approx(0.5, abs=0.02)


def test_the_judged_images_are_the_same_ones_each_time_and_not_the_first_ones():
    y = [0] * 50
    assert fidelity.some(y, 20).tolist() == fidelity.some(y, 20).tolist()
    assert sorted(fidelity.some(y, 50).tolist()) == list(range(50))
    assert sorted(fidelity.some(y, 20).tolist()) != list(range(20))
