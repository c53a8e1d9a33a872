"""Parameters that an inner loop trains: all, the head (ANIL, arXiv 1909.09157), or LoRA adapters.

Each splits the parameters of a task into `fast` (T, *shape), which the inner loop trains, and
`slow`, which it only reads, and computes outputs for support and query set from both.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

import torch
from torch import Tensor

from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import PREFIX, Net, both_features, query_features
from engine.learning.metalearning.nets.stacked import support_features as support_pass
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights

ADAPTER = "lora"
LINEAR = 2
"""Dimensions of the weight of a linear layer: (outputs, inputs)."""
SUPPORT, QUERY = "features.support", "features.query"


@dataclass(frozen=True, slots=True)
class Problem:
    """Adaptation problem of one batch of tasks.

    Attributes:
        fast: trained weights (T, *shape).
        slow: other weights (1, *shape), and fixed features (T, n, width).
        support: fast, slow -> outputs (T, n, C) for the support set.
        query: fast, slow -> outputs (T, m, C) for the query set.
        weights: fast, slow -> all weights of the tasks' nets.
    """

    fast: Weights
    slow: Weights
    support: Callable[[Weights, Weights], Tensor]
    query: Callable[[Weights, Weights], Tensor]
    weights: Callable[[Weights, Weights], Weights]


class Inner(Protocol):
    """Choice of the parameters that the inner loop trains."""

    def problem(self, net: Net, theta: Weights, batch: TaskBatch, head: task_heads.Head) -> Problem:
        """Build the adaptation problem of a batch, starting from theta."""
        ...

    def fast_names(self, theta: Weights) -> list[str]:
        """Return the names of the trained parameters, the head's last."""
        ...


@dataclass(frozen=True, slots=True)
class All:
    """Every weight of the backbone, and the head (MAML, arXiv 1703.03400)."""

    def problem(self, net: Net, theta: Weights, batch: TaskBatch, head: task_heads.Head) -> Problem:
        """See `Inner`."""
        fast = each(backbone(theta), len(batch)) | task_heads.start(head, theta, batch, net.width)
        return _whole(net, batch, fast, {}, lambda fast, _: fast)

    def fast_names(self, theta: Weights) -> list[str]:
        """See `Inner`."""
        return [*backbone(theta), task_heads.WEIGHT, task_heads.BIAS]


