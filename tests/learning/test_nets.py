import pytest
import torch
from torch import nn

from engine.learning.models import backbones

GROUP = {"kind": "conv4", "width": 8, "norm": "group"}


@pytest.mark.parametrize(
    ("shape", "features"),
    [((1, 8, 8), 8), ((1, 28, 28), 8), ((3, 84, 84), 8 * 25), ((1, 1, 5), 40)],
)
def test_a_conv4_fits_every_image(shape, features):
    net = backbones.build(GROUP, shape, seed=0)
    assert net.features(torch.zeros(2, *shape)).shape == (2, features)
    assert net.width == features


def test_strides_in_place_of_pools_give_mean_features_of_maps_halved_upward():
    strided = GROUP | {"downsample": "stride"}
    net = backbones.build(strided, (1, 28, 28), seed=0)
    x = torch.rand(3, 1, 28, 28)
    sides = []
    for layer in net.backbone:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            sides.append(tuple(x.shape[2:]))
        if isinstance(layer, nn.ReLU):
            last = x
    assert sides == [(14, 14), (7, 7), (4, 4), (2, 2)]
    torch.testing.assert_close(x, last.mean((2, 3)))
    assert net.width == x.shape[1] == 8
    assert not any(isinstance(layer, nn.MaxPool2d) for layer in net.backbone)
    pooled = backbones.build(GROUP | {"downsample": "pool"}, (1, 28, 28), seed=0)
    assert (
        pooled.state_dict().keys()
        == backbones.build(GROUP, (1, 28, 28), seed=0).state_dict().keys()
    )
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in pooled.backbone) == 4


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 84, 84), (1, 1, 5)])
def test_a_strided_conv4_fits_every_image(shape):
    net = backbones.build(GROUP | {"downsample": "stride"}, shape, seed=0)
    assert net.features(torch.zeros(2, *shape)).shape == (2, net.width)


def test_an_mlp_flattens_its_images():
    net = backbones.build({"kind": "mlp", "hidden": [7, 5]}, (1, 4, 4), seed=0)
    assert net.features(torch.zeros(2, 1, 4, 4)).shape == (2, 5)


@pytest.mark.parametrize("norm", ["group", "layer", "batch", "none"])
def test_every_norm_trains(norm):
    net = backbones.build({"kind": "conv4", "width": 6, "norm": norm}, (1, 8, 8), seed=0)
    net.features(torch.randn(4, 1, 8, 8)).sum().backward()
    assert all(item.grad is not None for item in net.parameters())


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(0)
    one = backbones.build(GROUP, (1, 8, 8), seed=3).state_dict()
    torch.manual_seed(1)
    other = backbones.build(GROUP, (1, 8, 8), seed=3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    third = backbones.build(GROUP, (1, 8, 8), seed=4).state_dict()
    assert not torch.equal(one["backbone.0.weight"], third["backbone.0.weight"])


@pytest.mark.parametrize("task", ["low", "type", "values", "weight", "training"])
def test_a_task_may_have_any_name_and_its_head_comes_back(task):
    net = backbones.build(GROUP, (1, 8, 8), seed=0)
    net.heads[task] = nn.Linear(net.width, 3)
    held = net.state_dict()
    assert f"heads.{task}.weight" in held
    again = backbones.restore(GROUP, (1, 8, 8), held, {task: 3})
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(net(x, task), again(x, task))


def test_frozen_statistics_of_batch_norm_do_not_move():
    net = backbones.build({"kind": "conv4", "width": 4, "norm": "batch"}, (1, 8, 8), seed=0)
    net.train()
    net.train_statistics(train=False)
    before = net.state_dict()["backbone.1.running_mean"].clone()
    net.features(torch.randn(4, 1, 8, 8) + 5)
    assert torch.equal(net.state_dict()["backbone.1.running_mean"], before)
    net.train_statistics(train=True)
    net.features(torch.randn(4, 1, 8, 8) + 5)
    assert not torch.equal(net.state_dict()["backbone.1.running_mean"], before)
