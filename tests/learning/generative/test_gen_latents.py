import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture

from engine.learning.data.device_data import generator
from engine.learning.generative.models import generator as pairs
from engine.learning.generative.models.autoencoder import Design
from engine.learning.generative.sampling import latent_distributions
from engine.learning.generative.sampling.latent_distributions import (
    Latent,
    codes,
    covariance,
    matched,
    mixture,
    prior,
)

MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[2.0, 0.9, 0.0], [0.9, 1.0, -0.3], [0.0, -0.3, 0.5]]).double()
CENTRES = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]]).double()
SHARES = (0.1, 0.2, 0.3, 0.4)
MLP = {"kind": "mlp", "hidden": [16], "activation": "tanh"}


def known(n=4000, seed=1):
    """Draws of N(MEAN, COVARIANCE) by numpy."""
    draws = np.random.default_rng(seed)
    return torch.from_numpy(draws.multivariate_normal(MEAN.numpy(), COVARIANCE.numpy(), size=n))


def clusters(n=2000, seed=2, width=1.0):
    """Draws of four Gaussians: each of its own shape, (n, 2), and which they are of."""
    draws = np.random.default_rng(seed)
    which = draws.choice(4, n, p=SHARES)
    noise = draws.standard_normal((n, 2)) * width
    stretched = noise * np.array([[1.0, 0.3]]) + 0.5 * which[:, None] * noise[:, ::-1]
    return CENTRES[which] + torch.from_numpy(stretched), torch.from_numpy(which)


def spread(latent):
    """Covariances of its Gaussians."""
    return latent.factors @ latent.factors.transpose(1, 2)


def near(found, wanted, errors, most=4.5):
    """No more than so many standard errors away."""
    away = (found - wanted).abs()
    assert (away <= most * errors).all(), (found, wanted, away / errors)


def pair(*, spread_of=True, classes=0, z=3):
    return pairs.begin(
        Design(MLP, (1, 8, 8), z, "digits", classes, spread_of), {"kind": "bernoulli"}, 3
    ).eval()


def images(n=40):
    return torch.rand(n, 1, 8, 8, generator=generator(7))


def test_the_prior_is_a_standard_normal_in_each_dimension_and_between_them():
    z = prior(3).draw(20_000, 5).double()
    n = len(z)
    for dimension in z.T:
        assert stats.kstest(dimension.numpy(), "norm").pvalue > 0.01
    near(z.mean(0), torch.zeros(3), 1 / math.sqrt(n))
    # The variance of a sample covariance of independent standard normals is 1/n, of a variance 2/n.
    near(z.T.cov(), torch.eye(3), torch.full((3, 3), math.sqrt(1 / n)).fill_diagonal_(0.01))


def test_matched_has_mean_and_spread_of_each_dimension_and_nothing_between_them():
    found = known(501)
    latent = matched(found)
    assert torch.allclose(latent.means[0], torch.from_numpy(found.numpy().mean(0)))
    assert torch.allclose(latent.factors[0], torch.from_numpy(np.diag(found.numpy().std(0))))
    z, n = latent.draw(20_000, 6).double(), 20_000
    sigma = found.std(0, correction=0)
    near(z.mean(0), found.mean(0), sigma / math.sqrt(n))
    near(z.T.corrcoef() - torch.eye(3), torch.zeros(3, 3), 1 / math.sqrt(n))
    near(z.std(0), sigma, sigma / math.sqrt(2 * n))
    # That is no Gaussian with the codes' covariance, and the codes do depend on each other.
    assert found.T.corrcoef()[0, 1] > 0.5


def test_covariance_is_that_of_the_codes_and_of_its_draws():
    found = known(501)
    latent = covariance(found)
    wanted = torch.from_numpy(np.cov(found.numpy().T, ddof=0))
    assert torch.allclose(latent.means[0], found.mean(0))
    ridge = latent_distributions.RIDGE * wanted.diagonal().mean() * torch.eye(3)
    assert torch.allclose(spread(latent)[0], wanted + ridge, rtol=0, atol=1e-11)
    assert latent.factors[0].equal(latent.factors[0].tril())
    n = 20_000
    z = latent.draw(n, 6).double()
    variances = wanted.diagonal()
    near(z.mean(0), found.mean(0), (variances / n).sqrt())
    # Of Gaussians: var of an entry is (s_ij^2 + s_ii s_jj) / n.
    errors = ((wanted**2 + variances[:, None] * variances) / n).sqrt()
    near(z.T.cov(), wanted, errors)


def test_fitted_to_draws_of_a_known_gaussian_they_are_that_gaussian():
    n = 4000
    found = known(n)
    variances = COVARIANCE.diagonal()
    for latent in (covariance(found), mixture(found, 1, 0)):
        near(latent.means[0], MEAN, (variances / n).sqrt())
        near(
            spread(latent)[0],
            COVARIANCE,
            ((COVARIANCE**2 + variances[:, None] * variances) / n).sqrt(),
        )
    near(matched(found).factors[0].diagonal(), variances.sqrt(), (variances / (2 * n)).sqrt())


