"""MAML against a plain loop and against finite differences, in every form that it has."""

import meta_reference as reference
import pytest
import torch

from engine.learning.metalearning.algorithms import base as algorithm
from engine.learning.metalearning.algorithms import maml
from engine.learning.metalearning.inner import spaces, unroll
from engine.learning.metalearning.nets import stacked, task_heads
from engine.learning.metalearning.tasks import batches

STEPS, LR = 3, 0.1


def case(norm: str, head: task_heads.Head = "learned"):
    network = reference.conv(norm)
    theta = algorithm.tracked(reference.theta(network, head, 3))
    return network, stacked.StackedNet.of(network), theta, reference.classified()


def moved(theta):
    """Away from the special point at which adapters and heads are 0."""
    draws = torch.Generator().manual_seed(8)
    return {
        name: (v.detach() + 0.1 * torch.randn(v.shape, generator=draws, dtype=v.dtype))
        .requires_grad_() if not name.startswith("rates.") else v
        for name, v in theta.items()
    }  # fmt: skip


@pytest.mark.parametrize("memory", ["full", "recompute"])
@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("norm", reference.NORMS)
def test_the_meta_gradient_is_that_of_a_plain_loop(norm, order, memory):
    network, net, theta, batch = case(norm)
    learner = maml.Maml(steps=STEPS, lr=LR, order=order, memory=memory)
    found = learner.meta_gradient(net, theta, batch, {})
    loss = reference.maml_loss(network, theta, batch, steps=STEPS, lr=LR, second=order == "second")
    assert reference.apart(found.gradient, reference.gradient(loss, theta)) < 1e-8
    torch.testing.assert_close(found.losses.mean(), loss.detach())


@pytest.mark.parametrize(
    "inside", [spaces.All(), spaces.HeadOnly(), spaces.Lora(rank=2, targets=("0", "[78]"))],
    ids=lambda item: type(item).__name__,
)  # fmt: skip
@pytest.mark.parametrize(
    ("norm", "bn"),
    [*((norm, "query") for norm in reference.NORMS), ("batch", "support"), ("batch", "joint"),
     ("batch", "running")],
)  # fmt: skip
def test_the_meta_gradient_is_the_slope_of_the_loss(norm, bn, inside):
    network = reference.conv(norm)
    net = stacked.StackedNet.of(network, bn=bn)
    both = [maml.Maml(steps=2, lr=LR, inner=inside, memory=it) for it in ("full", "recompute")]
    start = reference.theta(network, "learned", 3)
    theta = moved(start | both[0].start(start, 0))
    batch = reference.classified()

    def loss(own):
        return algorithm.query_losses(net, both[0].adapt(net, own, batch), batch).mean()

    ((slope, way),) = reference.differences(loss, theta, 1)
    for learner in both:
        found = learner.meta_gradient(net, theta, batch, {}).gradient
        assert any(name.startswith("lora.") for name in found) == isinstance(inside, spaces.Lora)
        assert reference.along(found, way) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("memory", ["full", "recompute"])
@pytest.mark.parametrize("head", ["shared", "zero"])
def test_other_heads_have_the_plain_loop_s_gradient(head, memory):
    network, net, theta, batch = case("group", head)
    learner = maml.Maml(steps=STEPS, lr=LR, head=head, memory=memory)
    found = learner.meta_gradient(net, theta, batch, {}).gradient
    expected = reference.gradient(
        reference.maml_loss(network, theta, batch, steps=STEPS, lr=LR), theta
    )
    assert reference.apart(found, expected) < 1e-8
    assert ("head.weight" in found) == (head == "shared")


@pytest.mark.parametrize("memory", ["full", "recompute"])
def test_losses_of_every_step_have_the_plain_loop_s_gradient(memory):
    network, net, theta, batch = case("batch")
    weights = (0.2, 0.3, 0.5)
    learner = maml.Maml(steps=STEPS, lr=LR, step_losses=weights, memory=memory)
    found = learner.meta_gradient(net, theta, batch, {}).gradient
    loss = reference.maml_loss(network, theta, batch, steps=STEPS, lr=LR, weights=weights)
    assert reference.apart(found, reference.gradient(loss, theta)) < 1e-8


