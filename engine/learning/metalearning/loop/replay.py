"""Replay in meta-training: images of previous tasks, so that the backbone does not forget."""

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
"""Prefix of the names of previous tasks' heads in theta and in a `Network`."""


class Rehearsal:
    """Adds the cross-entropy of replayed images, by the heads of their tasks.

    A replayed image weighs as much as a new example. Where the share of a step's examples is not a
    whole number of images, the count varies by one between steps, so that it is exact on average; a
    step may have none. Several previous tasks alternate, image by image.
    """

    def __init__(
        self, network: Network, old: Sequence[Old], *, share: float, order: int, replay: int
    ) -> None:
        """Set up replay.

        Args:
            network: architecture of backbone and heads; its weights are not used.
            old: previous tasks to replay.
            share: of replayed images in all examples and in the loss; from 0 to below 1.
            order: seed of the images' order.
            replay: seed of their augmentation.
        """
        self.share = share
        self._network = network
        self._streams = [
            Stream(item.task, item.head, order=seed, augment=replay + index)
            for index, (item, seed) in enumerate(zip(old, count(order), strict=False))
        ]
        self._seen = 0
        """Number of new examples so far."""

    @property
    def drawn(self) -> int:
        """Number of replayed images so far."""
        return self._until(self._seen)

    def _until(self, seen: int) -> int:
        """Return the number of replayed images for the first `seen` new examples."""
        share = exact(self.share)
        return until(seen, share / (1 - share))

    def mixed(self, theta: Weights, gradient: Mapping[str, Tensor], examples: int) -> Weights:
        """Return a meta-gradient mixed with the gradient of the next replayed images.

        Args:
            theta: `backbone.*` and `heads.*`, leaves.
            gradient: meta-gradient by name.
            examples: number of examples that it comes from.
        """
        before, self._seen = self._seen, self._seen + examples
        sizes = dealt(self._until(before), self._until(self._seen), len(self._streams))
        mixed = {name: (1 - self.share) * new for name, new in gradient.items()}
        if not sum(sizes):
            return mixed
        # The new examples weigh 1 - share in all, and a replayed image as much as one of them.
        loss = (1 - self.share) / examples * self._loss(theta, sizes)
        leaves = [theta[name] for name in gradient]
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        for name, replayed in zip(gradient, gradients, strict=True):
            if replayed is not None:
                mixed[name] = mixed[name] + replayed
        return mixed

    def _loss(self, theta: Weights, sizes: Sequence[int]) -> Tensor:
        """Return the summed loss of the next images of each previous task."""
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
        """Return the position of every stream."""
        return {"seen": self._seen, "streams": [item.state_dict() for item in self._streams]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        self._seen = state["seen"]
        for stream, stream_state in zip(self._streams, state["streams"], strict=True):
            stream.load_state_dict(stream_state)
