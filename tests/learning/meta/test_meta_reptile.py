"""Reptile: its inner Adam, its order of examples, its direction."""

import meta_reference as reference
import pytest
import torch

from engine.learning.metalearning.algorithms import base, reptile
from engine.learning.metalearning.nets import stacked
from engine.learning.metalearning.tasks import batches


def case(norm: str = "group", tasks: int = 3, head="learned"):
    network = reference.conv(norm)
    theta = base.tracked(reference.theta(network, head, 3))
    batch = reference.classified(tasks=tasks)
    return network, stacked.StackedNet.of(network), theta, batch


@pytest.mark.parametrize("norm", reference.NORMS)
def test_one_inner_step_of_sgd_is_the_direction_of_joint_training(norm):
    network, net, theta, batch = case(norm)
    learner = reptile.Reptile(steps=1, lr=0.1, inner_batch=12, optimizer="sgd")
    found = learner.meta_gradient(net, theta, batch, {})
    losses = [
        reference.loss_of(reference.outputs_of(network, theta, task.pooled.x[0]),
                          task.pooled.y[0], 0.1)
        for task in batch.apart()
    ]  # fmt: skip
    joint = reference.gradient(torch.stack(losses).mean(), theta)
    assert reference.apart({k: v / 0.1 for k, v in found.gradient.items()}, joint) < 1e-8
    assert found.state == {}


@pytest.mark.parametrize("norm", reference.NORMS)
def test_the_inner_loop_is_torch_s_adam_without_beta1_whose_state_goes_on(norm):
    network, net, theta, batch = case(norm)
    learner = reptile.Reptile(steps=4, lr=0.01, inner_batch=5, seed=3)
    first = learner.meta_gradient(net, theta, batch, {})
    second = learner.meta_gradient(net, theta, batch, first.state)

    weights = {name: item.detach().clone().requires_grad_() for name, item in theta.items()}
    adam = torch.optim.Adam(weights.values(), lr=0.01, betas=(0.0, 0.999))
    for found in (first, second):
        total = {name: torch.zeros_like(item) for name, item in theta.items()}
        for task in batch.apart():
            with torch.no_grad():
                for name, item in weights.items():
                    item.copy_(theta[name])
            pool = task.pooled
            for (order,) in learner._orders(pool, 4, task.numbers):
                out = reference.outputs_of(network, weights, pool.x[0, order])
                adam.zero_grad()
                reference.loss_of(out, pool.y[0, order], 0.1).backward()
                adam.step()
            for name, item in weights.items():
                total[name] += (theta[name] - item).detach() / 3
        # The bias of a convolution before batch norm has a gradient of rounding errors alone, which
        # Adam divides by their own size.
        assert reference.apart(found.gradient, total) < (1e-6 if norm == "batch" else 1e-8)
    assert int(second.state["count"]) == 4 * 3 * 2
    assert reference.apart(second.gradient, first.gradient) > 1e-3


def test_a_pass_takes_every_example_once_and_no_padding():
    x = torch.zeros(2, 7, 1)
    kept = torch.ones(2, 7, dtype=torch.bool)
    kept[1, 4:] = False
    pool = batches.Examples(x, torch.zeros(2, 7, dtype=torch.int64), kept)
    orders = torch.cat(list(reptile.Reptile(inner_batch=2)._orders(pool, 7, (4, 9))), 1)
    assert sorted(orders[0, :7].tolist()) == list(range(7))
    assert sorted(orders[0, 7:].tolist()) == list(range(7))
    assert sorted(orders[1, :4].tolist()) == [0, 1, 2, 3]
    assert int(orders[1].max()) == 3


def test_the_order_of_examples_belongs_to_the_task_and_not_to_its_place():
    _, net, theta, batch = case()
    learner = reptile.Reptile(inner_batch=4)
    whole = learner.meta_gradient(net, theta, batch, {}).losses
    # Moments go on from task to task, so only the first may be compared.
    alone = learner.meta_gradient(net, theta, batch.tasks(0, 1), {}).losses
    torch.testing.assert_close(whole[:1], alone)
    orders = [
        torch.stack(list(learner._orders(task.support, 3, task.numbers))) for task in batch.apart()
    ]
    together = torch.stack(list(learner._orders(batch.support, 3, batch.numbers)))
    assert torch.equal(torch.cat(orders, 1), together)
    assert not torch.equal(orders[0], orders[1])


def test_at_evaluation_every_task_begins_with_the_moments_of_training_and_its_support_set():
    _, net, theta, batch = case()
    learner = reptile.Reptile(inner_batch=6)
    state = learner.meta_gradient(net, theta, batch, {}).state
    together = list(learner.walk(net, theta, batch, 3, state))
    for place, task in enumerate(batch.apart()):
        alone = list(learner.walk(net, theta, task, 3, state))
        for name in theta:
            torch.testing.assert_close(together[3][name][place], alone[3][name][0])
    fresh = list(learner.walk(net, theta, batch, 3, {}))
    assert not torch.equal(fresh[3]["head.weight"], together[3]["head.weight"])
    other = batches.TaskBatch(batch.support, batch.support, 3, batch.loss, batch.test_loss,
                              None, batch.numbers)  # fmt: skip
    unseen = list(learner.walk(net, theta, other, 3, state))
    assert torch.equal(unseen[3]["head.weight"], together[3]["head.weight"])


@pytest.mark.parametrize("head", ["shared", "zero"])
def test_heads_that_theta_does_not_have_in_full_move_what_it_has(head):
    _, net, theta, batch = case(head=head)
    learner = reptile.Reptile(inner_batch=6, head=head)
    found = learner.meta_gradient(net, theta, batch, {}).gradient
    assert found.keys() == theta.keys()
    assert all(found[name].shape == item.shape for name, item in theta.items())
    if head == "shared":
        one = batch.tasks(0, 1)
        pooled = batches.TaskBatch(
            one.pooled, one.query, 3, one.loss, one.test_loss, None, one.numbers
        )
        *_, last = learner.walk(net, theta, pooled, 5, {})
        row = last["head.weight"][0].mean(0, keepdim=True)
        found = learner.meta_gradient(net, theta, one, {}).gradient["head.weight"]
        torch.testing.assert_close(found, theta["head.weight"].detach() - row)
