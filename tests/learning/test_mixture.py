import pytest
import torch
from torch import nn

from engine.learning import nets
from engine.learning.data import Examples, Scaling, Task
from engine.learning.mixture import Mixture, Old, Seeds


def _task(name, value, n=40):
    draws = torch.Generator().manual_seed(value)
    x = torch.randint(1, 17, (n, 1, 8, 8), generator=draws, dtype=torch.uint8)
    y = torch.randint(3, (n,), generator=draws)
    return Task(name, (0, 1, 2), (1, 8, 8), {"train": Examples(x, y, Scaling(16, 0, 1))}, 30.0)


@pytest.fixture
def net():
    found = nets.build({"kind": "conv4", "width": 4, "norm": "group"}, (1, 8, 8), seed=0)
    for name in ("new", "one", "two"):
        found.heads[name] = nn.Linear(found.width, 3)
    return found


def _loss(net, old=(), replayed=0, **seeds):
    mixture = Mixture(
        _task("new", 0),
        [Old(_task(name, 1), name) for name in old],
        batch=8,
        replayed=replayed,
        seeds=Seeds(**{"order": 1, "augment": 2, "replay": 3, **seeds}),
    )
    return mixture.loss(net, 1).item()


def test_each_stream_has_its_own_seed(net):
    plain = _loss(net)
    assert _loss(net, replay=9) == plain
    assert _loss(net, order=9) != plain
    assert _loss(net, augment=9) != plain
    mixed = _loss(net, ["one"], 4)
    assert _loss(net, ["one"], 4, replay=9) != mixed


def test_the_loss_is_the_mean_over_the_batch_each_image_by_its_head(net):
    with torch.no_grad():
        for name, favoured in {"new": 5.0, "one": 0.0}.items():
            net.heads[name].weight.zero_()
            net.heads[name].bias.copy_(torch.tensor([favoured, 0.0, 0.0]))
    # Old images cost log 3 each, whatever they are; new ones what their head says.
    whole = torch.log(torch.tensor(3.0)).item()
    assert _loss(net, ["one"], 7) != pytest.approx(whole)
    with torch.no_grad():
        net.heads["new"].bias.zero_()
    assert _loss(net, ["one"], 7) == pytest.approx(whole)


def test_old_tasks_share_what_is_replayed_in_turns(net):
    mixture = Mixture(
        _task("new", 0),
        [Old(_task("one", 1), "one"), Old(_task("two", 2), "two")],
        batch=8,
        replayed=3,
        seeds=Seeds(1, 2, 3),
    )
    used = {"one": 0, "two": 0, "new": 0}
    for name in ("one", "two", "new"):
        net.heads[name].register_forward_hook(
            lambda _, inputs, __, name=name: used.__setitem__(name, used[name] + len(inputs[0]))
        )
    for step in (1, 2):
        mixture.loss(net, step)
    assert used == {"one": 3, "two": 3, "new": 10}
