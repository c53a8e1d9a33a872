"""MAML (arXiv 1703.03400) as a plain autograd loop over tasks, in one file.

`algorithms/maml.py` computes the same gradients for all tasks at once. To meta-train a `net`:

    def model(params, x):
        return torch.func.functional_call(net, params, (x,))

    theta = dict(net.named_parameters())
    optimizer = torch.optim.Adam(theta.values(), lr=1e-3)
    for tasks in batches:  # lists of Task
        optimizer.zero_grad()
        meta_loss(model, F.mse_loss, theta, tasks, steps=5, lr=0.01).backward()
        optimizer.step()
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Params = Mapping[str, Tensor]
Model = Callable[[Params, Tensor], Tensor]
"""Parameters, inputs (n, ...) -> outputs (n, C)."""
LossFunction = Callable[[Tensor, Tensor], Tensor]
"""Outputs (n, C), targets -> mean loss (): eq. 2 (squared error) or eq. 3 (cross-entropy)."""


class Task(NamedTuple):
    """One task: inputs (n, ...) and targets (n, ...) of its support set D and query set D'."""

    support_x: Tensor
    support_y: Tensor
    query_x: Tensor
    query_y: Tensor


def inner_step(
    loss: Tensor, params: Params, lr: float, *, second_order: bool = True
) -> dict[str, Tensor]:
    """Return parameters after one gradient step on a support loss (), differentiable in `params`.

    First order (section 5.2) treats the gradient as a constant: no second derivatives.
    """
    gradients = torch.autograd.grad(loss, list(params.values()), create_graph=second_order)
    # Section 2.2 (Algorithm 2, line 7): theta'_i = theta - alpha * grad_theta L_Ti(f_theta).
    return {
        name: param - lr * gradient
        for (name, param), gradient in zip(params.items(), gradients, strict=True)
    }


def adapt(
    model: Model, loss: LossFunction, theta: Params, task: Task, *, steps: int, lr: float,
    second_order: bool = True,
) -> dict[str, Tensor]:  # fmt: skip
    """Return the parameters theta'_i of a task after `steps` inner steps on its support set.

    Every tensor of `theta` must require a gradient and affect the outputs; autograd raises
    RuntimeError otherwise.
    """
    params = dict(theta)
    for _ in range(steps):
        support_loss = loss(model(params, task.support_x), task.support_y)
        params = inner_step(support_loss, params, lr, second_order=second_order)
    return params


def meta_loss(
    model: Model, loss: LossFunction, theta: Params, tasks: Sequence[Task], *, steps: int,
    lr: float, second_order: bool = True,
) -> Tensor:  # fmt: skip
    """Return the meta-objective (): query losses of adapted parameters, averaged over tasks."""
    query_losses = []
    for task in tasks:
        params = adapt(model, loss, theta, task, steps=steps, lr=lr, second_order=second_order)
        query_losses.append(loss(model(params, task.query_x), task.query_y))
    # Section 2.2: sum_i L_Ti(f_theta'_i), here a mean. Its gradient in theta is that of eq. 1.
    return torch.stack(query_losses).mean()
