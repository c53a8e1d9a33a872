"""A classifier run backwards: gradient ascent on the pixels of images until it is sure of them.

Images stay from 0 to 1: they are clamped after every step, so that a pixel that wants to be
blacker than black stays where it is and still may come back. Every image climbs on its own: nothing
is averaged over a batch, so how many climb together changes none of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.learning.data.device_data import Scaling
from engine.learning.models.backbones import Network
from engine.learning.training.monitor import Report, unheard

CHUNK = 250
"""Images at a time: the activations of so many stay in a processor's cache."""
TRACE = 0.05
"""Noise of a grey start: without any, all images of a class would stay the same."""


@dataclass(frozen=True, slots=True)
class Climb:
    """How images climb.

    Attributes:
        steps: in all.
        lr: of Adam, in units of the pixels' range.
        objective: `logit`, or `log_probability` of the asked class.
        start: `noise`, uniform from 0 to 1, or `grey` with a trace of it.
        l2: weight of the sum of squared pixels, which the objective loses.
        tv: weight of the total variation, which the objective loses.
        blur: standard deviation in pixels of a Gaussian blur; 0 for none.
        blur_every: steps between blurs.
        jitter: before each step each image is shifted by up to so many pixels either way, round
            its edges, and the step is taken where the image then is.
    """

    steps: int
    lr: float
    objective: str = "logit"
    start: str = "noise"
    l2: float = 0.0
    tv: float = 0.0
    blur: float = 0.0
    blur_every: int = 1
    jitter: int = 0