def test_a_mixture_of_one_is_the_covariance():
    found = known(300)
    one, other = mixture(found, 1, 0), covariance(found)
    assert torch.allclose(one.means, other.means)
    assert torch.allclose(spread(one), spread(other), rtol=1e-5)
    assert one.shares.tolist() == [1.0]


def test_a_mixture_is_the_one_that_scikit_learn_finds():
    found, _ = clusters()
    latent = mixture(found, 4, 3)
    peer = GaussianMixture(4, random_state=0, tol=1e-6, n_init=3).fit(found.numpy())
    order = peer.means_[:, 0].round() + 10 * peer.means_[:, 1].round()
    ours = latent.means[:, 0].round() + 10 * latent.means[:, 1].round()
    theirs, order = np.argsort(order), ours.argsort()
    assert torch.allclose(latent.shares[order], torch.from_numpy(peer.weights_[theirs]), atol=1e-3)
    assert torch.allclose(latent.means[order], torch.from_numpy(peer.means_[theirs]), atol=0.01)
    assert torch.allclose(
        spread(latent)[order], torch.from_numpy(peer.covariances_[theirs]), atol=0.02
    )
    assert latent.settled


def test_a_mixture_of_groups_that_overlap_explains_codes_as_well_as_scikit_learns():
    found, _ = clusters(1500, width=3.0)
    peers = [GaussianMixture(4, random_state=seed).fit(found.numpy()) for seed in range(3)]
    peer = min(item.score(found.numpy()) for item in peers)
    ours = [mixture(found, 4, seed) for seed in range(3)]
    scores = [float(item.densities(found).logsumexp(1).mean()) for item in ours]
    assert min(scores) > peer - 0.01
    # And better than one Gaussian, by far.
    assert min(scores) > float(covariance(found).densities(found).logsumexp(1).mean()) + 0.03


@pytest.mark.parametrize("seed", range(8))
def test_a_mixture_finds_groups_that_lie_apart_whatever_its_seed(seed):
    found, which = clusters(600, width=0.2)
    latent = mixture(found, 4, seed)
    order = torch.cdist(CENTRES, latent.means).argmin(1)
    assert sorted(order.tolist()) == [0, 1, 2, 3]
    truth = torch.stack([found[which == group].mean(0) for group in range(4)])
    assert torch.allclose(latent.means[order], truth, atol=1e-6)
    counts = which.bincount(minlength=4) / len(which)
    assert torch.allclose(latent.shares[order], counts.double(), atol=1e-9)


def test_a_mixture_goes_with_the_units_of_its_codes():
    found, _ = clusters(500)
    scale, shift = torch.tensor([1e-3, 50.0]).double(), torch.tensor([-4.0, 7.0]).double()
    plain, moved = mixture(found, 4, 0), mixture(found * scale + shift, 4, 0)
    assert torch.allclose(moved.means, plain.means * scale + shift, rtol=1e-6, atol=1e-9)
    assert torch.allclose(moved.factors, plain.factors * scale[:, None], rtol=1e-4, atol=1e-9)


def test_a_draw_of_a_mixture_has_its_shares_and_the_shapes_of_its_gaussians():
    found, _ = clusters()
    latent, n = mixture(found, 4, 0), 20_000
    z = latent.draw(n, 4).double()
    group = torch.cdist(z, latent.means).argmin(1)
    shares = group.bincount(minlength=4).double() / n
    near(shares, latent.shares, (latent.shares * (1 - latent.shares) / n).sqrt() + 0.002)
    total = float(latent.densities(z).logsumexp(1).mean())
    assert total == pytest.approx(float(latent.densities(found).logsumexp(1).mean()), abs=0.05)
    centre = (latent.shares[:, None] * latent.means).sum(0)
    around = latent.means - centre
    whole = (
        latent.shares[:, None, None] * (spread(latent) + around[:, :, None] * around[:, None])
    ).sum(0)
    near(z.mean(0), centre, (whole.diagonal() / n).sqrt())
    assert torch.allclose(z.T.cov(), whole, rtol=0.03, atol=0.2)


def test_densities_are_those_of_scipy_with_the_log_of_the_share():
    shares = torch.tensor([0.25, 0.75]).double()
    means = torch.stack([MEAN, -MEAN])
    factors = torch.linalg.cholesky(torch.stack([COVARIANCE, 2 * COVARIANCE]))
    x = known(50)
    wanted = [
        stats.multivariate_normal(mean, factor @ factor.T).logpdf(x.numpy()) + math.log(share)
        for share, mean, factor in zip(shares, means.numpy(), factors.numpy(), strict=True)
    ]
    found = Latent(shares, means, factors).densities(x)
    assert torch.allclose(found, torch.from_numpy(np.stack(wanted, 1)))


