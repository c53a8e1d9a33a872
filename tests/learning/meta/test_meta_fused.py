"""Written-out descent of perceptrons, against autograd on the plain net and finite differences."""

from dataclasses import replace

import meta_reference as reference
import pytest
import torch
from torch import nn

from engine.learning.metalearning.algorithms import base, maml
from engine.learning.metalearning.inner import fused_mlp, spaces
from engine.learning.metalearning.loop import looped
from engine.learning.metalearning.nets import stacked, task_heads
from engine.learning.metalearning.tasks import batches
from engine.learning.models import backbones

EXACT = 1e-10
TASKS, OUTPUTS, INPUTS = 3, 4, 2


def network(*hidden: int, inputs: int = INPUTS) -> backbones.Network:
    """With ReLUs, and biases that are not 0."""
    found = backbones.build({"kind": "mlp", "hidden": list(hidden)}, (inputs,), 0).double()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for item in found.backbone.parameters():
            item.add_(torch.randn(item.shape, generator=draws, dtype=item.dtype), alpha=0.3)
    return found


def examples(n: int, classes: bool, padded: bool, tasks: int, inputs: int, seed: int):
    draws = torch.Generator().manual_seed(seed)
    x = torch.randn(tasks, n, inputs, generator=draws, dtype=torch.float64)
    # Each task has the first two outputs, whichever others it lacks.
    y = torch.randint(2, (tasks, n), generator=draws)
    if not classes:
        y = torch.randn(tasks, n, OUTPUTS, generator=draws, dtype=torch.float64)
    kept = torch.arange(n) < torch.tensor([n - 2, n, 2])[:tasks, None] if padded else None
    return batches.Examples(x, y, kept)


def batch_of(
    loss: batches.Loss, *, padded: bool = False, masked: bool = False, tasks: int = TASKS,
    inputs: int = INPUTS,
) -> batches.TaskBatch:  # fmt: skip
    classes = isinstance(loss, batches.CrossEntropy)
    ways = torch.arange(OUTPUTS) < torch.tensor([2, 3, 4])[:tasks, None] if masked else None
    return batches.TaskBatch(
        examples(5, classes, padded, tasks, inputs, 2),
        examples(4, classes, padded, tasks, inputs, 3),
        OUTPUTS, loss, replace(loss), ways, tuple(range(tasks)),
    )  # fmt: skip


LOSSES = {
    "square": batches.SquaredError(),
    "entropy": batches.CrossEntropy(),
    "smoothed": batches.CrossEntropy(0.2),
}
NETS = {"deep": (9, 8, 7), "shallow": (7,), "linear": ()}


def start(own: backbones.Network, learner: maml.Maml):
    theta = reference.theta(own, learner.head, OUTPUTS)
    theta |= learner.start(theta, 0)
    draws = torch.Generator().manual_seed(6)
    return base.tracked(
        {
            name: item.double() + 0.05 * torch.rand(item.shape, generator=draws)
            for name, item in theta.items()
        }
    )


def both(learner: maml.Maml, own: backbones.Network, batch: batches.TaskBatch):
    """The meta-gradient written out, and that of autograd on the plain module, task by task."""
    theta = start(own, learner)
    found = learner.meta_gradient(stacked.StackedNet.of(own), theta, batch, {})
    return found, learner.meta_gradient(looped.PlainNet.of(own), theta, batch, {})


