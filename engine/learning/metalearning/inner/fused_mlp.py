"""Gradient descent of T MLPs with hand-written first and second derivatives.

For small nets autograd's overhead dominates the arithmetic; here a step is one node of the graph,
and so is the query loss. For layers x_l = relu(a_l), a_l = x_{l-1} W_l^T + b_l and gradients
d_l = dL/da_l, a step changes W_l by -rate d_l^T x_{l-1}. Its backward pass needs the product of the
Hessian with a direction (Pearlmutter 1994, "Fast exact multiplication by the Hessian"): tangents
a'_l forward, then d'_l backward, and then d'_l^T x_{l-1} + d_l^T x'_{l-1}. The second derivative of
a ReLU is 0, as in autograd. Third derivatives are not supported.
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
"""Tensors like weight (T, o, i) and bias (T, o) of each layer, the head last."""


@dataclass(frozen=True, slots=True)
class Descent:
    """Gradient descent on the support sets of a batch, and the loss of its query sets.

    Attributes:
        names: of weight and bias of each layer, the head's last.
        batch: the tasks.
        support: derivatives of its loss.
        query: derivatives of its test loss.
        second: whether to compute second derivatives.
    """

    names: tuple[str, ...]
    batch: TaskBatch
    support: Curvature
    query: Curvature
    second: bool

    def step(self, state: Weights, rates: float | Weights) -> Weights:
        """Return the state after a step, differentiable in the state and in the rates.

        Args:
            state: weights (T, *shape) by name.
            rates: one learning rate, or a tensor () for each name.
        """
        weights = [state[name] for name in self.names]
        if isinstance(rates, dict):
            updated = _StepFunction.apply(
                self, None, *weights, *(rates[name] for name in self.names)
            )
        else:
            updated = _StepFunction.apply(self, rates, *weights)
        return dict(zip(self.names, updated, strict=True))

    def losses(self, state: Weights) -> Tensor:
        """Return query losses (T,), differentiable in the state."""
        losses: Tensor = _QueryLossFunction.apply(self, *(state[name] for name in self.names))
        return losses


def descent(net: Net, fast: Weights, batch: TaskBatch, *, second: bool) -> Descent | None:
    """Build the descent of a batch; None if its net, losses or precision are not supported.

    Args:
        net: `StackedNet` of Flatten, then Linear and ReLU in turn.
        fast: what the inner loop trains: all weights and the head, and nothing else.
        batch: tasks with the losses that `curvature` knows.
        second: whether to compute second derivatives.
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
    """Return the names of weights and biases if Linear and ReLU alternate; else ()."""
    if not isinstance(net, StackedNet):
        return ()
    body = [layer for layer in net.layers if not isinstance(layer, layers.Flatten)]
    names = []
    for one, other in zip_longest(body[::2], body[1::2]):
        relu = isinstance(other, layers.Stateless) and type(other.module) is nn.ReLU
        if not isinstance(one, layers.Linear) or not relu:
            return ()
        names += [f"{one.name}.weight", f"{one.name}.bias"]
    return (*names, task_heads.WEIGHT, task_heads.BIAS)


class _StepFunction(torch.autograd.Function):
    """See `Descent.step`; the rates follow the weights where `rate` is None."""

    @staticmethod
    def forward(ctx: Any, descent: Descent, rate: float | None, *tensors: Tensor) -> Tensors:
        count = len(descent.names)
        weights = _pairs(tensors[:count])
        inputs, outputs = _forward(weights, descent.batch.support.x.flatten(2))
        slope, point = descent.support.first(outputs)
        slopes = _slopes(weights, inputs, slope)
        ctx.descent, ctx.rate = descent, rate
        ctx.save_for_backward(*tensors, *inputs, *slopes, point)
        if rate is None:
            moves = zip(tensors[:count], tensors[count:], _gradient(slopes, inputs), strict=True)
            return tuple(torch.addcmul(item, r, g, value=-1) for item, r, g in moves)
        return tuple(_descend(weights, slopes, inputs, rate))

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
            bent = _gradient_tangents(
                weights, inputs, slopes, descent.support.second(point, tangent), way
            )
            pull = tuple(_descend(_pairs(pull), bent, inputs, rate))
            for item, d, x in zip(pull[2::2], slopes[1:], moved, strict=True):
                item.baddbmm_(d.mT, x, alpha=-rate)
        return None, None, *pull, *to_rates


