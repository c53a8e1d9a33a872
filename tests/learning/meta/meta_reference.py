"""Independent references: plain loops over tasks on plain modules, and finite differences."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from engine.learning.metalearning.nets import stacked, task_heads
from engine.learning.metalearning.reference import maml
from engine.learning.metalearning.tasks import batches
from engine.learning.models import backbones

NORMS = ("none", "batch", "layer", "group")


def smooth(network: backbones.Network) -> backbones.Network:
    """The same in float64 without kinks, whose derivatives finite differences can follow."""
    for name, module in list(network.backbone.named_children()):
        if isinstance(module, nn.ReLU):
            setattr(network.backbone, name, nn.Softplus())
        if isinstance(module, nn.MaxPool2d):
            setattr(network.backbone, name, nn.AvgPool2d(2))
    return network.double()


def conv(
    norm: str, *, width: int = 8, shape: tuple[int, int, int] = (1, 4, 4)
) -> backbones.Network:
    """A small smooth conv4 whose norms and biases are not what they are at the start."""
    network = smooth(backbones.build({"kind": "conv4", "width": width, "norm": norm}, shape, 0))
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for item in network.backbone.parameters():
            item.add_(torch.randn(item.shape, generator=draws, dtype=item.dtype), alpha=0.1)
    return network


def mlp(inputs: int = 1, hidden: tuple[int, ...] = (7, 6)) -> backbones.Network:
    return smooth(backbones.build({"kind": "mlp", "hidden": list(hidden)}, (inputs,), 0))


def classified(
    *, tasks: int = 2, ways: int = 3, shots: int = 2, queries: int = 2, smoothing: float = 0.1
) -> batches.TaskBatch:
    """Random images with a little of their class in them."""
    draws = torch.Generator().manual_seed(2)

    def examples(each: int) -> batches.Examples:
        y = torch.arange(ways).repeat(each).expand(tasks, -1)
        x = torch.randn(tasks, ways * each, 1, 4, 4, generator=draws, dtype=torch.float64)
        return batches.Examples(x + 0.3 * y[..., None, None, None], y)

    return batches.TaskBatch(
        examples(shots), examples(queries), ways, batches.CrossEntropy(smoothing),
        batches.CrossEntropy(), None, tuple(range(tasks)),
    )  # fmt: skip


def regression(*, tasks: int = 2, n: int = 5, inputs: int = 1, outputs: int = 1):
    draws = torch.Generator().manual_seed(3)

    def examples() -> batches.Examples:
        x = torch.randn(tasks, n, inputs, generator=draws, dtype=torch.float64)
        y = torch.randn(tasks, n, outputs, generator=draws, dtype=torch.float64)
        return batches.Examples(x, y)

    square = batches.SquaredError()
    return batches.TaskBatch(
        examples(), examples(), outputs, square, square, None, tuple(range(tasks))
    )


def theta(network: backbones.Network, head: task_heads.Head, outputs: int) -> dict[str, Tensor]:
    own = {k: v.double() for k, v in task_heads.theta_of(head, network.width, outputs, 5).items()}
    return stacked.theta_of(network) | own


def outputs_of(network: backbones.Network, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Outputs (n, C) of one task's net by `functional_call`; batch norm by its batch."""
    own = {k[9:]: v for k, v in weights.items() if k.startswith("backbone.")}
    buffers = {k: v.clone() for k, v in network.backbone.named_buffers()}
    z = functional_call(network.backbone.train(), own | buffers, (x,))
    return functional.linear(z, weights["head.weight"], weights["head.bias"])


def loss_of(outputs: Tensor, y: Tensor, smoothing: float) -> Tensor:
    if y.is_floating_point():
        return (outputs - y).square().sum(1).mean()
    return functional.cross_entropy(outputs, y, label_smoothing=smoothing)


def maml_loss(
    network: backbones.Network, theta: dict[str, Tensor], batch: batches.TaskBatch, *, steps: int,
    lr: float | tuple[float, ...], moved: tuple[str, ...] = ("",), second: bool = True,
    weights: tuple = (),
) -> Tensor:  # fmt: skip
    """Mean query loss after plain gradient steps, task by task, with the graph of all of them.

    The learned, shared or zero head is recognised by theta.
    """
    total = []
    rates = lr if isinstance(lr, tuple) else (lr,) * steps
    smoothing = batch.loss.smoothing if batch.classified else 0.0
    for t in range(len(batch)):
        phi = dict(theta)
        if "head.weight" not in phi:
            phi["head.weight"] = torch.zeros(batch.outputs, network.width, dtype=torch.float64)
            phi["head.bias"] = torch.zeros(batch.outputs, dtype=torch.float64)
        elif len(phi["head.bias"]) < batch.outputs:
            phi["head.weight"] = phi["head.weight"].repeat(batch.outputs, 1)
            phi["head.bias"] = phi["head.bias"].repeat(batch.outputs)
        phi = {k: v if v.requires_grad else v.requires_grad_() for k, v in phi.items()}
        gathered = []
        for k in range(steps):
            names = [name for name in phi if name.startswith(moved)]
            out = outputs_of(network, phi, batch.support.x[t])
            loss = loss_of(out, batch.support.y[t], smoothing)
            phi = phi | maml.inner_step(
                loss, {n: phi[n] for n in names}, rates[k], second_order=second
            )
            if weights:
                out = outputs_of(network, phi, batch.query.x[t])
                gathered.append(weights[k] * loss_of(out, batch.query.y[t], 0.0))
        out = outputs_of(network, phi, batch.query.x[t])
        total.append(sum(gathered) if weights else loss_of(out, batch.query.y[t], 0.0))
    return torch.stack(total).mean()


def gradient(loss: Tensor, theta: dict[str, Tensor]) -> dict[str, Tensor]:
    wanted = {k: v for k, v in theta.items() if v.requires_grad}
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    return {
        k: torch.zeros_like(v) if g is None else g
        for (k, v), g in zip(wanted.items(), found, strict=True)
    }


def differences(
    value: Callable[[dict[str, Tensor]], Tensor], theta: dict[str, Tensor], directions: int = 3
) -> list[tuple[float, dict[str, Tensor]]]:
    """Slopes of a function along random directions, by central differences of fourth order."""
    draws = torch.Generator().manual_seed(7)
    found = []
    for _ in range(directions):
        way = {
            k: torch.randn(v.shape, generator=draws, dtype=v.dtype) / math.sqrt(len(theta))
            for k, v in theta.items()
        }

        def at(step: float, way=way) -> float:
            moved = {k: (v.detach() + step * way[k]).requires_grad_() for k, v in theta.items()}
            return float(value(moved).detach())

        h = 1e-4
        slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
        found.append((slope, way))
    return found


def along(gradient: dict[str, Tensor], way: dict[str, Tensor]) -> float:
    return float(sum((gradient[k] * way[k]).sum() for k in gradient))


def apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Largest difference of two gradients, over the size of the second."""
    assert one.keys() == other.keys()
    size = max(float(v.abs().max()) for v in other.values())
    return max(float((one[k] - other[k]).abs().max()) for k in other) / size
