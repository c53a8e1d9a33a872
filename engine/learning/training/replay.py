"""Batches of the new task mixed with a share of images of previous tasks (experience replay)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.learning.data.device_data import Batches, Task, generator, quartered
from engine.learning.models.backbones import Network
from engine.learning.training.exact_counts import dealt, until


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of the streams, separate so that replay does not change batches of the new task."""

    order: int
    augment: int
    replay: int


@dataclass(frozen=True, slots=True)
class Old:
    """A previous task to replay, and the name of its head."""

    task: Task
    head: str


class Stream:
    """Shuffled and augmented training images of one task."""

    def __init__(self, task: Task, head: str, *, order: int, augment: int) -> None:
        self.head = head
        self._task = task
        self._train = task.parts["train"]
        self._batches = Batches(len(self._train), order, str(self._train.x.device))
        self._turns = generator(augment)

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """Return the next images (size, channels, height, width) and classes (size,)."""
        index = self._batches.take(size)
        turn = None
        if self._task.rotate:
            draws = torch.rand(size, generator=self._turns)
            turn = ((2 * draws - 1) * self._task.rotate).to(index.device)
        x = self._train.pictures(index, turn)
        if self._task.quarters:
            x = quartered(x, torch.randint(4, (size,), generator=self._turns).to(index.device))
        return x, self._train.y[index]

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the stream."""
        return {"batches": self._batches.state_dict(), "turns": self._turns.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        self._batches.load_state_dict(state["batches"])
        self._turns.set_state(state["turns"])


class Mixture:
    """Batches of fixed size: new images, and on average `replayed` images of previous tasks.

    Where `replayed` is not a whole number, the count varies by one between steps: after k steps
    floor(k * replayed) images have been replayed. Several previous tasks alternate, image by image.
    The loss is the mean over the batch, so every image weighs the same.
    """

    def __init__(
        self, new: Task, old: Sequence[Old], *, batch: int, replayed: Fraction | int, seeds: Seeds
    ) -> None:
        self._new = Stream(new, new.name, order=seeds.order, augment=seeds.augment)
        self._old = [
            Stream(item.task, item.head, order=seed, augment=seed + 1)
            for item, seed in zip(old, count(seeds.replay, 2), strict=False)
        ]
        self._batch = batch
        self._replayed = Fraction(replayed)

    def loss(self, net: Network, step: int) -> Tensor:
        """Return the mean cross-entropy () of a step's batch, each image by its task's head."""
        streams = [self._new, *self._old]
        replayed = self._sizes(step)
        sizes = [self._batch - sum(replayed), *replayed]
        used = [(stream, size) for stream, size in zip(streams, sizes, strict=True) if size]
        batches = [stream.take(size) for stream, size in used]
        z = net.features(torch.cat([x for x, _ in batches]))
        parts = z.split([size for _, size in used])
        total = torch.zeros((), device=z.device)
        for (stream, _), features, (_, y) in zip(used, parts, batches, strict=True):
            logits = net.heads[stream.head](features)
            total = total + functional.cross_entropy(logits, y, reduction="sum")
        return total / self._batch

    def outputs(self, net: Network) -> int:
        """Return the classes of the largest task; its log is the loss of uniform predictions."""
        heads = [net.heads[stream.head] for stream in (self._new, *self._old)]
        return max(head.out_features for head in heads)

    def _sizes(self, step: int) -> list[int]:
        """Return the number of images of each previous task in a step."""
        before, after = until(step - 1, self._replayed), until(step, self._replayed)
        return dealt(before, after, len(self._old)) if self._old else []

    def state_dict(self) -> dict[str, Any]:
        """Return the position of every stream."""
        return {"streams": [stream.state_dict() for stream in (self._new, *self._old)]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        for stream, stream_state in zip((self._new, *self._old), state["streams"], strict=True):
            stream.load_state_dict(stream_state)