class _QueryLossFunction(torch.autograd.Function):
    """See `Descent.losses`."""

    @staticmethod
    def forward(ctx: Any, descent: Descent, *weights: Tensor) -> Tensor:
        batch = descent.batch
        inputs, outputs = _forward(_pairs(weights), batch.query.x.flatten(2))
        ctx.descent = descent
        ctx.save_for_backward(*weights, *inputs, outputs)
        return batch.test_loss(outputs, batch.query, batch.ways)

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> tuple[Maybe, ...]:
        double_backward.no_third()
        descent: Descent = ctx.descent
        count = len(descent.names)
        *rest, outputs = ctx.saved_tensors
        slope = descent.query.first(outputs)[0] * pull[:, None, None]
        return None, *_gradient(_slopes(_pairs(rest[:count]), rest[count:], slope), rest[count:])


def _forward(weights: Pairs, x: Tensor) -> tuple[list[Tensor], Tensor]:
    """Return the inputs x_0 ... x_L of the layers, and the outputs."""
    inputs = [x]
    for weight, bias in weights[:-1]:
        inputs.append(_affine(inputs[-1], weight, bias).relu_())
    return inputs, _affine(inputs[-1], *weights[-1])


def _slopes(weights: Pairs, inputs: Tensors, slope: Tensor) -> list[Tensor]:
    """Return the gradients d_l in the layers' outputs, from that in the net's outputs."""
    slopes = [slope]
    for (weight, _), x in zip(weights[:0:-1], inputs[:0:-1], strict=True):
        slopes.append(_through(x, torch.bmm(slopes[-1], weight)))
    return slopes[::-1]


def _tangents(weights: Pairs, inputs: Tensors, along: Pairs) -> tuple[list[Tensor], Tensor]:
    """Return the tangents x'_1 ... x'_L and of the outputs, for weight directions `along`."""
    tangent, moved = _affine(inputs[0], *along[0]), list[Tensor]()
    for (weight, _), (v, c), x in zip(weights[1:], along[1:], inputs[1:], strict=True):
        moved.append(_through(x, tangent))
        tangent = _affine(x, v, c).baddbmm_(moved[-1], weight.mT)
    return moved, tangent


def _gradient_tangents(
    weights: Pairs, inputs: Tensors, slopes: Tensors, bend: Tensor, along: Pairs
) -> list[Tensor]:
    """Return the tangents of the gradients d_l, from that in the outputs."""
    tangents = [bend]
    for layer in range(len(weights) - 1, 0, -1):
        moved = torch.bmm(tangents[-1], weights[layer][0])
        moved.baddbmm_(slopes[layer], along[layer][0])
        tangents.append(_through(inputs[layer], moved))
    return tangents[::-1]


def _gradient(slopes: Tensors, inputs: Tensors) -> list[Tensor]:
    """Return the gradient in each weight and bias."""
    return [
        item for d, x in zip(slopes, inputs, strict=True) for item in (torch.bmm(d.mT, x), d.sum(1))
    ]


def _descend(weights: Pairs, slopes: Tensors, inputs: Tensors, rate: float) -> list[Tensor]:
    """Return weights and biases minus `rate` times their gradient."""
    updated = []
    for (weight, bias), d, x in zip(weights, slopes, inputs, strict=True):
        if x.shape[2] == 1:  # products with one row are three times as fast as with one column
            updated.append(torch.baddbmm(weight.mT, x.mT, d, alpha=-rate).mT)
        else:
            updated.append(torch.baddbmm(weight, d.mT, x, alpha=-rate))
        updated.append(torch.sub(bias, d.sum(1), alpha=rate))
    return updated


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `x W^T + b`."""
    if x.shape[2] == 1:  # three times as fast as a matrix product
        return torch.addcmul(bias[:, None], x, weight.mT)
    return torch.baddbmm(bias[:, None], x, weight.mT)


def _through(x: Tensor, pull: Tensor) -> Tensor:
    """Return the product of `pull` with the Jacobian of the ReLU whose output is x."""
    product: Tensor = torch.ops.aten.threshold_backward(pull, x, 0)
    return product


def _pairs(tensors: Tensors) -> Pairs:
    return list(zip(tensors[::2], tensors[1::2], strict=True))
