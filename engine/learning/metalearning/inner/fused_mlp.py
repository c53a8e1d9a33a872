"""Gradient descent of T perceptrons with both derivatives written out.

By autograd a step of small nets costs its bookkeeping and not its arithmetic; here a step is one
node of the graph, and so is the query loss. For layers x_l = relu(a_l), a_l = x_{l-1} W_l^T + b_l
and slopes d_l = dL/da_l, a step moves W_l by -rate d_l^T x_{l-1}. Its way back needs the product of
the Hessian with a direction (B. Pearlmutter 1994, "Fast exact multiplication by the Hessian"):
tangents a'_l forward, then d'_l backward, and then d'_l^T x_{l-1} + d_l^T x'_{l-1}. The second
derivative of a ReLU is 0, as it is to autograd. There are no third derivatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn

from engine.learning.metalearning.inner import curvature
from engine.learning.metalearning.inner.curvature import Curvature
from engine.learning.metalearning.nets import double_backward, layers, task_heads
from engine.learning.metalearning.nets.stacked import Net, StackedNet
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights

Maybe = Tensor | None
Tensors = Sequence[Tensor]
Pairs = Sequence[tuple[Tensor, Tensor]]
"""Of each layer, the head last: something of its weight (T, o, i) and of its bias (T, o)."""


@dataclass(frozen=True, slots=True)
class Descent:
    """Descent on the support sets of a batch, and the loss of its query sets.

    Attributes:
        names: of weight and bias of each layer, the head's last.
        batch: the tasks.
        support: derivatives of its loss.
        query: derivatives of its test loss.
        second: whether second derivatives are wanted.
    """

    names: tuple[str, ...]
    batch: TaskBatch
    support: Curvature
    query: Curvature
    second: bool

    def step(self, state: Weights, rates: float | Weights) -> Weights:
        """The state after a step, differentiable in the state and in the rates.

        Args:
            state: weights (T, *shape) by name.
            rates: one, or a scalar tensor for each name.
        """
        given = [state[name] for name in self.names]
        if isinstance(rates, dict):
            found = _Stepped.apply(self, None, *given, *(rates[name] for name in self.names))
        else:
            found = _Stepped.apply(self, rates, *given)
        return dict(zip(self.names, found, strict=True))

    def losses(self, state: Weights) -> Tensor:
        """Query losses (T,), differentiable in the state."""
        found: Tensor = _Judged.apply(self, *(state[name] for name in self.names))
        return found


def descent(net: Net, fast: Weights, batch: TaskBatch, *, second: bool) -> Descent | None:
    """The descent of a batch; None where its net, its losses or the precision are not for it.

    Args:
        net: `StackedNet` of Flatten, then Linear and ReLU in turn.
        fast: what the inner loop trains: all weights and the head, and nothing else.
        batch: tasks with the losses that `curvature` knows.
        second: whether second derivatives are wanted.
    """
    names, x = _names(net), batch.support.x
    if set(names) != set(fast) or torch.is_autocast_enabled(x.device.type):
        return None
    if x.requires_grad or batch.query.x.requires_grad:
        return None
    support = curvature.of(batch.loss, batch.support, batch.ways, batch.outputs)
    query = curvature.of(batch.test_loss, batch.query, batch.ways, batch.outputs)
    if support is None or query is None:
        return None
    return Descent(names, batch, support, query, second)


def _names(net: Net) -> tuple[str, ...]:
    """Of weights and biases, if the net is Linear and ReLU in turn; else ()."""
    if not isinstance(net, StackedNet):
        return ()
    body = [layer for layer in net.layers if not isinstance(layer, layers.Flatten)]
    found = []
    for one, other in zip_longest(body[::2], body[1::2]):
        relu = isinstance(other, layers.Stateless) and type(other.module) is nn.ReLU
        if not isinstance(one, layers.Linear) or not relu:
            return ()
        found += [f"{one.name}.weight", f"{one.name}.bias"]
    return (*found, task_heads.WEIGHT, task_heads.BIAS)


class _Stepped(torch.autograd.Function):
    """See `Descent.step`; rates follow the weights, where there is not one for all."""

    @staticmethod
    def forward(ctx: Any, descent: Descent, rate: float | None, *given: Tensor) -> Tensors:
        count = len(descent.names)
        weights = _pairs(given[:count])
        inputs, outputs = _answered(weights, descent.batch.support.x.flatten(2))
        slope, point = descent.support.first(outputs)
        slopes = _slopes(weights, inputs, slope)
        ctx.descent, ctx.rate = descent, rate
        ctx.save_for_backward(*given, *inputs, *slopes, point)
        if rate is None:
            moves = zip(given[:count], given[count:], _gradient(slopes, inputs), strict=True)
            return tuple(torch.addcmul(item, r, g, value=-1) for item, r, g in moves)
        return tuple(_less(weights, slopes, inputs, rate))

    @staticmethod
    def backward(ctx: Any, *pull: Tensor) -> tuple[Maybe, ...]:
        double_backward.no_third()
        descent: Descent = ctx.descent
        count, rate, to_rates = len(pull), ctx.rate, []
        *rest, point = ctx.saved_tensors
        weights, rates = _pairs(rest[:count]), rest[count:-count]
        inputs, slopes = rest[-count : -count // 2], rest[-count // 2 :]
        along = pull
        if rate is None:
            grads = _gradient(slopes, inputs)
            to_rates = [-(v * g).sum() for v, g in zip(pull, grads, strict=True)]
            along, rate = tuple(v * r for v, r in zip(pull, rates, strict=True)), 1.0
        if descent.second:
            way = _pairs(along)
            moved, tangent = _tangents(weights, inputs, way)
            bent = _bent(weights, inputs, slopes, descent.support.second(point, tangent), way)
            pull = tuple(_less(_pairs(pull), bent, inputs, rate))
            for item, d, x in zip(pull[2::2], slopes[1:], moved, strict=True):
                item.baddbmm_(d.mT, x, alpha=-rate)
        return None, None, *pull, *to_rates


class _Judged(torch.autograd.Function):
    """See `Descent.losses`."""

    @staticmethod
    def forward(ctx: Any, descent: Descent, *given: Tensor) -> Tensor:
        batch = descent.batch
        inputs, outputs = _answered(_pairs(given), batch.query.x.flatten(2))
        ctx.descent = descent
        ctx.save_for_backward(*given, *inputs, outputs)
        return batch.test_loss(outputs, batch.query, batch.ways)

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> tuple[Maybe, ...]:
        double_backward.no_third()
        descent: Descent = ctx.descent
        count = len(descent.names)
        *rest, outputs = ctx.saved_tensors
        slope = descent.query.first(outputs)[0] * pull[:, None, None]
        return None, *_gradient(_slopes(_pairs(rest[:count]), rest[count:], slope), rest[count:])


def _answered(weights: Pairs, x: Tensor) -> tuple[list[Tensor], Tensor]:
    """Inputs x_0 ... x_L of the layers, and the outputs."""
    inputs = [x]
    for weight, bias in weights[:-1]:
        inputs.append(_affine(inputs[-1], weight, bias).relu_())
    return inputs, _affine(inputs[-1], *weights[-1])


def _slopes(weights: Pairs, inputs: Tensors, slope: Tensor) -> list[Tensor]:
    """Slopes of the layers, of that in the outputs."""
    found = [slope]
    for (weight, _), x in zip(weights[:0:-1], inputs[:0:-1], strict=True):
        found.append(_through(x, torch.bmm(found[-1], weight)))
    return found[::-1]


def _tangents(weights: Pairs, inputs: Tensors, along: Pairs) -> tuple[list[Tensor], Tensor]:
    """x'_1 ... x'_L, and how the outputs move, where the weights move along something."""
    tangent, moved = _affine(inputs[0], *along[0]), list[Tensor]()
    for (weight, _), (v, c), x in zip(weights[1:], along[1:], inputs[1:], strict=True):
        moved.append(_through(x, tangent))
        tangent = _affine(x, v, c).baddbmm_(moved[-1], weight.mT)
    return moved, tangent


def _bent(
    weights: Pairs, inputs: Tensors, slopes: Tensors, bend: Tensor, along: Pairs
) -> list[Tensor]:
    """How the slopes move, of how that in the outputs does."""
    found = [bend]
    for place in range(len(weights) - 1, 0, -1):
        moved = torch.bmm(found[-1], weights[place][0])
        moved.baddbmm_(slopes[place], along[place][0])
        found.append(_through(inputs[place], moved))
    return found[::-1]


def _gradient(slopes: Tensors, inputs: Tensors) -> list[Tensor]:
    """That in each weight and bias."""
    return [
        item for d, x in zip(slopes, inputs, strict=True) for item in (torch.bmm(d.mT, x), d.sum(1))
    ]


def _less(given: Pairs, slopes: Tensors, inputs: Tensors, rate: float) -> list[Tensor]:
    """Weights and biases less `rate` times their gradient."""
    found = []
    for (weight, bias), d, x in zip(given, slopes, inputs, strict=True):
        if x.shape[2] == 1:  # products with one row are three times as fast as with one column
            found.append(torch.baddbmm(weight.mT, x.mT, d, alpha=-rate).mT)
        else:
            found.append(torch.baddbmm(weight, d.mT, x, alpha=-rate))
        found.append(torch.sub(bias, d.sum(1), alpha=rate))
    return found


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`x W^T + b`."""
    if x.shape[2] == 1:  # three times as fast as a product of matrices
        return torch.addcmul(bias[:, None], x, weight.mT)
    return torch.baddbmm(bias[:, None], x, weight.mT)


def _through(x: Tensor, pull: Tensor) -> Tensor:
    """The product of a pull with the Jacobian of the ReLU that gave x."""
    found: Tensor = torch.ops.aten.threshold_backward(pull, x, 0)
    return found


def _pairs(tensors: Tensors) -> Pairs:
    return list(zip(tensors[::2], tensors[1::2], strict=True))
