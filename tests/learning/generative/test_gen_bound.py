"""The bound against a linear-Gaussian model, whose log p(x) is a closed form."""

import copy
import math

import pytest
import torch
from torch import nn

from engine.learning.data.device_data import SCALINGS
from engine.learning.generative.models import generator
from engine.learning.generative.models.autoencoder import Design
from engine.learning.generative.training.iwae_bound import Bound, binary

SHAPE, Z, SIGMA = (1, 2, 3), 2, 0.5
MLP = {"kind": "mlp", "hidden": [16], "activation": "tanh"}


def _linear(*, tilt=0.0, widen=1.0):
    """A pair whose p(x) is N(b, W W' + sigma^2 I); its posterior is q where nothing is off."""
    pair = generator.begin(
        Design(MLP, SHAPE, Z, "mnist"), {"kind": "gaussian", "sigma": SIGMA}, 0
    ).eval()
    pixels = math.prod(SHAPE)
    columns = torch.zeros(pixels, Z)
    columns[:3, 0], columns[3:, 1] = 0.6, torch.tensor([0.9, -0.2, 0.4])
    bias = torch.linspace(0.1, 0.6, pixels)
    spread = 1 / (1 + columns.square().sum(0) / SIGMA**2)
    coder = pair.coder
    coder.decoder = nn.Sequential(nn.Linear(Z, pixels), nn.Unflatten(1, SHAPE))
    coder.trunk = nn.Sequential(nn.Flatten())
    coder.mean, coder.spread = nn.Linear(pixels, Z), nn.Linear(pixels, Z)
    scaling = SCALINGS["mnist"]  # the encoder sees (x - mean) / std
    with torch.no_grad():
        coder.decoder[0].weight.copy_(columns)
        coder.decoder[0].bias.copy_(bias)
        rows = spread.unsqueeze(1) * columns.T / SIGMA**2
        coder.mean.weight.copy_(rows * scaling.std)
        coder.mean.bias.copy_(rows @ (scaling.mean - bias) + tilt)
        coder.spread.weight.zero_()
        coder.spread.bias.copy_((spread * widen).log())
    covariance = columns @ columns.T + SIGMA**2 * torch.eye(pixels)
    density = torch.distributions.MultivariateNormal(bias.double(), covariance.double())
    return pair, density, spread.double()


def _images(count):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(3))


def _bernoulli(net=MLP, **more):
    pair = generator.begin(Design(net, SHAPE, Z, "mnist", **more), {"kind": "bernoulli"}, 1).eval()
    with torch.no_grad():  # an untrained decoder says next to nothing of z
        for weight in pair.coder.decoder.parameters():
            weight.mul_(3)
    return pair


def _run(bound):
    for step in range(1, bound.steps + 1):
        bound.step(step)
    return bound


def test_with_the_exact_posterior_every_bound_is_the_likelihood():
    pair, density, _ = _linear()
    images = _images(9)
    exact = density.log_prob(images.flatten(1).double())
    bound = _run(Bound(pair, images, draws=[1, 3, 40]))
    for k in (1, 3, 40):
        torch.testing.assert_close(bound.values(k), exact, atol=2e-5, rtol=0)


def test_the_least_likely_image_has_a_finite_bound():
    pair, density, _ = _linear()
    images = 60 * _images(2)
    exact = density.log_prob(images.flatten(1).double())
    assert exact.max() < -1000  # no float64 holds exp of that
    bound = _run(Bound(pair, images, draws=[10]))
    torch.testing.assert_close(bound.values(10), exact, atol=0, rtol=1e-5)


def test_l_1_is_the_elbo_in_closed_form_within_monte_carlo_error():
    tilt, widen = 0.4, 1.7
    pair, density, spread = _linear(tilt=tilt, widen=widen)
    images = _images(6)
    x = images.flatten(1).double()
    # log p(x) - KL(q || posterior), both Gaussian with diagonal covariances
    kl = (widen + tilt**2 / spread - 1 - math.log(widen)).sum() / 2
    elbo = density.log_prob(x) - kl
    draws = 40_000
    bound = _run(Bound(pair, images, draws=[1, draws]))
    # log w's variance is that of (e^2 (1 - widen) / 2 - e tilt sqrt(widen / spread)), e ~ N(0, 1)
    variance = ((1 - widen) ** 2 / 2 + tilt**2 * widen / spread).sum()
    error = (bound.values(1) - elbo).abs().max()
    assert error < 5 * (variance / draws).sqrt()
    assert (bound.values(draws) > elbo + 0.9 * kl).all()


def test_the_bound_rises_with_k_to_the_likelihood():
    pair, density, _ = _linear(tilt=0.3, widen=0.6)
    images = _images(8)
    exact = density.log_prob(images.flatten(1).double())
    ladder = (1, 2, 5, 50, 500, 20_000)
    bound = _run(Bound(pair, images, draws=ladder))
    means = [float((bound.values(k) - exact).mean()) for k in ladder]
    assert means == sorted(means)
    assert means[0] < -0.2
    assert abs(means[-1]) < 0.01


