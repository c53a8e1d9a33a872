"""Replay in meta-training: old tasks beside the new ones, so that the backbone does not forget."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from engine.learning.metalearning.tasks.batches import Weights
from engine.learning.models.backbones import Network
from engine.learning.training.exact_counts import dealt, exact, until
from engine.learning.training.replay import Old, Stream

OLD = "heads."
"""Beginning of the names of old tasks' heads in theta, as a `Network` knows them."""


class Rehearsal:
    """A share of the examples: cross-entropy of old images, by their own heads.

    An old image weighs as much as a new one. Where the share of a step's examples is no whole
    number of images, the count differs by one between steps, so that it is exact on average; a step
    may have none. Several old tasks take turns, image by image.
    """

    def __init__(
        self, network: Network, old: Sequence[Old], *, share: float, order: int, replay: int
    ) -> None:
        """Replay old tasks.

        Args:
            network: backbone and heads as they are built; its weights are not used.
            old: what to replay.
            share: of all examples, and of the loss; below 1.
            order: seed of the images' order.
            replay: seed of their augmentation.
        """
        self.share = share
        self._network = network
        self._streams = [
            Stream(item.task, item.head, order=seed, augment=replay + place)
            for place, (item, seed) in enumerate(zip(old, count(order), strict=False))
        ]
        self._seen = 0
        """New examples of all steps so far."""

    @property
    def drawn(self) -> int:
        """Old images of all steps so far."""
        return self._until(self._seen)

    def _until(self, seen: int) -> int:
        """Old images beside the first so many new examples."""
        share = exact(self.share)
        return until(seen, share / (1 - share))

    def mixed(self, theta: Weights, gradient: Mapping[str, Tensor], examples: int) -> Weights:
        """A meta-gradient with the share of old tasks.

        Args:
            theta: `backbone.*` and `heads.*`, leaves.
            gradient: of what theta learns.
            examples: that it came from.
        """
        before, self._seen = self._seen, self._seen + examples
        sizes = dealt(self._until(before), self._until(self._seen), len(self._streams))
        mixed = {name: (1 - self.share) * new for name, new in gradient.items()}
        if not sum(sizes):
            return mixed
        # Of all that is learned from, `examples` weigh 1 - share: an old image as one of them.
        loss = (1 - self.share) / examples * self._loss(theta, sizes)
        wanted = [theta[name] for name in gradient]
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
        for name, old in zip(gradient, found, strict=True):
            if old is not None:
                mixed[name] = mixed[name] + old
        return mixed

    def _loss(self, theta: Weights, sizes: Sequence[int]) -> Tensor:
        """Sum of the losses of the next images of each old task."""
        self._network.train()
        buffers = {name: item.clone() for name, item in self._network.named_buffers()}
        own = {
            name: item for name, item in theta.items() if name.startswith(("backbone.", OLD))
        } | buffers
        total = torch.zeros((), device=next(iter(theta.values())).device)
        for stream, size in zip(self._streams, sizes, strict=True):
            if not size:
                continue
            x, y = stream.take(size)
            logits = functional_call(self._network, own, (x, stream.head))
            total = total + functional.cross_entropy(logits, y, reduction="sum")
        return total

    def state_dict(self) -> dict[str, Any]:
        """Where every stream is."""
        return {"seen": self._seen, "streams": [item.state_dict() for item in self._streams]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back there."""
        self._seen = state["seen"]
        for stream, held in zip(self._streams, state["streams"], strict=True):
            stream.load_state_dict(held)
