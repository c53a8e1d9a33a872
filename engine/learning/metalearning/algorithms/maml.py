"""MAML (arXiv 1703.03400) for all tasks of a batch at once; ANIL by a choice of inner parameters.

`reference/maml.py` is the same algorithm as a plain loop over tasks: read it first.

Inner loop (section 2.2): phi_{k+1} = phi_k - lr * gradient of the support loss at phi_k, from
phi_0 = theta. Outer loop (eq. 1): the gradient of the query loss at phi_K with respect to theta,
through the inner gradients (second order) or with them as constants (first order, section 5.2).
Learning rates may be learned, one for each tensor (after Meta-SGD, arXiv 1707.09835) or for each
tensor and step, and the query losses of all steps may be summed with given weights (MAML++, arXiv
1810.09502, section 4).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.base import MetaGradient, mean_gradient
from engine.learning.metalearning.inner import fused_mlp
from engine.learning.metalearning.inner.spaces import All, Inner, Lora, Problem
from engine.learning.metalearning.inner.unroll import Memory, Step, unroll
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import Net
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, detached

RATES = "rates"
TOTAL = "total"
"""Name in the inner state of the running sum of weighted query losses: (T,)."""
QueryLoss = Callable[[Weights, Weights], Tensor]
"""Fast and slow weights -> losses (T,) of the query sets."""


@dataclass(frozen=True, slots=True)
class Maml:
    """MAML; ANIL with `inner=HeadOnly()`.

    Attributes:
        steps: number of inner steps K.
        lr: inner learning rate; the initial value where rates are learned.
        order: `second`, or `first` without second derivatives.
        inner: parameters that the inner loop trains.
        head: how heads are initialised; see `task_heads`.
        rates: `fixed`, or learned for each `tensor`, or for each tensor and `step`.
        step_losses: weights of the query losses after steps 1 ... K; () for the last alone.
        memory: `full` or `recompute`; see `unroll`.
        every: with `recompute`, steps between stored states; None for the fewest in memory.

    Raises:
        ValueError: `step_losses` is neither empty nor of length `steps`.
    """

    steps: int = 1
    lr: float = 0.4
    order: Literal["second", "first"] = "second"
    inner: Inner = field(default_factory=All)
    head: task_heads.Head = "learned"
    rates: Literal["fixed", "tensor", "step"] = "fixed"
    step_losses: tuple[float, ...] = ()
    memory: Memory = "full"
    every: int | None = None

    def __post_init__(self) -> None:
        if self.step_losses and len(self.step_losses) != self.steps:
            raise ValueError(
                f"`step_losses` has {len(self.step_losses)} weights for {self.steps} inner steps; "
                "give one weight for each step"
            )

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return initial learned rates, () or (K,), and LoRA adapters if any; see `Algorithm`."""
        initial = self.inner.start(theta, seed) if isinstance(self.inner, Lora) else {}
        if self.rates == "fixed":
            return initial
        shape = (self.steps,) if self.rates == "step" else ()
        like = next(iter(theta.values()))
        for name in self.inner.fast_names(theta):
            initial[f"{RATES}.{name}"] = torch.full(
                shape, self.lr, dtype=like.dtype, device=like.device
            )
        return initial

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`."""
        problem, slow = self._problem(net, theta, batch)
        step, _ = self._functions(net, problem, batch)
        return problem.weights(self._unrolled(step, problem.fast, slow), slow)

    @torch.no_grad()
    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`; steps beyond K use the last learned rate."""
        del state
        problem, slow = self._problem(net, detached(theta), batch)
        fast, (step, _) = problem.fast, self._functions(net, problem, batch)
        yield problem.weights(fast, slow)
        for k in range(steps):
            fast = step(k, fast, slow)
            yield problem.weights(fast, slow)

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`."""
        del state
        problem, slow = self._problem(net, theta, batch)
        step, query_loss = self._functions(net, problem, batch)
        if not self.step_losses:
            fast = self._unrolled(step, problem.fast, slow)
            return mean_gradient(query_loss(fast, slow), theta)
        state_0 = problem.fast | {TOTAL: problem.fast[task_heads.BIAS].new_zeros(len(batch))}
        last = self._unrolled(self._with_step_loss(step, query_loss), state_0, slow)
        return mean_gradient(last[TOTAL], theta)

    def _functions(self, net: Net, problem: Problem, batch: TaskBatch) -> tuple[Step, QueryLoss]:
        """Return the inner step and the query loss: fused for MLPs, else by autograd."""
        descent = fused_mlp.descent(net, problem.fast, batch, second=self.order == "second")
        if descent is None:
            return self.step(problem, batch), lambda fast, slow: batch.test_loss(
                problem.query(fast, slow), batch.query, batch.ways
            )

        def move(k: int, state: Weights, slow: Weights) -> Weights:
            if self.rates == "fixed":
                return descent.step(state, self.lr)
            return descent.step(state, {name: self._learned_rate(slow, name, k) for name in state})

        return move, lambda fast, _: descent.losses(fast)

    def step(self, problem: Problem, batch: TaskBatch) -> Step:
        """Return the inner step of all tasks at once, by autograd."""

        def move(k: int, state: Weights, slow: Weights) -> Weights:
            graph = torch.is_grad_enabled()
            with torch.enable_grad():
                # Without a graph, detach from theta: a view of a leaf still requires gradients.
                fast = {
                    name: item if graph and item.requires_grad else item.detach().requires_grad_()
                    for name, item in state.items()
                }
                losses = batch.loss(problem.support(fast, slow), batch.support, batch.ways)
                # Tasks share no fast weight, so the gradient of the sum is each task's own.
                gradients = torch.autograd.grad(
                    losses.sum(), list(fast.values()), create_graph=graph and self.order == "second"
                )
            return {
                name: item - self._rate(slow, name, k) * grad
                for (name, item), grad in zip(state.items(), gradients, strict=True)
            }

        return move

    def _with_step_loss(self, step: Step, query_loss: QueryLoss) -> Step:
        """Wrap a step to add the weighted query loss after it to the running sum."""

        def move(k: int, state: Weights, slow: Weights) -> Weights:
            fast = step(k, {n: item for n, item in state.items() if n != TOTAL}, slow)
            loss = self.step_losses[k] * query_loss(fast, slow)
            return fast | {TOTAL: state[TOTAL] + loss}

        return move

    def _rate(self, slow: Weights, name: str, k: int) -> Tensor | float:
        return self.lr if self.rates == "fixed" else self._learned_rate(slow, name, k)

    def _learned_rate(self, slow: Weights, name: str, k: int) -> Tensor:
        rate = slow[f"{RATES}.{name}"]
        return rate if self.rates == "tensor" else rate[min(k, len(rate) - 1)]

    def _problem(self, net: Net, theta: Weights, batch: TaskBatch) -> tuple[Problem, Weights]:
        """Return the adaptation problem of a batch, and its slow weights with the rates."""
        problem = self.inner.problem(net, theta, batch, self.head)
        rates = {n: item for n, item in theta.items() if n.startswith(f"{RATES}.")}
        return problem, problem.slow | rates

    def _unrolled(self, step: Step, state: Weights, slow: Weights) -> Weights:
        return unroll(step, state, slow, self.steps, memory=self.memory, every=self.every)
