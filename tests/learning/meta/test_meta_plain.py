"""The plain loop for any module, the choice by measurement, and what vmap gets wrong."""

import time

import meta_reference as reference
import pytest
import torch
from torch import nn
from torch.func import grad, vmap
from torch.nn import functional

from engine.learning.metalearning.algorithms import base, maml, newton, protonet, reptile, ridge
from engine.learning.metalearning.inner import spaces
from engine.learning.metalearning.loop import looped
from engine.learning.metalearning.nets import stacked
from engine.learning.models import backbones

LEARNERS = {
    "maml": maml.Maml(steps=2, lr=0.1),
    "recomputed": maml.Maml(steps=3, lr=0.1, memory="recompute"),
    "anil": maml.Maml(steps=2, lr=0.1, inner=spaces.HeadOnly()),
    "lora": maml.Maml(steps=2, lr=0.1, inner=spaces.Lora(rank=2)),
    "reptile": reptile.Reptile(inner_batch=4),
    "ridge": ridge.Ridge(),
    "newton": newton.Newton(),
    "protonet": protonet.Protonet(),
}


@pytest.mark.parametrize("norm", reference.NORMS)
@pytest.mark.parametrize("name", LEARNERS)
def test_any_module_in_a_plain_loop_has_the_same_meta_gradient(name, norm):
    network = reference.conv(norm)
    learner, batch = LEARNERS[name], reference.classified()
    start = reference.theta(network, "learned", 3)
    theta = base.tracked(start | learner.start(start, 0))
    ours = learner.meta_gradient(stacked.StackedNet.of(network), theta, batch, {})
    net = looped.PlainNet.of(network)
    for found in (
        learner.meta_gradient(net, theta, batch, {}),
        looped.Looped(learner).meta_gradient(net, theta, batch, {}),
        looped.Looped(learner).meta_gradient(stacked.StackedNet.of(network), theta, batch, {}),
    ):
        assert reference.apart(found.gradient, ours.gradient) < 1e-8
        torch.testing.assert_close(found.losses, ours.losses)
        assert found.state.keys() == ours.state.keys()


@pytest.mark.parametrize("name", ["maml", "ridge"])
def test_a_loop_adapts_and_walks_as_the_whole_batch_does(name):
    network = reference.conv("batch")
    learner, batch, net = LEARNERS[name], reference.classified(), stacked.StackedNet.of(network)
    start = reference.theta(network, "learned", 3)
    theta = start | learner.start(start, 0)
    whole = base.curve(learner, net, theta, batch, (0, 2))
    loop = base.curve(looped.Looped(learner), net, theta, batch, (0, 2))
    assert whole.keys() == loop.keys()
    for step, found in whole.items():
        torch.testing.assert_close(loop[step].losses, found.losses)


def test_a_layer_that_no_stacked_net_knows_learns_in_the_plain_loop():
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(1, 5), nn.LayerNorm(5), nn.Tanh()).double()
    network = backbones.Network(backbone, 5)
    with pytest.raises(ValueError, match="LayerNorm"):
        stacked.StackedNet.of(network)
    net, batch = looped.PlainNet.of(network), reference.regression()
    theta = base.tracked(reference.theta(network, "learned", 1))
    learner = maml.Maml(steps=2, lr=0.05)
    found = learner.meta_gradient(net, theta, batch, {}).gradient
    for slope, way in reference.differences(
        lambda own: learner.meta_gradient(net, own, batch, {}).losses.mean(), theta
    ):
        assert reference.along(found, way) == pytest.approx(slope, rel=1e-6)


def test_passes_leave_a_module_s_running_statistics_alone():
    network = reference.conv("batch")
    net = looped.PlainNet.of(network)
    before = {name: item.clone() for name, item in network.named_buffers()}
    theta = base.tracked(reference.theta(network, "learned", 3))
    maml.Maml().meta_gradient(net, theta, reference.classified(), {})
    assert all(torch.equal(before[name], item) for name, item in network.named_buffers())


