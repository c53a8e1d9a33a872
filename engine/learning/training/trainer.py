"""Training loop of all supervised stages, resumable to the same bits."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.learning.models.backbones import Network
from engine.learning.training.fast_adam import Descent
from engine.learning.training.loss_log import Losses
from engine.learning.training.monitor import Report, Watch, unheard
from engine.learning.training.replay import Mixture

OPTIMIZERS: Mapping[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Options of training.

    Attributes:
        steps: total number of steps.
        lr: maximum learning rate.
        optimizer: fields of a value in `engine.library.optimizers`.
        warmup: fraction of the steps in which the learning rate rises linearly from 0.
        schedule: `constant`, or `cosine` or `linear` down to 0, after the warm-up.
        clip: maximum gradient norm, or None for no clipping.
        anchor: weight of |theta - start|^2 / 2 over the backbone (L2-SP, arXiv 1802.01483).
        frozen_statistics: batch norm keeps its running statistics.
    """

    steps: int
    lr: float
    optimizer: Mapping[str, Any]
    warmup: float = 0.0
    schedule: str = "constant"
    clip: float | None = None
    anchor: float = 0.0
    frozen_statistics: bool = False

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 1."""
        rising = round(self.warmup * self.steps)
        if step <= rising:
            return self.lr * step / rising
        if self.schedule == "constant":
            return self.lr
        done = (step - 1 - rising) / (self.steps - rising)
        if self.schedule == "linear":
            return self.lr * (1 - done)
        return self.lr * 0.5 * (1 + math.cos(math.pi * done))


class Trainer:
    """A net in training; see `engine.stage_api.run.Trainer` for how it is saved and restored."""

    def __init__(
        self,
        net: Network,
        mixture: Mixture,
        recipe: Recipe,
        watch: Watch,
        report: Report = unheard,
    ) -> None:
        self.net = net
        self.recipe = recipe
        self.watch = watch
        self._mixture = mixture
        self._trained = [item for item in net.parameters() if item.requires_grad]
        self._optimizer = optimizer(self._trained, recipe)
        self._start = [item.detach().clone() for item in net.backbone.parameters()]
        constant = math.log(max(2, mixture.outputs(net)))
        self._losses = Losses(report, recipe.steps, constant=constant, tell=watch.tell)

    @property
    def diverged(self) -> bool:
        """Whether the loss is not finite or has exploded; see `Losses`."""
        return self._losses.diverged

    @property
    def stopped(self) -> bool:
        """Whether training ended before its last step."""
        return self._losses.lost or self.watch.stopped

    def step(self, step: int) -> None:
        """Train one step, counted from 1."""
        if step == 1:
            self.watch.look(0, self.net)
        self.net.train()
        if self.recipe.frozen_statistics:
            self.net.train_statistics(train=False)
        for group in self._optimizer.groups:
            group["lr"] = self.recipe.rate(step)
        loss = self._mixture.loss(self.net, step)
        self._losses.add(loss)
        if self.recipe.anchor:
            loss = loss + self.recipe.anchor / 2 * self._drift()
        self._optimizer.clear()
        loss.backward()
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self._trained, self.recipe.clip)
        self._optimizer.step()
        self._losses.read(step, now=self.watch.looks(step))
        if not self._losses.lost:
            self.watch.look(step, self.net)

    def finish(self) -> None:
        """Restore the best weights, if early stopping restores them, and set eval mode."""
        self.watch.restore(self.net)
        self.net.eval()

    def _drift(self) -> Tensor:
        pairs = zip(self.net.backbone.parameters(), self._start, strict=True)
        return torch.stack([(now - start).square().sum() for now, start in pairs]).sum()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "net": self.net.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "mixture": self._mixture.state_dict(),
            "watch": self.watch.state_dict(),
            "losses": self._losses.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        self.net.load_state_dict(state["net"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._mixture.load_state_dict(state["mixture"])
        self.watch.load_state_dict(state["watch"])
        device = next(self.net.parameters()).device
        self._losses.load_state_dict(state["losses"], device)


def plain_steps(name: str, total: int, trainer: Trainer) -> Iterator[int]:
    """Yield steps without checkpoints, for notebooks; `Run.steps` resumes."""
    del name
    for step in range(1, total + 1):
        yield step
        if trainer.stopped:
            return


def fit(
    trainer: Trainer, steps: Callable[[str, int, Trainer], Iterator[int]] = plain_steps
) -> None:
    """Train to the end.

    Args:
        trainer: its net is in eval mode afterwards.
        steps: yields the remaining steps of a loop.
    """
    for step in steps("train", trainer.recipe.steps, trainer):
        trainer.step(step)
    trainer.finish()


def optimizer(trained: Sequence[Tensor], recipe: Recipe) -> Descent:
    """Build the optimiser of a recipe, for leaf tensors that require gradients."""
    fields = {name: value for name, value in recipe.optimizer.items() if name != "kind"}
    make: Any = OPTIMIZERS[recipe.optimizer["kind"]]
    return Descent(make(trained, lr=recipe.lr, fused=True, **fields))
