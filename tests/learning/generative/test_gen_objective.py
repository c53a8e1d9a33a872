import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from engine.learning.generative.models import generator, likelihoods
from engine.learning.generative.models.autoencoder import Codes, Design
from engine.learning.generative.training.objective import Objective, cost, divergence, importance

Y = torch.zeros(1, dtype=torch.int64)


def number(tensor):
    """What it holds, whether or not it has a gradient."""
    return tensor.detach().item()


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


class Linear(nn.Module):
    """A coder of flat images (n, 1, 1, d) without any nonlinearity."""

    def __init__(self, pixels, z, *, dtype=torch.float64):
        super().__init__()
        self.up, self.down = (nn.Linear(z, pixels, dtype=dtype), nn.Linear(pixels, z, dtype=dtype))
        self.log_variance = nn.Parameter(torch.zeros(z, dtype=dtype))

    def encode(self, images, y=None):
        mean = self.down(images.flatten(1))
        return Codes(mean, self.log_variance.expand_as(mean))

    def decode(self, z, y=None):
        return self.up(z)[:, None, None]


def table(n=40, pixels=6):
    """Correlated numbers (n, 1, 1, pixels)."""
    mixed = torch.randn(n, 3, generator=draws(1), dtype=torch.float64)
    mixing = torch.tensor([[2.0, 0, 1, 0, 0.5, 1], [0, 1, 1, 0, 0, -1], [0.3, 0, 0, 0.2, 0, 0]])
    noise = 0.3 * torch.randn(n, pixels, generator=draws(2), dtype=torch.float64)
    return (mixed @ mixing.double() + noise)[:, None, None]


def principal(images, z):
    """Probabilistic PCA by its closed form (Tipping and Bishop 1999): W, mean, sigma."""
    flat = images.flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(flat.T, correction=0))
    variance = values[:-z].mean()
    kept, directions = values[-z:], vectors[:, -z:]
    return directions * (kept - variance).sqrt(), flat.mean(0), variance.sqrt()


def exact(images, z):
    """A linear pair that is probabilistic PCA, with its posterior; and its log p(x)."""
    w, mean, sigma = principal(images, z)
    coder = Linear(images.shape[-1], z)
    inner = (w.T @ w).diagonal() + sigma**2  # W has orthogonal columns
    with torch.no_grad():
        coder.up.weight.copy_(w)
        coder.up.bias.copy_(mean)
        coder.down.weight.copy_(w.T / inner[:, None])
        coder.down.bias.copy_(-(w.T @ mean) / inner)
        coder.log_variance.copy_((sigma**2 / inner).log())
    cov = w @ w.T + sigma**2 * torch.eye(len(mean), dtype=torch.float64)
    pair = generator.Pair(coder, likelihoods.Gaussian(number(sigma)).double())
    return pair, MultivariateNormal(mean, cov).log_prob(images.flatten(1))


def small(spread=True, classes=0, **likelihood):
    """A pair on images of 2x3 pixels whose posterior is far from the prior."""
    design = Design(
        {"kind": "mlp", "hidden": [5], "activation": "tanh"},
        (1, 2, 3),
        2,
        "digits",
        classes,
        spread,
    )
    pair = generator.begin(design, likelihood or {"kind": "bernoulli"}, 3).double()
    with torch.no_grad():
        for item in pair.parameters():
            item.mul_(2.0)
    return pair


def binary(n=4):
    return (torch.rand(n, 1, 2, 3, generator=draws(4)) < 0.5).double()


def test_the_closed_form_of_the_kl_is_what_monte_carlo_finds():
    codes = Codes(torch.tensor([[0.0, 1.5, -0.3]]), torch.tensor([[0.0, -2.0, 0.8]]))
    q = Normal(codes.mean, (codes.log_variance / 2).exp())
    torch.manual_seed(0)
    z = q.sample((400_000,))
    sampled = q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    error = sampled.std(0) / math.sqrt(len(z))
    assert ((sampled.mean(0) - divergence(codes)).abs() <= 4 * error + 1e-6).all()
    assert divergence(codes)[0, 0] == 0


def test_noisy_codes_have_the_mean_and_variance_that_were_said():
    codes = Codes(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(9.0)]]))
    z = codes.noisy(torch.randn(100_000, 1, 2, generator=draws()))
    assert z.mean(0)[0].tolist() == pytest.approx([1.0, -2.0], abs=0.05)
    assert z.std(0)[0].tolist() == pytest.approx([1.0, 3.0], rel=0.02)


def test_the_weight_of_the_kl_rises_by_a_line_and_stays():
    objective = Objective(beta=4.0, kl_warmup=0.2)
    weights = [objective.weight(step, 100) for step in (1, 10, 20, 21, 100)]
    assert weights == pytest.approx([0.2, 2.0, 4.0, 4.0, 4.0])
    assert Objective(beta=4.0).weight(1, 100) == 4
    assert Objective(kl_warmup=0.001).weight(1, 100) == 1


def _parts(pair, images, objective, weight=1.0):
    return cost(pair, objective, images, Y.expand(len(images)), weight=weight, draws=draws(9))