@pytest.mark.parametrize("memory", ["full", "recompute"])
@pytest.mark.parametrize("rates", ["tensor", "step"])
@pytest.mark.parametrize("order", ["second", "first"])
def test_learned_rates_have_their_gradient(order, rates, memory):
    network, net, theta, batch = case("layer")
    learner = maml.Maml(steps=STEPS, lr=LR, rates=rates, order=order, memory=memory)
    theta = algorithm.tracked(theta | learner.start(theta, 0))
    found = learner.meta_gradient(net, theta, batch, {}).gradient
    plain = {name: v for name, v in theta.items() if not name.startswith("rates.")}
    loss = reference.maml_loss(network, plain, batch, steps=STEPS, lr=LR, second=order == "second")
    ours = {name: found[name] for name in plain}
    assert reference.apart(ours, reference.gradient(loss, plain)) < 1e-8
    if order == "first":
        # With one step the gradient of a rate is exact: minus the product of both gradients.
        learner = maml.Maml(steps=1, lr=LR, rates=rates, order=order, memory=memory)
        theta = algorithm.tracked(plain | learner.start(plain, 0))
        found = learner.meta_gradient(net, theta, batch, {}).gradient
    only = {name: v for name, v in theta.items() if name.startswith("rates.")}
    rest = {name: v for name, v in theta.items() if name not in only}
    for slope, way in reference.differences(
        lambda own: learner.meta_gradient(net, rest | own, batch, {}).losses.mean(), only, 1
    ):
        part = {name: found[name] for name in only}
        assert reference.along(part, way) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("memory", ["full", "recompute"])
def test_a_rate_of_each_step_is_that_step_s_and_the_last_goes_on(memory):
    network, net, theta, batch = case("group")
    learner = maml.Maml(steps=STEPS, rates="step", memory=memory)
    rates = torch.tensor([0.1, 0.02, 0.3], dtype=torch.float64)
    own = theta | dict.fromkeys(learner.start(theta, 0), rates)
    found = learner.meta_gradient(net, own, batch, {}).gradient
    loss = reference.maml_loss(network, theta, batch, steps=STEPS, lr=(0.1, 0.02, 0.3))
    assert reference.apart(found, reference.gradient(loss, theta)) < 1e-8
    *_, fifth = learner.walk(net, own, batch, 5, {})
    loss = reference.maml_loss(network, theta, batch, steps=5, lr=(0.1, 0.02, 0.3, 0.3, 0.3))
    torch.testing.assert_close(algorithm.query_losses(net, fifth, batch).mean(), loss.detach())


@pytest.mark.parametrize("every", [None, 1, 2, 3, 5, 7, 50])
@pytest.mark.parametrize("steps", [1, 5, 7])
def test_recomputed_memory_gives_the_full_gradient_whatever_is_kept(steps, every):
    network = reference.mlp()
    net = stacked.StackedNet.of(network)
    theta = algorithm.tracked(reference.theta(network, "learned", 1))
    batch = reference.regression()
    full = maml.Maml(steps=steps, lr=0.05).meta_gradient(net, theta, batch, {})
    less = maml.Maml(steps=steps, lr=0.05, memory="recompute", every=every)
    found = less.meta_gradient(net, theta, batch, {})
    assert reference.apart(found.gradient, full.gradient) < 1e-8
    assert torch.equal(found.losses, full.losses)


def test_recomputing_keeps_no_graph_of_the_steps():
    """What autograd saves for backward, beside the inputs, does not grow with the steps."""
    kept = []

    def count(tensor):
        kept.append(tensor.numel())
        return tensor

    def saved(memory: str, steps: int) -> int:
        kept.clear()
        start = {"w": torch.ones(50, requires_grad=True)}

        def step(k, state, slow):
            return {"w": state["w"] * state["w"].cos() * slow["s"]}

        slow = {"s": torch.ones(50, requires_grad=True)}
        with torch.autograd.graph.saved_tensors_hooks(count, lambda item: item):
            unroll.unroll(step, start, slow, steps, memory=memory)
        return sum(kept)

    assert saved("recompute", 40) == saved("recompute", 5)
    assert saved("full", 40) == 8 * saved("full", 5)


