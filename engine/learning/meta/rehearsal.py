"""Replay in meta-training: old tasks beside the new ones, so that the backbone does not forget."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from engine.learning.meta.batches import Weights
from engine.learning.mixture import Old, Stream
from engine.learning.nets import Network

OLD = "heads."
"""Beginning of the names of old tasks' heads in theta, as a `Network` knows them."""


class Rehearsal:
    """A share of each meta-step: cross-entropy of old images, by their own heads."""

    def __init__(
        self, network: Network, old: Sequence[Old], *, share: float, order: int, replay: int
    ) -> None:
        """Replay old tasks.

        Args:
            network: backbone and heads as they are built; its weights are not used.
            old: what to replay.
            share: of a meta-step's examples, and of its loss.
            order: seed of the images' order.
            replay: seed of their augmentation.
        """
        self.share = share
        self._network = network
        self._streams = [
            Stream(item.task, item.head, order=seed, augment=replay + place)
            for place, (item, seed) in enumerate(zip(old, count(order), strict=False))
        ]
        self._took = 0

    def images(self, examples: int) -> int:
        """Old images beside so many new examples; at least one for each old task."""
        wanted = round(self.share / (1 - self.share) * examples)
        return max(wanted, len(self._streams))

    def mixed(self, theta: Weights, gradient: Mapping[str, Tensor], examples: int) -> Weights:
        """A meta-gradient with the share of old tasks.

        Args:
            theta: `backbone.*` and `heads.*`, leaves.
            gradient: of what theta learns.
            examples: that it came from.
        """
        loss = self._loss(theta, self.images(examples))
        wanted = {name: theta[name] for name in gradient}
        found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
        mixed = {}
        for (name, new), old in zip(gradient.items(), found, strict=True):
            mixed[name] = (1 - self.share) * new
            if old is not None:
                mixed[name] = mixed[name] + self.share * old
        return mixed

    def _loss(self, theta: Weights, images: int) -> Tensor:
        self._network.train()
        buffers = {name: item.clone() for name, item in self._network.named_buffers()}
        own = {
            name: item for name, item in theta.items() if name.startswith(("backbone.", OLD))
        } | buffers
        share, rest = divmod(images, len(self._streams))
        total = torch.zeros((), device=next(iter(theta.values())).device)
        for place, stream in enumerate(self._streams):
            size = share + ((place + self._took) % len(self._streams) < rest)
            if not size:
                continue
            x, y = stream.take(size)
            logits = functional_call(self._network, own, (x, stream.head))
            total = total + functional.cross_entropy(logits, y, reduction="sum")
        self._took += 1
        return total / images

    def state_dict(self) -> dict[str, Any]:
        """Where every stream is."""
        return {"took": self._took, "streams": [item.state_dict() for item in self._streams]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back there."""
        self._took = state["took"]
        for stream, held in zip(self._streams, state["streams"], strict=True):
            stream.load_state_dict(held)
