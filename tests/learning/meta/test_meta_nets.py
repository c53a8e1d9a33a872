"""Nets with a task dimension compute what plain nets do, and so do their gradients."""

import meta_reference as reference
import pytest
import torch
from torch import nn
from torch.func import functional_call

from engine.learning.metalearning.nets import layers, stacked
from engine.learning.metalearning.nets.layers import Pass
from engine.learning.metalearning.tasks import batches
from engine.learning.models import backbones

TASKS = 3


def strided() -> backbones.Network:
    first = nn.Conv2d(2, 6, 3, stride=2, padding=1, bias=False)
    second = nn.Conv2d(6, 4, 3, stride=2, padding=1, groups=2)
    backbone = nn.Sequential(first, nn.BatchNorm2d(6), nn.Tanh(), second, nn.Flatten())
    return backbones.Network(backbone.double(), 16)


def build(name: str) -> tuple[backbones.Network, tuple[int, ...]]:
    if name == "strided":
        return strided(), (2, 8, 8)
    if name == "downsampled":
        fields = {"kind": "conv4", "width": 4, "norm": "batch", "downsample": "stride"}
        return reference.smooth(backbones.build(fields, (1, 19, 28), 0)), (1, 19, 28)
    if name == "sinusoid":
        return reference.smooth(backbones.build({"kind": "mlp", "hidden": [40, 40]}, (1,), 0)), (1,)
    if name == "relu":
        conv4 = {"kind": "conv4", "width": 4, "norm": "batch"}
        return backbones.build(conv4, (1, 8, 8), 0).double(), (1, 8, 8)
    return reference.conv(name), (1, 4, 4)


def weights_of(network: backbones.Network, tasks: int) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    return {
        name: (item + 0.1 * torch.randn(tasks, *item.shape, generator=draws, dtype=item.dtype))
        for name, item in stacked.theta_of(network).items()
    }


def plain(network: backbones.Network, weights, x, task: int):
    own = {name[9:]: item[task if len(item) > 1 else 0] for name, item in weights.items()}
    buffers = {name: item.clone() for name, item in network.backbone.named_buffers()}
    return functional_call(network.backbone.train(), own | buffers, (x[task],))


def derivatives(features, weights):
    """Values, first gradients of them, and gradients of the size of those."""
    weights = {name: item.clone().requires_grad_() for name, item in weights.items()}
    z = features(weights)
    first = torch.autograd.grad(z.square().sum(), list(weights.values()), create_graph=True)
    size = torch.stack([item.square().sum() for item in first]).sum()
    second = torch.autograd.grad(size, list(weights.values()))
    return [item.detach() for item in (z, *first, *second)]


@pytest.mark.parametrize("name", [*reference.NORMS, "strided", "downsampled", "sinusoid", "relu"])
@pytest.mark.parametrize("tasks", [1, TASKS])
def test_a_stacked_net_is_a_loop_over_plain_nets_up_to_second_gradients(name, tasks):
    network, shape = build(name)
    net = stacked.StackedNet.of(network)
    draws = torch.Generator().manual_seed(4)
    x = torch.randn(tasks, 6, *shape, generator=draws, dtype=torch.float64)
    weights = weights_of(network, tasks)
    ours = derivatives(lambda own: net.features(own, x, Pass(tasks)), weights)
    loop = derivatives(
        lambda own: torch.stack([plain(network, own, x, t) for t in range(tasks)]), weights
    )
    assert ours[0].shape == (tasks, 6, network.width)
    # A bias before batch norm has derivative 0: what is left of terms as large as the largest.
    size = max(float(item.detach().abs().max()) for item in loop)
    for one, other in zip(ours, loop, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=max(1e-10, 1e-14 * size))


