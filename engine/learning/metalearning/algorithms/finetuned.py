"""Fine-tuning on T tasks at once: optimiser steps on the whole support set of each task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from engine.learning.metalearning.algorithms.fixed_features import Fixed, refuse_adapters
from engine.learning.metalearning.algorithms.ridge_probe import Probed
from engine.learning.metalearning.inner.spaces import All, Inner, Lora, Problem, backbone, once
from engine.learning.metalearning.inner.task_optimizers import Rule, clipped, rule
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import Net, support_features
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, detached
from engine.learning.metalearning.tasks.streams import generator
from engine.learning.models import linear_heads as plain_heads

Start = Literal["random", "zero", "probe", "kept"]


@dataclass(frozen=True, slots=True)
class Tuned(Fixed):
    """Fine-tuning with a given optimiser.

    Attributes:
        lr: learning rate.
        optimizer: fields of a value in `engine.library.optimizers`.
        clip: largest gradient norm of a task, or None for no clipping.
        inner: parameters that are trained.
        head: initial head of a task: `random`, `zero`, `probe` (ridge on its support features), or
            `kept`, theta's own.
        seed: of random heads and adapters.
        steps: number of steps of `adapt`.
    """

    lr: float = 0.01
    optimizer: Mapping[str, Any] = field(default_factory=lambda: {"kind": "sgd"})
    clip: float | None = None
    inner: Inner = field(default_factory=All)
    head: Start = "random"
    seed: int = 0
    steps: int = 10

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return LoRA adapters, where `inner` trains some; see `Algorithm`."""
        return self.inner.start(theta, seed) if isinstance(self.inner, Lora) else {}

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`; not differentiable in theta."""
        *_, last = self.walk(net, theta, batch, self.steps, {})
        return last

    @torch.no_grad()
    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`; every step sees the whole support set.

        Raises:
            ValueError: theta has no head to keep, or adapters that `inner` does not train.
        """
        del state
        if not isinstance(self.inner, Lora):
            refuse_adapters(theta)
        theta = detached(self.start(theta, self.seed) | theta)
        problem = self._problem(net, theta, batch)
        update, fast, optimizer_state = rule(self.optimizer, self.lr), problem.fast, Weights()
        yield problem.weights(fast, problem.slow)
        for step in range(1, steps + 1):
            fast, optimizer_state = self._step(
                problem, batch, update, (fast, optimizer_state), step
            )
            yield problem.weights(fast, problem.slow)

    def _step(
        self,
        problem: Problem,
        batch: TaskBatch,
        update: Rule,
        current: tuple[Weights, Weights],
        step: int,
    ) -> tuple[Weights, Weights]:
        """Return weights and optimiser state after one more step."""
        weights, optimizer_state = current
        with torch.enable_grad():
            fast = {name: item.detach().requires_grad_() for name, item in weights.items()}
            losses = batch.loss(problem.support(fast, problem.slow), batch.support, batch.ways)
            # Tasks share no fast weight, so the gradient of the sum is each task's own.
            gradients = torch.autograd.grad(losses.sum(), list(fast.values()))
        grads = dict(zip(fast, gradients, strict=True))
        if self.clip is not None:
            grads = clipped(grads, self.clip)
        return update.step(weights, grads, optimizer_state, step)

    def _problem(self, net: Net, theta: Weights, batch: TaskBatch) -> Problem:
        if self.head == "kept":
            return self.inner.problem(net, theta, batch, _kept(theta, batch.outputs))
        problem = self.inner.problem(net, theta, batch, "zero")
        return replace(problem, fast=problem.fast | self._head(net, theta, batch))

    def _head(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """Return initial heads (T, C, width) and (T, C) other than theta's."""
        if self.head == "zero":
            return {}
        if self.head == "probe":
            shared = backbone(theta)
            return Probed().fit(shared, support_features(net, once(shared), batch), batch)
        return drawn(theta, batch, net.width, self.seed)


def drawn(theta: Weights, batch: TaskBatch, width: int, seed: int) -> Weights:
    """Sample a head for each task from the seed and the number of the task alone.

    Args:
        theta: gives dtype and device.
        batch: its tasks; without `numbers`, their positions are used.
        width: number of features.
        seed: of all heads.
    """
    like = next(iter(theta.values()))
    weights = []
    for number in batch.numbers or range(len(batch)):
        task_seed = generator(seed, "head", number).initial_seed()
        weights.append(plain_heads.random(width, batch.outputs, task_seed).weight)
    weight = torch.stack(weights).to(like)
    return {task_heads.WEIGHT: weight, task_heads.BIAS: weight.new_zeros(weight.shape[:2])}


def _kept(theta: Weights, outputs: int) -> task_heads.Head:
    """Return the kind of theta's own head.

    Raises:
        ValueError: theta has no head for that many outputs.
    """
    rows = len(theta[task_heads.BIAS]) if task_heads.BIAS in theta else 0
    if rows == outputs:
        return "learned"
    if rows == 1:
        return "shared"
    has = f"one with {rows}" if rows else "none"
    raise ValueError(
        f"`head: kept` needs a head with {outputs} outputs, but the model has {has}; "
        "use `head: zero`, `random` or `probe`"
    )