def test_a_retained_graph_of_recomputed_steps_gives_its_gradient_twice():
    network = reference.mlp()
    net = stacked.StackedNet.of(network)
    theta = algorithm.tracked(reference.theta(network, "learned", 1))
    batch = reference.regression()
    learner = maml.Maml(steps=7, lr=0.05, memory="recompute")
    loss = algorithm.query_losses(net, learner.adapt(net, theta, batch), batch).mean()
    wanted = list(theta.values())
    first = torch.autograd.grad(loss, wanted, retain_graph=True)
    again = torch.autograd.grad(loss, wanted)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("steps", "states"), [(1, 1), (3, 2), (5, 3), (50, 10), (55, 10), (56, 11)]
)
def test_recomputing_holds_about_sqrt_of_twice_the_steps(steps, states, monkeypatch):
    """One block holds them: as many states as its first dimension."""
    held = []
    empty = torch.empty
    monkeypatch.setattr(
        torch, "empty", lambda shape, **other: held.append(shape[0]) or empty(shape, **other)
    )
    start = {"w": torch.ones(3, requires_grad=True)}
    last = unroll.unroll(
        lambda k, state, slow: {"w": state["w"].cos()}, start, {}, steps, memory="recompute"
    )
    monkeypatch.undo()
    last["w"].sum().backward()
    assert held == [states]


def test_where_the_hessian_vanishes_first_order_is_second_order():
    # Squared error is linear in w only if its slope is constant: a loss that is linear in outputs.
    class Slope(batches.SquaredError):
        def __call__(self, outputs, examples, ways):
            return (outputs * examples.y).sum(2).mean(1)

    network = reference.mlp(inputs=3, hidden=(4,))
    net = stacked.StackedNet.of(network)
    square = reference.regression(inputs=3)
    linear = batches.TaskBatch(square.support, square.query, 1, Slope(), square.test_loss)
    theta = algorithm.tracked(reference.theta(network, "learned", 1))

    def both(batch, inside):
        return [
            maml.Maml(steps=3, lr=LR, order=order, inner=inside)
            .meta_gradient(net, theta, batch, {}).gradient
            for order in ("second", "first")
        ]  # fmt: skip

    # In the head alone a linear model's outputs are linear, so such a loss has no Hessian there.
    second, first = both(linear, spaces.HeadOnly())
    heads_only = [{k: v for k, v in g.items() if k.startswith("head.")} for g in (second, first)]
    assert reference.apart(*heads_only) < 1e-12
    second, first = both(square, spaces.HeadOnly())
    heads_only = [{k: v for k, v in g.items() if k.startswith("head.")} for g in (second, first)]
    assert reference.apart(*heads_only) > 1e-3


def test_a_zero_head_with_one_step_leaves_the_backbone_where_it_is():
    _, net, theta, batch = case("group", "zero")

    def distance(steps: int) -> float:
        adapted = maml.Maml(steps=steps, lr=0.4, head="zero").adapt(net, theta, batch)
        return max(
            float((adapted[name] - item).detach().abs().max()) for name, item in theta.items()
        )

    assert distance(1) == 0
    assert distance(2) > 1e-4
    # The inner loop then is ANIL's.
    one = maml.Maml(steps=1, lr=0.4, head="zero").adapt(net, theta, batch)
    anil = maml.Maml(steps=1, lr=0.4, head="zero", inner=spaces.HeadOnly()).adapt(net, theta, batch)
    torch.testing.assert_close(one["head.weight"], anil["head.weight"])


@pytest.mark.parametrize("memory", ["full", "recompute"])
@pytest.mark.parametrize(
    ("inside", "learn"),
    [(spaces.All(), ("head.",)), (spaces.HeadOnly(), ("backbone.",)), (spaces.Lora(), ("lora.",)),
     (spaces.Lora(), ("backbone.", "head."))],
)  # fmt: skip
def test_only_what_is_learned_has_a_gradient_and_it_is_the_same(inside, learn, memory):
    _, net, start, batch = case("group")
    learner = maml.Maml(steps=STEPS, lr=LR, inner=inside, memory=memory)
    start = moved(start | learner.start(start, 0))
    every = learner.meta_gradient(net, algorithm.tracked(start), batch, {}).gradient
    some = learner.meta_gradient(net, algorithm.tracked(start, learn), batch, {}).gradient
    assert some.keys() == {name for name in start if name.startswith(learn)}
    assert reference.apart(some, {name: every[name] for name in some}) < 1e-10


def test_a_new_adapter_changes_nothing_until_it_is_trained():
    _, net, theta, batch = case("group")
    learner = maml.Maml(steps=0, inner=spaces.Lora(rank=3))
    whole = theta | learner.start(theta, 0)
    same = algorithm.query_losses(net, maml.Maml(steps=0).adapt(net, theta, batch), batch)
    torch.testing.assert_close(
        algorithm.query_losses(net, learner.adapt(net, whole, batch), batch), same
    )


