"""How like real images samples are, in features of a net that took no part in making them.

All in float64 and on the CPU. Sets of features are (n, d), one row an image.

distance    between the Gaussians with the sets' means and covariances (Fréchet; arXiv 1706.08500)
precision   share of samples inside the manifold of the real images (arXiv 1904.06991)
recall      share of real images inside the manifold of the samples (the same)
coverage    share of real images whose neighbourhood holds a sample (arXiv 2002.09797)
memorising  how much nearer samples are to training images than to others; see `memorising`

A manifold is the union of balls about its points, each as large as to reach the point's k-th
nearest neighbour.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.learning.data.device_data import proportional

NEIGHBOURS = 3
"""k of the manifolds of precision and recall, as in arXiv 1904.06991."""
COVERED = 5
"""k of the neighbourhoods of coverage, as in arXiv 2002.09797."""
LEAST = COVERED + 1
"""Images on each side that all of these need."""
CHUNK = 500
"""Rows at a time of a matrix of distances."""
SUBSET_SEED = 20_250_724
"""Which images are judged is the same in every run, whatever its seeds."""


def some(y: Sequence[int], n: int) -> Tensor:
    """(n,) positions of the images that are judged, in random order, on the CPU.

    Files are often sorted. Classes have their shares of the whole, so that the classes of n images
    are those of all, up to rounding.

    Args:
        y: class of each image; the same where they have none.
        n: how many to take, at most all.
    """
    return proportional(torch.tensor(y), n, SUBSET_SEED)


def distance(one: Tensor, other: Tensor) -> float:
    """The squared Fréchet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of Gaussians.

    With C = R'R, the eigenvalues of C1 C2 are the squares of the singular values of R1 R2': the
    root is exact, real and never negative, whatever the rank, which a root of the product is not.
    """
    one, other = one.double().cpu(), other.double().cpu()
    if min(len(one), len(other)) < 2:  # noqa: PLR2004 (a covariance needs two)
        raise ValueError("a distance needs two images on each side")
    apart = (one.mean(0) - other.mean(0)).square().sum()
    first, second = _root(one), _root(other)
    shared = torch.linalg.svdvals(first @ second.T).sum()
    return max(0.0, float(apart + first.square().sum() + second.square().sum() - 2 * shared))


def _root(features: Tensor) -> Tensor:
    """R (min(n, d), d) with R'R = the unbiased covariance."""
    centred = features - features.mean(0)
    return torch.linalg.qr(centred, mode="r").R / math.sqrt(len(features) - 1)


def radii(features: Tensor, k: int) -> Tensor:
    """(n,) the distance from each point to its k-th nearest neighbour among the others."""
    features = features.double().cpu()
    parts = []
    for start in range(0, len(features), CHUNK):
        away = _between(features[start : start + CHUNK], features)
        away.diagonal(start).fill_(math.inf)  # nobody is a neighbour of itself
        parts.append(away.kthvalue(k, 1).values)
    return torch.cat(parts)


def inside(points: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    """(m,) whether each of the points (m, d) is in a ball about a centre (n, d)."""
    points, centres = points.double().cpu(), centres.double().cpu()
    return torch.cat(
        [
            (_between(points[start : start + CHUNK], centres) <= reach).any(1)
            for start in range(0, len(points), CHUNK)
        ]
    )


def covered(real: Tensor, samples: Tensor) -> Tensor:
    """(n,) whether each real image has a sample in its neighbourhood among the real ones."""
    real, samples = real.double().cpu(), samples.double().cpu()
    reach = radii(real, COVERED)
    return torch.cat(
        [
            (_between(real[start : start + CHUNK], samples).amin(1) <= reach[start : start + CHUNK])
            for start in range(0, len(real), CHUNK)
        ]
    )


def memorising(samples: Tensor, train: Tensor, test: Tensor) -> float:
    """How much nearer samples are to training images than to test images.

    The mean distance of samples to the nearest training image, over that to the nearest test
    image; divided by the same of the test images themselves (each without itself), because the
    larger of two sets is the nearer one. 1 is as test images are; copies of training images are 0.

    Args:
        samples: (n, ...) pixels.
        train: (m, ...) pixels of the images that may have been memorised.
        test: (k, ...) pixels of images that nobody trained on.
    """
    made = nearest(samples, train).mean() / nearest(samples, test).mean()
    held = test[: len(samples)]
    usual = nearest(held, train).mean() / nearest(held, test, itself=False).mean()
    return float(made / usual)


def nearest(points: Tensor, among: Tensor, *, itself: bool = True) -> Tensor:
    """(n,) float64, the distance from each point (n, ...) to the nearest of others (m, ...).

    Args:
        points: compared with all of `among`.
        among: where to look.
        itself: False where the points are the first of `among`, and none is its own neighbour.
    """
    # Products in float32 find the neighbour; its distance is then exact, so that a copy's is 0.
    points, among = (x.detach().cpu().flatten(1).float() for x in (points, among))
    lengths = among.square().sum(1)
    parts = []
    for start in range(0, len(points), CHUNK):
        some = points[start : start + CHUNK]
        away = torch.addmm(lengths, some, among.T, alpha=-2)
        if not itself:
            away.diagonal(start).fill_(math.inf)
        found = among[away.argmin(1)].double()
        parts.append((some.double() - found).square().sum(1).sqrt())
    return torch.cat(parts)


def _between(points: Tensor, others: Tensor) -> Tensor:
    # Not by products: those are wrong by 1e-8 where two points are the same.
    return torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")
