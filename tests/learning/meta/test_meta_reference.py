"""The readable MAML against the stacked one, and as a student would use it."""

import meta_reference
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from engine.learning.metalearning.algorithms import base
from engine.learning.metalearning.algorithms import maml as fast
from engine.learning.metalearning.nets import stacked
from engine.learning.metalearning.reference import maml


def tasks_of(batch):
    sets = (batch.support.x, batch.support.y, batch.query.x, batch.query.y)
    return [maml.Task(*task) for task in zip(*sets, strict=True)]


@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_the_readable_loop_has_the_loss_and_gradient_of_the_stacked_maml(kind, order):
    if kind == "regression":
        network, outputs, batch = meta_reference.mlp(), 1, meta_reference.regression()
        loss = functional.mse_loss
    else:
        network, outputs = meta_reference.conv("batch"), 3
        batch, loss = meta_reference.classified(smoothing=0.0), functional.cross_entropy
    theta = base.tracked(meta_reference.theta(network, "learned", outputs))
    expected = maml.meta_loss(
        lambda params, x: meta_reference.outputs_of(network, params, x), loss, theta,
        tasks_of(batch), steps=3, lr=0.1, second_order=order == "second",
    )  # fmt: skip
    found = fast.Maml(steps=3, lr=0.1, order=order).meta_gradient(
        stacked.StackedNet.of(network), theta, batch, {}
    )
    torch.testing.assert_close(found.losses.mean(), expected.detach())
    expected = meta_reference.gradient(expected, theta)
    assert meta_reference.apart(found.gradient, expected) < 1e-8


def test_the_example_of_its_docstring_learns_a_task():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1)).double()
    tasks = tasks_of(meta_reference.regression())
    theta = dict(net.named_parameters())
    optimizer = torch.optim.Adam(theta.values(), lr=1e-2)

    def model(params, x):
        return functional_call(net, params, (x,))

    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = maml.meta_loss(model, functional.mse_loss, theta, tasks, steps=2, lr=0.05)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