class Attacked:
    """A classifier whose weights stay as they are, as a function of pixels.

    Args:
        net: is left in evaluation mode, its weights without gradients.
        head: task whose head is attacked.
        scaling: of the collection that it was trained on.
    """

    def __init__(self, net: Network, head: str, scaling: Scaling) -> None:
        self._net = net.eval().requires_grad_(False)
        self._head = head
        self._scaling = scaling
        self.device = net.heads[head].weight.device

    def logits(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of images (n, *shape) from 0 to 1."""
        scaled = (images - self._scaling.mean) / self._scaling.std
        return self._net(scaled, self._head)

    @torch.no_grad()
    def confidences(self, pixels: Tensor, asked: Tensor) -> Tensor:
        """Probability (n,) of the class (n,) that each was asked for, of bytes (n, *shape)."""
        parts = [
            self.logits(part.float() / 255).softmax(1).gather(1, y[:, None])[:, 0]
            for part, y in zip(pixels.split(CHUNK), asked.split(CHUNK), strict=True)
        ]
        return torch.cat(parts)


class Ascent:
    """Images on their way up; see `engine.stage_api.run.Trainer` for how it is saved and restored.

    Args:
        attacked: the classifier.
        asked: position of the class that each image is to show.
        shape: (channels, height, width).
        climb: how.
        seed: of the start and of the shifts.
        marks: steps at which the images are kept and the classifier is asked; 0 is the start.
        report: hears of every step how sure the classifier is.
    """

    def __init__(
        self,
        attacked: Attacked,
        asked: Sequence[int],
        *,
        shape: tuple[int, int, int],
        climb: Climb,
        seed: int,
        marks: Iterable[int],
        report: Report = unheard,
    ) -> None:
        self._attacked = attacked
        self._asked = torch.tensor(asked, device=attacked.device)
        self._climb = climb
        self._marks = frozenset(marks)
        self._report = report
        self._draws = torch.Generator().manual_seed(seed)
        noise = torch.rand(len(asked), *shape, generator=self._draws)
        start = noise if climb.start == "noise" else 0.5 + TRACE * (2 * noise - 1)
        self._images = start.to(attacked.device).requires_grad_()
        self._optimizer = torch.optim.Adam([self._images], lr=climb.lr, maximize=True, fused=True)
        self.curve: list[tuple[int, float]] = []
        """(step, mean probability of the asked class) at the marks."""
        self.seen: list[Tensor] = []
        """The images (n, *shape) at the marks, uint8 on the CPU."""
        self.sure = torch.empty(0)
        """Probability (n,) of the asked class at the last mark."""
        self._look(0)

    @property
    def stopped(self) -> bool:
        """It climbs to the end: more confidence is all that it is for."""
        return False

    def step(self, step: int) -> None:
        """One step, counted from 1."""
        self._images.grad = torch.empty_like(self._images)
        sure = torch.zeros((), device=self._attacked.device)
        shifts = self._shifts()
        for first in range(0, len(self._asked), CHUNK):
            span = slice(first, first + CHUNK)
            images = self._images.detach()[span].requires_grad_()
            worth, sure_of = self._worth(images, self._asked[span], shifts[span])
            (self._images.grad[span],) = torch.autograd.grad(worth, images)
            sure += sure_of
        self._optimizer.step()
        with torch.no_grad():
            if self._climb.blur and step % self._climb.blur_every == 0:
                self._images.copy_(blurred(self._images, self._climb.blur))
            self._images.clamp_(0, 1)
        self._report(step, confidence=float(sure) / len(self._asked))
        self._look(step)

    def _shifts(self) -> Tensor:
        """Pixels (n, 2) down and across by which each image is shifted now."""
        far = self._climb.jitter
        size = len(self._asked), 2
        return torch.randint(-far, far + 1, size, generator=self._draws).to(self._attacked.device)

    def _worth(self, images: Tensor, asked: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
        """What is climbed, and the sum of the probabilities of the asked class."""
        climb = self._climb
        logits = self._attacked.logits(shifted(images, shifts) if climb.jitter else images)
        told = logits.log_softmax(1).gather(1, asked[:, None])
        wanted = told if climb.objective == "log_probability" else logits.gather(1, asked[:, None])
        worth = wanted.sum()
        if climb.l2:
            worth = worth - climb.l2 * images.square().sum()
        if climb.tv:
            worth = worth - climb.tv * variation(images).sum()
        return worth, told.detach().exp().sum()

    def _look(self, step: int) -> None:
        if step in self._marks:
            # What is kept is bytes, so these are what the classifier is asked about.
            pixels = (self._images.detach() * 255).round().to(torch.uint8)
            self.sure = self._attacked.confidences(pixels, self._asked).cpu()
            self.curve.append((step, float(self.sure.mean())))
            self.seen.append(pixels.cpu())

    def film(self, places: Sequence[int]) -> Tensor:
        """Some images at all marks, (places * marks, *shape) uint8: one image after the other."""
        return torch.stack(self.seen)[:, list(places)].transpose(0, 1).flatten(0, 1)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "images": self._images.detach(),
            "optimizer": self._optimizer.state_dict(),
            "draws": self._draws.get_state(),
            "curve": list(self.curve),
            "seen": list(self.seen),
            "sure": self.sure,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        with torch.no_grad():
            self._images.copy_(state["images"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._draws.set_state(state["draws"])
        self.curve = [(step, value) for step, value in state["curve"]]
        self.seen, self.sure = list(state["seen"]), state["sure"]


def shifted(images: Tensor, shifts: Tensor) -> Tensor:
    """Images (n, c, h, w) moved down and across by their shifts (n, 2), round their edges."""
    height, width = images.shape[2:]
    rows = (torch.arange(height, device=images.device) - shifts[:, :1]) % height
    columns = (torch.arange(width, device=images.device) - shifts[:, 1:]) % width
    moved = images.gather(2, rows[:, None, :, None].expand_as(images))
    return moved.gather(3, columns[:, None, None, :].expand_as(images))


def variation(images: Tensor) -> Tensor:
    """Total variation (n,): the sum of the differences of neighbouring pixels."""
    down, across = images.diff(dim=2).abs(), images.diff(dim=3).abs()
    return down.flatten(1).sum(1) + across.flatten(1).sum(1)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images (n, c, h, w) blurred by a Gaussian of `sigma` pixels; edges go on outside."""
    radius = math.ceil(3 * sigma)
    at = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    line = (-(at / sigma).square() / 2).exp()
    line = line / line.sum()
    n, channels, height, width = images.shape
    planes = images.reshape(n * channels, 1, height, width)
    planes = functional.pad(planes, (radius,) * 4, mode="replicate")
    planes = functional.conv2d(planes, line.view(1, 1, -1, 1))
    return functional.conv2d(planes, line.view(1, 1, 1, -1)).view_as(images)