def test_all_distributions_of_one_seed_share_their_noise():
    found = known(200)
    noise = prior(3).draw(30, 9).double()
    wide = matched(found)
    assert torch.allclose(
        wide.draw(30, 9).double(), wide.means + noise * wide.factors[0].diagonal(), atol=1e-5
    )
    full = covariance(found)
    assert torch.allclose(
        full.draw(30, 9).double(), full.means + noise @ full.factors[0].T, atol=1e-5
    )


def test_a_seed_gives_the_same_draws_and_another_others():
    latent = mixture(clusters(300)[0], 4, 0)
    torch.manual_seed(0)
    one = latent.draw(50, 1)
    torch.manual_seed(1)
    assert one.equal(latent.draw(50, 1))
    assert not one.equal(latent.draw(50, 2))
    assert one.dtype == torch.float32


def test_codes_that_depend_on_each_other_can_be_fitted_and_drawn():
    line = torch.linspace(-1, 1, 60, dtype=torch.float64)
    found = torch.stack([line, 3 * line, torch.full_like(line, 5.0)], 1)
    for latent in (matched(found), covariance(found), mixture(found, 3, 0)):
        z = latent.draw(500, 0)
        assert z.isfinite().all()
        assert torch.allclose(z[:, 2], torch.tensor(5.0), atol=0.02)
    for latent in (covariance(found), mixture(found, 3, 0)):
        z = latent.draw(500, 0)
        assert torch.allclose(z[:, 1], 3 * z[:, 0], atol=0.05)


def test_codes_that_are_all_the_same_are_drawn_as_they_are():
    found = MEAN.expand(30, 3).clone()
    for latent in (matched(found), covariance(found), mixture(found, 2, 0)):
        assert torch.allclose(latent.draw(20, 0).double(), found[:20], atol=1e-4)


def test_fewer_codes_than_gaussians_are_refused_and_as_many_are_not():
    found = known(4)
    with pytest.raises(ValueError, match="5 Gaussians cannot be fitted to 4 codes"):
        mixture(found, 5, 0)
    assert mixture(found, 4, 0).draw(10, 0).isfinite().all()


def test_a_mixture_says_whether_it_settled(monkeypatch):
    found = clusters(1500, width=3.0)[0]
    assert mixture(found, 4, 0).settled
    monkeypatch.setattr(latent_distributions, "ROUNDS", 2)
    assert not mixture(found, 4, 0).settled


def test_an_autoencoders_codes_are_its_points():
    made = pair(spread_of=False)
    found = codes(made, images(), None, 0)
    assert found.dtype == torch.float64
    assert found.equal(made.codes(images()).mean.double())
    assert found.equal(codes(made, images(), None, 1))


def test_a_vaes_codes_are_draws_of_its_posteriors_not_their_means():
    made = pair()
    with torch.no_grad():
        made.coder.spread.bias.add_(torch.tensor([0.0, 1.0, 2.0]))
    told = made.codes(images())
    sigma = (told.log_variance.double() / 2).exp()
    found = torch.stack([codes(made, images(), None, seed) for seed in range(200)])
    noise = (found - told.mean.double()) / sigma
    assert stats.kstest(noise.flatten()[::3].numpy(), "norm").pvalue > 0.01
    # The aggregate posterior: as wide as the means lie and the posteriors are, together.
    pooled = found.flatten(0, 1)
    wanted = told.mean.double().var(0, correction=0) + sigma.square().mean(0)
    near(pooled.var(0), wanted, wanted * math.sqrt(2 / len(pooled)) * 1.5)
    assert (pooled.var(0) > 2 * told.mean.double().var(0)).all()


def test_each_image_has_noise_of_its_own():
    made = pair()
    alike = images()[:1].expand(30, 1, 8, 8)
    assert len(codes(made, alike, None, 0).unique(dim=0)) == 30


def test_a_conditional_pair_is_told_the_classes_of_its_images():
    made, y = pair(classes=4), torch.arange(40) % 4
    found = codes(made, images(), y, 0)
    assert not torch.allclose(found, codes(made, images(), y.flip(0), 0))
    with pytest.raises(ValueError, match="has to be told"):
        codes(made, images(), None, 0)


@pytest.mark.parametrize("classes", [0, 4])
def test_how_many_images_go_at_a_time_changes_no_code(monkeypatch, classes):
    made, y = pair(classes=classes), torch.arange(40) % 4 if classes else None
    whole = codes(made, images(), y, 0)
    monkeypatch.setattr(pairs, "CHUNK", 7)
    assert torch.allclose(whole, codes(made, images(), y, 0), atol=1e-6)
