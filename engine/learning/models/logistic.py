"""Logistic regression to its minimum, in float64, however small the penalty is.

Newton steps, each solved by conjugate gradients with the curvature's diagonal before it, and halved
until the loss falls (Nocedal and Wright 2006, algorithm 7.1). Losses of images that are all right
are sums of small numbers, which are never taken as differences of large ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

FLAT = 1e-9
"""Longest slope at a minimum, in units of the features' size."""
GAP = 1e-8
"""Most that a loss may be above its minimum, as a share of it."""
SOLVED, ROUNDS = 0.1, 500
"""Of conjugate gradients: what is left of the slope, at most; and most rounds."""
HALVINGS = 50
FALL = 1e-4
"""Share of the fall that a slope promises which a step has to bring."""
SURE = 1e-8
"""Loss at which it ends where there is no minimum: all examples are right, with hardly a doubt."""
TINY = torch.finfo(torch.float64).tiny


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights that were fitted.

    Attributes:
        weight: (outputs, features).
        bias: (outputs,).
        settled: they are the minimum, up to `GAP` of the loss.
        endless: there is no minimum: without a penalty the classes can be told apart without an
            error, and the larger the weights, the smaller the loss.
        steps: Newton steps that were made.
    """

    weight: Tensor
    bias: Tensor
    settled: bool
    endless: bool
    steps: int


@dataclass(frozen=True, slots=True)
class _Point:
    """The loss somewhere.

    Attributes:
        value: the loss.
        chances: (n, outputs) of the classes.
        slope: (outputs, features + 1), the bias last.
        wrong: examples that are not strictly right.
    """

    value: float
    chances: Tensor
    slope: Tensor
    wrong: int


@dataclass(frozen=True, slots=True)
class _Problem:
    """Mean cross-entropy + l2 / 2 |W|^2 of weights (outputs, features + 1), the bias last.

    Attributes:
        z: (n, features + 1) centred features, and ones.
        right: (n, outputs) one-hot classes, as booleans.
        penalty: (features + 1,) l2, and 0 for the bias.
    """

    z: Tensor
    right: Tensor
    penalty: Tensor

    def at(self, w: Tensor) -> _Point:
        """The loss at weights."""
        n = len(self.z)
        logits = self.z @ w.T
        # From the right class's: all others are small where it is right.
        logits = logits - logits[self.right][:, None]
        top = logits.amax(1, keepdim=True)
        others = (logits - top).exp().masked_fill(self.right, 0)
        own = (-top).exp()
        apart = others.sum(1, keepdim=True)
        # Where the right class is the top: log(1 + what the others are), small as it may be.
        nats = torch.where(top > 0, top + (own + apart).log(), apart.log1p())
        chances = others / (own + apart)
        residual = chances.where(~self.right, -chances.sum(1, keepdim=True))
        value = nats.mean() + (self.penalty * w.square()).sum() / 2
        slope = residual.T @ self.z / n + self.penalty * w
        wrong = (logits.masked_fill(self.right, -1) >= 0).any(1).sum()
        return _Point(float(value), torch.where(self.right, own / (own + apart), chances), slope,
                      int(wrong))  # fmt: skip

    def curved(self, point: _Point, v: Tensor) -> Tensor:
        """The curvature at a point times v (outputs, features + 1)."""
        s = self.z @ v.T
        pulled = point.chances * (s - (point.chances * s).sum(1, keepdim=True))
        return pulled.T @ self.z / len(self.z) + self.penalty * v

    def diagonal(self, point: _Point) -> Tensor:
        """The curvature's diagonal, (outputs, features + 1), above 0."""
        spread = point.chances * (1 - point.chances)
        return (spread.T @ self.z.square() / len(self.z) + self.penalty).clamp_min(TINY)


def minimise(
    z: Tensor,
    right: Tensor,
    l2: float,
    max_iter: int,
    start: tuple[Tensor, Tensor],
) -> Fit:
    """Minimum of the mean cross-entropy + l2 / 2 |W|^2 over weights and biases.

    Args:
        z: (n, features) float64.
        right: (n, outputs) one-hot classes, as booleans.
        l2: penalty on the weights, not on the biases.
        max_iter: Newton steps at most.
        start: weights (outputs, features) and biases (outputs,) to begin with.
    """
    mean = z.mean(0)
    penalty = torch.cat([z.new_full((z.shape[1],), l2), z.new_zeros(1)])
    problem = _Problem(torch.cat([z - mean, z.new_ones(len(z), 1)], 1), right, penalty)
    w = torch.cat([start[0], (start[1] + start[0] @ mean)[:, None]], 1)
    size = max(1.0, float(problem.z.square().mean().sqrt()))
    point, steps, settled = problem.at(w), 0, False
    while True:
        way, decrement = _newton(problem, point)
        settled = _settled(point, decrement, l2, FLAT * size)
        if settled or steps == max_iter or (l2 == 0 and not point.wrong and point.value <= SURE):
            break
        moved = _moved(problem, w, point, way)
        if moved is None:  # the loss cannot fall by more than its own rounding
            settled = _above(point, decrement, l2) <= GAP**0.5 * point.value
            break
        w, point = moved
        steps += 1
    weight = w[:, :-1]
    endless = l2 == 0 and not point.wrong
    return Fit(weight, w[:, -1] - weight @ mean, settled and not endless, endless, steps)


def _above(point: _Point, decrement: float, l2: float) -> float:
    """How far the loss is above its minimum: at most, with a penalty, and else about."""
    return float(point.slope.square().sum()) / (2 * l2) if l2 else decrement / 2


def _settled(point: _Point, decrement: float, l2: float, flat: float) -> bool:
    slope = float(point.slope.abs().max())
    return slope <= flat and _above(point, decrement, l2) <= GAP * point.value


def _newton(problem: _Problem, point: _Point) -> tuple[Tensor, float]:
    """A step (outputs, features + 1) downwards, and twice the fall that it promises."""
    slope, before = point.slope, problem.diagonal(point)
    left = -slope
    way, along = torch.zeros_like(slope), left / before
    size = float((left * along).sum())
    enough = min(SOLVED, float(slope.norm()) ** 0.5) ** 2 * size
    direction = along
    for _ in range(ROUNDS):
        if size <= enough or size == 0:
            break
        curved = problem.curved(point, direction)
        bend = float((direction * curved).sum())
        if bend <= 0:  # only by rounding: the loss is convex
            break
        way = way + size / bend * direction
        left = left - size / bend * curved
        along = left / before
        last, size = size, float((left * along).sum())
        direction = along + size / last * direction
    if not way.any():
        way = direction
    return way, -float((slope * way).sum())


def _moved(
    problem: _Problem, w: Tensor, point: _Point, way: Tensor
) -> tuple[Tensor, _Point] | None:
    """Weights after a step, halved until the loss falls as it should, and the loss there."""
    promised = float((point.slope * way).sum())
    share = 1.0
    for _ in range(HALVINGS):
        there = w + share * way
        found = problem.at(there)
        if found.value <= point.value + FALL * share * promised and found.value < point.value:
            return there, found
        share /= 2
    return None