def test_a_smaller_k_is_the_mean_over_whole_groups_of_the_same_draws():
    pair, images = _bernoulli(), (_images(3) > 0.5).float()
    weights = _weights(pair, images, 7)
    bound = _run(Bound(pair, images, draws=[3, 7, 1]))
    torch.testing.assert_close(bound.values(1), weights.mean(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        bound.values(7), weights.logsumexp(1) - math.log(7), atol=1e-5, rtol=0
    )
    two = weights[:, :6].view(3, 2, 3).logsumexp(2) - math.log(3)
    torch.testing.assert_close(bound.values(3), two.mean(1), atol=1e-5, rtol=0)


def _weights(pair, images, draws, y=None, places=None):
    """Log weights (n, draws) by the definition, with torch's own densities in float64."""
    places = range(len(images)) if places is None else places
    codes = pair.codes(images, y)
    found = []
    for row, place in enumerate(places):
        noise = Bound(pair, images, y, draws=[draws])._noise(place, draws).double()
        deviation = (codes.log_variance[row].double() / 2).exp()
        z = codes.mean[row].double() + noise * deviation
        told = None if y is None else y[row].expand(draws)
        said = pair.coder.double().decode(z, told)
        pair.coder.float()
        x = images[row].double().expand_as(said)
        if pair.likelihood.__class__.__name__ == "Bernoulli":
            # The cross-entropy also of greys
            nats = x * nn.functional.logsigmoid(said) + (1 - x) * nn.functional.logsigmoid(-said)
            nats = nats.flatten(1).sum(1)
        else:
            nats = pair.likelihood.log_prob(said, x)
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
        q = torch.distributions.Normal(codes.mean[row].double(), deviation).log_prob(z).sum(1)
        found.append(nats + prior - q)
    return torch.stack(found).detach()


@pytest.mark.parametrize("kind", ["black and white", "grey"])
def test_pixels_are_scored_by_the_likelihood_whether_binary_or_grey(kind):
    images = _images(4)
    images = (images > 0.5).float() if kind == "black and white" else images
    assert binary(images) == (kind == "black and white")
    pair = _bernoulli()
    bound = _run(Bound(pair, images, draws=[5]))
    expected = _weights(pair, images, 5).logsumexp(1) - math.log(5)
    torch.testing.assert_close(bound.values(5), expected, atol=2e-5, rtol=0)


def test_a_logistic_likelihood_is_scored_by_its_own_density():
    pair = generator.begin(Design(MLP, SHAPE, Z, "mnist"), {"kind": "logistic"}, 1).eval()
    images = (_images(3) * 255).round() / 255
    bound = _run(Bound(pair, images, draws=[4]))
    expected = _weights(pair, images, 4).logsumexp(1) - math.log(4)
    torch.testing.assert_close(bound.values(4), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("rows", [4, 13])
def test_a_conditional_pair_is_told_the_class_of_each_image(rows):
    pair = _bernoulli(classes=3)
    images, y = (_images(5) > 0.5).float(), torch.tensor([2, 0, 1, 1, 0])
    bound = _run(Bound(pair, images, y, draws=[6], rows=rows))
    expected = _weights(pair, images, 6, y).logsumexp(1) - math.log(6)
    torch.testing.assert_close(bound.values(6), expected, atol=2e-5, rtol=0)
    other = _run(Bound(pair, images, (y + 1) % 3, draws=[6]))
    assert (bound.values(6) - other.values(6)).abs().min() > 1e-3


def test_images_of_a_convolutional_decoder_are_judged_alike():
    net = {"kind": "conv", "width": 4, "hidden": 8}
    pair = generator.begin(Design(net, (1, 8, 8), Z, "digits"), {"kind": "bernoulli"}, 1).eval()
    images = (torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    bound = _run(Bound(pair, images, draws=[5]))
    expected = _weights(pair, images, 5).logsumexp(1) - math.log(5)
    torch.testing.assert_close(bound.values(5), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("rows", [1, 3, 7, 10, 25, 1000])
def test_the_size_of_a_chunk_changes_rounding_alone(rows):
    pair, images = _bernoulli(), (_images(9) > 0.5).float()
    whole = _run(Bound(pair, images, draws=[1, 4, 10]))
    parts = _run(Bound(pair, images, draws=[1, 4, 10], rows=rows))
    for k in (1, 4, 10):
        torch.testing.assert_close(parts.values(k), whole.values(k), atol=1e-5, rtol=0)


def test_an_image_has_the_same_bound_alone_as_among_others():
    pair, images = _bernoulli(), (_images(9) > 0.5).float()
    whole = _run(Bound(pair, images, draws=[2, 8])).values(8)
    places = torch.tensor([7, 2])
    some = _run(Bound(pair, images[places], draws=[2, 8], places=places)).values(8)
    torch.testing.assert_close(some, whole[places], atol=1e-5, rtol=0)
    elsewhere = _run(Bound(pair, images[places], draws=[2, 8])).values(8)
    assert (elsewhere - some).abs().min() > 1e-4


def test_a_bound_goes_on_from_its_state_to_the_same_bits(monkeypatch):
    monkeypatch.setattr("engine.learning.generative.training.iwae_bound.CODES", 20)
    pair, images = _bernoulli(), (_images(9) > 0.5).float()
    draws = [1, 10]
    whole = _run(Bound(pair, images, draws=draws))
    assert whole.steps == 5
    begun = Bound(pair, images, draws=draws)
    begun.step(1)
    begun.step(2)
    state = copy.deepcopy(begun.state_dict())
    assert begun.values(10).isnan().tolist() == [False] * 4 + [True] * 5
    assert begun.mean(10) == float(whole.values(10)[:4].mean())
    torch.manual_seed(99)
    gone_on = Bound(pair, images, draws=draws)
    gone_on.load_state_dict(state)
    assert gone_on.mean(1) == begun.mean(1)
    for step in range(3, gone_on.steps + 1):
        gone_on.step(step)
    for k in draws:
        assert torch.equal(gone_on.values(k), whole.values(k))


def test_codes_that_are_points_have_no_bound():
    pair = _bernoulli(spread=False)
    with pytest.raises(ValueError, match="autoencoder"):
        Bound(pair, _images(2), draws=[1])


def test_a_bound_of_no_draws_is_refused():
    with pytest.raises(ValueError, match="at least one draw"):
        Bound(_bernoulli(), _images(2), draws=[5, 0])
