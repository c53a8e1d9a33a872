"""The plain way: one task after another. The reference, and the fallback for any module.

`PlainNet` runs a backbone as it is, whatever its layers, by `functional_call` for each task; every
algorithm takes it in place of a `StackedNet`. `Looped` gives an algorithm one task at a time. Which
is fastest depends on the net, T and the threads, so `fastest` measures at start.
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
    """Any backbone, by a loop over tasks.

    Batch norm takes the statistics of each pass (`query`), or its module's own in evaluation mode
    (`running`); a module cannot be told of other rows, nor of padding.

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
        """The net of a network's backbone, which is put into the mode that `bn` needs.

        Raises:
            ValueError: `bn` is not for any module.
        """
        if bn not in {"query", "running"}:
            raise ValueError(f"bn: {bn} needs a net of known layers; use query or running here")
        network.backbone.train(bn == "query")
        return cls(network.backbone, network.width, bn)

    @property
    def batch_normed(self) -> bool:
        """Whether `bn` matters."""
        kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
        return any(isinstance(module, kinds) for module in self.backbone.modules())

    def features(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """See `Net`.

        Raises:
            ValueError: batch norm would see padding.
        """
        if now.kept is not None and self.batch_normed:
            raise ValueError(
                "a plain batch norm cannot leave out padding; group tasks by their size"
            )
        tasks = len(x)
        # unbind and not indexing: its gradient is one stack, not a full-size zero for each task.
        split = {
            name.removeprefix(f"{PREFIX}."): item.expand(tasks, *item.shape[1:]).unbind(0)
            for name, item in weights.items()
            if name.startswith(f"{PREFIX}.")
        }
        # Clones, so that no pass moves the module's running statistics.
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
    """An algorithm that is given its tasks one by one: less memory, and sometimes less time."""

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
        for found in zip(*walks, strict=True):
            yield _stacked(found)

    def meta_gradient(
        self, net: Net, theta: Weights, batch: TaskBatch, state: Weights
    ) -> MetaGradient:
        """See `Algorithm`; the mean over tasks."""
        losses, total = [], dict[str, Tensor]()
        for task in batch.apart():
            found = self.algorithm.meta_gradient(net, theta, task, state)
            losses.append(found.losses)
            state = found.state
            for name, item in found.gradient.items():
                total[name] = total[name] + item if name in total else item
        gradient = {name: item / len(batch) for name, item in total.items()}
        return MetaGradient(torch.cat(losses), gradient, state)


def fastest(candidates: Mapping[str, Callable[[], object]], rounds: int = 3) -> str:
    """The name of the candidate whose quickest run is the quickest; of equals the first.

    Rounding differs between candidates, so a run that is to give the same bits when resumed must
    keep the name that it began with.

    Args:
        candidates: name -> work, all of the same result; each runs once before it is timed.
        rounds: timed runs of each, interleaved.
    """
    for work in candidates.values():
        work()
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, work in candidates.items():
            _finished()
            began = time.perf_counter()
            work()
            _finished()
            best[name] = min(best[name], time.perf_counter() - began)
    return min(best, key=best.__getitem__)


def implementations(
    algorithm: Algorithm, net: Net, theta: Weights, batch: TaskBatch
) -> dict[str, Callable[[], MetaGradient]]:
    """The ways to one meta-gradient, for `fastest`."""
    looped = Looped(algorithm)
    return {
        "stacked": lambda: algorithm.meta_gradient(net, theta, batch, {}),
        "looped": lambda: looped.meta_gradient(net, theta, batch, {}),
    }


def _finished() -> None:
    """Wait for the device, whose work goes on after a call returns."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _stacked(parts: Sequence[Weights]) -> Weights:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
