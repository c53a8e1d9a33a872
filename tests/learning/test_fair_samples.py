"""Whoever takes some of many examples takes some of every class, however the files are sorted."""

import pytest
import torch

from engine.learning.data import balanced, device_data
from engine.learning.evaluation import metrics
from engine.learning.generative.judging import fidelity
from engine.learning.generative.models.autoencoder import Design
from engine.learning.generative.models.generator import begin
from engine.learning.generative.sampling import indexing
from engine.learning.generative.training import iwae_bound, snapshots, validation
from engine.learning.models import backbones, features, linear_heads

SIZES = (72, 72, 72, 72, 72)
Y = torch.arange(5).repeat_interleave(72)
"""As of a folder: sorted by class."""


def _counts(y, classes=5):
    return torch.bincount(y, minlength=classes).tolist()


@pytest.mark.parametrize("count", [1, 4, 5, 23, 200, 360, 1000])
def test_a_balanced_sample_has_as_many_of_every_class(count):
    chosen = device_data.balanced(Y, count, 3)
    found = _counts(Y[chosen])
    assert sum(found) == len(set(chosen.tolist())) == min(count, 360)
    assert max(found) - min(found) <= 1
    assert chosen.tolist() == sorted(chosen.tolist())
    assert device_data.balanced(Y, count, 3).equal(chosen)


def test_a_balanced_sample_takes_all_of_a_rare_class():
    y = torch.tensor([0] * 100 + [1] * 6)
    assert _counts(y[device_data.balanced(y, 40, 0)], 2) == [34, 6]


def test_another_seed_takes_others():
    assert not device_data.balanced(Y, 50, 0).equal(device_data.balanced(Y, 50, 1))
    assert not device_data.proportional(Y, 50, 0).equal(device_data.proportional(Y, 50, 1))


def test_every_beginning_of_a_proportional_order_has_the_shares_of_the_whole():
    sizes = torch.tensor([90, 45, 9])
    y = torch.arange(3).repeat_interleave(sizes)
    order = device_data.proportional(y, None, 7)
    assert sorted(order.tolist()) == list(range(144))
    for count in range(1, 145):
        found = torch.bincount(y[order[:count]], minlength=3)
        assert (found - count * sizes / 144).abs().max() <= 1, count
    assert _counts(y[order[:16]], 3) == [10, 5, 1]


def test_within_a_class_the_order_is_the_one_that_was_given():
    order = [5, 0, 3, 1, 4, 2]
    found = balanced.proportional([0, 0, 0, 1, 1, 1], order)
    assert found == [5, 0, 3, 1, 4, 2]
    assert balanced.proportional([0, 0, 0, 0, 0, 0], order) == order
    assert balanced.proportional([0, 0, 0, 0, 1, 1], order) == [0, 5, 3, 1, 4, 2]


TAKERS = {
    "likelihood": lambda y: iwae_bound.places(y, 50),
    "evaluate_samples": lambda y: fidelity.some(y.tolist(), 50),
    "walks and codes": lambda y: indexing.shuffled(y, 0, 50),
    "spread of a likelihood": lambda y: validation._fitted_by(
        device_data.Examples(torch.zeros(len(y), 1), y, device_data.SCALINGS["digits"]), 50
    ),
}


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("arranged", ["sorted", "in turns"])
def test_takers_take_some_of_every_class(name, arranged):
    y = Y if arranged == "sorted" else torch.arange(360) % 5
    chosen = TAKERS[name](y)
    assert _counts(y[chosen]) == [10] * 5


def test_snapshots_show_every_class_of_a_sorted_part():
    x = torch.zeros(360, 1, 4, 4, dtype=torch.uint8)
    part = device_data.Examples(x, Y, device_data.SCALINGS["digits"])
    task = device_data.Task("t", (0, 1, 2, 3, 4), (1, 4, 4), {"test": part})
    net = {"kind": "mlp", "hidden": [4], "activation": "relu"}
    design = Design(net, (1, 4, 4), 2, "digits", classes=0, spread=True)
    shots = snapshots.Snapshots(begin(design, {"kind": "bernoulli"}, 0), task, "none", (), 0)
    assert _counts(shots._y) == [2] * 5


def _task(turn):
    """Five classes that a linear head tells apart with ease, 72 images of each."""
    x = torch.zeros(360, 1, 4, 4, dtype=torch.uint8)
    x[torch.arange(360), 0, Y // 4, Y % 4] = 16
    x += torch.randint(4, x.shape, generator=device_data.generator(0)).to(torch.uint8)
    scaling = device_data.SCALINGS["digits"]
    parts = {
        "train": device_data.Examples(x[turn], Y[turn], scaling),
        "test": device_data.Examples(x.flip(0), Y.flip(0), scaling),
    }
    return device_data.Task("t", (0, 1, 2, 3, 4), (1, 4, 4), parts)


@pytest.mark.parametrize("turn", [torch.arange(360), torch.arange(360).flip(0)])
def test_a_reprobe_is_fitted_on_some_of_every_class(monkeypatch, turn):
    monkeypatch.setattr(metrics, "REPROBE_LIMIT", 100)
    fitted = []
    fit = linear_heads.ridge_by_leaving_one_out

    def seen(z, y, outputs):
        fitted.append(y)
        return fit(z, y, outputs)

    monkeypatch.setattr(metrics.linear_heads, "ridge_by_leaving_one_out", seen)
    task = _task(turn)
    net = backbones.build({"kind": "mlp", "hidden": [32]}, (1, 4, 4), 0)
    assert metrics.reprobe(net, task) > 0.99
    assert [_counts(y) for y in fitted] == [[20] * 5]


def test_features_of_some_are_those_of_all_there():
    task = _task(torch.arange(360))
    net = backbones.build({"kind": "mlp", "hidden": [8]}, (1, 4, 4), 0)
    index = torch.tensor([300, 2, 77])
    whole = features.extract(net, task.parts["train"])
    found = features.extract(net, task.parts["train"], index)
    torch.testing.assert_close(found, whole[index])