def test_an_adapter_adds_alpha_over_rank_times_the_product_of_its_factors():
    _, net, theta, batch = case("group")
    learner = maml.Maml(steps=0, inner=spaces.Lora(rank=2, alpha=6.0, targets=("4",)))
    whole = moved(theta | learner.start(theta, 0))
    adapters = {name for name in whole if name.startswith("lora.")}
    assert adapters == {"lora.backbone.4.a", "lora.backbone.4.b"}
    change = whole["lora.backbone.4.b"] @ whole["lora.backbone.4.a"]
    base = whole["backbone.4.weight"]
    merged = whole | {"backbone.4.weight": base + 3 * change.view_as(base)}
    plain = maml.Maml(steps=0).adapt(net, merged, batch)
    torch.testing.assert_close(
        algorithm.query_losses(net, learner.adapt(net, whole, batch), batch),
        algorithm.query_losses(net, plain, batch),
    )


def test_targets_that_match_no_layer_are_an_error_that_lists_the_layers():
    with pytest.raises(ValueError, match=r"attention.*the net has 0 \(conv\), 4 \(conv\), 8"):
        spaces.Lora(targets=("attention",)).layers(stacked.theta_of(reference.conv("group")))


def test_a_learned_head_of_another_size_is_an_error():
    _, net, theta, batch = case("group")
    five = batches.TaskBatch(batch.support, batch.query, 5, batch.loss, batch.test_loss)
    with pytest.raises(ValueError, match="3 outputs, the tasks have 5"):
        maml.Maml().adapt(net, theta, five)


def test_weights_of_step_losses_are_one_a_step():
    with pytest.raises(ValueError, match="`step_losses` has 2 weights for 3 inner steps"):
        maml.Maml(steps=3, step_losses=(0.5, 0.5))


@pytest.mark.parametrize("inside", [spaces.All(), spaces.HeadOnly(), spaces.Lora()])
def test_a_walk_ends_where_adaptation_does_and_goes_on_beyond(inside):
    _, net, theta, batch = case("group")
    learner = maml.Maml(steps=STEPS, lr=LR, inner=inside, rates="step")
    theta = theta | learner.start(theta, 0)
    walked = list(learner.walk(net, theta, batch, 5, {}))
    adapted = learner.adapt(net, theta, batch)
    assert len(walked) == 6
    for name, item in adapted.items():
        torch.testing.assert_close(walked[STEPS][name], item)
        assert not walked[STEPS][name].requires_grad
    assert not torch.equal(walked[5]["head.weight"], walked[STEPS]["head.weight"])
    found = algorithm.curve(learner, net, theta, batch, (0, 1, 5))
    assert list(found) == [0, 1, 5]
    assert found[5].accuracies.shape == (2,)
    assert not torch.equal(found[0].losses, found[5].losses)


def test_padded_tasks_have_the_gradient_of_tasks_of_their_own_size():
    network = reference.conv("batch")
    net = stacked.StackedNet.of(network)
    theta = algorithm.tracked(reference.theta(network, "shared", 3))
    small, large = reference.classified(tasks=1, ways=2), reference.classified(tasks=1, ways=3)

    def padded(one: batches.Examples, other: batches.Examples) -> batches.Examples:
        n, m = other.x.shape[1], one.x.shape[1]
        x = torch.cat([one.x, one.x.new_zeros(1, n - m, *one.x.shape[2:])], 1)
        y = torch.cat([one.y, one.y.new_zeros(1, n - m)], 1)
        kept = torch.ones(2, n, dtype=torch.bool)
        kept[0, m:] = False
        return batches.Examples(torch.cat([x, other.x]), torch.cat([y, other.y]), kept)

    together = batches.TaskBatch(
        padded(small.support, large.support), padded(small.query, large.query), 3, small.loss,
        small.test_loss, torch.tensor([[True, True, False], [True, True, True]]),
    )  # fmt: skip
    learner = maml.Maml(steps=2, lr=LR, head="shared")
    found = learner.meta_gradient(net, theta, together, {})
    one, other = (learner.meta_gradient(net, theta, item, {}) for item in (small, large))
    torch.testing.assert_close(found.losses, torch.cat([one.losses, other.losses]))
    mean = {name: (one.gradient[name] + other.gradient[name]) / 2 for name in theta}
    assert reference.apart(found.gradient, mean) < 1e-8
