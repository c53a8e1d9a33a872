"""Where codes are drawn from: the prior, and what is fitted to the codes of training images.

An autoencoder's codes are points. Of a VAE the codes are draws of q(z|x), one for each image: these
are what its decoder learned from (the aggregate posterior); the means alone lie too narrow. A
conditional pair's codes are fitted for all classes together: a code tells what a class leaves open.

prior       N(0, I)
matched     independent Gaussians, each with the mean and the spread of its dimension
covariance  one Gaussian with the codes' mean and covariance
mixture     several such, by expectation maximisation (Dempster, Laird and Rubin 1977)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.learning.data.device_data import generator
from engine.learning.generative.models.generator import Pair

MOST = 10_000
"""Codes that a distribution is fitted to at most: more make it slower and hardly better."""
RIDGE = 1e-6
"""Added to the diagonal of a covariance, in units of its mean: a spread of a thousandth of the
codes' own, too little to be seen, and enough where dimensions depend on each other."""
LEAST = 1e-12
"""Added too, for codes that are all the same."""
ROUNDS, TOLERANCE = 200, 1e-3
"""Of a mixture: most rounds; it ends when the mean log density rises by less than so many nats."""


@dataclass(frozen=True, slots=True)
class Latent:
    """A mixture of Gaussians over codes; of one of them in most cases. float64, on the CPU.

    Attributes:
        shares: (k,) that sum to 1.
        means: (k, z).
        factors: (k, z, z) lower triangular; factor times its transpose is a covariance.
        settled: whether what was fitted by rounds came to an end.
    """

    shares: Tensor
    means: Tensor
    factors: Tensor
    settled: bool = True

    def draw(self, count: int, seed: int) -> Tensor:
        """Codes (count, z) float32; of one seed, all distributions share their noise."""
        draws = generator(seed)
        noise = torch.randn(count, self.means.shape[1], generator=draws).double()
        chosen = torch.multinomial(self.shares, count, replacement=True, generator=draws)
        z = torch.empty_like(noise)
        for place, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            here = chosen == place
            z[here] = mean + noise[here] @ factor.T
        return z.float()

    def densities(self, found: Tensor) -> Tensor:
        """Log of share times density of codes (n, z) under each Gaussian, in nats: (n, k)."""
        parts = []
        for share, mean, factor in zip(self.shares, self.means, self.factors, strict=True):
            white = torch.linalg.solve_triangular(factor, (found - mean).T, upper=False)
            size = len(mean) * math.log(2 * math.pi) / 2 + factor.diagonal().log().sum()
            parts.append(share.log() - white.square().sum(0) / 2 - size)
        return torch.stack(parts, 1)


def codes(pair: Pair, images: Tensor, y: Tensor | None, seed: int) -> Tensor:
    """Codes (n, z) float64 on the CPU: points, or one draw of q(z|x) for each image.

    Args:
        pair: in evaluation mode.
        images: (n, *shape) from 0 to 1, as it was trained to explain them.
        y: (n,) classes, if it is conditional.
        seed: of the draws.
    """
    found = pair.codes(images, y)
    noise = torch.randn(found.mean.shape, generator=generator(seed)).to(found.mean)
    z = found.mean if found.log_variance is None else found.noisy(noise)
    return z.double().cpu()


def prior(z: int) -> Latent:
    """N(0, I) over codes of so many numbers."""
    return _one(torch.zeros(z, dtype=torch.float64), torch.eye(z, dtype=torch.float64))


def matched(found: Tensor) -> Latent:
    """Independent Gaussians with mean and spread of each dimension of codes (n, z)."""
    return _one(found.mean(0), found.std(0, correction=0).diag())


def covariance(found: Tensor) -> Latent:
    """The Gaussian with mean and covariance of codes (n, z), and a ridge."""
    return _one(*_moments(found, found.new_ones(len(found))))


def mixture(found: Tensor, components: int, seed: int) -> Latent:
    """Gaussians with full covariances, fitted to codes (n, z); k-means begins.

    Codes are standardised for it, so that its ridge does not depend on their scale.

    Raises:
        ValueError: there are fewer codes than components.
    """
    if len(found) < components:
        raise ValueError(f"{components} Gaussians cannot be fitted to {len(found)} codes")
    centre, scale = found.mean(0), _spread(found)
    x = (found - centre) / scale
    latent = _maximised(x, _groups(x, components, generator(seed)))
    means, factors = latent.means * scale + centre, latent.factors * scale[:, None]
    return Latent(latent.shares, means, factors, latent.settled)


def _spread(found: Tensor) -> Tensor:
    """Deviations (z,) of codes (n, z); 1 where all differences may come of rounding.

    As for the columns of a table, see `engine.library.datasets.task_table`.
    """
    variance, mean = found.var(0, correction=0), found.mean(0)
    rounding = len(found) * torch.finfo(found.dtype).eps
    constant = variance <= rounding * variance + (rounding * mean).square() + LEAST**2
    return torch.where(constant, 1.0, variance.sqrt())


def _maximised(x: Tensor, owned: Tensor) -> Latent:
    """Expectation maximisation, from which Gaussian owns how much of each code: (n, k)."""
    last = -math.inf
    for _ in range(ROUNDS):
        shares = owned.mean(0).clamp_min(LEAST)
        means, factors = zip(*[_moments(x, weight) for weight in owned.T], strict=True)
        latent = Latent(shares / shares.sum(), torch.stack(means), torch.stack(factors))
        densities = latent.densities(x)
        total = densities.logsumexp(1)
        now = float(total.mean())
        if now - last < TOLERANCE:
            return latent
        last, owned = now, (densities - total[:, None]).exp()
    return Latent(latent.shares, latent.means, latent.factors, settled=False)


def _moments(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (z,) and factor of the covariance (z, z) of codes (n, z) with weights (n,)."""
    share = (weight / weight.sum().clamp_min(LEAST))[:, None]
    mean = (share * x).sum(0)
    away = (x - mean) * share.sqrt()
    spread = away.T @ away
    ridge = RIDGE * spread.diagonal().mean() + LEAST
    whole = spread + ridge * torch.eye(len(spread), dtype=spread.dtype)
    return mean, torch.linalg.cholesky(whole)


def _groups(x: Tensor, count: int, draws: torch.Generator) -> Tensor:
    """One-hot groups (n, count) of codes by k-means, its centres begun far apart (k-means++)."""
    centres = x[torch.randint(len(x), (1,), generator=draws)]
    while len(centres) < count:
        far = torch.cdist(x, centres).min(1).values.square() + LEAST
        centres = torch.cat([centres, x[torch.multinomial(far, 1, generator=draws)]])
    group = torch.cdist(x, centres).argmin(1)
    for _ in range(ROUNDS):
        owned = torch.nn.functional.one_hot(group, count).to(x)
        held = owned.sum(0)[:, None]
        centres = torch.where(held > 0, owned.T @ x / held.clamp_min(1), centres)
        before, group = group, torch.cdist(x, centres).argmin(1)
        if group.equal(before):
            break
    return torch.nn.functional.one_hot(group, count).to(x)


def _one(mean: Tensor, factor: Tensor) -> Latent:
    return Latent(torch.ones(1, dtype=torch.float64), mean[None], factor[None])