@dataclass(frozen=True, slots=True)
class HeadOnly:
    """The head only, on fixed features that are computed once (ANIL, arXiv 1909.09157)."""

    def problem(self, net: Net, theta: Weights, batch: TaskBatch, head: task_heads.Head) -> Problem:
        """See `Inner`."""
        shared = once(backbone(theta))
        z, z_query = both_features(net, shared, batch)
        return Problem(
            task_heads.start(head, theta, batch, net.width),
            {SUPPORT: z, QUERY: z_query},
            lambda fast, slow: task_heads.answer(fast, slow[SUPPORT]),
            lambda fast, slow: task_heads.answer(fast, slow[QUERY]),
            lambda fast, _: shared | fast,
        )

    def fast_names(self, theta: Weights) -> list[str]:
        """See `Inner`."""
        del theta
        return [task_heads.WEIGHT, task_heads.BIAS]


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank adapters of given layers, and the head (LoRA, arXiv 2106.09685, eq. 3).

    Layer W becomes W + alpha / rank * B A, with A (rank, inputs) and B (outputs, rank); the inputs
    of a convolution are its channels times its kernel. A and B are learned by the outer loop.

    Attributes:
        rank: of the adapters.
        alpha: their scale, divided by `rank`.
        targets: glob patterns of layer names in theta, without `backbone.`; or `all-conv`,
            `all-linear`, `all`.
    """

    rank: int = 4
    alpha: float = 8.0
    targets: tuple[str, ...] = ("all",)

    def layers(self, theta: Weights) -> list[str]:
        """Return the names of the adapted layers.

        Raises:
            ValueError: no layer matches `targets`; the message lists the layers.
        """
        candidates = {
            name.removesuffix(".weight"): item.ndim
            for name, item in backbone(theta).items()
            if name.endswith(".weight") and item.ndim > 1
        }
        matches = [
            name
            for name, dimensions in candidates.items()
            if any(_targeted(name, dimensions, target) for target in self.targets)
        ]
        if not matches:
            names = ", ".join(
                f"{name.removeprefix(f'{PREFIX}.')} ({_kind(dimensions)})"
                for name, dimensions in candidates.items()
            )
            raise ValueError(
                f"no layer matches `targets: [{', '.join(self.targets)}]`; the net has {names}: "
                "name some of them, or use `all`"
            )
        return matches

    def start(self, theta: Weights, seed: int) -> Weights:
        """Initialise adapters: A is random and B is 0, so outputs do not change at first."""
        rng = torch.Generator().manual_seed(seed)
        adapters = {}
        for name in self.layers(theta):
            weight = theta[f"{name}.weight"]
            inputs = math.prod(weight.shape[1:])
            # As peft does: Kaiming uniform with a = sqrt(5), which is within ±1/sqrt(inputs).
            a = (2 * torch.rand(self.rank, inputs, generator=rng) - 1) / math.sqrt(inputs)
            adapters[f"{ADAPTER}.{name}.a"] = a.to(weight)
            adapters[f"{ADAPTER}.{name}.b"] = weight.new_zeros(len(weight), self.rank)
        return adapters

    def problem(self, net: Net, theta: Weights, batch: TaskBatch, head: task_heads.Head) -> Problem:
        """See `Inner`."""
        names = self.layers(theta)
        adapters = {name: theta[name] for name in self._adapters(names)}
        fast = each(adapters, len(batch)) | task_heads.start(head, theta, batch, net.width)
        return _whole(net, batch, fast, once(backbone(theta)), self._merged(names))

    def fast_names(self, theta: Weights) -> list[str]:
        """See `Inner`."""
        return [*self._adapters(self.layers(theta)), task_heads.WEIGHT, task_heads.BIAS]

    @staticmethod
    def _adapters(names: list[str]) -> list[str]:
        return [f"{ADAPTER}.{name}.{side}" for name in names for side in "ab"]

    def _merged(self, names: list[str]) -> Callable[[Weights, Weights], Weights]:
        scale = self.alpha / self.rank

        def merge(fast: Weights, slow: Weights) -> Weights:
            merged = slow | {name: fast[name] for name in (task_heads.WEIGHT, task_heads.BIAS)}
            for name in names:
                base = slow[f"{name}.weight"]  # (1, o, ...)
                a, b = fast[f"{ADAPTER}.{name}.a"], fast[f"{ADAPTER}.{name}.b"]
                change = torch.bmm(b, a).unflatten(2, base.shape[2:])  # (T, o, ...)
                merged[f"{name}.weight"] = base + scale * change
            for name, item in slow.items():
                # Weight and bias of a layer need the same number of tasks.
                weight = merged.get(f"{name.removesuffix('.bias')}.weight", item)
                if name.endswith(".bias") and len(weight) > 1:
                    merged[name] = item.expand(len(weight), -1)
            return merged

        return merge


def _kind(dimensions: int) -> str:
    """Return the kind of a layer, by the dimensions of its weight."""
    return "linear" if dimensions == LINEAR else "conv"


def _targeted(name: str, dimensions: int, target: str) -> bool:
    """Whether a layer matches a target."""
    if target in {"all", f"all-{_kind(dimensions)}"}:
        return True
    return fnmatchcase(name.removeprefix(f"{PREFIX}."), target)


def backbone(theta: Weights) -> Weights:
    """Return the backbone's part of theta."""
    return {name: item for name, item in theta.items() if name.startswith(f"{PREFIX}.")}


def once(theta: Weights) -> Weights:
    """Return weights (1, *shape) that all tasks share."""
    return {name: item[None] for name, item in theta.items()}


def each(theta: Weights, tasks: int) -> Weights:
    """Return weights (T, *shape), the same for each task, as views."""
    return {name: item.expand(tasks, *item.shape) for name, item in theta.items()}


def _whole(
    net: Net,
    batch: TaskBatch,
    fast: Weights,
    slow: Weights,
    weights: Callable[[Weights, Weights], Weights],
) -> Problem:
    """Return a problem whose inner loop passes the examples through the whole net."""

    def support(fast: Weights, slow: Weights) -> Tensor:
        own = weights(fast, slow)
        return task_heads.answer(own, support_pass(net, own, batch))

    def query(fast: Weights, slow: Weights) -> Tensor:
        own = weights(fast, slow)
        return task_heads.answer(own, query_features(net, own, batch))

    return Problem(fast, slow, support, query, weights)
