"""Layers whose parameters have a leading task dimension: T nets computed at once.

Images are (n, T·C, height, width), so that a convolution is one with groups=T and every norm is
torch's own over T·C channels; vectors are (T, n, width). Parameters that all tasks share have a
leading 1. No vmap: `vmap` of a second gradient through batch norm is silently wrong in torch 2.13.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.learning.metalearning.nets import double_backward
from engine.learning.metalearning.nets.double_backward import Window
from engine.learning.metalearning.tasks.batches import Weights

Moments = tuple[Tensor, Tensor]
"""Mean and (biased) variance of each channel: (C,) or (T, C)."""

IMAGES = 5
"""Dimensions of images as input: (T, n, channels, height, width)."""
MAPS = 4
"""Dimensions of images between convolutions: (n, T·C, height, width)."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Options of one forward pass: padding, and the statistics of batch norm.

    Attributes:
        tasks: T.
        rows: number of leading examples that give the statistics; None for all.
        kept: (T, n) bool, False for padding; None without padding.
        running: layer -> moments (C,) to use instead of those of the pass.
        seen: if given, filled with layer -> moments (T, C) of this pass.
    """

    tasks: int
    rows: int | None = None
    kept: Tensor | None = None
    running: Mapping[str, Moments] | None = None
    seen: dict[str, Moments] | None = field(default=None, compare=False)

    @property
    def plain(self) -> bool:
        """Whether the statistics are those of all examples."""
        return self.rows is None and self.kept is None and self.running is None


@dataclass(frozen=True, slots=True)
class Linear:
    """`x W^T + b` for each task."""

    name: str

    def __call__(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """(T, n, o) of x (T, n, i), weight (T, o, i), bias (T, o)."""
        del now
        return linear(x, weights[f"{self.name}.weight"], weights.get(f"{self.name}.bias"))


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution for each task."""

    name: str
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def __call__(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """(n, T·o, h', w') of x (n, T·i, h, w) or (T, n, i, h, w), weight (T, o, i, kh, kw)."""
        del now
        weight, bias = weights[f"{self.name}.weight"], weights.get(f"{self.name}.bias")
        if x.ndim == IMAGES:
            x = x.transpose(0, 1).flatten(1, 2)
        n, shared = len(x), len(weight) == 1
        if shared:
            x = x.reshape(-1, weight.shape[2] * self.groups, *x.shape[2:])
        window = Window(self.stride, self.padding, self.dilation, self.groups * len(weight))
        y = double_backward.conv(
            x, weight.flatten(0, 1), None if bias is None else bias.flatten(), window
        )
        return y.reshape(n, -1, *y.shape[2:]) if shared else y


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch norm (arXiv 1502.03167) with statistics of each task."""

    name: str
    eps: float

    def __call__(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """(n, T·C, h, w) of the same, weight and bias (T, C)."""
        weight = _each(weights[f"{self.name}.weight"], now.tasks)  # (T·C,)
        bias = _each(weights[f"{self.name}.bias"], now.tasks)
        if now.seen is not None:
            now.seen[self.name] = moments(x.detach(), now)
        if now.plain:
            return double_backward.batch_norm(x, weight, bias, self.eps)
        if now.running is not None:
            mean, variance = (_each(item[None], now.tasks) for item in now.running[self.name])
        else:
            mean, variance = (item.flatten() for item in moments(x, now))
        # torch treats given statistics as constants; here gradients flow through them.
        slope = weight * torch.rsqrt(variance + self.eps)
        return x * slope[:, None, None] + (bias - mean * slope)[:, None, None]


@dataclass(frozen=True, slots=True)
class GroupNorm:
    """Group norm (arXiv 1803.08494); with one group it is layer norm."""

    name: str
    groups: int
    eps: float

    def __call__(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """(n, T·C, h, w) of the same, weight and bias (T, C)."""
        weight = _each(weights[f"{self.name}.weight"], now.tasks)
        bias = _each(weights[f"{self.name}.bias"], now.tasks)
        return functional.group_norm(x, self.groups * now.tasks, weight, bias, self.eps)


@dataclass(frozen=True, slots=True)
class Flatten:
    """Flattens images to vectors."""

    def __call__(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """(T, n, C·h·w) of x (n, T·C, h, w), or of x (T, n, ...)."""
        del weights
        if x.ndim == MAPS:
            x = x.unflatten(1, (now.tasks, -1)).transpose(0, 1)
        return x.flatten(2)


@dataclass(frozen=True, slots=True)
class Stateless:
    """A module without parameters that treats every channel alike: activations and pools."""

    module: nn.Module

    def __call__(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """Apply the module to x."""
        del weights, now
        output: Tensor = self.module(x)
        return output


@dataclass(frozen=True, slots=True)
class Pool:
    """2x2 max pooling."""

    def __call__(self, weights: Weights, x: Tensor, now: Pass) -> Tensor:
        """(n, T·C, h // 2, w // 2) of x (n, T·C, h, w)."""
        del weights, now
        return double_backward.pool(x)


Layer = Linear | Conv | BatchNorm | GroupNorm | Flatten | Pool | Stateless


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(T, n, o) of x (T, n, i), weight (T, o, i) and bias (T, o); or (1, ...), shared by all."""
    if len(weight) == 1:
        return functional.linear(x, weight[0], None if bias is None else bias[0])
    if bias is None:
        return torch.bmm(x, weight.transpose(1, 2))
    return torch.baddbmm(bias.expand(len(weight), -1)[:, None], x, weight.transpose(1, 2))


def moments(x: Tensor, now: Pass) -> Moments:
    """Return mean and variance (T, C) of each channel of x (n, T·C, h, w), without padding."""
    rows = x[: now.rows].unflatten(1, (now.tasks, -1))  # (r, T, C, h, w)
    if now.kept is None:
        return rows.mean((0, 3, 4)), rows.var((0, 3, 4), correction=0)
    kept = now.kept[:, : now.rows].T[:, :, None, None, None].to(x.dtype)  # (r, T, 1, 1, 1)
    count = kept.sum(0)[..., 0, 0] * x.shape[2] * x.shape[3]  # (T, 1)
    mean = (rows * kept).sum((0, 3, 4)) / count
    spread = (rows - mean[:, :, None, None]).square() * kept
    return mean, spread.sum((0, 3, 4)) / count


def _each(item: Tensor, tasks: int) -> Tensor:
    """Return (T·C,) from a tensor for each task (T, C), or for all (1, C)."""
    return item.expand(tasks, -1).flatten()


def of(name: str, module: nn.Module) -> Layer:
    """Build the stacked layer of a module.

    Raises:
        ValueError: the module is not supported; `looped.PlainNet` takes any module.
    """
    if isinstance(module, nn.Linear):
        return Linear(name)
    if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
        before, after = _margins(module)
        if before == after:
            return Conv(name, module.stride, before, module.dilation, module.groups)
    if isinstance(module, nn.BatchNorm2d) and module.affine:
        return BatchNorm(name, module.eps)
    if isinstance(module, nn.GroupNorm) and module.affine:
        return GroupNorm(name, module.num_groups, module.eps)
    if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
        return Flatten()
    if isinstance(module, _STATELESS):
        return Pool() if repr(module) == repr(nn.MaxPool2d(2)) else Stateless(module)
    raise ValueError(
        f"{name}: {module} is not supported with a task dimension; use `looped.PlainNet`"
    )


def _margins(module: nn.Conv2d) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the padding before and after each dimension of the images."""
    if not isinstance(module.padding, str):
        return module.padding, module.padding
    spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    total = [span if module.padding == "same" else 0 for span in spans]
    return tuple(span // 2 for span in total), tuple(span - span // 2 for span in total)


_STATELESS = (
    nn.ReLU, nn.Softplus, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.Sigmoid, nn.LeakyReLU, nn.Identity,
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d,
)  # fmt: skip
