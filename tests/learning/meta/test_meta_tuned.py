"""Fine-tuning stacked tasks: against torch's optimisers on one task after another."""

import gc
import weakref
from dataclasses import replace

import meta_reference as reference
import pytest
import torch
from torch import nn

from engine.learning.metalearning.algorithms import (
    finetuned,
    fixed_features,
    nearest_prototype,
    ridge_probe,
)
from engine.learning.metalearning.inner import spaces
from engine.learning.metalearning.nets import stacked
from engine.learning.metalearning.tasks import batches

OPTIMIZERS = {
    "sgd": {"kind": "sgd"},
    "momentum": {"kind": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    "adam": {"kind": "adam", "betas": (0.8, 0.95), "weight_decay": 0.1},
    "adamw": {"kind": "adamw", "weight_decay": 0.2},
}
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
INNER = {
    "all": spaces.All(),
    "head": spaces.HeadOnly(),
    "lora": spaces.Lora(rank=2, alpha=3.0, targets=("all-conv", "all-linear")),
}


def case(kind="classes"):
    """A net, the same stacked, theta with a head, and three tasks of very different gradients."""
    if kind == "classes":
        # Not batch norm: a bias before it has a gradient of rounding alone, which Adam magnifies.
        network, batch = reference.conv("group"), reference.classified(tasks=3)
    else:
        network, batch = reference.mlp(), reference.regression(tasks=3)
    strength = torch.tensor([0.1, 1.0, 5.0], dtype=torch.float64)
    x = batch.support.x * strength.view(-1, *(1,) * (batch.support.x.ndim - 1))
    batch = replace(batch, support=replace(batch.support, x=x))
    theta = reference.theta(network, "learned", batch.outputs)
    return network, stacked.StackedNet.of(network), theta, batch


def plain(network, learner, theta, batch, task, steps):
    """Weights of one task after steps of torch's own optimiser."""
    names = learner.inner.fast_names(theta)
    fast = {name: nn.Parameter(theta[name].clone()) for name in names}
    fields = {k: v for k, v in learner.optimizer.items() if k != "kind"}
    make = CLASSES[learner.optimizer["kind"]]
    optimizer = make(fast.values(), lr=learner.lr, foreach=False, **fields)

    def weights():
        found = theta | fast
        for name in [name.removesuffix(".a") for name in found if name.endswith(".a")]:
            layer = name.removeprefix("lora.")
            low = (found[f"{name}.b"] @ found[f"{name}.a"]).view_as(theta[f"{layer}.weight"])
            found[f"{layer}.weight"] = theta[f"{layer}.weight"] + 3.0 / 2 * low
        return {k: v for k, v in found.items() if not k.startswith("lora.")}

    for _ in range(steps):
        optimizer.zero_grad()
        outputs = reference.outputs_of(network, weights(), batch.support.x[task])
        smoothing = batch.loss.smoothing if batch.classified else 0.0
        reference.loss_of(outputs, batch.support.y[task], smoothing).backward()
        if learner.clip is not None:
            nn.utils.clip_grad_norm_(fast.values(), learner.clip)
        optimizer.step()
    return {name: item.detach() for name, item in weights().items()}


@pytest.mark.parametrize("clip", [None, 0.3])
@pytest.mark.parametrize("what", INNER)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_every_task_is_tuned_as_by_torch_alone(kind, optimizer, what, clip):
    network, net, theta, batch = case(kind)
    learner = finetuned.Tuned(
        lr=0.05, optimizer=OPTIMIZERS[optimizer], clip=clip, inner=INNER[what], head="kept"
    )
    theta = theta | learner.start(theta, 1)
    walked = list(learner.walk(net, theta, batch, 4, {}))
    assert len(walked) == 5
    for steps in (0, 1, 4):
        for task in range(3):
            expected = plain(network, learner, theta, batch, task, steps)
            for name, item in expected.items():
                found = walked[steps][name]
                found = found[task if len(found) > 1 else 0]
                torch.testing.assert_close(found, item, rtol=1e-9, atol=1e-11)


def test_each_task_is_clipped_by_the_length_of_its_own_gradient():
    _, net, theta, batch = case()

    def lengths(clip):
        before, after = finetuned.Tuned(lr=0.1, clip=clip, head="kept").walk(
            net, theta, batch, 1, {}
        )
        moved = [(after[name] - before[name]).flatten(1) for name in after]
        return torch.cat(moved, 1).norm(dim=1) / 0.1

    free = lengths(None)
    between = float(free.sort().values[:2].mean())
    torch.testing.assert_close(lengths(between), free.clamp(max=between), rtol=1e-5, atol=0)
    assert free.min() < between < free.max()


def padded(batch):
    """The same with two more support examples that are padding, and a fourth output that is not."""
    support, extra = batch.support, 9 * torch.ones_like(batch.support.x[:, :2])
    kept = torch.ones(len(batch), support.x.shape[1] + 2, dtype=torch.bool)
    kept[:, -2:] = False
    support = batches.Examples(
        torch.cat([support.x, extra], 1), torch.cat([support.y, support.y[:, :2]], 1), kept
    )
    ways = torch.tensor([[True] * 3 + [False]] * len(batch))
    return replace(batch, support=support, outputs=4, ways=ways)


@pytest.mark.parametrize("what", INNER)
@pytest.mark.parametrize("head", ["random", "zero", "probe"])
def test_padding_and_outputs_that_a_task_lacks_change_nothing(head, what):
    _, net, theta, batch = case()
    learner = finetuned.Tuned(lr=0.1, inner=INNER[what], head=head)
    theta = {name: item for name, item in theta.items() if not name.startswith("head.")}
    *_, short = learner.walk(net, theta, batch, 3, {})
    *_, long = learner.walk(net, theta, padded(batch), 3, {})
    for name, item in short.items():
        found = long[name][:, :3] if name.startswith("head.") else long[name]
        torch.testing.assert_close(found, item, rtol=1e-9, atol=1e-11)


def test_a_random_head_belongs_to_the_seed_and_the_number_of_its_task():
    _, net, theta, batch = case()
    learner = finetuned.Tuned(seed=3)
    (together,) = learner.walk(net, theta, batch, 0, {})
    last = batch.tasks(2, 3)
    assert last.numbers == (2,)
    (alone,) = learner.walk(net, theta, last, 0, {})
    assert torch.equal(together["head.weight"][2:], alone["head.weight"])
    (other,) = finetuned.Tuned(seed=4).walk(net, theta, last, 0, {})
    heads = [*together["head.weight"], *other["head.weight"]]
    assert len({float(head[0, 0]) for head in heads}) == 4
    assert all(0 < head.abs().max() <= net.width**-0.5 for head in heads)
    assert not together["head.bias"].any()


def test_a_probed_head_starts_as_the_probe_of_the_net_and_a_zero_head_at_0():
    _, net, theta, batch = case()
    (start,) = finetuned.Tuned(head="probe").walk(net, theta, batch, 0, {})
    (probe,) = ridge_probe.Probed().walk(net, theta, batch, 0, {})
    for name in ("head.weight", "head.bias"):
        torch.testing.assert_close(start[name], probe[name])
    (zero,) = finetuned.Tuned(head="zero").walk(net, theta, batch, 0, {})
    assert not zero["head.weight"].any()


def test_a_kept_head_is_that_of_theta_or_one_row_of_it_for_all():
    network, net, theta, batch = case()
    (start,) = finetuned.Tuned(head="kept").walk(net, theta, batch, 0, {})
    assert all(torch.equal(head, theta["head.weight"]) for head in start["head.weight"])
    row = reference.theta(network, "shared", 3)
    (start,) = finetuned.Tuned(head="kept").walk(net, row, batch, 0, {})
    assert all(
        torch.equal(one, row["head.weight"][0]) for one in start["head.weight"].flatten(0, 1)
    )


@pytest.mark.parametrize(
    ("has", "message"), [(("zero", 3), "none"), (("learned", 5), "one with 5")]
)
def test_a_head_that_cannot_be_kept_is_an_error_that_says_what_else_to_take(has, message):
    network, net, _, batch = case()
    theta = reference.theta(network, *has)
    with pytest.raises(
        ValueError, match=f"3 outputs, but the model has {message}; use `head: zero`"
    ):
        list(finetuned.Tuned(head="kept").walk(net, theta, batch, 1, {}))


def test_walking_keeps_no_graph_no_earlier_weights_and_leaves_what_it_gave():
    _, net, theta, batch = case()
    theta = {name: item.requires_grad_() for name, item in theta.items()}
    learner = finetuned.Tuned(lr=0.1, optimizer=OPTIMIZERS["adamw"])
    walked = list(learner.walk(net, theta, batch, 3, {}))
    assert not any(item.requires_grad for weights in walked for item in weights.values())
    again = learner.walk(net, theta, batch, 3, {})
    first = next(again)
    assert all(torch.equal(item, walked[0][name]) for name, item in first.items())
    second = weakref.ref(next(again)["backbone.0.weight"])
    assert second() is not None
    next(again)
    gc.collect()
    assert second() is None


def test_adapting_is_the_last_weight_of_a_walk():
    _, net, theta, batch = case()
    learner = finetuned.Tuned(lr=0.1, steps=2)
    adapted = learner.adapt(net, theta, batch)
    *_, last = learner.walk(net, theta, batch, 2, {})
    assert all(torch.equal(adapted[name], item) for name, item in last.items())


def test_adapters_are_drawn_where_theta_has_none_and_change_nothing_at_first():
    _, net, theta, batch = case()
    learner = finetuned.Tuned(inner=INNER["lora"], head="kept", seed=5, lr=0.1)
    walked = list(learner.walk(net, theta, batch, 1, {}))
    given = list(learner.walk(net, theta | learner.start(theta, 5), batch, 1, {}))
    for one, other in zip(walked, given, strict=True):
        assert all(torch.equal(one[name], item) for name, item in other.items())
    for name in ("backbone.0.weight", "backbone.4.weight"):
        assert torch.equal(walked[0][name], theta[name].expand_as(walked[0][name]))
        assert not torch.equal(walked[1][name], theta[name].expand_as(walked[1][name]))


@pytest.mark.parametrize(
    "learner",
    [
        finetuned.Tuned(),
        ridge_probe.Probed(),
        nearest_prototype.Nearest(),
        nearest_prototype.Nearest("cosine"),
    ],
    ids=["tuned", "probed", "euclidean", "cosine"],
)
def test_what_trains_no_net_says_so_and_leaves_out_no_adapter_silently(learner):
    _, net, theta, batch = case()
    assert isinstance(learner, fixed_features.Fixed)
    with pytest.raises(TypeError, match="cannot be meta-trained"):
        learner.meta_gradient(net, theta, batch, {})
    theta = theta | INNER["lora"].start(theta, 0)
    with pytest.raises(ValueError, match="has LoRA adapters"):
        list(learner.walk(net, theta, batch, 1, {}))


@pytest.mark.parametrize(
    ("targets", "layers"),
    [
        (("all",), ["0", "4", "9"]),
        (("*",), ["0", "4", "9"]),
        (("all-conv",), ["0", "4"]),
        (("all-linear",), ["9"]),
        (("all-linear", "0"), ["0", "9"]),
    ],
)
def test_targets_are_kinds_of_layers_or_patterns_of_names(targets, layers):
    theta = {
        "backbone.0.weight": torch.ones(4, 1, 3, 3),
        "backbone.0.bias": torch.ones(4),
        "backbone.1.weight": torch.ones(4),
        "backbone.4.weight": torch.ones(4, 4, 3, 3),
        "backbone.9.weight": torch.ones(5, 4),
        "head.weight": torch.ones(3, 5),
    }
    assert spaces.Lora(targets=targets).layers(theta) == [f"backbone.{name}" for name in layers]