def test_statistics_that_a_module_cannot_be_told_of_are_refused():
    with pytest.raises(ValueError, match="bn: support"):
        looped.PlainNet.of(reference.conv("batch"), bn="support")


def test_the_quickest_is_chosen_and_the_first_of_equals_runs_too():
    runs = []
    slow = lambda: (runs.append("slow"), time.sleep(0.02))  # noqa: E731
    assert (
        looped.fastest({"slow": slow, "quick": lambda: runs.append("quick")}, rounds=2) == "quick"
    )
    assert runs == ["slow", "quick"] * 3


def test_implementations_agree():
    network = reference.conv("group")
    learner, batch = LEARNERS["maml"], reference.classified()
    theta = base.tracked(reference.theta(network, "learned", 3))
    ways = looped.implementations(learner, stacked.StackedNet.of(network), theta, batch)
    assert looped.fastest(ways, rounds=1) in {"stacked", "looped"}
    one, other = (work().gradient for work in ways.values())
    assert reference.apart(one, other) < 1e-10


def test_vmap_over_a_second_gradient_through_batch_norm_is_wrong_and_the_stacked_net_right():
    """The defect for which nothing here is built on vmap."""
    draws = torch.Generator().manual_seed(0)
    x, x_query = torch.randn(2, 2, 6, 3, 4, 4, generator=draws, dtype=torch.float64)
    y = torch.randn(5, generator=draws, dtype=torch.float64)
    theta = {
        "backbone.0.weight": torch.randn(5, 3, 3, 3, generator=draws, dtype=torch.float64),
        "backbone.1.weight": torch.rand(5, generator=draws, dtype=torch.float64),
        "backbone.1.bias": torch.randn(5, generator=draws, dtype=torch.float64),
    }
    theta = {name: item.requires_grad_() for name, item in theta.items()}
    w, gain, shift = theta

    def loss(own, x, norm):
        z = norm(functional.conv2d(x, own[w], padding=1), own[gain], own[shift])
        return (functional.softplus(z).mean((2, 3)) * y).sin().square().sum()

    def torchs(z, gain, shift):
        return functional.batch_norm(z, None, None, gain, shift, training=True)

    def written(z, gain, shift):
        var, mean = torch.var_mean(z, (0, 2, 3), correction=0, keepdim=True)
        return (z - mean) * (var + 1e-5).rsqrt() * gain[:, None, None] + shift[:, None, None]

    def task(norm):
        def after(own, x, x_query):
            found = grad(loss)(own, x, norm)
            return loss({name: own[name] - 0.1 * found[name] for name in own}, x_query, norm)

        return after

    def slope(losses):
        found = torch.autograd.grad(losses.mean(), list(theta.values()))
        return dict(zip(theta, found, strict=True))

    truth = slope(torch.stack([task(torchs)(theta, x[t], x_query[t]) for t in range(2)]))
    by_hand = slope(vmap(task(written), in_dims=(None, 0, 0))(theta, x, x_query))
    assert reference.apart(by_hand, truth) < 1e-10

    backbone = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5))
    net = stacked.StackedNet.of(backbones.Network(backbone, 5))

    def stacked_loss(own, x):
        z = net.features(own, x, stacked.Pass(2)).unflatten(1, (2, 5)).transpose(0, 1)
        return (functional.softplus(z).mean((3, 4)) * y).sin().square().sum((1, 2))

    each = {name: item.expand(2, *item.shape) for name, item in theta.items()}
    found = torch.autograd.grad(stacked_loss(each, x).sum(), list(each.values()), create_graph=True)
    moved = {n: item - 0.1 * g for (n, item), g in zip(each.items(), found, strict=True)}
    assert reference.apart(slope(stacked_loss(moved, x_query)), truth) < 1e-10

    by_vmap = slope(vmap(task(torchs), in_dims=(None, 0, 0))(theta, x, x_query))
    if reference.apart(by_vmap, truth) < 1e-8:
        pytest.skip(f"torch {torch.__version__} has this right; it was wrong in 2.13")
    assert reference.apart(by_vmap, truth) > 1e-3
