"""Meta-training loop of all algorithms, resumable to the same bits."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from engine.learning.metalearning.algorithms.base import Algorithm
from engine.learning.metalearning.inner.spaces import backbone, once
from engine.learning.metalearning.loop import looped
from engine.learning.metalearning.loop.replay import Rehearsal
from engine.learning.metalearning.nets import stacked
from engine.learning.metalearning.nets.layers import Moments
from engine.learning.metalearning.nets.stacked import Net
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights
from engine.learning.metalearning.tasks.streams import Family
from engine.learning.training.loss_log import Losses
from engine.learning.training.monitor import Report, Watch, unheard
from engine.learning.training.trainer import Recipe, optimizer

Compute = Literal["stacked", "looped", "fastest"]
THETA, STATE = "theta.", "state."


@dataclass(frozen=True, slots=True)
class Plan:
    """Options of the outer loop.

    Attributes:
        tasks: total number of tasks.
        meta_batch: tasks in a step; the last step may have fewer.
        recipe: of the outer optimiser; its number of steps is tasks / meta_batch, rounded up.
        compute: all tasks of a step `stacked`, one by one (`looped`), or the `fastest` of both as
            measured in the first step.
        bfloat16: use autocast to bfloat16 (CUDA only).
        constant: loss of the best constant prediction, to detect divergence; None if unknown.
        start: whether the first loss counts in detecting divergence; see `Losses`.
    """

    tasks: int
    meta_batch: int
    recipe: Recipe
    compute: Compute = "stacked"
    bfloat16: bool = False
    constant: float | None = None
    start: bool = True

    def numbers(self, step: int) -> range:
        """Return the numbers of the tasks of a step, counted from 1."""
        return range((step - 1) * self.meta_batch, min(step * self.meta_batch, self.tasks))


class Theta:
    """Meta-parameters in training, and the state that the algorithm carries between steps."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        """Leaf tensors by name; those that are trained require gradients."""
        self.state: Weights = {}
        """See `MetaGradient.state`."""

    def state_dict(self) -> dict[str, Any]:
        """Return all tensors by name."""
        tensors = {f"{THETA}{name}": item.detach() for name, item in self.weights.items()}
        return tensors | {f"{STATE}{name}": item for name, item in self.state.items()}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Copy a state into the same leaf tensors, which an optimiser refers to."""
        device = next(iter(self.weights.values())).device
        for name, item in self.weights.items():
            item.copy_(state_dict[f"{THETA}{name}"])
        self.state = {
            name.removeprefix(STATE): item.to(device)
            for name, item in state_dict.items()
            if name.startswith(STATE)
        }


class MetaTrainer:
    """Meta-training of theta; see `engine.stage_api.run.Trainer` for how it is saved."""

    def __init__(
        self,
        algorithm: Algorithm,
        net: Net,
        theta: Theta,
        family: Family,
        plan: Plan,
        watch: Watch,
        rehearsal: Rehearsal | None = None,
        report: Report = unheard,
    ) -> None:
        self.theta = theta
        self.plan = plan
        self.watch = watch
        self.examples = 0
        """Number of labelled examples seen so far, support and query."""
        self.implementation = "" if plan.compute == "fastest" else str(plan.compute)
        """`stacked` or `looped`; saved in checkpoints, since rounding differs between them."""
        self._algorithm = algorithm
        self._net = net
        self._family = family
        self._rehearsal = rehearsal
        self._learned = {n: item for n, item in theta.weights.items() if item.requires_grad}
        self._optimizer = optimizer(list(self._learned.values()), plan.recipe)
        self._losses = Losses(
            report,
            plan.recipe.steps,
            constant=plan.constant,
            start=plan.start,
            tell=watch.tell,
        )

    @property
    def diverged(self) -> bool:
        """Whether the loss, or adaptation to a validation task, is not finite or exploded."""
        return self._losses.diverged or bool(self.watch.fault)

    @property
    def stopped(self) -> bool:
        """Whether training ended before its last step."""
        return self._losses.lost or self.watch.stopped

    def step(self, step: int) -> None:
        """Train on the batch of tasks of a step, counted from 1."""
        if step == 1:
            self.watch.look(0, self.theta)
        for group in self._optimizer.groups:
            group["lr"] = self.plan.recipe.rate(step)
        batch = self._family.batch(self.plan.numbers(step))
        for name, gradient in self._gradient(batch).items():
            self._learned[name].grad = gradient
        if self.plan.recipe.clip is not None:
            nn.utils.clip_grad_norm_(list(self._learned.values()), self.plan.recipe.clip)
        self._optimizer.step()
        self._losses.read(step, now=self.watch.looks(step))
        if not self._losses.lost:
            self.watch.look(step, self.theta)

    def finish(self) -> None:
        """Restore the best weights after the last step, if early stopping restores them."""
        self.watch.restore(self.theta)

    def _gradient(self, batch: TaskBatch) -> Weights:
        weights = self.theta.weights
        with self._precision(batch):
            if not self.implementation:
                implementations = looped.implementations(self._algorithm, self._net, weights, batch)
                self.implementation = looped.fastest(implementations)
            algorithm = self._algorithm
            if self.implementation == "looped":
                algorithm = looped.Looped(algorithm)
            result = algorithm.meta_gradient(self._net, weights, batch, self.theta.state)
        self.theta.state = result.state
        self._losses.add(result.losses.mean())
        examples = _count(batch)
        self.examples += examples
        # The algorithm knows only its own part of theta; previous heads belong to the replay.
        gradient = {
            name: result.gradient.get(name, torch.zeros_like(item))
            for name, item in self._learned.items()
        }
        return self._rehearsal.mixed(weights, gradient, examples) if self._rehearsal else gradient

    def _precision(self, batch: TaskBatch) -> AbstractContextManager[Any]:
        if not self.plan.bfloat16:
            return nullcontext()
        return torch.autocast(batch.support.x.device.type, torch.bfloat16)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "theta": self.theta.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rehearsal": self._rehearsal.state_dict() if self._rehearsal else None,
            "watch": self.watch.state_dict(),
            "losses": self._losses.state_dict(),
            "examples": self.examples,
            "implementation": self.implementation,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        self.theta.load_state_dict(state["theta"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._rehearsal:
            self._rehearsal.load_state_dict(state["rehearsal"])
        self.watch.load_state_dict(state["watch"])
        device = next(iter(self._learned.values())).device
        self._losses.load_state_dict(state["losses"], device)
        self.examples = state["examples"]
        self.implementation = state["implementation"]


def calibrated(
    net: Net, theta: Weights, family: Family, batches: Iterable[range]
) -> dict[str, Moments]:
    """Return moments (C,) of each batch norm under theta, as the mean over batches of tasks.

    Precise statistics of the final weights (PreciseBN, arXiv 2105.07576, section 3) in place of
    running averages during training.
    """
    batch_moments: list[dict[str, Moments]] = []
    if net.batch_normed:
        weights = once(backbone(theta))
        batch_moments = [stacked.seen(net, weights, family.batch(numbers)) for numbers in batches]
    return {
        name: (
            torch.stack([moments[name][0] for moments in batch_moments]).mean(0),
            torch.stack([moments[name][1] for moments in batch_moments]).mean(0),
        )
        for name in (batch_moments[0] if batch_moments else ())
    }


def _count(batch: TaskBatch) -> int:
    sets = (batch.support, batch.query)
    return sum(int(x.kept.sum()) if x.kept is not None else x.x.shape[0] * x.x.shape[1]
               for x in sets)  # fmt: skip
