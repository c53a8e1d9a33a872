"""What a meta-learning algorithm is: it adapts theta to tasks, and tells how theta should move."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.nets.stacked import Net, query_features
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights, accuracy, by_class, right


@dataclass(frozen=True, slots=True)
class MetaGradient:
    """How theta should move after one batch of tasks.

    Attributes:
        losses: (T,) query losses after adaptation, without a graph.
        gradient: for every tensor of theta that requires one, with its shape; to be descended.
        state: what the algorithm carries from batch to batch; empty for most.
    """

    losses: Tensor
    gradient: Weights
    state: Weights = field(default_factory=dict)


class Algorithm(Protocol):
    """One interface for all, so that they share one loop, one stream of tasks, one evaluation."""

    def start(self, theta: Weights, seed: int) -> Weights:
        """What theta needs beside backbone and head: rates, adapters, a penalty."""
        ...

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """Weights of each task's net and head after adaptation, differentiable in theta.

        The backbone's are (T, *shape), or (1, *shape) where it was not adapted; the head's are
        (T, C, width) and (T, C).
        """
        ...

    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """Weights after 0, 1, ... steps of adaptation, without a graph; one item if it has none."""
        ...

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """How theta should move; `state` is {} at first, then what the last call returned."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """How a batch of tasks is answered.

    Attributes:
        losses: (T,) of the query sets.
        accuracies: (T,), or None for regression.
        by_class: `loss` and `accuracy` of the queries of each class (T, C), of no meaning where a
            task lacks the class; empty for regression.
    """

    losses: Tensor
    accuracies: Tensor | None
    by_class: Mapping[str, Tensor] = field(default_factory=dict)


def tracked(theta: Mapping[str, Tensor], learn: tuple[str, ...] = ("",)) -> Weights:
    """A copy of theta whose tensors require gradients where a name begins with one of `learn`.

    Args:
        theta: any weights.
        learn: beginnings of names: `backbone.`, `head.`, `lora.`, `rates.`; "" for all.
    """
    return {
        name: item.detach().clone().requires_grad_(name.startswith(learn))
        for name, item in theta.items()
    }


def predict(net: Net, weights: Weights, batch: TaskBatch) -> Tensor:
    """Outputs (T, m, C) for the query sets."""
    return task_heads.answer(weights, query_features(net, weights, batch))


def query_losses(net: Net, weights: Weights, batch: TaskBatch) -> Tensor:
    """Losses (T,) of the query sets."""
    return batch.test_loss(predict(net, weights, batch), batch.query, batch.ways)


@torch.no_grad()
def judge(net: Net, weights: Weights, batch: TaskBatch) -> Judged:
    """How adapted weights answer the query sets."""
    outputs = predict(net, weights, batch)
    answers = outputs, batch.query, batch.ways
    losses = batch.test_loss(*answers)
    if not batch.classified:
        return Judged(losses, None)
    found = {"loss": batch.test_loss.each(*answers), "accuracy": right(*answers).to(outputs.dtype)}
    parts = {name: by_class(each, batch.query, batch.outputs) for name, each in found.items()}
    return Judged(losses, accuracy(*answers), parts)


def differentiated(losses: Tensor, theta: Weights) -> MetaGradient:
    """The gradient of the mean of losses (T,): tasks are averaged, so it does not grow with T."""
    wanted = {name: item for name, item in theta.items() if item.requires_grad}
    found = torch.autograd.grad(losses.mean(), list(wanted.values()), allow_unused=True)
    gradient = {
        name: torch.zeros_like(item) if grad is None else grad
        for (name, item), grad in zip(wanted.items(), found, strict=True)
    }
    return MetaGradient(losses.detach(), gradient)


def curve(
    algorithm: Algorithm,
    net: Net,
    theta: Weights,
    batch: TaskBatch,
    marks: tuple[int, ...],
    state: Weights | None = None,
) -> dict[int, Judged]:
    """How tasks are answered after some numbers of steps.

    An algorithm without steps has one answer, at 0, whatever the marks are.
    """
    found: dict[int, Judged] = {}
    last = theta
    for step, weights in enumerate(algorithm.walk(net, theta, batch, max(marks), state or {})):
        last = weights
        if step in marks:
            found[step] = judge(net, weights, batch)
    return found or {0: judge(net, last, batch)}
