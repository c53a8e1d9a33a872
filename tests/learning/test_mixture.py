from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from engine.learning.data.device_data import Batches, Examples, Scaling, Task
from engine.learning.models import backbones
from engine.learning.training.exact_counts import exact
from engine.learning.training.replay import Mixture, Old, Seeds


def _task(name, value, n=40):
    draws = torch.Generator().manual_seed(value)
    x = torch.randint(1, 17, (n, 1, 8, 8), generator=draws, dtype=torch.uint8)
    y = torch.randint(3, (n,), generator=draws)
    return Task(name, (0, 1, 2), (1, 8, 8), {"train": Examples(x, y, Scaling(16, 0, 1))}, 30.0)


@pytest.fixture
def net():
    found = backbones.build({"kind": "conv4", "width": 4, "norm": "group"}, (1, 8, 8), seed=0)
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


def _counted(net, mixture, steps):
    """Images of each head in each step."""
    counts = []
    for step in range(1, steps + 1):
        used = dict.fromkeys(("new", "one", "two"), 0)
        hooks = [
            net.heads[name].register_forward_hook(
                lambda _, inputs, __, name=name, used=used: used.__setitem__(name, len(inputs[0]))
            )
            for name in used
        ]
        mixture.loss(net, step)
        counts.append(tuple(used.values()))
        for hook in hooks:
            hook.remove()
    return counts


@pytest.mark.parametrize(
    ("share", "old"), [(0.2, 32), (0.25, 40), (0.3, 48), (0.05, 8), (0.9, 144)]
)
@pytest.mark.parametrize("olds", [["one"], ["one", "two"]])
def test_a_share_of_the_batch_is_exact_on_average_over_steps_and_old_tasks(net, share, old, olds):
    mixture = Mixture(
        _task("new", 0),
        [Old(_task(name, 1), name) for name in olds],
        batch=8,
        replayed=exact(share) * 8,
        seeds=Seeds(1, 2, 3),
    )
    counts = _counted(net, mixture, 20)
    assert all(sum(step) == 8 for step in counts)
    each = [sum(step[place] for step in counts) for place in range(3)]
    assert each == [160 - old, *([old, 0] if len(olds) == 1 else [old // 2, old // 2])]
    replayed = [8 - step[0] for step in counts]
    assert max(replayed) - min(replayed) <= 1


def test_the_loss_of_a_batch_is_the_mean_over_its_images_whatever_the_count():
    """Against float64, with another count of old images in every step."""
    net = backbones.build(
        {"kind": "conv4", "width": 4, "norm": "group"}, (1, 8, 8), seed=0
    ).double()
    for name in ("new", "one"):
        net.heads[name] = nn.Linear(net.width, 3).double()
    new, old = (replace(_task(name, value), rotate=0.0) for name, value in (("new", 0), ("one", 1)))
    mixture = Mixture(
        new, [Old(old, "one")], batch=8, replayed=exact(0.3) * 8, seeds=Seeds(1, 2, 3)
    )
    wholes = {name: Batches(40, seed, "cpu") for name, seed in (("new", 1), ("one", 3))}
    real = Examples.pictures
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Examples, "pictures", lambda *given: real(*given).double())
        seen = []
        for step in range(1, 6):
            found = mixture.loss(net, step)
            olds = step * 24 // 10 - (step - 1) * 24 // 10
            seen.append(olds)
            costs = []
            for task, size in ((new, 8 - olds), (old, olds)):
                part, index = task.parts["train"], wholes[task.name].take(size)
                logits = net.heads[task.name](net.features(part.pictures(index)))
                costs.append(functional.cross_entropy(logits, part.y[index], reduction="none"))
            torch.testing.assert_close(found, torch.cat(costs).mean(), atol=1e-12, rtol=0)
    assert seen == [2, 2, 3, 2, 3]
