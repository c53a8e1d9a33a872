"""Reptile (arXiv 1803.02999): theta moves toward the weights trained on each task.

Algorithm 2 (batched): Theta += eps · mean over tasks of (Theta_N - Theta). As in the authors' code,
inner data are support and query pooled, in batches without replacement within a pass; the inner
optimiser is Adam with beta1 = 0, whose second moments and step count carry over from task to task.
At evaluation only the support set is used, and every task starts from the final moments of
training. The gradient is Theta - mean(Theta_N), so eps is the rate of a plain outer SGD.
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
        steps: number of inner steps N.
        lr: inner learning rate.
        inner_batch: examples of each task in one inner step.
        optimizer: `adam` with beta1 = 0, or `sgd`.
        beta2: of Adam.
        head: how heads are initialised; see `task_heads`.
        seed: of the order of examples, together with the number of the task.
    """

    steps: int = 5
    lr: float = 1e-3
    inner_batch: int = 10
    optimizer: Literal["adam", "sgd"] = "adam"
    beta2: float = 0.999
    head: task_heads.Head = "learned"
    seed: int = 0

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return no extra parameters; see `Algorithm`."""
        del theta, seed
        return {}

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`; not differentiable in theta, which Reptile does not need."""
        *_, last = self.walk(net, theta, batch, self.steps, {})
        return last

    @torch.no_grad()
    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`; trains on the support set."""
        fast = self._fast(net, theta, batch)
        optimizer_state = self._expand_state(state, fast)
        yield fast
        for order in self._orders(batch.support, steps, batch.numbers):
            fast, optimizer_state = self._step(
                net, fast, optimizer_state, _select(batch, batch.support, order)
            )
            yield fast

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`; with Adam one task after another, since its moments carry over."""
        losses = []
        moved = {name: torch.zeros_like(item) for name, item in _moved_weights(theta).items()}
        for part in [batch] if self.optimizer == "sgd" else batch.apart():
            fast = self._fast(net, theta, part)
            optimizer_state = self._expand_state(state, fast)
            pool = part.pooled
            for order in self._orders(pool, self.steps, part.numbers):
                fast, optimizer_state = self._step(
                    net, fast, optimizer_state, _select(part, pool, order)
                )
            state = {name: item[0] for name, item in optimizer_state.items()}
            for name in moved:
                direction = theta[name].detach() - _task_mean(name, fast, theta)
                moved[name] += direction * (len(part) / len(batch))
            with torch.no_grad():
                losses.append(query_losses(net, fast, part))
        gradient = {name: item for name, item in moved.items() if theta[name].requires_grad}
        return MetaGradient(torch.cat(losses), gradient, state)

    def _fast(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        start = detached(theta)
        return each(backbone(start), len(batch)) | task_heads.start(
            self.head, start, batch, net.width
        )

    def _expand_state(self, state: Weights, fast: Weights) -> Weights:
        """Return Adam's state for each task, (T, *shape) and (T,); zeros where there is none."""
        if self.optimizer == "sgd":
            return {}
        tasks = len(next(iter(fast.values())))
        expanded = {}
        for name, item in fast.items():
            moment = state.get(f"{MOMENT}.{name}", torch.zeros_like(item[0]))
            expanded[f"{MOMENT}.{name}"] = moment.expand(tasks, *item.shape[1:])
        count = state.get(COUNT, next(iter(fast.values())).new_zeros(()))
        return expanded | {COUNT: count.expand(tasks)}

    def _orders(self, pool: Examples, steps: int, numbers: tuple[int, ...]) -> Iterator[Tensor]:
        """Yield indices (T, inner_batch) of each step: permutations without padding, end to end."""
        tasks, n = pool.x.shape[:2]
        orders = []
        for task in range(tasks):
            number = numbers[task] if numbers else task
            rng = generator(self.seed, "reptile", number)
            rows = torch.arange(n) if pool.kept is None else pool.kept[task].cpu().nonzero()[:, 0]
            passes = max(1, -(-steps * self.inner_batch // len(rows)))
            permutations = [rows[torch.randperm(len(rows), generator=rng)] for _ in range(passes)]
            orders.append(torch.cat(permutations)[: steps * self.inner_batch])
        indices = torch.stack(orders).to(pool.x.device).reshape(tasks, steps, self.inner_batch)
        yield from indices.unbind(1)

    def _step(
        self, net: Net, fast: Weights, optimizer_state: Weights, batch: TaskBatch
    ) -> tuple[Weights, Weights]:
        """Return weights and optimiser state after one inner step of all tasks."""
        with torch.enable_grad():
            tracked = {name: item.detach().requires_grad_() for name, item in fast.items()}
            outputs = task_heads.answer(tracked, support_features(net, tracked, batch))
            loss = batch.loss(outputs, batch.support, batch.ways).sum()
            grads = torch.autograd.grad(loss, list(tracked.values()))
        pairs = dict(zip(fast, grads, strict=True))
        if self.optimizer == "sgd":
            return {name: item - self.lr * pairs[name] for name, item in fast.items()}, {}
        count = optimizer_state[COUNT] + 1
        state, weights = {COUNT: count}, {}
        for name, item in fast.items():
            second = optimizer_state[f"{MOMENT}.{name}"].lerp(pairs[name].square(), 1 - self.beta2)
            unbiased = second / _like(1 - self.beta2**count, item)
            weights[name] = item - self.lr * pairs[name] / (unbiased.sqrt() + EPS)
            state[f"{MOMENT}.{name}"] = second
        return weights, state


def _like(item: Tensor, other: Tensor) -> Tensor:
    """Reshape one number for each task (T,) to broadcast over (T, *shape)."""
    return item.view(-1, *(1,) * (other.ndim - 1))


def _moved_weights(theta: Weights) -> Weights:
    """Return the weights that Reptile moves: the backbone, and the head where theta has one."""
    head = {name: theta[name] for name in (task_heads.WEIGHT, task_heads.BIAS) if name in theta}
    return backbone(theta) | head


def _task_mean(name: str, fast: Weights, theta: Weights) -> Tensor:
    """Return the mean over tasks of a weight (T, *shape); a shared head averages its rows too."""
    mean = fast[name].mean(0)
    return mean if mean.shape == theta[name].shape else mean.mean(0, keepdim=True)


def _select(batch: TaskBatch, pool: Examples, order: Tensor) -> TaskBatch:
    """Return the tasks with the examples `order` (T, b) of a pool as their support set."""
    rows = torch.arange(len(order), device=order.device)[:, None]
    chosen = Examples(pool.x[rows, order], pool.y[rows, order])
    return TaskBatch(
        chosen, chosen, batch.outputs, batch.loss, batch.test_loss, batch.ways, batch.numbers
    )
