"""The importance-weighted bound log p(x) >= E[L_k] of a VAE, in nats per image (arXiv 1509.00519).

L_k = log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x), z_i ~ q(z | x) (eq. 8): L_1 is the ELBO, and L_k
tends to log p(x) from below as k grows. An image is encoded once and its codes are decoded many at
a time; pixels are scored in float32, and the weights are added up in float64.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.learning.data.device_data import generator, proportional
from engine.learning.generative.models.generator import Pair
from engine.learning.generative.models.likelihoods import Bernoulli

SEED = 1_301_950_067
"""The draws of the image at a place are the same for all that are judged, and on every device."""
CODES = 50_000
"""Decoded in one step, about: a part of a second on one core, and a checkpoint loses no more."""
PIXELS = {"cpu": 2**19, "cuda": 2**26}
"""Decoded at a time, by kind of device: what a core's cache holds, and what fills a GPU."""


class Bound:
    """L_k of images for several k; `engine.stage_api.run.Trainer` says how it is saved."""

    stopped = False

    def __init__(
        self,
        pair: Pair,
        images: Tensor,
        y: Tensor | None = None,
        *,
        draws: Sequence[int],
        places: Tensor | None = None,
        rows: int | None = None,
    ) -> None:
        """Judge nothing yet.

        Args:
            pair: of a VAE, in evaluation mode.
            images: (n, *shape) float32 from 0 to 1, on its device.
            y: (n,) positions in its classes, where it is conditional.
            draws: every k. All are from the same codes of an image, as many as the largest: a
                smaller k is the mean over as many whole groups of k as there are.
            places: (n,) numbers by which the draws of the images are seeded; 0 to n - 1 by default.
            rows: codes at a time; by default as many as suit the device. It changes rounding alone.

        Raises:
            ValueError: the codes of the pair are points, or a k is less than 1.
        """
        if min(draws) < 1:
            raise ValueError("a bound needs at least one draw")
        self._mean, self._log_deviation = _posterior(pair, images, y)
        self._draws = tuple(sorted(set(draws)))
        self._pair = pair
        self._images = images
        self._y = y
        self._places = torch.arange(len(images)) if places is None else places.cpu()
        self._signs = _signs(pair, images)
        self._rows = rows or max(1, PIXELS[images.device.type] // math.prod(images.shape[1:]))
        self._size = max(1, CODES // self._draws[-1])
        self.steps = -(-len(images) // self._size)
        """Of a few images each."""
        self._judged = 0
        self._bounds = torch.full((len(self._draws), len(images)), math.nan, dtype=torch.float64)

    @torch.no_grad()
    def step(self, step: int) -> None:
        """Judge the next few images, in a step counted from 1."""
        first = (step - 1) * self._size
        last = min(first + self._size, len(self._images))
        weights = self._log_weights(first, last).cpu()
        for row, k in enumerate(self._draws):
            groups = weights[:, : weights.shape[1] // k * k].unflatten(1, (-1, k))
            self._bounds[row, first:last] = (groups.logsumexp(2) - math.log(k)).mean(1)
        self._judged = last

    def values(self, k: int) -> Tensor:
        """L_k (n,) float64 of the images, in nats; NaN where they are not judged yet."""
        return self._bounds[self._draws.index(k)]

    def mean(self, k: int) -> float:
        """Mean L_k of the images that were judged so far."""
        return float(self.values(k)[: self._judged].mean())

    def _log_weights(self, first: int, last: int) -> Tensor:
        """Of some images, log p(x, z) / q(z | x) as (images, draws) float64."""
        most = self._draws[-1]
        images, draws = max(1, self._rows // most), min(most, self._rows)
        found = []
        for start in range(first, last, images):
            some = slice(start, min(start + images, last))
            noise = torch.stack([self._noise(int(place), most) for place in self._places[some]])
            parts = noise.to(self._mean.device).split(draws, 1)
            found.append(torch.cat([self._weighed(some, part) for part in parts], 1))
        return torch.cat(found)

    def _noise(self, place: int, most: int) -> Tensor:
        # All of an image's at once, so that neither chunks nor other images change a draw.
        return torch.randn(most, self._mean.shape[1], generator=generator(SEED + place))

    def _weighed(self, some: slice, noise: Tensor) -> Tensor:
        """Log weights (images, draws) float64 of noise (images, draws, z)."""
        log_deviation = self._log_deviation[some].unsqueeze(1)
        z = self._mean[some].unsqueeze(1) + noise * log_deviation.exp()
        # Both are Gaussian in as many dimensions: the constants go.
        ratio = (noise.square() - z.square()).sum(2).double() / 2 + log_deviation.double().sum(2)
        count, draws = noise.shape[:2]
        y = None if self._y is None else self._y[some].repeat_interleave(draws)
        said = self._pair.coder.decode(z.flatten(0, 1), y)
        if self._signs is not None:
            # -log p(x | l) is softplus(-l) where x is 1, and softplus(l) where it is 0.
            losses = said.reshape(count, draws, -1).mul_(self._signs[some].unsqueeze(1))
            return ratio - functional.softplus(losses).sum(2).double()
        images = self._images[some].repeat_interleave(draws, 0)
        return ratio + self._pair.likelihood.log_prob(said, images).view(count, draws).double()

    def state_dict(self) -> dict[str, Any]:
        """What was found so far."""
        return {"bounds": self._bounds, "judged": self._judged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back there."""
        self._bounds.copy_(state["bounds"])
        self._judged = state["judged"]


def _posterior(pair: Pair, images: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    """Means and log deviations of the codes, both (n, z)."""
    codes = pair.codes(images, y)
    if codes.log_variance is None:
        raise ValueError("an autoencoder has no posterior, and so no bound")
    return codes.mean, codes.log_variance / 2


def _signs(pair: Pair, images: Tensor) -> Tensor | None:
    """(n, pixels): 1 for black and -1 for white, where a Bernoulli scores images of only these."""
    if not isinstance(pair.likelihood, Bernoulli) or not binary(images):
        return None
    return 1 - 2 * images.flatten(1)


def binary(images: Tensor) -> bool:
    """Whether all pixels are 0 or 1."""
    return bool(((images == 0) | (images == 1)).all())


def places(y: Tensor, images: int | None) -> Tensor:
    """Which images are judged, ascending, on the CPU: all, or so many that are always the same.

    These are a random sample in which the classes have their shares of the whole.

    Args:
        y: (n,) classes.
        images: how many; None for all.
    """
    if images is None:
        return torch.arange(len(y))
    return proportional(y, images, SEED - 1).sort().values


def renumbered(y: Tensor, classes: Sequence[int], told: Sequence[int]) -> Tensor:
    """Positions in the classes that a pair was told, of positions in those of a dataset."""
    return torch.tensor([told.index(label) for label in classes], device=y.device)[y]
