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

from engine.learning.metalearning.algorithms.base import MetaGradient, differentiated
from engine.learning.metalearning.inner import fused_mlp
from engine.learning.metalearning.inner.spaces import All, Inner, Lora, Problem
from engine.learning.metalearning.inner.unroll import Memory, Step, unroll
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import Net
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, detached

RATES = "rates"
TOTAL = "total"
"""State that gathers the query losses of the steps: (T,)."""
Judge = Callable[[Weights, Weights], Tensor]
"""fast, slow -> losses (T,) of the query sets."""


@dataclass(frozen=True, slots=True)
class Maml:
    """MAML; ANIL with `inner=HeadOnly()`.

    Attributes:
        steps: inner steps.
        lr: inner rate, or the start of those that are learned.
        order: `second`, or `first` without second derivatives.
        inner: what the inner loop trains.
        head: where heads start; see `heads`.
        rates: `fixed`, or learned for each `tensor`, or for each tensor and `step`.
        step_losses: weights of the query losses after steps 1 ... K; () for the last alone.
        memory: of the inner loop; see `unroll`.
        every: with `recompute`, steps between kept states; None for the fewest at once.
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
                f"{len(self.step_losses)} weights of step losses for {self.steps} steps; "
                "give one for each"
            )

    def start(self, theta: Weights, seed: int) -> Weights:
        """Learned rates, and adapters where the inner loop trains some; see `Algorithm`."""
        found = self.inner.start(theta, seed) if isinstance(self.inner, Lora) else {}
        if self.rates == "fixed":
            return found
        shape = (self.steps,) if self.rates == "step" else ()
        like = next(iter(theta.values()))
        for name in self.inner.fast_names(theta):
            found[f"{RATES}.{name}"] = torch.full(
                shape, self.lr, dtype=like.dtype, device=like.device
            )
        return found

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`."""
        problem, slow = self._problem(net, theta, batch)
        step, _ = self._ways(net, problem, batch)
        return problem.weights(self._unrolled(step, problem.fast, slow), slow)

    @torch.no_grad()
    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`; steps beyond those trained for go on at the last rate."""
        del state
        problem, slow = self._problem(net, detached(theta), batch)
        fast, (step, _) = problem.fast, self._ways(net, problem, batch)
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
        step, judge = self._ways(net, problem, batch)
        if not self.step_losses:
            fast = self._unrolled(step, problem.fast, slow)
            return differentiated(judge(fast, slow), theta)
        started = problem.fast | {TOTAL: problem.fast[task_heads.BIAS].new_zeros(len(batch))}
        ended = self._unrolled(self._gathering(step, judge), started, slow)
        return differentiated(ended[TOTAL], theta)

    def _ways(self, net: Net, problem: Problem, batch: TaskBatch) -> tuple[Step, Judge]:
        """One inner step, and the query losses: written out where they can be, or by autograd."""
        descent = fused_mlp.descent(net, problem.fast, batch, second=self.order == "second")
        if descent is None:
            return self.step(problem, batch), lambda fast, slow: batch.test_loss(
                problem.query(fast, slow), batch.query, batch.ways
            )

        def move(k: int, state: Weights, slow: Weights) -> Weights:
            if self.rates == "fixed":
                return descent.step(state, self.lr)
            return descent.step(state, {name: self._learned(slow, name, k) for name in state})

        return move, lambda fast, _: descent.losses(fast)

    def step(self, problem: Problem, batch: TaskBatch) -> Step:
        """One inner step of all tasks at once."""

        def move(k: int, state: Weights, slow: Weights) -> Weights:
            graph = torch.is_grad_enabled()
            with torch.enable_grad():
                # Without a graph nothing may lead back to theta, not even a view of it.
                fast = {
                    name: item if graph and item.requires_grad else item.detach().requires_grad_()
                    for name, item in state.items()
                }
                losses = batch.loss(problem.support(fast, slow), batch.support, batch.ways)
                # Tasks share no fast weight, so the sum has each task's own gradient.
                found = torch.autograd.grad(
                    losses.sum(), list(fast.values()), create_graph=graph and self.order == "second"
                )
            return {
                name: item - self._rate(slow, name, k) * grad
                for (name, item), grad in zip(state.items(), found, strict=True)
            }

        return move

    def _gathering(self, step: Step, judge: Judge) -> Step:
        """The same, which adds the weighted query loss after the step to the total."""

        def move(k: int, state: Weights, slow: Weights) -> Weights:
            fast = step(k, {n: item for n, item in state.items() if n != TOTAL}, slow)
            loss = self.step_losses[k] * judge(fast, slow)
            return fast | {TOTAL: state[TOTAL] + loss}

        return move

    def _rate(self, slow: Weights, name: str, k: int) -> Tensor | float:
        return self.lr if self.rates == "fixed" else self._learned(slow, name, k)

    def _learned(self, slow: Weights, name: str, k: int) -> Tensor:
        rate = slow[f"{RATES}.{name}"]
        return rate if self.rates == "tensor" else rate[min(k, len(rate) - 1)]

    def _problem(self, net: Net, theta: Weights, batch: TaskBatch) -> tuple[Problem, Weights]:
        """The learning of a batch, and all that its steps read."""
        problem = self.inner.problem(net, theta, batch, self.head)
        rates = {n: item for n, item in theta.items() if n.startswith(f"{RATES}.")}
        return problem, problem.slow | rates

    def _unrolled(self, step: Step, state: Weights, slow: Weights) -> Weights:
        return unroll(step, state, slow, self.steps, memory=self.memory, every=self.every)