@pytest.mark.parametrize("name", [*reference.NORMS, "strided", "downsampled", "sinusoid"])
def test_weights_that_all_tasks_share_need_not_be_copied(name):
    network, shape = build(name)
    net = stacked.StackedNet.of(network)
    draws = torch.Generator().manual_seed(4)
    x = torch.randn(TASKS, 6, *shape, generator=draws, dtype=torch.float64)
    weights = weights_of(network, 1)
    ours = derivatives(lambda own: net.features(own, x, Pass(TASKS)), weights)
    loop = derivatives(
        lambda own: torch.stack([plain(network, own, x, t) for t in range(TASKS)]), weights
    )
    for one, other in zip(ours, loop, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def normed(bn: str) -> tuple[stacked.StackedNet, dict, batches.TaskBatch]:
    network = reference.conv("batch")
    for module in network.backbone:
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    weights = {name: item[None] for name, item in stacked.theta_of(network).items()}
    return stacked.StackedNet.of(network, bn=bn), weights, reference.classified()


def test_statistics_of_the_support_set_make_a_query_independent_of_other_queries():
    net, weights, batch = normed("support")
    whole = stacked.query_features(net, weights, batch)
    query = batches.Examples(batch.query.x[:, :2], batch.query.y[:, :2])
    one = batches.TaskBatch(batch.support, query, 3, batch.loss, batch.test_loss)
    torch.testing.assert_close(whole[:, :2], stacked.query_features(net, weights, one))
    net, _, _ = normed("query")
    whole = stacked.query_features(net, weights, batch)
    assert (whole[:, :2] - stacked.query_features(net, weights, one)).abs().max() > 1e-3


def test_a_query_that_is_the_support_set_is_normed_as_it_is():
    for bn in ("query", "support", "joint"):
        net, weights, batch = normed(bn)
        same = batches.TaskBatch(batch.support, batch.support, 3, batch.loss, batch.test_loss)
        expected = net.features(weights, batch.support.x, Pass(2))
        torch.testing.assert_close(stacked.query_features(net, weights, same), expected)
        torch.testing.assert_close(stacked.support_features(net, weights, same), expected)


def test_joint_statistics_are_those_of_support_and_query_together():
    net, weights, batch = normed("joint")
    together = net.features(weights, torch.cat([batch.support.x, batch.query.x], 1), Pass(2))
    found = [f(net, weights, batch) for f in (stacked.support_features, stacked.query_features)]
    torch.testing.assert_close(torch.cat(found, 1), together)


def test_running_statistics_are_those_of_the_backbone_in_evaluation_mode():
    net, weights, batch = normed("running")
    network = reference.conv("batch")
    for module, (mean, var) in zip(
        [m for m in network.backbone if isinstance(m, nn.BatchNorm2d)], net.running.values(),
        strict=True,
    ):  # fmt: skip
        module.running_mean.copy_(mean)
        module.running_var.copy_(var)
    expected = network.backbone.eval()(batch.query.x.flatten(0, 1))
    found = stacked.query_features(net, weights, batch)
    torch.testing.assert_close(found.flatten(0, 1), expected)


@pytest.mark.parametrize("bn", ["query", "support", "joint", "running"])
def test_both_passes_in_one_are_the_two_apart(bn):
    net, weights, batch = normed(bn)
    z, z_query = stacked.both_features(net, weights, batch)
    torch.testing.assert_close(z, stacked.support_features(net, weights, batch))
    torch.testing.assert_close(z_query, stacked.query_features(net, weights, batch))


@pytest.mark.parametrize("bn", ["query", "support", "joint"])
def test_padding_changes_no_feature(bn):
    net, weights, batch = normed(bn)

    def padded(examples):
        x = torch.cat([examples.x, torch.full_like(examples.x[:, :2], 9.0)], 1)
        y = torch.cat([examples.y, torch.zeros_like(examples.y[:, :2])], 1)
        kept = torch.ones(y.shape, dtype=torch.bool)
        kept[:, -2:] = False
        return batches.Examples(x, y, kept)

    longer = batches.TaskBatch(
        padded(batch.support), padded(batch.query), 3, batch.loss, batch.test_loss
    )
    for view in (stacked.support_features, stacked.query_features):
        expected = view(net, weights, batch)
        found = view(net, weights, longer)[:, : expected.shape[1]]
        torch.testing.assert_close(found, expected)
    for loss in (batch.loss, batch.test_loss):
        outputs = torch.randn(2, 8, 3, dtype=torch.float64)
        short = batches.Examples(longer.support.x[:, :6], longer.support.y[:, :6])
        torch.testing.assert_close(
            loss(outputs, longer.support, None), loss(outputs[:, :6], short, None)
        )


def test_moments_seen_are_what_running_averages_move_toward():
    net, weights, batch = normed("query")
    found = stacked.seen(net, weights, batch)
    network = reference.conv("batch")
    for module in network.backbone:
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    first = network.backbone[:2].train()
    first(torch.cat([batch.support.x, batch.query.x], 1).flatten(0, 1))
    mean, var = found["backbone.1"]
    n = 2 * 12 * 16
    torch.testing.assert_close(mean, first[1].running_mean)
    torch.testing.assert_close(var * n / (n - 1), first[1].running_var)


def test_a_layer_without_a_task_dimension_is_refused_by_name():
    with pytest.raises(ValueError, match=r"1: BatchNorm1d.*PlainNet"):
        layers.of("1", nn.BatchNorm1d(3))


def test_ways_that_a_task_lacks_have_no_share_in_its_loss():
    outputs = torch.randn(1, 4, 3, dtype=torch.float64)
    y = torch.tensor([[0, 1, 1, 0]])
    examples = batches.Examples(outputs, y)
    ways = torch.tensor([[True, True, False]])
    for smoothing in (0.0, 0.2):
        expected = nn.functional.cross_entropy(outputs[0, :, :2], y[0], label_smoothing=smoothing)
        found = batches.CrossEntropy(smoothing)(outputs, examples, ways)
        torch.testing.assert_close(found[0], expected)
    wrong = outputs.index_fill(2, torch.tensor([2]), 1e3)
    assert batches.accuracy(wrong, examples, None).item() == 0
    torch.testing.assert_close(
        batches.accuracy(wrong, examples, ways), batches.accuracy(outputs[..., :2], examples, None)
    )
