"""Interface of a meta-learning algorithm: adapt theta to tasks, and return its meta-gradient."""

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
    """Gradient of theta for one batch of tasks.

    Attributes:
        losses: (T,) query losses after adaptation, detached.
        gradient: by name, for every tensor of theta that requires one, with its shape.
        state: tensors that the algorithm carries from batch to batch; empty for most.
    """

    losses: Tensor
    gradient: Weights
    state: Weights = field(default_factory=dict)


class Algorithm(Protocol):
    """Interface of all algorithms, so that they share training loop, tasks and evaluation."""

    def start(self, theta: Weights, seed: int) -> Weights:
        """Return initial parameters beside backbone and head: rates, adapters, a penalty."""
        ...

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """Return each task's net and head after adaptation, differentiable in theta.

        Backbone weights are (T, *shape), or (1, *shape) where not adapted; the head's are
        (T, C, width) and (T, C).
        """
        ...

    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """Yield detached weights after 0, 1, ... steps; once if it has no steps."""
        ...

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """Return the gradient for a batch; `state` is {} at first, then the last result's."""
        ...


@dataclass(frozen=True, slots=True)
class QueryScores:
    """Losses and accuracies of the query sets of a batch.

    Attributes:
        losses: (T,) mean loss of each query set.
        accuracies: (T,) between 0 and 1, or None for regression.
        by_class: `loss` and `accuracy` of the queries of each class (T, C), NaN where a task has
            no query of the class; empty for regression.
    """

    losses: Tensor
    accuracies: Tensor | None
    by_class: Mapping[str, Tensor] = field(default_factory=dict)


def tracked(theta: Mapping[str, Tensor], learn: tuple[str, ...] = ("",)) -> Weights:
    """Copy theta, with gradients required where a name begins with one of `learn`.

    Args:
        theta: any weights.
        learn: prefixes of names: `backbone.`, `head.`, `lora.`, `rates.`; "" for all.
    """
    return {
        name: item.detach().clone().requires_grad_(name.startswith(learn))
        for name, item in theta.items()
    }


def predict(net: Net, weights: Weights, batch: TaskBatch) -> Tensor:
    """Return outputs (T, m, C) for the query sets."""
    return task_heads.answer(weights, query_features(net, weights, batch))


def query_losses(net: Net, weights: Weights, batch: TaskBatch) -> Tensor:
    """Return losses (T,) of the query sets."""
    return batch.test_loss(predict(net, weights, batch), batch.query, batch.ways)


@torch.no_grad()
def evaluate(net: Net, weights: Weights, batch: TaskBatch) -> QueryScores:
    """Evaluate adapted weights on the query sets, without a graph."""
    outputs = predict(net, weights, batch)
    answers = outputs, batch.query, batch.ways
    losses = batch.test_loss(*answers)
    if not batch.classified:
        return QueryScores(losses, None)
    metrics = {
        "loss": batch.test_loss.each(*answers),
        "accuracy": right(*answers).to(outputs.dtype),
    }
    parts = {name: by_class(each, batch.query, batch.outputs) for name, each in metrics.items()}
    return QueryScores(losses, accuracy(*answers), parts)


def mean_gradient(losses: Tensor, theta: Weights) -> MetaGradient:
    """Return the gradient of the mean of losses (T,) over tasks; zeros where theta is unused."""
    leaves = {name: item for name, item in theta.items() if item.requires_grad}
    gradients = torch.autograd.grad(losses.mean(), list(leaves.values()), allow_unused=True)
    gradient = {
        name: torch.zeros_like(item) if grad is None else grad
        for (name, item), grad in zip(leaves.items(), gradients, strict=True)
    }
    return MetaGradient(losses.detach(), gradient)


def curve(
    algorithm: Algorithm,
    net: Net,
    theta: Weights,
    batch: TaskBatch,
    eval_steps: tuple[int, ...],
    state: Weights | None = None,
) -> dict[int, QueryScores]:
    """Evaluate tasks after each number of adaptation steps in `eval_steps`.

    An algorithm without steps has one result, at step 0.
    """
    scores: dict[int, QueryScores] = {}
    last = theta
    for step, weights in enumerate(algorithm.walk(net, theta, batch, max(eval_steps), state or {})):
        last = weights
        if step in eval_steps:
            scores[step] = evaluate(net, weights, batch)
    return scores or {0: evaluate(net, last, batch)}
