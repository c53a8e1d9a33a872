import itertools
import math

import pytest
import torch
from torch.distributions import Normal

from engine.learning.generative.models import likelihoods


def number(tensor):
    """What it holds, whether or not it has a gradient."""
    return tensor.detach().item()


def build(kind, **fields):
    return likelihoods.build({"kind": kind, **fields}, levels=17)


def test_bernoulli_images_share_a_probability_of_one():
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6))).view(64, 1, 2, 3)
    said = torch.randn(1, 1, 2, 3, generator=torch.Generator().manual_seed(0)) * 3
    nats = build("bernoulli").log_prob(said.expand_as(every), every)
    assert number(nats.exp().sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("scale", [0.003, 0.1, 2.0])
def test_the_levels_of_a_logistic_pixel_share_a_probability_of_one(scale):
    logistic = build("logistic")
    with torch.no_grad():
        logistic.log_scale.fill_(math.log(scale))
    levels = (torch.arange(17) / 16).view(17, 1, 1, 1)
    for said in (-0.7, 0.0, 0.26, 1.0, 1.4):
        nats = logistic.log_prob(torch.full((17, 1, 1, 1), said), levels)
        assert number(nats.double().exp().sum()) == pytest.approx(1, abs=1e-5)


def test_a_logistic_bin_far_away_has_a_finite_gradient():
    logistic = build("logistic")
    said = torch.full((1, 1, 1, 1), 40.0, requires_grad=True)
    logistic.log_prob(said, torch.zeros(1, 1, 1, 1)).sum().backward()
    assert said.grad.isfinite().all()
    assert logistic.log_scale.grad.isfinite()


@pytest.mark.parametrize("sigma", [1e-4, 0.3, 2.0])
def test_a_given_sigma_is_that_of_the_gaussian_density_summed_over_pixels(sigma):
    draws = torch.Generator().manual_seed(1)
    said, images = (torch.rand(5, 3, 4, 2, generator=draws) for _ in range(2))
    nats = build("gaussian", sigma=sigma).log_prob(said, images)
    density = Normal(said.double(), sigma).log_prob(images.double()).flatten(1).sum(1)
    assert torch.allclose(nats.double(), density, rtol=1e-5)


def _errors():
    draws = torch.Generator().manual_seed(2)
    images = torch.rand(6, 1, 4, 4, generator=draws)
    said = (images + 0.2 * torch.randn(images.shape, generator=draws)).requires_grad_()
    return said, images


def test_the_optimal_sigma_of_a_batch_is_the_likeliest_and_its_closed_form():
    said, images = _errors()
    best = build("gaussian", sigma="optimal").train().log_prob(said, images).mean()
    sigma = number((said - images).square().mean().sqrt())
    assert number(best) == pytest.approx(-16 * (0.5 + math.log(sigma * math.sqrt(2 * math.pi))))
    for other in (0.8 * sigma, 0.98 * sigma, 1.02 * sigma, 1.2 * sigma):
        assert number(build("gaussian", sigma=other).log_prob(said, images).mean()) < number(best)


def test_the_gradient_with_the_optimal_sigma_is_that_through_the_closed_form():
    said, images = _errors()
    optimal = build("gaussian", sigma="optimal").train()
    (found,) = torch.autograd.grad(optimal.log_prob(said, images).mean(), said)
    through = -16 * (said - images).square().mean().log() / 2
    (expected,) = torch.autograd.grad(through, said)
    assert torch.allclose(found, expected, rtol=1e-4)


def test_a_settled_sigma_is_used_when_judged_and_only_optimal_ones_settle():
    said, images = _errors()
    optimal = build("gaussian", sigma="optimal")
    optimal.settle(squared_error=0.25, pixels=16)
    judged = optimal.eval().log_prob(said, images)
    assert torch.allclose(judged, build("gaussian", sigma=0.125).log_prob(said, images))
    fixed = build("gaussian", sigma=0.5)
    fixed.settle(squared_error=0.25, pixels=16)
    assert number(fixed.log_sigma.exp()) == pytest.approx(0.5)


def test_a_learned_sigma_finds_the_closed_form():
    said, images = _errors()
    learned = build("gaussian", sigma="learned")
    rule = torch.optim.Adam(learned.parameters(), lr=0.05)
    for _ in range(200):
        rule.zero_grad()
        (-learned.log_prob(said.detach(), images).mean()).backward()
        rule.step()
    sigma = number((said - images).square().mean().sqrt())
    assert number(learned.log_sigma.exp()) == pytest.approx(sigma, rel=0.01)


def test_a_learned_sigma_under_the_least_is_pulled_back():
    said, images = _errors()
    learned = build("gaussian", sigma="learned")
    with torch.no_grad():
        learned.log_sigma.fill_(math.log(likelihoods.LEAST_SIGMA) - 2)
    learned.log_prob(said, images).mean().backward()
    assert number(learned.log_sigma.grad) > 0


def test_a_perfect_fit_has_a_finite_density():
    images = torch.rand(2, 1, 3, 3)
    for sigma in ("optimal", "learned"):
        likelihood = build("gaussian", sigma=sigma).train()
        with torch.no_grad():
            likelihood.log_sigma.fill_(-100)
        most = -9 * math.log(likelihoods.LEAST_SIGMA * math.sqrt(2 * math.pi))
        assert likelihood.log_prob(images, images).tolist() == pytest.approx([most, most])


def test_what_is_shown_lies_between_black_and_white():
    said = torch.tensor([-300.0, 0.0, 300.0]).view(1, 1, 1, 3)
    assert build("bernoulli").mean(said).flatten().tolist() == [0, 0.5, 1]
    assert build("logistic").mean(said).flatten().tolist() == [0, 0, 1]
    assert build("gaussian", sigma=1.0).mean(said).flatten().tolist() == [0, 0, 1]
