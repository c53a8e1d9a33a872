"""A backbone for T tasks at once, and its features of support and query examples.

The statistics of batch norm (`bn`) are taken within each task and affect results:

query     support and query each by their own statistics: transductive
support   both by the statistics of the support set
joint     both by the statistics of support and query together: transductive
running   both by the running averages of meta-training
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from engine.learning.metalearning.nets import layers
from engine.learning.metalearning.nets.layers import Layer, Moments, Pass
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights
from engine.learning.models.backbones import Network

Statistics = Literal["query", "support", "joint", "running"]
PREFIX = "backbone"


class Net(Protocol):
    """Interface of a backbone for the algorithms."""

    @property
    def width(self) -> int:
        """Number of features."""
        ...

    @property
    def bn(self) -> Statistics:
        """Statistics of batch norm; see the module docstring."""
        ...

    @property
    def batch_normed(self) -> bool:
        """Whether `bn` matters."""
        ...

    @property
    def running(self) -> Mapping[str, Moments] | None:
        """Layer -> moments (C,), for `bn="running"`."""
        ...

    def features(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """Return features (T, n, width) of x (T, n, *shape); weights (T, *shape) or (1, *shape)."""
        ...


@dataclass(frozen=True, slots=True)
class StackedNet:
    """A sequence of layers with a task dimension.

    Attributes:
        layers: in order.
        width: number of features.
        bn: statistics of batch norm; see the module docstring.
        running: see `Net`.
    """

    layers: tuple[Layer, ...]
    width: int
    bn: Statistics = "query"
    running: Mapping[str, Moments] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        network: Network,
        *,
        bn: Statistics = "query",
        running: Mapping[str, Moments] | None = None,
    ) -> "StackedNet":
        """Build the stacked net of a network's backbone.

        Args:
            network: its backbone may have any layers that `layers.of` supports.
            bn: statistics of batch norm.
            running: moments for `bn="running"`; by default the backbone's own.

        Raises:
            ValueError: a layer is not supported.
        """
        stacked_layers = tuple(
            layers.of(f"{PREFIX}.{name}", module)
            for name, module in network.backbone.named_children()
        )
        return cls(stacked_layers, network.width, bn, running or averages(network.backbone))

    @property
    def batch_normed(self) -> bool:
        """Whether `bn` matters."""
        return any(isinstance(layer, layers.BatchNorm) for layer in self.layers)

    def features(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """See `Net`."""
        for layer in self.layers:
            x = layer(weights, x, now)
        return x


def averages(backbone: nn.Module) -> dict[str, Moments]:
    """Return the running moments of a backbone's batch norms, by layer."""
    return {
        f"{PREFIX}.{name}": (module.running_mean.clone(), module.running_var.clone())
        for name, module in backbone.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        and module.running_mean is not None
        and module.running_var is not None
    }


def theta_of(network: Network) -> Weights:
    """Return a copy of a backbone's parameters, by their names in a `Network`."""
    return {
        f"{PREFIX}.{name}": item.detach().clone()
        for name, item in network.backbone.named_parameters()
    }


def support_features(net: Net, weights: Weights, batch: TaskBatch) -> Tensor:
    """Return features (T, n, width) of the support examples, as used in adaptation."""
    if net.batch_normed and net.bn == "joint":
        return _together(net, weights, batch)[:, : batch.support.x.shape[1]]
    return net.features(weights, batch.support.x, _alone(net, batch.support.kept, len(batch)))


def query_features(net: Net, weights: Weights, batch: TaskBatch) -> Tensor:
    """Return features (T, m, width) of the query examples."""
    if net.batch_normed and net.bn in {"joint", "support"}:
        return _together(net, weights, batch)[:, batch.support.x.shape[1] :]
    return net.features(weights, batch.query.x, _alone(net, batch.query.kept, len(batch)))


def both_features(net: Net, weights: Weights, batch: TaskBatch) -> tuple[Tensor, Tensor]:
    """Return features of support and query, in one pass where that gives the same result."""
    if net.batch_normed and net.bn == "query":
        return support_features(net, weights, batch), query_features(net, weights, batch)
    z = _together(net, weights, batch)
    n = batch.support.x.shape[1]
    return z[:, :n], z[:, n:]


def seen(net: Net, weights: Weights, batch: TaskBatch) -> dict[str, Moments]:
    """Return moments (C,) of each batch norm over all examples of a batch, as running averages do.

    Args:
        net: with any `bn`.
        weights: (1, *shape) or (T, *shape).
        batch: its support and query examples have equal weight.
    """
    moments: dict[str, Moments] = {}
    pool = batch.pooled
    with torch.no_grad():
        net.features(weights, pool.x, Pass(len(batch), kept=pool.kept, seen=moments))
    return {name: (mean.mean(0), _total(mean, var)) for name, (mean, var) in moments.items()}


def _total(mean: Tensor, variance: Tensor) -> Tensor:
    """Return the variance (C,) over all tasks, from moments of each task (T, C)."""
    return variance.mean(0) + mean.var(0, correction=0)


def _alone(net: Net, kept: Tensor | None, tasks: int) -> Pass:
    return Pass(tasks, kept=kept, running=net.running if net.bn == "running" else None)


def _together(net: Net, weights: Weights, batch: TaskBatch) -> Tensor:
    pool = batch.pooled
    rows = batch.support.x.shape[1] if net.bn == "support" else None
    running = net.running if net.bn == "running" else None
    return net.features(weights, pool.x, Pass(len(batch), rows, pool.kept, running))
