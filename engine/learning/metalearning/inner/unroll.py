"""The inner loop, unrolled: with its whole graph, or with few states kept and the rest recomputed.

A step maps (k, state, slow) to the next state. State and slow are dicts of tensors, and whatever a
step needs gradients of must be in one of them. With `full` autograd keeps the graph of every step.
With `recompute` few states are kept; the backward pass recomputes those between, one stretch after
another, and multiplies by each step's Jacobian, which for a gradient step is a Hessian-vector
product (reverse over reverse, exact). `torch.utils.checkpoint` around a step that calls
`autograd.grad` with `create_graph` saves nothing.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from engine.learning.metalearning.tasks.batches import Weights

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
        every: with `recompute`, steps between states that are kept; None for that which holds the
            fewest at once, about sqrt(2 steps).
    """
    if memory == "full" or steps == 0 or not torch.is_grad_enabled():
        for k in range(steps):
            state = step(k, state, slow)
        return state
    plan = _Plan(step, steps, _anchors(steps, every), tuple(state), tuple(slow))
    last = _Recomputed.apply(plan, *state.values(), *slow.values())
    return dict(zip(state, last, strict=True))


def _anchors(steps: int, every: int | None) -> tuple[int, ...]:
    """Steps before which the state is kept on the way forward.

    On the way back the states between two anchors are held beside all earlier anchors. So without
    `every` each gap is one shorter than that before, and none holds more than the first.
    """
    if every is not None:
        return tuple(range(0, steps, every))
    gap = math.ceil((math.sqrt(8 * steps + 1) - 1) / 2)  # gap (gap + 1) / 2 >= steps
    places = itertools.accumulate(range(gap, 0, -1), initial=0)
    return tuple(place for place in places if place < steps)


class _Kept:
    """A stack of states, side by side in one block for each tensor.

    Each on its own would lie between activations that come and go, and split the room that these
    leave: the process then grew by more than twice what was kept.
    """

    def __init__(self, like: Weights, anchors: tuple[int, ...], steps: int) -> None:
        self.before: list[int] = []
        """The step that comes after each."""
        gaps = zip(anchors, (*anchors[1:], steps), strict=True)
        room = max(place + end - first for place, (first, end) in enumerate(gaps))
        self._blocks = {
            name: torch.empty((room, *item.shape), dtype=item.dtype, device=item.device)
            for name, item in like.items()
        }

    def push(self, before: int, state: Weights) -> None:
        """Keep a copy."""
        for name, block in self._blocks.items():
            block[len(self.before)] = state[name]
        self.before.append(before)

    @property
    def top(self) -> Weights:
        """The last that is kept; a view, until another takes its place."""
        return {name: block[len(self.before) - 1] for name, block in self._blocks.items()}


@dataclass(frozen=True, slots=True)
class _Plan:
    step: Step
    steps: int
    anchors: tuple[int, ...]
    state: tuple[str, ...]
    slow: tuple[str, ...]

    def forth(self, state: Weights, slow: Weights, kept: _Kept) -> Weights:
        """The last state, without a graph; keeps the anchors."""
        with torch.no_grad():
            for k in range(self.steps):
                if k in self.anchors:
                    kept.push(k, state)
                state = self.step(k, state, slow)
        return state

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
        ctx.plan, ctx.kept = plan, _Kept(state, plan.anchors, plan.steps)
        state = plan.forth(state, slow, ctx.kept)
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
        kept: _Kept = ctx.kept
        if tuple(kept.before) != plan.anchors:  # a way back, which autograd may repeat, empties it
            kept.before.clear()
            plan.forth(dict(zip(plan.state, tensors[:count], strict=True)), slow, kept)
        for k in reversed(range(plan.steps)):
            with torch.no_grad():
                while kept.before[-1] < k:
                    kept.push(kept.before[-1] + 1, plan.step(kept.before[-1], kept.top, slow))
            found = plan.back(k, kept.top, slow, pull)
            kept.before.pop()
            pull = tuple(
                torch.zeros_like(v) if item is None else item
                for item, v in zip(found[:count], pull, strict=True)
            )
            total = [_sum(*pair) for pair in zip(total, found[count:], strict=True)]
        rest = iter(total)
        return (None, *pull, *(next(rest) if want else None for want in wanted))


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
