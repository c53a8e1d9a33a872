"""Linear heads: random, zero, or fitted on fixed features by ridge or logistic regression.

Ridge is solved on the smaller of primal and dual, as in R2D2 (arXiv 1805.08136, eq. 5-6), and
gradients flow through the solution. Features and targets are centred, so the bias is not penalised.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.learning.models.cholesky import cholesky
from engine.learning.models.logistic import Fit, minimise

GRID = tuple(10.0**power for power in range(-6, 3))
"""Grid of penalties for model selection."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights of a linear head, and the penalty of their fit.

    Attributes:
        weight: (outputs, features).
        bias: (outputs,).
        l2: the penalty; 0 where nothing was fitted.
        at_edge: whether the chosen penalty is at an end of the grid.
        note: warning about the fit, for readers of its scores; empty if it converged.
    """

    weight: Tensor
    bias: Tensor
    l2: float = 0.0
    at_edge: bool = False
    note: str = ""

    def module(self) -> nn.Linear:
        """Return a float32 layer with these weights."""
        layer = nn.Linear(self.weight.shape[1], self.weight.shape[0], device=self.weight.device)
        with torch.no_grad():
            layer.weight.copy_(self.weight)
            layer.bias.copy_(self.bias)
        return layer

    def __call__(self, z: Tensor) -> Tensor:
        return z @ self.weight.T + self.bias


def random(features: int, outputs: int, seed: int) -> Linear:
    """Sample a head uniformly within ±1/sqrt(features), the same on every device."""
    draws = torch.rand(outputs, features, generator=torch.Generator().manual_seed(seed))
    return Linear((2 * draws - 1) / math.sqrt(features), torch.zeros(outputs))


def undefined(features: int, outputs: int) -> Linear:
    """Return a head of NaN, the result for features that are not finite."""
    return Linear(torch.full((outputs, features), math.nan), torch.full((outputs,), math.nan))


def zero(features: int, outputs: int) -> Linear:
    """Return a head of zeros."""
    return Linear(torch.zeros(outputs, features), torch.zeros(outputs))


def ridge(z: Tensor, targets: Tensor, l2: float | Tensor) -> Linear:
    """Fit ridge regression in closed form, differentiable in all arguments.

    Args:
        z: (n, d) features.
        targets: (n, k).
        l2: weight of |W|^2, added to the *mean* squared error; above 0.

    Returns:
        The head; NaN where the Gram matrix is not positive definite by rounding.
    """
    n, d = z.shape
    z_mean, t_mean = z.mean(0), targets.mean(0)
    zc, tc = z - z_mean, targets - t_mean
    if d <= n:
        gram = zc.T @ zc + n * l2 * torch.eye(d, dtype=z.dtype, device=z.device)
        weight = torch.cholesky_solve(zc.T @ tc, cholesky(gram)).T
    else:
        gram = zc @ zc.T + n * l2 * torch.eye(n, dtype=z.dtype, device=z.device)
        weight = (zc.T @ torch.cholesky_solve(tc, cholesky(gram))).T
    used = l2.item() if isinstance(l2, Tensor) else l2
    return Linear(weight, t_mean - weight @ z_mean, used)


def ridge_by_leaving_one_out(z: Tensor, y: Tensor, outputs: int) -> Linear:
    """Fit ridge on one-hot targets, with the penalty of `GRID` of least leave-one-out error.

    With H the hat matrix, the leave-one-out error of an example is its residual / (1 - H_ii), so
    one decomposition serves all penalties.

    Args:
        z: (n, d) features.
        y: (n,) classes.
        outputs: number of classes.
    """
    z = z.double()
    targets = functional.one_hot(y, outputs).double()
    n = len(z)
    u, s, _ = torch.linalg.svd(z - z.mean(0), full_matrices=False)  # u: (n, min(n, d))
    centred = targets - targets.mean(0)
    errors = []
    for l2 in GRID:
        shrink = s**2 / (s**2 + n * l2)
        residual = centred - (u * shrink) @ (u.T @ centred)
        leverage = 1 / n + (u**2 * shrink).sum(1)
        left_out = residual / (1 - leverage).clamp_min(1e-9)[:, None]
        errors.append(float((left_out**2).mean()))
    best = min(range(len(GRID)), key=errors.__getitem__)
    head = ridge(z, targets, GRID[best])
    return Linear(head.weight, head.bias, GRID[best], best in {0, len(GRID) - 1})


def logistic(
    z: Tensor, y: Tensor, outputs: int, *, l2: float, max_iter: int, start: Linear | None = None
) -> Linear:
    """Fit logistic regression (mean cross-entropy + l2 / 2 * |W|^2) in float64; see `minimise`.

    Args:
        z: (n, d) features.
        y: (n,) classes.
        outputs: number of classes.
        l2: penalty on the weights, not on the bias.
        max_iter: maximum number of Newton steps.
        start: initial head, instead of zeros.
    """
    initial = start or zero(z.shape[1], outputs)
    fitted = minimise(
        z.double(),
        functional.one_hot(y, outputs).bool(),
        l2,
        max_iter,
        (initial.weight.to(z.device).double(), initial.bias.to(z.device).double()),
    )
    return Linear(fitted.weight, fitted.bias, l2, note=_note(fitted, l2))


def _note(fitted: Fit, l2: float) -> str:
    if fitted.endless:
        return (
            "the classes are linearly separable and `l2` is 0, so the loss has no minimum: "
            f"the weights are those after {fitted.steps} steps"
        )
    if not fitted.settled:
        return f"not converged after {fitted.steps} steps with l2 {l2:g}: raise `max_iter`"
    return ""


def select(
    fit: Callable[[float, Linear | None], Linear],
    score: Callable[[Linear], float],
    *,
    patience: int = len(GRID),
) -> Linear:
    """Return the fit of least score over `GRID`; of equal scores the smaller penalty.

    Args:
        fit: penalty, fit of the next larger penalty (for a warm start) -> head.
        score: validation score of a head; lower is better.
        patience: penalties without improvement, from the largest down, after which the search
            stops: small penalties are the slowest to fit.
    """
    fits: list[tuple[float, int, Linear]] = []
    last: Linear | None = None
    for index in reversed(range(len(GRID))):
        last = fit(GRID[index], last)
        fits.append((score(last), index, last))
        if fits.index(min(fits, key=_rank)) + patience < len(fits):
            break
    _, index, best = min(fits, key=_rank)
    return replace(best, at_edge=index in {0, len(GRID) - 1})


def _rank(fit: tuple[float, int, Linear]) -> tuple[float, int]:
    return fit[:2]


def cross_entropy(head: Linear, z: Tensor, y: Tensor) -> float:
    """Return the mean cross-entropy of a head, in nats."""
    return float(functional.cross_entropy(head(z), y))
