"""Computation one task after another, for any module; also the reference in tests.

`PlainNet` runs any backbone by `functional_call` for each task; every algorithm accepts it in place
of a `StackedNet`. `Looped` passes an algorithm one task at a time. Which is fastest depends on net,
T and threads, so `fastest` measures at the start.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call

from engine.learning.metalearning.algorithms.base import Algorithm, MetaGradient
from engine.learning.metalearning.nets.layers import Moments, Pass
from engine.learning.metalearning.nets.stacked import PREFIX, Net, Statistics
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights
from engine.learning.models.backbones import Network


@dataclass(frozen=True, slots=True)
class PlainNet:
    """A net of any layers, computed by a loop over tasks.

    Batch norm uses the statistics of each pass (`query`), or its running statistics (`running`);
    other choices and padding are not supported.

    Attributes:
        backbone: from inputs (n, *shape) to features (n, width).
        width: number of features.
        bn: `query` or `running`.
    """

    backbone: nn.Module
    width: int
    bn: Statistics = "query"
    running: Mapping[str, Moments] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, network: Network, *, bn: Statistics = "query") -> "PlainNet":
        """Build the net of a network's backbone, and set its train or eval mode as `bn` needs.

        Raises:
            ValueError: `bn` is neither `query` nor `running`.
        """
        if bn not in {"query", "running"}:
            raise ValueError(f"`bn: {bn}` is not supported by `PlainNet`; use `query` or `running`")
        network.backbone.train(bn == "query")
        return cls(network.backbone, network.width, bn)

    @property
    def batch_normed(self) -> bool:
        """Whether the net has batch norm, so that `bn` matters."""
        kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
        return any(isinstance(module, kinds) for module in self.backbone.modules())

    def features(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """See `Net`.

        Raises:
            ValueError: the net has batch norm and the tasks are padded.
        """
        if now.kept is not None and self.batch_normed:
            raise ValueError(
                "batch norm of `PlainNet` does not support padded tasks; use tasks of equal size"
            )
        tasks = len(x)
        # unbind, not indexing: its gradient is one stack, not a full-size tensor for each task.
        split = {
            name.removeprefix(f"{PREFIX}."): item.expand(tasks, *item.shape[1:]).unbind(0)
            for name, item in weights.items()
            if name.startswith(f"{PREFIX}.")
        }
        # Clones, so that no pass updates the module's running statistics.
        buffers = {name: item.clone() for name, item in self.backbone.named_buffers()}
        return torch.stack(
            [
                functional_call(
                    self.backbone,
                    {name: own[task] for name, own in split.items()} | buffers,
                    x[task],
                )
                for task in range(tasks)
            ]
        )


@dataclass(frozen=True, slots=True)
class Looped:
    """An algorithm applied to one task at a time: less memory, and sometimes faster."""

    algorithm: Algorithm

    def start(self, theta: Weights, seed: int) -> Weights:
        """See `Algorithm`."""
        return self.algorithm.start(theta, seed)

    def adapt(self, net: Net, theta: Weights, batch: TaskBatch) -> Weights:
        """See `Algorithm`."""
        return _stacked([self.algorithm.adapt(net, theta, task) for task in batch.apart()])

    def walk(
        self, net: Net, theta: Weights, batch: TaskBatch, steps: int, state: Weights
    ) -> Iterator[Weights]:
        """See `Algorithm`."""
        walks = [self.algorithm.walk(net, theta, task, steps, state) for task in batch.apart()]
        for weights in zip(*walks, strict=True):
            yield _stacked(weights)

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`; the mean of the gradients of the tasks."""
        losses, total = [], dict[str, Tensor]()
        for task in batch.apart():
            result = self.algorithm.meta_gradient(net, theta, task, state)
            losses.append(result.losses)
            state = result.state
            for name, item in result.gradient.items():
                total[name] = total[name] + item if name in total else item
        gradient = {name: item / len(batch) for name, item in total.items()}
        return MetaGradient(torch.cat(losses), gradient, state)


def fastest(candidates: Mapping[str, Callable[[], object]], rounds: int = 3) -> str:
    """Return the name of the candidate with the shortest run; the first of equal ones.

    Rounding differs between candidates, so a resumed run must keep the candidate of its first
    start to reproduce the same bits.

    Args:
        candidates: name -> function, all with the same result; each runs once untimed first.
        rounds: timed runs of each, interleaved.
    """
    for work in candidates.values():
        work()
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, work in candidates.items():
            _synchronize()
            start = time.perf_counter()
            work()
            _synchronize()
            best[name] = min(best[name], time.perf_counter() - start)
    return min(best, key=best.__getitem__)


def implementations(
    algorithm: Algorithm, net: Net, theta: Weights, batch: TaskBatch
) -> dict[str, Callable[[], MetaGradient]]:
    """Return the implementations of a meta-gradient by name, for `fastest`."""
    looped = Looped(algorithm)
    return {
        "stacked": lambda: algorithm.meta_gradient(net, theta, batch, {}),
        "looped": lambda: looped.meta_gradient(net, theta, batch, {}),
    }


def _synchronize() -> None:
    """Wait until the device has finished its queued work."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _stacked(parts: Sequence[Weights]) -> Weights:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
