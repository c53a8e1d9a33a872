"""Logistic regression by Newton-CG in float64, converging for penalties however small.

Newton steps solved by conjugate gradients with a diagonal preconditioner, with backtracking line
search (Nocedal and Wright 2006, algorithm 7.1). Small losses are sums of small numbers, never
differences of large ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

FLAT = 1e-9
"""Largest gradient component at convergence, relative to the RMS of the features."""
GAP = 1e-8
"""Largest gap of the loss to its minimum at convergence, relative to the loss."""
SOLVED, ROUNDS = 0.1, 500
"""Conjugate gradients: relative tolerance of the residual, and maximum iterations."""
HALVINGS = 50
FALL = 1e-4
"""Armijo constant: required fraction of the decrease that the gradient predicts."""
SURE = 1e-8
"""Loss at which separable classes without a penalty, which have no minimum, end."""
TINY = torch.finfo(torch.float64).tiny


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted weights.

    Attributes:
        weight: (outputs, features).
        bias: (outputs,).
        settled: whether they converged to the minimum, up to `GAP` of the loss.
        endless: whether there is no minimum: the classes are separable, without a penalty.
        steps: number of Newton steps.
    """

    weight: Tensor
    bias: Tensor
    settled: bool
    endless: bool
    steps: int


@dataclass(frozen=True, slots=True)
class _Point:
    """Loss and derivatives at some weights.

    Attributes:
        value: the loss.
        chances: (n, outputs) class probabilities.
        slope: (outputs, features + 1) gradient, the bias last.
        wrong: number of examples whose class does not have the strictly largest logit.
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
        """Return loss and gradient at weights w (outputs, features + 1)."""
        n = len(self.z)
        logits = self.z @ w.T
        # Relative to the true class: all others are negative where it is predicted.
        logits = logits - logits[self.right][:, None]
        top = logits.amax(1, keepdim=True)
        others = (logits - top).exp().masked_fill(self.right, 0)
        own = (-top).exp()
        apart = others.sum(1, keepdim=True)
        # Where the true class is largest: log1p of the others keeps small losses exact.
        nats = torch.where(top > 0, top + (own + apart).log(), apart.log1p())
        chances = others / (own + apart)
        residual = chances.where(~self.right, -chances.sum(1, keepdim=True))
        value = nats.mean() + (self.penalty * w.square()).sum() / 2
        slope = residual.T @ self.z / n + self.penalty * w
        wrong = (logits.masked_fill(self.right, -1) >= 0).any(1).sum()
        return _Point(float(value), torch.where(self.right, own / (own + apart), chances), slope,
                      int(wrong))  # fmt: skip

    def curved(self, point: _Point, v: Tensor) -> Tensor:
        """Return the Hessian-vector product with v (outputs, features + 1)."""
        s = self.z @ v.T
        pulled = point.chances * (s - (point.chances * s).sum(1, keepdim=True))
        return pulled.T @ self.z / len(self.z) + self.penalty * v

    def diagonal(self, point: _Point) -> Tensor:
        """Return the diagonal of the Hessian (outputs, features + 1), above 0."""
        spread = point.chances * (1 - point.chances)
        return (spread.T @ self.z.square() / len(self.z) + self.penalty).clamp_min(TINY)


def minimise(
    z: Tensor,
    right: Tensor,
    l2: float,
    max_iter: int,
    start: tuple[Tensor, Tensor],
) -> Fit:
    """Minimise the mean cross-entropy + l2 / 2 |W|^2 over weights and biases.

    Args:
        z: (n, features) float64.
        right: (n, outputs) one-hot classes, as booleans.
        l2: penalty on the weights, not on the biases.
        max_iter: maximum number of Newton steps.
        start: initial weights (outputs, features) and biases (outputs,).
    """
    mean = z.mean(0)
    penalty = torch.cat([z.new_full((z.shape[1],), l2), z.new_zeros(1)])
    problem = _Problem(torch.cat([z - mean, z.new_ones(len(z), 1)], 1), right, penalty)
    w = torch.cat([start[0], (start[1] + start[0] @ mean)[:, None]], 1)
    size = max(1.0, float(problem.z.square().mean().sqrt()))
    point, steps, settled = problem.at(w), 0, False
    while True:
        direction, decrement = _newton(problem, point)
        settled = _settled(point, decrement, l2, FLAT * size)
        if settled or steps == max_iter or (l2 == 0 and not point.wrong and point.value <= SURE):
            break
        accepted = _line_search(problem, w, point, direction)
        if accepted is None:  # the loss cannot fall by more than its own rounding
            settled = _above(point, decrement, l2) <= GAP**0.5 * point.value
            break
        w, point = accepted
        steps += 1
    weight = w[:, :-1]
    endless = l2 == 0 and not point.wrong
    return Fit(weight, w[:, -1] - weight @ mean, settled and not endless, endless, steps)


def _above(point: _Point, decrement: float, l2: float) -> float:
    """Return the gap of the loss to its minimum: a bound with a penalty, else an estimate."""
    return float(point.slope.square().sum()) / (2 * l2) if l2 else decrement / 2


def _settled(point: _Point, decrement: float, l2: float, flat: float) -> bool:
    slope = float(point.slope.abs().max())
    return slope <= flat and _above(point, decrement, l2) <= GAP * point.value


def _newton(problem: _Problem, point: _Point) -> tuple[Tensor, float]:
    """Return a Newton step (outputs, features + 1), and twice its predicted decrease."""
    slope, before = point.slope, problem.diagonal(point)
    left = -slope
    step, along = torch.zeros_like(slope), left / before
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
        step = step + size / bend * direction
        left = left - size / bend * curved
        along = left / before
        last, size = size, float((left * along).sum())
        direction = along + size / last * direction
    if not step.any():
        step = direction
    return step, -float((slope * step).sum())


def _line_search(
    problem: _Problem, w: Tensor, point: _Point, direction: Tensor
) -> tuple[Tensor, _Point] | None:
    """Return weights and point after a backtracking line search; None if no step decreases."""
    predicted = float((point.slope * direction).sum())
    share = 1.0
    for _ in range(HALVINGS):
        candidate = w + share * direction
        candidate_point = problem.at(candidate)
        if (
            candidate_point.value <= point.value + FALL * share * predicted
            and candidate_point.value < point.value
        ):
            return candidate, candidate_point
        share /= 2
    return None
