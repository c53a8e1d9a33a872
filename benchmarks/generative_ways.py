"""Training a VAE in torch: by this project, and by the loop that anyone would write."""

import gzip
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from engine.learning.data import device_data
from engine.learning.generative.models import autoencoder, generator
from engine.learning.generative.training import objective, snapshots, trainer
from engine.learning.training import monitor
from engine.learning.training import trainer as train
from engine.stage_api.run import Run

BATCH, LR, Z = 128, 1e-3, 32
SHAPE = (1, 28, 28)
NETS: Mapping[str, dict[str, Any]] = {
    "MLP 784-400-32": {"kind": "mlp", "hidden": [400], "activation": "relu"},
    "conv 32-64-256-32": {"kind": "conv", "width": 32, "hidden": 256},
}
BATCHES = {"MLP 784-400-32": 80, "conv 32-64-256-32": 20}
"""Of an epoch, all of them full, and a multiple of the steps between two reads of our losses: so
that every implementation sees the same images and tells the mean of the same losses."""
SEEDS = trainer.Seeds(1, 2, 3)
HEADER = 16
"""Bytes of MNIST's file before its pixels."""
MANY = 10**6
"""Steps of a training that goes on for as long as it is asked."""


class Way(Protocol):
    """An implementation in training."""

    def epoch(self) -> float:
        """Train for one epoch more: the mean loss of its batches, in nats per image."""


@runtime_checkable
class Replayed(Way, Protocol):
    """One that can be given its batches and its noise."""

    def replay(self, batches: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
        """Losses of steps on given images (n, *shape) and noise (n, z)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What every implementation is given."""

    net: dict[str, Any]
    images: Tensor
    """(n, *shape) uint8."""

    @property
    def batches(self) -> int:
        """Of an epoch."""
        return len(self.images) // BATCH

    def pair(self) -> generator.Pair:
        """The same weights each time."""
        design = autoencoder.Design(self.net, SHAPE, Z, "mnist")
        return generator.begin(design, {"kind": "bernoulli"}, 0)

    @property
    def greys(self) -> Tensor:
        """The images (n, *shape) from 0 to 1."""
        return self.images.float() / 255

    def task(self) -> device_data.Task:
        """The images as the project's own loop takes them."""
        labels = torch.zeros(len(self.images), dtype=torch.int64)
        part = device_data.Examples(self.images, labels, device_data.SCALINGS["mnist"])
        return device_data.Task("mnist", (0,), SHAPE, {"train": part})

    def stream(self, steps: int) -> list[tuple[Tensor, Tensor]]:
        """Images and noise of the first steps of `Ours`, drawn as it draws them."""
        order = device_data.Batches(len(self.images), SEEDS.order, "cpu")
        draws = torch.Generator().manual_seed(SEEDS.noise)
        greys = self.greys
        return [
            (greys[order.take(BATCH)], torch.empty(BATCH, Z).normal_(generator=draws))
            for _ in range(steps)
        ]


def problem(title: str) -> Problem:
    """One of `NETS` with images of an epoch."""
    return Problem(NETS[title], images(BATCH * BATCHES[title]))


def images(count: int) -> Tensor:
    """The first images of MNIST where META_DATA has it, else some of its size and greys."""
    root = os.environ.get("META_DATA")
    path = Path(root or "") / "mnist" / "train-images-idx3-ubyte.gz"
    if root and path.is_file():
        pixels = gzip.decompress(path.read_bytes())[HEADER:]
        return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(-1, *SHAPE)[:count]
    draws = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 1, 7, 7, generator=draws)
    smooth = functional.interpolate(coarse, SHAPE[1:], mode="bilinear", align_corners=False)
    return (255 * (4 * smooth - 2).clamp(0, 1)).to(torch.uint8)


class Timed(trainer.Images):
    """Training images that add up what taking them costs."""

    seconds = 0.0
    """Of the processor, in all batches so far."""

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """See `trainer.Images`."""
        began = time.process_time()
        taken = super().take(size)
        self.seconds += time.process_time() - began
        return taken


class Ours:
    """The trainer of the stage `vae`, driven by the engine's own steps."""

    def __init__(self, problem: Problem, binarise: str = "none") -> None:
        self._batches = problem.batches
        self._losses: list[float] = []
        pair, task = problem.pair(), problem.task()
        recipe = train.Recipe(MANY, LR, {"kind": "adam"})
        self.images = Timed(task, binarise, SEEDS)
        self._trainer = trainer.GenerativeTrainer(
            pair,
            self.images,
            trainer.Plan(recipe, objective.Objective(), BATCH),
            seeds=SEEDS,
            watch=monitor.Watch(dict, []),
            snapshots=snapshots.Snapshots(pair, task, "none", [], 0),
            report=self._hear,
        )
        self._steps: Iterator[int] = Run().steps("train", MANY, self._trainer)

    def _hear(self, step: int, **values: float) -> None:
        del step
        if "loss" in values:
            self._losses.append(values["loss"])

    def epoch(self) -> float:
        """See `Way`."""
        losses = self.losses(self._batches)
        return sum(losses) / len(losses)

    def losses(self, steps: int) -> list[float]:
        """Of the next steps, a multiple of 20."""
        self._losses.clear()
        for _ in range(steps):
            self._trainer.step(next(self._steps))
        return list(self._losses)


class Plain(nn.Module):
    """A VAE as anyone would write it, with the weights of a pair."""

    def __init__(self, pair: generator.Pair) -> None:
        super().__init__()
        coder, scaling = pair.coder, device_data.SCALINGS["mnist"]
        self.encoder, self.mean, self.decoder = coder.trunk, coder.mean, coder.decoder
        self.spread = cast("nn.Linear", coder.spread)
        self.scale = (scaling.mean, scaling.std)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances (n, z)."""
        h = self.encoder((x - self.scale[0]) / self.scale[1])
        return self.mean(h), self.spread(h)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """The loss of images (n, *shape) in nats per image."""
        mean, log_variance = self.encode(x)
        noise = torch.randn_like(mean) if noise is None else noise
        logits = self.decoder(mean + torch.exp(log_variance / 2) * noise)
        error = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return (error + kl) / len(x)


@dataclass(slots=True)
class Loader:
    """A plain loop over a DataLoader of greys."""

    problem: Problem
    _model: Plain = field(init=False)
    _optimizer: torch.optim.Optimizer = field(init=False)
    _loader: Any = field(init=False)

    def __post_init__(self) -> None:
        self._model = Plain(self.problem.pair())
        self._optimizer = torch.optim.Adam(self._model.parameters(), lr=LR)
        self._loader = DataLoader(TensorDataset(self.problem.greys), BATCH, shuffle=True)

    def epoch(self) -> float:
        """See `Way`."""
        losses = [self._step(x, None) for (x,) in self._loader]
        return sum(losses) / len(losses)

    def replay(self, batches: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
        """See `Replayed`."""
        return [self._step(x, noise) for x, noise in batches]

    def _step(self, x: Tensor, noise: Tensor | None) -> float:
        loss = self._model(x, noise)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())