def test_the_loss_is_the_reconstruction_plus_the_weighted_kl():
    pair, images = small(), binary()
    for weight in (0.0, 1.0, 7.0):
        found = _parts(pair, images, Objective(), weight)
        assert number(found.loss) == pytest.approx(number(found.reconstruction + weight * found.kl))
    codes = pair.coder.encode(images)
    noise = torch.empty_like(codes.mean).normal_(generator=draws(9))
    said = pair.coder.decode(codes.noisy(noise))
    assert number(found.reconstruction) == pytest.approx(
        -number(pair.likelihood.log_prob(said, images).mean())
    )
    assert number(found.kl) == pytest.approx(number(divergence(codes).sum(1).mean()))


def test_free_bits_are_paid_by_each_dimension_whatever_it_uses():
    pair, images = small(), binary()
    each = divergence(pair.coder.encode(images)).mean(0).tolist()
    low, high = sorted(each)
    free = (low + high) / 2
    found = _parts(pair, images, Objective(free_bits=free), weight=3.0)
    assert number(found.loss - found.reconstruction) == pytest.approx(3 * (free + high))
    assert number(found.kl) == pytest.approx(low + high)  # told as it is
    # The dimension below has its KL for nothing: only the other one pulls.
    grads = torch.autograd.grad(found.loss - found.reconstruction, pair.coder.spread.bias)[0]
    assert number(grads[each.index(low)]) == 0
    assert number(grads[each.index(high)]) != 0


def test_an_autoencoder_pays_its_reconstruction_alone():
    pair, images = small(spread=False), binary()
    found = _parts(pair, images, Objective())
    said = pair.coder.decode(pair.coder.encode(images).mean)
    assert number(found.loss) == pytest.approx(
        -number(pair.likelihood.log_prob(said, images).mean())
    )
    assert found.kl is None


def _defined(pair, images, k, seed, y=None):
    """L_k (n,) as the paper defines it, by the densities of torch."""
    codes = pair.coder.encode(images, y)
    q = Normal(codes.mean, (codes.log_variance / 2).exp())
    noise = torch.empty(k, *codes.mean.shape, dtype=codes.mean.dtype).normal_(generator=draws(seed))
    z = q.mean + q.stddev * noise
    scored = torch.stack(
        [pair.likelihood.log_prob(pair.coder.decode(item, y), images) for item in z]
    )
    weights = scored + (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(2)
    return weights.exp().mean(0).log()


@pytest.mark.parametrize(
    "likelihood",
    [{"kind": "bernoulli"}, {"kind": "logistic"}, {"kind": "gaussian", "sigma": "learned"}],
    ids=["bernoulli", "logistic", "gaussian"],
)
@pytest.mark.parametrize("classes", [0, 3])
def test_the_importance_weighted_loss_and_its_gradient_are_the_definition(likelihood, classes):
    pair, images, y = small(classes=classes, **likelihood), binary(), torch.tensor([0, 2, 1, 1])
    found = cost(pair, Objective(draws=7), images, y, weight=1.0, draws=draws(9)).loss
    expected = -_defined(pair, images, 7, 9, y).mean()
    assert number(found.detach()) == pytest.approx(number(expected.detach()), rel=1e-9)
    weights = list(pair.parameters())
    pulls = zip(
        torch.autograd.grad(found, weights), torch.autograd.grad(expected, weights), strict=True
    )
    assert all(torch.allclose(one, other, atol=1e-9) for one, other in pulls)


def test_the_bound_rises_with_k_from_the_elbo_and_stays_below_the_truth():
    images = table(8)
    pair, truth = exact(images, 2)
    with torch.no_grad():  # a worse posterior, so that there is a gap to close
        pair.coder.log_variance.add_(0.8)
        pair.coder.down.bias.add_(0.15)
        many = images.repeat(2000, 1, 1, 1)
        codes = pair.coder.encode(many)
        bounds = []
        for k in (1, 2, 8, 40):
            each = importance(pair, codes, many, Y.expand(len(many)), k, draws(k))[0]
            bounds.append(number(each.mean()))
        elbo = -number(_parts(pair, many, Objective()).loss)
    assert bounds[0] == pytest.approx(elbo, abs=0.03)
    assert bounds == sorted(bounds)
    assert bounds[1] - bounds[0] > 0.1
    assert bounds[-1] < number(truth.mean()) < bounds[-1] + 0.1


def test_with_the_true_posterior_every_draw_gives_the_likelihood_of_principal_components():
    images = table()
    pair, truth = exact(images, 2)
    with torch.no_grad():
        y = Y.expand(len(images))
        codes = pair.coder.encode(images)
        for k in (1, 5):
            bound, _ = importance(pair, codes, images, y, k, draws(k))
            assert torch.allclose(bound, truth, atol=1e-9)


def test_a_trained_linear_vae_reaches_the_likelihood_of_principal_components():
    images = table(200)
    _, truth = exact(images, 2)
    torch.manual_seed(0)
    pair = generator.Pair(Linear(6, 2), likelihoods.Gaussian("learned").double())
    rule = torch.optim.Adam(pair.parameters(), lr=0.1, fused=True)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(rule, 500)
    noise, y = draws(5), Y.expand(200)
    for _ in range(500):
        rule.zero_grad()
        cost(pair, Objective(), images, y, weight=1.0, draws=noise).loss.backward()
        rule.step()
        slower.step()
    with torch.no_grad():
        reached = -number(_parts(pair, images.repeat(200, 1, 1, 1), Objective()).loss)
    best = number(truth.mean())
    assert best - 0.05 < reached < best + 0.01
