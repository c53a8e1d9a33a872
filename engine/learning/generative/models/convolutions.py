"""The convolutions of coders as a CPU computes them fastest, with their derivatives written out.

Where the channels of a pixel lie side by side in memory (torch's `channels_last`) they take two
thirds of the time. All here is of 4x4 with stride 2 and padding 1, and has no second derivatives.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.learning.generative.models.fused_terms import no_second

SIDE = 4
"""Of a kernel."""


def beside(x: Tensor) -> Tensor:
    """The same (n, c, h, w), in memory with the channels of a pixel side by side.

    Where there is but one channel torch leaves open which layout that is; here it is told.
    """
    n, c, h, w = x.shape
    x = x.contiguous(memory_format=torch.channels_last)
    return x if c > 1 else x.as_strided((n, c, h, w), (h * w, 1, w, 1))


def stacked(x: Tensor) -> Tensor:
    """The same (n, c, h, w), a channel after another; its gradient has them side by side again."""
    found: Tensor = _Stacked.apply(x)
    return found


def halved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(n, o, h // 2, w // 2) of x (n, i, h, w), weight (o, i, 4, 4), bias (o,)."""
    return functional.conv2d(x, weight.contiguous(memory_format=torch.channels_last), bias, 2, 1)


def doubled(x: Tensor, weight: Tensor, bias: Tensor, odd: tuple[int, ...]) -> Tensor:
    """Images of twice the sides and `odd` more, by a transposed convolution of 4x4 with stride 2.

    Args:
        x: (n, i, h, w).
        weight: (i, o, 4, 4).
        bias: (o,).
        odd: rows and columns more than twice the sides.

    Returns:
        (n, o, 2 h + odd[0], 2 w + odd[1]).
    """
    found: Tensor = _Doubled.apply(x, weight, bias, odd)
    return found


def doubled_few(x: Tensor, weight: Tensor, bias: Tensor, odd: tuple[int, ...]) -> Tensor:
    """The same to few channels, of which torch's own takes six times as long: see `doubled`."""
    found: Tensor = _DoubledFew.apply(x, weight, bias, odd)
    return found


class _Doubled(torch.autograd.Function):
    """It is the way back through a convolution; so its own way back is that convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, odd: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(x, weight)
        return functional.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=odd)

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> tuple[Tensor | None, ...]:
        no_second()
        x, weight = ctx.saved_tensors
        by_x = by_weight = by_bias = None
        if ctx.needs_input_grad[0]:
            by_x = functional.conv2d(pull, weight, stride=2, padding=1)
        if ctx.needs_input_grad[1]:
            by_weight = torch.ops.aten.convolution_backward(
                x, pull, weight, None, (2, 2), (1, 1), (1, 1), False, (0, 0), 1,
                (False, True, False),
            )[1]  # fmt: skip
        if ctx.needs_input_grad[2]:
            by_bias = pull.sum((0, 2, 3))
        return by_x, by_weight, by_bias, None


class _Stacked(torch.autograd.Function):
    """By autograd the gradient would keep the layout, which slows all that is on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        return x.contiguous()

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> Tensor:
        no_second()
        del ctx
        return pull.contiguous(memory_format=torch.channels_last)


class _DoubledFew(torch.autograd.Function):
    """A product for all pixels, and a sum of pieces that overlap.

    Pixel (i, j) paints a piece of 4x4 whose corner is (2 i, 2 j), on a canvas with a margin of 1.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, odd: tuple[int, ...]) -> Tensor:
        n, _, h, w = x.shape
        outputs = weight.shape[1]
        ctx.save_for_backward(x, weight)
        pieces = weight.flatten(1).t() @ _pixels(x).t()
        pieces = pieces.view(outputs, SIDE, SIDE, n, h, w)
        canvas = x.new_zeros(outputs, n, h + 1, 2, w + 1, 2)
        for row in range(SIDE):
            rows = canvas[:, :, row // 2 : row // 2 + h, row % 2]
            for column in range(SIDE):
                first = column // 2
                rows[..., first : first + w, column % 2].add_(pieces[:, row, column])
        painted = canvas.view(outputs, n, 2 * h + 2, 2 * w + 2)
        inside = painted[:, :, 1 : 2 * h + 1 + odd[0], 1 : 2 * w + 1 + odd[1]]
        return inside.transpose(0, 1) + bias[:, None, None]

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> tuple[Tensor | None, ...]:
        no_second()
        x, weight = ctx.saved_tensors
        n, inputs, h, w = x.shape
        more = (1, 2 * w + 1 - pull.shape[3], 1, 2 * h + 1 - pull.shape[2])
        canvas = functional.pad(pull.transpose(0, 1), more)
        pieces = canvas.unfold(2, SIDE, 2).unfold(3, SIDE, 2).permute(0, 4, 5, 1, 2, 3)
        pieces = pieces.reshape(-1, n * h * w)
        by_x = by_weight = by_bias = None
        if ctx.needs_input_grad[0]:
            by_x = pieces.t() @ weight.flatten(1).t()
            by_x = by_x.view(n, h, w, inputs).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            by_weight = (pieces @ _pixels(x)).t().reshape(weight.shape)
        if ctx.needs_input_grad[2]:
            by_bias = pull.sum((0, 2, 3))
        return by_x, by_weight, by_bias, None


def _pixels(x: Tensor) -> Tensor:
    """(n h w, c) of x (n, c, h, w): a view where the channels of a pixel lie side by side."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)
