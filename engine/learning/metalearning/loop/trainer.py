"""The one loop of meta-training: every algorithm learns in it, and it resumes to the same bits."""

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
    """How long, and how, the outer loop goes.

    Attributes:
        tasks: in all.
        meta_batch: of one step; the last step may have fewer.
        recipe: of the outer optimiser; its steps are those that the tasks make.
        compute: all tasks of a step at once, one after another, or what is faster at the start.
        bfloat16: compute in bfloat16 where that is safe (CUDA only).
        constant: loss of the best constant answer, by which divergence is known; None if unknown.
        start: the first loss counts for that too; see `Losses`.
    """

    tasks: int
    meta_batch: int
    recipe: Recipe
    compute: Compute = "stacked"
    bfloat16: bool = False
    constant: float | None = None
    start: bool = True

    def numbers(self, step: int) -> range:
        """Cumulative numbers of the tasks of a step, counted from 1."""
        return range((step - 1) * self.meta_batch, min(step * self.meta_batch, self.tasks))


class Theta:
    """What meta-training moves, and what its algorithm carries on."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        """Leaves; those that are learned require gradients."""
        self.state: Weights = {}
        """See `MetaGradient.state`."""

    def state_dict(self) -> dict[str, Any]:
        """All tensors by name."""
        held = {f"{THETA}{name}": item.detach() for name, item in self.weights.items()}
        return held | {f"{STATE}{name}": item for name, item in self.state.items()}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go back to such tensors; the leaves stay the same ones, as an optimiser holds them."""
        device = next(iter(self.weights.values())).device
        for name, item in self.weights.items():
            item.copy_(state_dict[f"{THETA}{name}"])
        self.state = {
            name.removeprefix(STATE): item.to(device)
            for name, item in state_dict.items()
            if name.startswith(STATE)
        }


class MetaTrainer:
    """Weights in meta-training; `engine.stage_api.run.Trainer` says how they are saved."""

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
        """Labelled examples seen so far, support and query."""
        self.implementation = "" if plan.compute == "fastest" else str(plan.compute)
        """`stacked` or `looped`; kept in checkpoints, as rounding differs between them."""
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
        """The loss became infinite or undefined, or is far above where it began.

        Or an adaptation to a validation task did so.
        """
        return self._losses.diverged or bool(self.watch.fault)

    @property
    def stopped(self) -> bool:
        """Whether training is over before its last step."""
        return self._losses.lost or self.watch.stopped

    def step(self, step: int) -> None:
        """One batch of tasks, counted from 1."""
        if step == 1:
            self.watch.look(0, self.theta)
        for group in self._optimizer.groups:
            group["lr"] = self.plan.recipe.rate(step)
        batch = self._family.batch(self.plan.numbers(step))
        for name, found in self._gradient(batch).items():
            self._learned[name].grad = found
        if self.plan.recipe.clip is not None:
            nn.utils.clip_grad_norm_(list(self._learned.values()), self.plan.recipe.clip)
        self._optimizer.step()
        self._losses.read(step, now=self.watch.looks(step))
        if not self._losses.lost:
            self.watch.look(step, self.theta)

    def finish(self) -> None:
        """After the last step: take the best weights back, where that was asked for."""
        self.watch.restore(self.theta)

    def _gradient(self, batch: TaskBatch) -> Weights:
        weights = self.theta.weights
        with self._precision(batch):
            if not self.implementation:
                ways = looped.implementations(self._algorithm, self._net, weights, batch)
                self.implementation = looped.fastest(ways)
            algorithm = self._algorithm
            if self.implementation == "looped":
                algorithm = looped.Looped(algorithm)
            found = algorithm.meta_gradient(self._net, weights, batch, self.theta.state)
        self.theta.state = found.state
        self._losses.add(found.losses.mean())
        seen = _count(batch)
        self.examples += seen
        # An algorithm knows only its own part of theta; old heads are the rehearsal's.
        gradient = {
            name: found.gradient.get(name, torch.zeros_like(item))
            for name, item in self._learned.items()
        }
        return self._rehearsal.mixed(weights, gradient, seen) if self._rehearsal else gradient

    def _precision(self, batch: TaskBatch) -> AbstractContextManager[Any]:
        if not self.plan.bfloat16:
            return nullcontext()
        return torch.autocast(batch.support.x.device.type, torch.bfloat16)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
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
        """Go back to such a state."""
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
    """Running moments of each batch norm under given weights, as the mean over batches of tasks.

    Precise statistics of the final weights (arXiv 2105.07576, section 3), so that training need
    not pay for averages that it does not use.
    """
    found: list[dict[str, Moments]] = []
    if net.batch_normed:
        weights = once(backbone(theta))
        found = [stacked.seen(net, weights, family.batch(numbers)) for numbers in batches]
    return {
        name: (
            torch.stack([moments[name][0] for moments in found]).mean(0),
            torch.stack([moments[name][1] for moments in found]).mean(0),
        )
        for name in (found[0] if found else ())
    }


def _count(batch: TaskBatch) -> int:
    sets = (batch.support, batch.query)
    return sum(int(x.kept.sum()) if x.kept is not None else x.x.shape[0] * x.x.shape[1]
               for x in sets)  # fmt: skip
