"""Closed-form first and second derivatives of squared error and cross-entropy in the outputs."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from engine.learning.metalearning.tasks.batches import (
    CrossEntropy,
    Examples,
    Loss,
    SquaredError,
    masked,
)


class Curvature(Protocol):
    """Derivatives of a loss, summed over tasks, with respect to outputs (T, n, C)."""

    def first(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (T, n, C), and the point (T, n, C) that `second` needs."""
        ...

    def second(self, point: Tensor, tangent: Tensor) -> Tensor:
        """Return the product (T, n, C) of the Hessian at a point with a tangent (T, n, C)."""
        ...


@dataclass(frozen=True, slots=True)
class _Square:
    """Derivatives of squared error; `double` is 2 * weight: (T, n or 1, C or 1) or a number."""

    y: Tensor
    double: Tensor | float

    def first(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Curvature`; the Hessian is the same at every point."""
        return torch.sub(outputs, self.y).mul_(self.double), outputs

    def second(self, point: Tensor, tangent: Tensor) -> Tensor:
        """See `Curvature`."""
        del point
        return tangent * self.double


@dataclass(frozen=True, slots=True)
class _Entropy:
    """Derivatives of cross-entropy with targets (T, n, C) that sum to 1; the point is the softmax.

    Outputs that a task lacks have weight 0.
    """

    targets: Tensor
    weight: Tensor | float
    ways: Tensor | None

    def first(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Curvature`."""
        point = masked(outputs, self.ways).softmax(2)
        return torch.sub(point, self.targets).mul_(self.weight), point

    def second(self, point: Tensor, tangent: Tensor) -> Tensor:
        """See `Curvature`: the derivative of the softmax is diag(p) - p p^T."""
        product: Tensor = torch.ops.aten._softmax_backward_data(tangent, point, 2, point.dtype)
        return product.mul_(self.weight)


def of(loss: Loss, examples: Examples, ways: Tensor | None, outputs: int) -> Curvature | None:
    """Return the derivatives of a loss; None if it is neither of the two losses.

    Args:
        loss: of these examples.
        examples: support or query.
        ways: (T, C) bool, the outputs that each task has; None when it has all.
        outputs: C.
    """
    weight = _weight(examples, ways)
    if type(loss) is SquaredError:
        return _Square(examples.y, 2 * weight)
    if type(loss) is not CrossEntropy:
        return None
    targets = functional.one_hot(examples.y, outputs).to(examples.x.dtype)
    if loss.smoothing:
        available = targets.new_ones(1, outputs) if ways is None else ways.to(targets)
        uniform = (available / available.sum(1, keepdim=True))[:, None]
        targets = torch.lerp(targets, uniform.expand_as(targets), loss.smoothing)
    return _Entropy(targets, weight, ways)


def _weight(examples: Examples, ways: Tensor | None) -> Tensor | float:
    """Return the weight of each output in its task's loss: (T, n or 1, C or 1), or a number."""
    weight: Tensor | float = 1 / examples.y.shape[1]
    if examples.kept is not None:
        kept = examples.kept.to(examples.x.dtype)
        weight = (kept / kept.sum(1, keepdim=True))[..., None]
    return weight if ways is None else weight * ways[:, None].to(examples.x.dtype)
