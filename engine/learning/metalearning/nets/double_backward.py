"""Convolution, batch norm and pooling with fast hand-written second derivatives.

Double backward in torch is exact but slow: for a convolution it uses images as kernels, group by
group, and for batch norm it makes some forty passes over the activations. Here both derivatives use
torch's fused first-derivative kernels. Third derivatives are not supported.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Maybe = Tensor | None


@dataclass(frozen=True, slots=True)
class Window:
    """Stride, padding, dilation and groups of a convolution."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def over(self, x: Tensor, weight: Tensor, bias: Maybe = None) -> Tensor:
        """Return the convolution."""
        return torch.convolution(
            x, weight, bias, self.stride, self.padding, self.dilation, False,
            [0] * len(self.stride), self.groups,
        )  # fmt: skip

    def back(
        self, pull: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, ...]
    ) -> tuple[Maybe, ...]:
        """Return the products of `pull` with the Jacobians in x, weight and bias."""
        gradients: tuple[Maybe, ...] = torch.ops.aten.convolution_backward(
            pull, x, weight, [len(weight)], self.stride, self.padding, self.dilation, False,
            [0] * len(self.stride), self.groups, wanted,
        )  # fmt: skip
        return gradients


def conv(x: Tensor, weight: Tensor, bias: Maybe, window: Window) -> Tensor:
    """Convolve x (n, i, h, w), weight (o, i / groups, kh, kw), bias (o,) to (n, o, h', w')."""
    output: Tensor = _Conv.apply(x, weight, bias, window)
    return output


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Normalise x (n, c, h, w) by its own moments, with weight and bias (c,)."""
    output: Tensor = _Norm.apply(x, weight, bias, eps)
    return output


def pool(x: Tensor) -> Tensor:
    """Max-pool x (n, c, h, w) by 2x2 to (n, c, h // 2, w // 2).

    On a CPU torch's kernel is not vectorised and takes three times as long.
    """
    if x.is_cuda:
        return functional.max_pool2d(x, 2)
    output: Tensor = _Pool.apply(x)
    return output


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Maybe, window: Window) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.window = window
        return window.over(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> tuple[Maybe, ...]:
        x, weight = ctx.saved_tensors
        gradients = _ConvBack.apply(pull, x, weight, ctx.window, ctx.needs_input_grad[:3])
        return (*gradients, None)


class _ConvBack(torch.autograd.Function):
    """The convolution is linear in each argument, so its derivatives are convolutions too."""

    @staticmethod
    def forward(
        ctx: Any, pull: Tensor, x: Tensor, weight: Tensor, window: Window, wanted: tuple[bool, ...]
    ) -> tuple[Maybe, ...]:
        ctx.save_for_backward(pull, x, weight)
        ctx.window = window
        ctx.set_materialize_grads(False)
        return window.back(pull, x, weight, wanted)

    @staticmethod
    def backward(ctx: Any, to_x: Maybe, to_weight: Maybe, to_bias: Maybe) -> tuple[Maybe, ...]:
        no_third()
        pull, x, weight = ctx.saved_tensors
        window: Window = ctx.window
        by_pull = by_x = by_weight = None
        if to_weight is not None:
            by_pull = window.over(x, to_weight, to_bias)
            if ctx.needs_input_grad[1]:
                by_x = window.back(pull, x, to_weight, (True, False, False))[0]
        elif to_bias is not None:
            by_pull = to_bias[:, None, None].expand_as(pull)
        if to_x is not None:
            moved = window.over(to_x, weight)
            by_pull = moved if by_pull is None else by_pull + moved
            if ctx.needs_input_grad[2]:
                by_weight = window.back(pull, to_x, weight, (False, True, False))[1]
        return by_pull, by_x, by_weight, None, None


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        y, mean, slope = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, eps)
        ctx.save_for_backward(x, weight, mean, slope)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> tuple[Maybe, ...]:
        return (*_NormBack.apply(pull, *ctx.saved_tensors, ctx.eps), None)


class _NormBack(torch.autograd.Function):
    """Of x' = (x - mean) s, s = 1 / sqrt(variance + eps), y = weight x' + bias, for a pull g on y.

    With P(u) = u - mean(u) - x' mean(u x'), the derivatives are weight s P(g), sum(g x'), sum(g).
    """

    @staticmethod
    def forward(
        ctx: Any, pull: Tensor, x: Tensor, weight: Tensor, mean: Tensor, slope: Tensor, eps: float
    ) -> tuple[Tensor, ...]:
        gradients: tuple[Tensor, ...] = torch.ops.aten.native_batch_norm_backward(
            pull, x, weight, None, None, mean, slope, True, eps, (True, True, True)
        )
        ctx.save_for_backward(pull, x, weight, mean, slope, gradients[1], gradients[2])
        ctx.eps = eps
        return gradients

    @staticmethod
    def backward(ctx: Any, to_x: Tensor, to_weight: Tensor, to_bias: Tensor) -> tuple[Maybe, ...]:
        """For pulls a on weight s P(g), b on sum(g x') and c on sum(g).

        in g       weight s P(a) + b x' + c
        in weight  s <a, P(g)>
        in x       s P(h) - weight s^2 <a, P(g)> x' / n,
                   where h = b g - weight s (mean(g x') a + mean(a x') g)
        """
        no_third()
        g, x, weight, mean, s, sum_gx, sum_g = ctx.saved_tensors
        a, n = to_x, x.numel() // x.shape[1]
        by_g, sum_ax, sum_a = torch.ops.aten.native_batch_norm_backward(
            a, x, weight, None, None, mean, s, True, ctx.eps, (True, True, True)
        )
        inner = torch.linalg.vecdot(a.flatten(2), g.flatten(2)).sum(0)
        inner = inner - (sum_a * sum_g + sum_ax * sum_gx) / n  # <a, P(g)>
        of_a = -weight * s * sum_gx / n
        of_g = to_weight - weight * s * sum_ax / n
        # Both results are sums of a, g, x and a constant, each channel with its own factors.
        of_x = (of_a * sum_ax + of_g * sum_gx + weight * s * inner) * -s * s / n
        rest = (of_a * sum_a + of_g * sum_g) * -s / n - of_x * mean
        by_x = _wide(rest).addcmul(_wide(of_x), x)
        by_x = by_x.addcmul_(_wide(s * of_a), a).addcmul_(_wide(s * of_g), g)
        by_g = by_g.add_(_wide(to_bias - to_weight * s * mean)).addcmul_(_wide(to_weight * s), x)
        return by_g, by_x, s * inner, None, None, None


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        height, width = (side // 2 * 2 for side in x.shape[2:])
        left, right = x[:, :, :height, 0:width:2], x[:, :, :height, 1:width:2]
        wide = torch.maximum(left, right)
        upper, lower = wide[:, :, 0::2], wide[:, :, 1::2]
        # Index of each maximum in its image, as in torch.
        over = (left < right).long()
        over[:, :, 1::2] += x.shape[3]
        index = torch.where(upper < lower, over[:, :, 1::2], over[:, :, 0::2])
        rows = torch.arange(0, height * x.shape[3], 2 * x.shape[3], device=x.device)
        index += rows[:, None] + torch.arange(0, width, 2, device=x.device)
        ctx.save_for_backward(x, index)
        return torch.maximum(upper, lower)

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> Tensor:
        gradients: Tensor = _PoolBack.apply(pull, *ctx.saved_tensors)
        return gradients


class _PoolBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pull: Tensor, x: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        gradients: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
            pull, x, (2, 2), (2, 2), (0, 0), (1, 1), False, index
        )
        return gradients

    @staticmethod
    def backward(ctx: Any, to_x: Tensor) -> tuple[Maybe, ...]:
        (index,) = ctx.saved_tensors
        return to_x.flatten(2).gather(2, index.flatten(2)).view_as(index), None, None


def no_third() -> None:
    """Raise on a third derivative, which `once_differentiable` misses with `autograd.grad`."""
    if torch.is_grad_enabled():
        raise RuntimeError("`StackedNet` does not support third derivatives; use `PlainNet`")


def _wide(channels: Tensor) -> Tensor:
    """Reshape (c,) to (c, 1, 1)."""
    return channels[:, None, None]
