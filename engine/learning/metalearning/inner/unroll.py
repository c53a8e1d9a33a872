"""Unrolled inner loop: with its whole graph, or with few stored states and the rest recomputed.

A step maps (k, state, slow) to the next state. State and slow are dicts of tensors, and whatever a
step needs gradients of must be in one of them. With `full` autograd keeps the graph of every step.
With `recompute` few states are stored; the backward pass recomputes those between, one segment at a
time, and multiplies by each step's Jacobian, which for a gradient step is a Hessian-vector
product (reverse over reverse, exact). `torch.utils.checkpoint` around a step that calls
`autograd.grad` with `create_graph` would save no memory.
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
"""(k from 0, state, slow) -> state. Called without grad mode if no graph is needed; a step enables
it for its own inner gradient only."""


def unroll(
    step: Step,
    state: Weights,
    slow: Weights,
    steps: int,
    *,
    memory: Memory = "full",
    every: int | None = None,
) -> Weights:
    """Return the state after `steps` steps, differentiable in the first state and in `slow`.

    Args:
        step: one step; its tensors keep their shapes.
        state: the first state.
        slow: tensors that no step changes.
        steps: number of steps.
        memory: `full` or `recompute`.
        every: with `recompute`, steps between stored states; None for the choice with the fewest
            states in memory, about sqrt(2 steps).
    """
    if memory == "full" or steps == 0 or not torch.is_grad_enabled():
        for k in range(steps):
            state = step(k, state, slow)
        return state
    plan = _Plan(step, steps, _anchors(steps, every), tuple(state), tuple(slow))
    last = _Recomputed.apply(plan, *state.values(), *slow.values())
    return dict(zip(state, last, strict=True))


def _anchors(steps: int, every: int | None) -> tuple[int, ...]:
    """Return the steps before which the state is stored in the forward pass.

    In the backward pass the states between two anchors are stored beside all earlier anchors. So
    without `every` each gap is one shorter than the previous one, for a constant total.
    """
    if every is not None:
        return tuple(range(0, steps, every))
    gap = math.ceil((math.sqrt(8 * steps + 1) - 1) / 2)  # gap (gap + 1) / 2 >= steps
    anchors = itertools.accumulate(range(gap, 0, -1), initial=0)
    return tuple(anchor for anchor in anchors if anchor < steps)


class _StateStack:
    """A stack of states, in one preallocated block for each tensor.

    Separate allocations between temporary activations fragment memory: the process then grew by
    more than twice the size of the states.
    """

    def __init__(self, like: Weights, anchors: tuple[int, ...], steps: int) -> None:
        self.before: list[int] = []
        """Step that follows each stored state."""
        gaps = zip(anchors, (*anchors[1:], steps), strict=True)
        capacity = max(index + end - first for index, (first, end) in enumerate(gaps))
        self._blocks = {
            name: torch.empty((capacity, *item.shape), dtype=item.dtype, device=item.device)
            for name, item in like.items()
        }

    def push(self, before: int, state: Weights) -> None:
        """Store a copy."""
        for name, block in self._blocks.items():
            block[len(self.before)] = state[name]
        self.before.append(before)

    @property
    def top(self) -> Weights:
        """Last stored state, as a view that the next `push` after a pop overwrites."""
        return {name: block[len(self.before) - 1] for name, block in self._blocks.items()}


@dataclass(frozen=True, slots=True)
class _Plan:
    step: Step
    steps: int
    anchors: tuple[int, ...]
    state: tuple[str, ...]
    slow: tuple[str, ...]

    def forth(self, state: Weights, slow: Weights, stack: _StateStack) -> Weights:
        """Return the last state, without a graph; stores the anchors in `stack`."""
        with torch.no_grad():
            for k in range(self.steps):
                if k in self.anchors:
                    stack.push(k, state)
                state = self.step(k, state, slow)
        return state

    def back(
        self, k: int, state: Weights, slow: Weights, pull: tuple[Tensor, ...]
    ) -> tuple[Tensor | None, ...]:
        """Return the product of `pull` with the Jacobian of step k in its state and in `slow`."""
        with torch.enable_grad():
            inputs = {name: item.detach().requires_grad_() for name, item in state.items()}
            out = self.step(k, inputs, slow)
        sources = [
            *inputs.values(),
            *(item for item in slow.values() if item.requires_grad),
        ]
        pairs = [(out[name], v) for name, v in zip(self.state, pull, strict=True)]
        differentiable = [(item, v) for item, v in pairs if item.requires_grad]
        gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
            [item for item, _ in differentiable],
            sources,
            [v for _, v in differentiable],
            allow_unused=True,
        )
        return gradients


class _Recomputed(torch.autograd.Function):
    """The last state of `unroll` with `recompute`; see the module docstring."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(plan.state)
        slow = dict(zip(plan.slow, tensors[count:], strict=True))
        state = dict(zip(plan.state, tensors[:count], strict=True))
        ctx.plan, ctx.kept = plan, _StateStack(state, plan.anchors, plan.steps)
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
        stack: _StateStack = ctx.kept
        if tuple(stack.before) != plan.anchors:  # an earlier backward pass emptied it
            stack.before.clear()
            plan.forth(dict(zip(plan.state, tensors[:count], strict=True)), slow, stack)
        for k in reversed(range(plan.steps)):
            with torch.no_grad():
                while stack.before[-1] < k:
                    stack.push(stack.before[-1] + 1, plan.step(stack.before[-1], stack.top, slow))
            gradients = plan.back(k, stack.top, slow, pull)
            stack.before.pop()
            pull = tuple(
                torch.zeros_like(v) if item is None else item
                for item, v in zip(gradients[:count], pull, strict=True)
            )
            total = [_sum(*pair) for pair in zip(total, gradients[count:], strict=True)]
        rest = iter(total)
        return (None, *pull, *(next(rest) if want else None for want in wanted))


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
