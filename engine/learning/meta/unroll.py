"""The inner loop, unrolled: with its whole graph, or with few states kept and the rest recomputed.

A step maps (k, state, slow) to the next state. State and slow are dicts of tensors, and whatever a
step needs gradients of must be in one of them. With `full` autograd keeps the graph of every step.
With `recompute` states are kept every so many steps; the backward pass recomputes one segment
after another and multiplies by each step's Jacobian, which for a gradient step is a Hessian-vector
product (reverse over reverse, exact). `torch.utils.checkpoint` around a step that calls
`autograd.grad` with `create_graph` saves nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from engine.learning.meta.batches import Weights

Memory = Literal["full", "recompute"]
Step = Callable[[int, Weights, Weights], Weights]
"""(k from 0, state, slow) -> state. Called without grad mode when no graph is needed: it enables
that for its own inner gradient only."""


def unroll(
    step: Step,
    state: Weights,
    slow: Weights,
    steps: int,
    *,
    memory: Memory = "full",
    every: int | None = None,
) -> Weights:
    """The state after `steps` steps, differentiable in the first state and in `slow`.

    Args:
        step: one step; its tensors keep their shapes.
        state: the first state.
        slow: what no step changes.
        steps: how many.
        memory: `full` or `recompute`.
        every: with `recompute`, steps between states that are kept; None for sqrt(steps).
    """
    if memory == "full" or steps == 0 or not torch.is_grad_enabled():
        for k in range(steps):
            state = step(k, state, slow)
        return state
    plan = _Plan(step, steps, every or max(1, math.isqrt(steps)), tuple(state), tuple(slow))
    last = _Recomputed.apply(plan, *state.values(), *slow.values())
    return dict(zip(state, last, strict=True))


@dataclass(frozen=True, slots=True)
class _Plan:
    step: Step
    steps: int
    every: int
    state: tuple[str, ...]
    slow: tuple[str, ...]

    def run(self, first: int, last: int, state: Weights, slow: Weights) -> list[Weights]:
        """The states from `first` on, up to before step `last`, without a graph."""
        found = [state]
        with torch.no_grad():
            for k in range(first, last):
                found.append(self.step(k, found[-1], slow))
        return found

    def back(
        self, k: int, state: Weights, slow: Weights, pull: tuple[Tensor, ...]
    ) -> tuple[Tensor | None, ...]:
        """Product of `pull` with the Jacobian of step k in its state and in `slow`."""
        with torch.enable_grad():
            inputs = {name: item.detach().requires_grad_() for name, item in state.items()}
            out = self.step(k, inputs, slow)
        wanted = [*inputs.values(), *(item for item in slow.values() if item.requires_grad)]
        pairs = [(out[name], v) for name, v in zip(self.state, pull, strict=True)]
        moved = [(item, v) for item, v in pairs if item.requires_grad]
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            [item for item, _ in moved], wanted, [v for _, v in moved], allow_unused=True
        )
        return found


class _Recomputed(torch.autograd.Function):
    """The last state; see the head of this file."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(plan.state)
        slow = dict(zip(plan.slow, tensors[count:], strict=True))
        state = dict(zip(plan.state, tensors[:count], strict=True))
        anchors = []
        for first in range(0, plan.steps, plan.every):
            anchors.append(state)
            for k in range(first, min(first + plan.every, plan.steps)):
                state = plan.step(k, state, slow)
        ctx.plan, ctx.anchors = plan, anchors[1:]
        ctx.save_for_backward(*tensors)
        return tuple(state[name] for name in plan.state)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *pull: Tensor) -> tuple[Tensor | None, ...]:
        plan: _Plan = ctx.plan
        count = len(plan.state)
        tensors = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1 + count :]
        slow = {
            name: item.detach().requires_grad_(want)
            for name, item, want in zip(plan.slow, tensors[count:], wanted, strict=True)
        }
        total: list[Tensor | None] = [None] * sum(wanted)
        anchors = [dict(zip(plan.state, tensors[:count], strict=True)), *ctx.anchors]
        last = plan.steps
        for place in reversed(range(len(anchors))):
            first = place * plan.every
            states = plan.run(first, last - 1, anchors[place], slow)
            for k in reversed(range(first, last)):
                found = plan.back(k, states.pop(), slow, pull)
                pull = tuple(
                    torch.zeros_like(v) if item is None else item
                    for item, v in zip(found[:count], pull, strict=True)
                )
                total = [_sum(*pair) for pair in zip(total, found[count:], strict=True)]
            last = first
        rest = iter(total)
        return (None, *pull, *(next(rest) if want else None for want in wanted))


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
