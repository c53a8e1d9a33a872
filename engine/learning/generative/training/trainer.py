"""The training loop of autoencoders and VAEs: resident images, streams of noise of its own."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.learning.data.device_data import Batches, Task, generator, quartered, rotate
from engine.learning.generative.models import binarize
from engine.learning.generative.models.generator import Pair, pixels
from engine.learning.generative.training.objective import Cost, Objective, cost
from engine.learning.generative.training.snapshots import Snapshots
from engine.learning.generative.training.validation import settle
from engine.learning.training.loss_log import READ_EVERY, Losses
from engine.learning.training.monitor import Report, Watch, unheard
from engine.learning.training.trainer import Recipe, optimizer

SETTLED_BY = 2000
"""Training images by which a spread is fitted at a look on the way; at the end it is all."""

AHEAD = 2**22
"""Bytes of the images that are taken from a part at a time, as floats."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of the streams; each is its own, so that noise changes no batch."""

    order: int
    augment: int
    noise: int


class Images:
    """Training images from 0 to 1 in a random order of its own, turned and made binary anew."""

    def __init__(self, task: Task, binarise: str, seeds: Seeds) -> None:
        self.part = task.parts["train"]
        self._task = task
        self._binarise = binarise
        device = self.part.x.device
        self._batches = Batches(len(self.part), seeds.order, str(device))
        self._index, self._left = torch.empty(0, dtype=torch.int64, device=device), 0
        self._ahead: list[tuple[Tensor, Tensor]] = []
        self._turns = generator(seeds.augment)
        # On the device: a batch has as many draws as pixels.
        self._pixels = torch.Generator(device).manual_seed(seeds.noise + 1)

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """Images (size, channels, height, width) and classes (size,)."""
        if not self._ahead:
            self._gather(size)
        x, y = self._ahead.pop()
        self._left -= size
        if self._task.rotate:
            draws = torch.rand(size, generator=self._turns)
            turn = ((2 * draws - 1) * self._task.rotate).to(x.device)
            x = rotate(x, turn).clamp(0, 1)  # rounding may lead a little beyond
        if self._task.quarters:
            x = quartered(x, torch.randint(4, (size,), generator=self._turns).to(x.device))
        return binarize.drawn(x, self._binarise, self._pixels), y

    def _gather(self, size: int) -> None:
        """Lay out the next batches, the last one first.

        Between two steps all that a call needs has left the caches: few calls for many batches take
        half of the time.
        """
        if not self._left:
            rows = min(AHEAD // (4 * self.part.x[0].numel()), len(self.part))
            self._left = max(1, rows // size) * size
            self._index = self._batches.take(self._left)
        index = self._remaining
        parts = (pixels(self.part, index), self.part.y.index_select(0, index))
        x, y = (part.split(size) for part in parts)
        self._ahead = list(zip(x, y, strict=True))[::-1]

    @property
    def _remaining(self) -> Tensor:
        """Which images come next, of those whose order is drawn."""
        return self._index[len(self._index) - self._left :]

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is."""
        return {
            "batches": self._batches.state_dict(),
            "ahead": self._remaining,
            "turns": self._turns.get_state(),
            "pixels": self._pixels.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back there."""
        self._batches.load_state_dict(state["batches"])
        self._index, self._ahead = state["ahead"].to(self._index.device), []
        self._left = len(self._index)
        self._turns.set_state(state["turns"])
        self._pixels.set_state(state["pixels"])


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pair is trained.

    Attributes:
        recipe: steps, rates and the optimiser.
        objective: what is made small.
        batch: images of a step.
        likelihood_lr: highest rate of what the likelihood learns; that of the rest if None.
    """

    recipe: Recipe
    objective: Objective
    batch: int
    likelihood_lr: float | None = None


class GenerativeTrainer:
    """A pair in training; see `engine.stage_api.run.Trainer` for how it is saved and restored."""

    def __init__(
        self,
        pair: Pair,
        images: Images,
        plan: Plan,
        *,
        seeds: Seeds,
        watch: Watch,
        snapshots: Snapshots,
        report: Report = unheard,
    ) -> None:
        self.pair = pair
        self.plan = plan
        self.watch = watch
        self.snapshots = snapshots
        self._images = images
        self._report = report
        self._trained = list(pair.parameters())
        self._optimizer = optimizer(list(pair.coder.parameters()), plan.recipe)
        self._scales = [1.0]
        own = list(pair.likelihood.parameters())
        if own:
            self._optimizer.add_group(own)
            self._scales.append((plan.likelihood_lr or plan.recipe.lr) / plan.recipe.lr)
        device = self._trained[0].device
        self._draws = torch.Generator(device).manual_seed(seeds.noise)
        # With a warm-up the objective itself grows on the way.
        pixels = images.part.x[0].numel()
        constant = None if plan.objective.kl_warmup else pair.likelihood.constant(pixels)
        self._losses = Losses(report, plan.recipe.steps, constant=constant, tell=watch.tell)

    @property
    def diverged(self) -> bool:
        """The loss became infinite or undefined, or is far above where it began."""
        return self._losses.diverged

    @property
    def stopped(self) -> bool:
        """Whether training is over before its last step."""
        return self._losses.lost

    def step(self, step: int) -> None:
        """One step, counted from 1."""
        if step == 1:
            self._look(0)
        if not self.pair.training:
            self.pair.train()
        rate = self.plan.recipe.rate(step)
        for group, scale in zip(self._optimizer.groups, self._scales, strict=True):
            group["lr"] = rate * scale
        found = self._cost(step)
        self._losses.add(found.loss)
        found.loss.backward()
        if self.plan.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self._trained, self.plan.recipe.clip)
        self._optimizer.step()
        self._optimizer.clear()  # now: the next step finds their memory still in the caches
        looks = self.watch.looks(step) or step in self.snapshots.marks
        self._losses.read(step, now=looks)
        self._tell(step, found)
        if looks and not self._losses.lost:
            self._look(step)

    def _cost(self, step: int) -> Cost:
        images, y = self._images.take(self.plan.batch)
        return cost(
            self.pair,
            self.plan.objective,
            images,
            y,
            weight=self.plan.objective.weight(step, self.plan.recipe.steps),
            draws=self._draws,
        )

    def _tell(self, step: int, found: Cost) -> None:
        """Report the parts of the loss now and then: each report waits for the device."""
        if found.kl is not None and (step % READ_EVERY == 0 or step == self.plan.recipe.steps):
            kl, reconstruction = torch.stack([found.kl, found.reconstruction]).tolist()
            self._report(step, kl=kl, reconstruction=reconstruction)

    def _look(self, step: int) -> None:
        if self.watch.looks(step):
            self._settle(SETTLED_BY)
        self.pair.eval()
        self.watch.look(step, self.pair)
        self.snapshots.take(step)

    def _settle(self, limit: int | None) -> None:
        settle(self.pair, self._images.part, limit=limit)

    def finish(self) -> None:
        """After the last step: fix what the likelihood fits, and stay in evaluation mode."""
        self.pair.eval()
        if not self._losses.lost:
            self._settle(None)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, and what was made on the way."""
        return {
            "pair": self.pair.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "images": self._images.state_dict(),
            "draws": self._draws.get_state(),
            "watch": self.watch.state_dict(),
            "losses": self._losses.state_dict(),
            "snapshots": self.snapshots.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        self.pair.load_state_dict(state["pair"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._images.load_state_dict(state["images"])
        self._draws.set_state(state["draws"])
        self.watch.load_state_dict(state["watch"])
        self._losses.load_state_dict(state["losses"], self._trained[0].device)
        self.snapshots.load_state_dict(state["snapshots"])