def agree(learner: maml.Maml, own: backbones.Network, batch: batches.TaskBatch) -> None:
    found, expected = both(learner, own, batch)
    assert all(item.any() for item in expected.gradient.values()), "dead units show nothing"
    assert reference.apart(found.gradient, expected.gradient) < EXACT
    torch.testing.assert_close(found.losses, expected.losses, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("hidden", NETS.values(), ids=NETS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_gradient_is_that_of_autograd_on_the_plain_net(loss, hidden, order, padded, masked):
    agree(
        maml.Maml(steps=3, lr=0.1, order=order),
        network(*hidden),
        batch_of(loss, padded=padded, masked=masked),
    )


@pytest.mark.parametrize("memory", ["full", "recompute"])
@pytest.mark.parametrize("head", ["learned", "shared", "zero"])
@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("rates", ["fixed", "tensor", "step"])
@pytest.mark.parametrize("weights", [(), (0.2, 0.3, 0.5)], ids=["last", "every step"])
def test_every_option_has_the_gradient_of_autograd(weights, rates, order, head, memory):
    learner = maml.Maml(
        steps=3, lr=0.1, order=order, head=head, rates=rates, step_losses=weights, memory=memory
    )
    agree(learner, network(9, 8), batch_of(LOSSES["smoothed"], padded=True, masked=True))


@pytest.mark.parametrize("rates", ["fixed", "step"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_one_task_of_one_input_has_the_gradient_of_autograd(loss, rates):
    agree(
        maml.Maml(steps=3, lr=0.1, rates=rates),
        network(6, 5, inputs=1),
        batch_of(loss, padded=True, masked=True, tasks=1, inputs=1),
    )


def test_inner_and_outer_loss_may_differ():
    batch = replace(batch_of(LOSSES["smoothed"]), test_loss=batches.CrossEntropy(0.5))
    agree(maml.Maml(steps=2, lr=0.1), network(6), batch)


@pytest.mark.parametrize("rates", ["fixed", "tensor"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_gradient_is_the_slope_of_the_loss(loss, rates):
    learner, own = maml.Maml(steps=3, lr=0.1, rates=rates), network(6, 5)
    net, theta = stacked.StackedNet.of(own), start(own, learner)
    batch = batch_of(loss, padded=True, masked=True)
    found = learner.meta_gradient(net, theta, batch, {}).gradient
    slopes = reference.differences(
        lambda now: learner.meta_gradient(net, now, batch, {}).losses.mean(), theta
    )
    for slope, way in slopes:
        assert reference.along(found, way) == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_each_derivative_of_a_step_and_of_the_query_loss_is_that_of_finite_differences(loss):
    learner, own = maml.Maml(rates="tensor"), network(6, 5)
    net, batch, theta = stacked.StackedNet.of(own), batch_of(loss, padded=True), start(own, learner)
    fast = spaces.All().problem(net, theta, batch, "learned").fast
    descent = fused_mlp.descent(net, fast, batch, second=True)
    names = descent.names
    given = [fast[name].detach().clone().requires_grad_() for name in names]
    given += [theta[f"rates.{name}"].detach().clone().requires_grad_() for name in names]

    def step(*tensors):
        state, rates = (dict(zip(names, of, strict=True)) for of in (tensors[:6], tensors[6:]))
        return tuple(descent.step(state, rates).values())

    def fixed(*tensors):
        return tuple(descent.step(dict(zip(names, tensors, strict=True)), 0.1).values())

    def losses(*tensors):
        return descent.losses(dict(zip(names, tensors, strict=True)))

    assert torch.autograd.gradcheck(step, given, fast_mode=True)
    assert torch.autograd.gradcheck(fixed, given[:6], fast_mode=True)
    assert torch.autograd.gradcheck(losses, given[:6], fast_mode=True)
    with pytest.raises(RuntimeError, match="does not support third derivatives"):
        torch.autograd.grad(losses(*given[:6]).sum(), given[:6], create_graph=True)


def test_only_what_is_learned_has_a_gradient_and_it_is_the_same():
    learner, own = maml.Maml(steps=3, lr=0.1), network(6, 5)
    net, batch, theta = stacked.StackedNet.of(own), batch_of(LOSSES["entropy"]), start(own, learner)
    every = learner.meta_gradient(net, theta, batch, {}).gradient
    some = learner.meta_gradient(net, base.tracked(theta, ("head.",)), batch, {}).gradient
    assert some.keys() == {task_heads.WEIGHT, task_heads.BIAS}
    assert reference.apart(some, {name: every[name] for name in some}) < EXACT


def test_adaptation_and_walks_go_the_same_way():
    learner, own = maml.Maml(steps=2, lr=0.1, rates="step"), network(6, 5)
    batch, theta = batch_of(LOSSES["entropy"], masked=True), start(own, learner)
    ours, plains = stacked.StackedNet.of(own), looped.PlainNet.of(own)
    expected = learner.adapt(plains, theta, batch)
    for name, item in learner.adapt(ours, theta, batch).items():
        torch.testing.assert_close(item, expected[name], rtol=EXACT, atol=EXACT)
    walks = [list(learner.walk(net, theta, batch, 4, {})) for net in (ours, plains)]
    for one, other in zip(*walks, strict=True):
        for name, item in other.items():
            torch.testing.assert_close(one[name], item, rtol=EXACT, atol=EXACT)
            assert not one[name].requires_grad


def test_a_gradient_may_be_taken_twice_and_a_third_derivative_is_refused():
    learner, own = maml.Maml(steps=2, lr=0.1), network(6, 5)
    net, batch, theta = stacked.StackedNet.of(own), batch_of(LOSSES["entropy"]), start(own, learner)
    adapted = learner.adapt(net, theta, batch)
    loss = base.query_losses(net, adapted, batch).mean()
    wanted = list(theta.values())
    first, again = (torch.autograd.grad(loss, wanted, retain_graph=True) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    with pytest.raises(RuntimeError, match="does not support third derivatives"):
        torch.autograd.grad(loss, wanted, create_graph=True)


@pytest.mark.parametrize("memory", ["full", "recompute"])
@pytest.mark.parametrize("weights", [(), (0.5, 0.5)])
def test_no_step_of_such_a_net_is_left_to_autograd(monkeypatch, weights, memory):
    def step(*_):
        raise AssertionError("this was to be written out")

    def features(*_):
        raise AssertionError("so was this")

    monkeypatch.setattr(maml.Maml, "step", step)
    learner = maml.Maml(steps=2, step_losses=weights, memory=memory)
    own, batch = network(6, 5), batch_of(LOSSES["entropy"])
    net, theta = stacked.StackedNet.of(own), start(own, learner)
    learner.adapt(net, theta, batch)
    assert len(list(learner.walk(net, theta, batch, 3, {}))) == 4
    monkeypatch.setattr(stacked.StackedNet, "features", features)
    learner.meta_gradient(net, theta, batch, {})


class Absolute:
    """A loss of one's own."""

    def __call__(self, outputs, examples, ways):
        return (outputs - examples.y).abs().sum(2).mean(1)


def written_out(own: backbones.Network, batch: batches.TaskBatch, inside=None, net=None) -> bool:
    learner = maml.Maml(inner=inside or spaces.All())
    theta = reference.theta(own, "learned", OUTPUTS)
    theta |= learner.start(theta, 0)
    net = net or stacked.StackedNet.of(own)
    problem = learner.inner.problem(net, theta, batch, "learned")
    return fused_mlp.descent(net, problem.fast, batch, second=True) is not None


def test_other_nets_losses_inner_loops_and_precisions_are_left_to_autograd():
    own, batch = network(6, 5), batch_of(LOSSES["square"])
    assert written_out(own, batch)
    assert not written_out(own, batch, inside=spaces.HeadOnly())
    assert not written_out(own, batch, inside=spaces.Lora(rank=1))
    assert not written_out(own, batch, net=looped.PlainNet.of(own))
    assert not written_out(reference.smooth(network(6, 5)), batch)
    assert not written_out(own, replace(batch, loss=Absolute()))
    assert not written_out(own, replace(batch, test_loss=Absolute()))
    for x in (batch.support.x, batch.query.x):
        x.requires_grad_()
        assert not written_out(own, batch)
        x.requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16):
        assert not written_out(own, batch)


@pytest.mark.parametrize(
    "body",
    [
        (nn.Linear(2, 3), nn.Linear(3, 3), nn.ReLU()),
        (nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3)),
        (nn.ReLU(), nn.Linear(2, 3)),
        (nn.Linear(2, 3), nn.ReLU(), nn.ReLU()),
        (nn.Linear(2, 3, bias=False), nn.ReLU()),
    ],
    ids=["two linear", "no last relu", "relu first", "two relu", "no bias"],
)
def test_layers_in_another_order_are_left_to_autograd(body):
    own = backbones.Network(nn.Sequential(nn.Flatten(), *body).double(), 3)
    assert not written_out(own, batch_of(LOSSES["square"]))
