"""SGD, Adam and AdamW of torch for T tasks at once, as pure functions of weights and state.

Every update is elementwise, so each task is updated as torch would update it alone, and with equal
gradients to the last bit: the order of operations is torch's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.learning.metalearning.tasks.batches import Weights

FIRST, SECOND = "first", "second"
EPS = 1e-8
SMALL = 1e-6
"""Added to a norm before division, as in `torch.nn.utils.clip_grad_norm_`."""


class Rule(Protocol):
    """Update rule of an optimiser."""

    def step(
        self, weights: Weights, grads: Weights, state: Weights, step: int
    ) -> tuple[Weights, Weights]:
        """Return weights and state after a step.

        Args:
            weights: (T, *shape); not modified.
            grads: the same names and shapes.
            state: {} at first.
            step: counted from 1.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sgd:
    """Gradient descent; `torch.optim.SGD`."""

    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0

    def step(
        self, weights: Weights, grads: Weights, state: Weights, step: int
    ) -> tuple[Weights, Weights]:
        """See `Rule`."""
        del step
        updated, new_state = {}, {}
        for name, item in weights.items():
            grad = grads[name]
            if self.weight_decay:
                grad = grad.add(item, alpha=self.weight_decay)
            if self.momentum:
                key = f"{FIRST}.{name}"
                grad = state[key].mul(self.momentum).add_(grad) if key in state else grad
                new_state[key] = grad
            updated[name] = item.add(grad, alpha=-self.lr)
        return updated, new_state


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam (arXiv 1412.6980), or with `decoupled` decay AdamW (arXiv 1711.05101)."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    decoupled: bool = False

    def step(
        self, weights: Weights, grads: Weights, state: Weights, step: int
    ) -> tuple[Weights, Weights]:
        """See `Rule`."""
        beta1, beta2 = self.betas
        rate, root = self.lr / (1 - beta1**step), (1 - beta2**step) ** 0.5
        updated, new_state = {}, {}
        for name, item in weights.items():
            grad = grads[name]
            if self.weight_decay and self.decoupled:
                item = item.mul(1 - self.lr * self.weight_decay)  # noqa: PLW2901 (torch's order)
            elif self.weight_decay:
                grad = grad.add(item, alpha=self.weight_decay)
            zero = torch.zeros_like(grad)
            first = state.get(f"{FIRST}.{name}", zero).lerp(grad, 1 - beta1)
            second = state.get(f"{SECOND}.{name}", zero).mul(beta2)
            second.addcmul_(grad, grad, value=1 - beta2)
            updated[name] = item.addcdiv(first, (second.sqrt() / root).add_(EPS), value=-rate)
            new_state[f"{FIRST}.{name}"], new_state[f"{SECOND}.{name}"] = first, second
        return updated, new_state


def rule(optimizer: Mapping[str, Any], lr: float) -> Rule:
    """Build the update rule of an optimiser.

    Args:
        optimizer: fields of a value in `engine.library.optimizers`.
        lr: learning rate.
    """
    fields = {name: value for name, value in optimizer.items() if name != "kind"}
    if optimizer["kind"] == "sgd":
        return Sgd(lr, **fields)
    return Adam(lr, **fields, decoupled=optimizer["kind"] == "adamw")


def clipped(grads: Weights, longest: float) -> Weights:
    """Clip gradients (T, *shape) to norm `longest` in each task, as `clip_grad_norm_` does."""
    each = [item.flatten(1).norm(dim=1) for item in grads.values()]
    norms = torch.stack(each, 1).norm(dim=1)  # (T,)
    share = (longest / (norms + SMALL)).clamp(max=1.0)
    return {name: item * _like(share, item) for name, item in grads.items()}


def _like(values: Tensor, item: Tensor) -> Tensor:
    """Reshape one number for each task (T,) to broadcast over (T, *shape)."""
    return values.view(-1, *(1,) * (item.ndim - 1))
