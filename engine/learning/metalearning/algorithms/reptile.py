"""Reptile (arXiv 1803.02999): theta moves toward where training on each task ends.

Algorithm 2 (batched): Theta += eps · mean over tasks of (Theta_N - Theta). As in its authors' code:
inner data are support and query pooled, in batches without replacement within a pass; the inner
optimiser is Adam with beta1 = 0, whose second moments and count go on from task to task, in order.
At evaluation only the support set is learned from, and every task begins with the moments that
training ended with. The gradient is Theta - mean(Theta_N), so eps is the rate of a plain outer SGD.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.learning.metalearning.algorithms.base import MetaGradient, query_losses
from engine.learning.metalearning.inner.spaces import backbone, each
from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import Net, support_features
from engine.learning.metalearning.tasks.batches import Examples, TaskBatch, Weights, detached
from engine.learning.metalearning.tasks.streams import generator

MOMENT, COUNT = "moment", "count"
EPS = 1e-8


@dataclass(frozen=True, slots=True)
class Reptile:
    """Reptile.

    Attributes:
        steps: inner steps.
        lr: of the inner optimiser.
        inner_batch: examples of one inner step.
        optimizer: `adam` with beta1 = 0, or `sgd`.
        beta2: of Adam.
        head: where heads start.
        seed: of the order of examples, with the number of a task.
    """

    steps: int = 5
    lr: float = 1e-3
    inner_batch: int = 10
    optimizer: Literal["adam", "sgd"] = "adam"
    beta2: float = 0.999
    head: task_heads.Head = "learned"
    seed: int = 0

    def start(self, theta: Weights, seed: int) -> Weights:
        """Nothing; see `Algorithm`."""
        del theta, seed
        return {}

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`; without a gradient in theta, which Reptile does not need."""
        *_, last = self.walk(net, theta, batch, self.steps, {})
        return last

    @torch.no_grad()
    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`; on the support set."""
        fast = self._fast(net, theta, batch)
        own = self._expanded(state, fast)
        yield fast
        for order in self._orders(batch.support, steps, batch.numbers):
            fast, own = self._step(net, fast, own, _chosen(batch, batch.support, order))
            yield fast

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`; with Adam one task after another, as the moments go on."""
        losses = []
        moved = {name: torch.zeros_like(item) for name, item in _moving(theta).items()}
        for part in [batch] if self.optimizer == "sgd" else batch.apart():
            fast = self._fast(net, theta, part)
            own = self._expanded(state, fast)
            pool = part.pooled
            for order in self._orders(pool, self.steps, part.numbers):
                fast, own = self._step(net, fast, own, _chosen(part, pool, order))
            state = {name: item[0] for name, item in own.items()}
            for name in moved:
                way = theta[name].detach() - _back(name, fast, theta)
                moved[name] += way * (len(part) / len(batch))
            with torch.no_grad():
                losses.append(query_losses(net, fast, part))
        gradient = {name: item for name, item in moved.items() if theta[name].requires_grad}
        return MetaGradient(torch.cat(losses), gradient, state)

    def _fast(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        start = detached(theta)
        return each(backbone(start), len(batch)) | task_heads.start(
            self.head, start, batch, net.width
        )

    def _expanded(self, state: Weights, fast: Weights) -> Weights:
        """Adam's state for each task: (T, *shape) and (T,); from nothing where there is none."""
        if self.optimizer == "sgd":
            return {}
        tasks = len(next(iter(fast.values())))
        found = {}
        for name, item in fast.items():
            old = state.get(f"{MOMENT}.{name}", torch.zeros_like(item[0]))
            found[f"{MOMENT}.{name}"] = old.expand(tasks, *item.shape[1:])
        count = state.get(COUNT, next(iter(fast.values())).new_zeros(()))
        return found | {COUNT: count.expand(tasks)}

    def _orders(self, pool: Examples, steps: int, numbers: tuple[int, ...]) -> Iterator[Tensor]:
        """Indices (T, inner_batch) of each step: permutations of what is kept, end to end."""
        tasks, n = pool.x.shape[:2]
        orders = []
        for place in range(tasks):
            number = numbers[place] if numbers else place
            draws = generator(self.seed, "reptile", number)
            kept = torch.arange(n) if pool.kept is None else pool.kept[place].cpu().nonzero()[:, 0]
            passes = max(1, -(-steps * self.inner_batch // len(kept)))
            drawn = [kept[torch.randperm(len(kept), generator=draws)] for _ in range(passes)]
            orders.append(torch.cat(drawn)[: steps * self.inner_batch])
        found = torch.stack(orders).to(pool.x.device).reshape(tasks, steps, self.inner_batch)
        yield from found.unbind(1)

    def _step(
        self, net: Net, fast: Weights, own: Weights, batch: TaskBatch
    ) -> tuple[Weights, Weights]:
        """One step of the inner optimiser for all tasks: weights and its state after it."""
        with torch.enable_grad():
            tracked = {name: item.detach().requires_grad_() for name, item in fast.items()}
            outputs = task_heads.answer(tracked, support_features(net, tracked, batch))
            loss = batch.loss(outputs, batch.support, batch.ways).sum()
            grads = torch.autograd.grad(loss, list(tracked.values()))
        pairs = dict(zip(fast, grads, strict=True))
        if self.optimizer == "sgd":
            return {name: item - self.lr * pairs[name] for name, item in fast.items()}, {}
        count = own[COUNT] + 1
        state, weights = {COUNT: count}, {}
        for name, item in fast.items():
            second = own[f"{MOMENT}.{name}"].lerp(pairs[name].square(), 1 - self.beta2)
            unbiased = second / _like(1 - self.beta2**count, item)
            weights[name] = item - self.lr * pairs[name] / (unbiased.sqrt() + EPS)
            state[f"{MOMENT}.{name}"] = second
        return weights, state


def _like(item: Tensor, other: Tensor) -> Tensor:
    """One number a task (T,), to be multiplied with tensors (T, *shape)."""
    return item.view(-1, *(1,) * (other.ndim - 1))


def _moving(theta: Weights) -> Weights:
    """What Reptile moves: the backbone, and the head where theta has one."""
    own = {name: theta[name] for name in (task_heads.WEIGHT, task_heads.BIAS) if name in theta}
    return backbone(theta) | own


def _back(name: str, fast: Weights, theta: Weights) -> Tensor:
    """The mean over tasks of weights (T, *shape); a shared row is the rows' mean."""
    found = fast[name].mean(0)
    return found if found.shape == theta[name].shape else found.mean(0, keepdim=True)


def _chosen(batch: TaskBatch, pool: Examples, order: Tensor) -> TaskBatch:
    """The same tasks with some of a pool's examples (T, b) as their support set."""
    rows = torch.arange(len(order), device=order.device)[:, None]
    chosen = Examples(pool.x[rows, order], pool.y[rows, order])
    return TaskBatch(
        chosen, chosen, batch.outputs, batch.loss, batch.test_loss, batch.ways, batch.numbers
    )
