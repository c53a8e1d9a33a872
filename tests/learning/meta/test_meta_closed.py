"""Ridge, Newton and prototypes: against normal equations, the primal, and finite differences."""

import meta_reference as reference
import pytest
import torch
from torch.nn import functional

from engine.learning.metalearning.algorithms import base, closed_form, newton, protonet, ridge
from engine.learning.metalearning.nets import stacked
from engine.learning.metalearning.tasks import batches

LEARNERS = {"ridge": ridge.Ridge(), "newton": newton.Newton(), "protonet": protonet.Protonet()}


def features(batch, width: int, seed: int = 0) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed)
    shape = (*batch.support.x.shape[:2], width)
    return torch.randn(shape, generator=draws, dtype=torch.float64, requires_grad=True)


def fitted(learner, z, batch, **values):
    theta = {"like": z.detach()} | learner.start({"like": z.detach()}, 0)
    return learner.fit(theta, z, batch)


@pytest.mark.parametrize("bn", ["query", "support", "joint", "running"])
@pytest.mark.parametrize("norm", reference.NORMS)
@pytest.mark.parametrize("name", LEARNERS)
def test_the_meta_gradient_is_the_slope_of_the_loss(name, norm, bn):
    network = reference.conv(norm)
    net = stacked.StackedNet.of(network, bn=bn)
    start = reference.theta(network, "zero", 3)
    learner, batch = LEARNERS[name], reference.classified()
    theta = base.tracked(start | learner.start(start, 0))
    found = learner.meta_gradient(net, theta, batch, {})

    def losses(own):
        return base.query_losses(net, learner.adapt(net, own, batch), batch).detach()

    torch.testing.assert_close(losses(theta), found.losses)
    ((slope, way),) = reference.differences(lambda own: losses(own).mean(), theta, 1)
    assert reference.along(found.gradient, way) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def plain_head(name: str, z, y, theta):
    """One task's logits function in the primal, by plain autograd: z (n, d) -> (d, C) weights."""
    d = z.shape[1]
    if name == "protonet":
        return torch.stack([z[y == c].mean(0) for c in range(3)])
    z, one_hot = z / d**0.5, functional.one_hot(y, 3).double()
    l2 = theta["fit.log_l2"].exp()
    if name == "ridge":
        return torch.linalg.inv(z.T @ z + l2 * torch.eye(d).double()) @ z.T @ one_hot
    w = torch.zeros(d * 3, dtype=torch.float64)
    for _ in range(3):
        p = (z @ w.view(d, 3)).softmax(1)
        slope = (z.T @ (p - one_hot)).flatten() + l2 * w
        curve = torch.diag_embed(p) - p[:, :, None] * p[:, None]  # (n, C, C)
        hessian = torch.einsum("ni,nab,nj->iajb", z, curve, z).reshape(3 * d, 3 * d)
        w = w - torch.linalg.solve(hessian + l2 * torch.eye(3 * d).double(), slope)
    return w.view(d, 3)


@pytest.mark.parametrize("norm", reference.NORMS)
@pytest.mark.parametrize("name", LEARNERS)
def test_the_meta_gradient_is_that_of_a_plain_loop_in_the_primal(name, norm):
    network = reference.conv(norm)
    net = stacked.StackedNet.of(network)
    start = reference.theta(network, "zero", 3)
    learner, batch = LEARNERS[name], reference.classified()
    theta = base.tracked(start | learner.start(start, 0))
    eye = {"head.weight": torch.eye(network.width).double(), "head.bias": torch.zeros(()).double()}
    losses = []
    for t in range(2):
        z, z_query = (
            reference.outputs_of(network, theta | eye, part.x[t])
            for part in (batch.support, batch.query)
        )
        head = plain_head(name, z, batch.support.y[t], theta)
        if name == "protonet":
            logits = -torch.cdist(z_query, head).square()
        else:
            logits = z_query @ head * theta["fit.log_scale"].exp() / network.width**0.5
        losses.append(functional.cross_entropy(logits, batch.query.y[t]))
    expected = reference.gradient(torch.stack(losses).mean(), theta)
    found = learner.meta_gradient(net, theta, batch, {}).gradient
    assert reference.apart(found, expected) < 1e-8


@pytest.mark.parametrize("width", [2, 30])
def test_ridge_solves_the_normal_equations_with_their_gradient_on_either_side(width):
    draws = torch.Generator().manual_seed(0)
    z = torch.randn(2, 6, width, generator=draws, dtype=torch.float64, requires_grad=True)
    y = torch.randn(2, 6, 3, generator=draws, dtype=torch.float64)
    l2 = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    found = ridge.solve(z, y, l2)
    normal = torch.linalg.inv(z.mT @ z + l2 * torch.eye(width).double()) @ z.mT @ y
    torch.testing.assert_close(found, normal.mT)
    pairs = zip(
        torch.autograd.grad(found.cos().sum(), [z, l2]),
        torch.autograd.grad(normal.cos().sum(), [z, l2]),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)
    assert torch.autograd.gradcheck(ridge.solve, (z, y, l2))


def test_ridge_for_regression_is_least_squares_with_a_bias_that_is_not_penalised():
    batch = reference.regression(n=7, outputs=2)
    z = features(batch, 3)
    head = fitted(ridge.Ridge(l2=0.5), z, batch)
    rows = torch.cat([z / 3**0.5, torch.ones(2, 7, 1)], 2)
    penalty = 0.5 * torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0])).double()
    expected = torch.linalg.solve(rows.mT @ rows + penalty, rows.mT @ batch.support.y)
    torch.testing.assert_close(head["head.weight"], expected[:, :3].mT / 3**0.5)
    torch.testing.assert_close(head["head.bias"], expected[:, 3])


@pytest.mark.parametrize("name", LEARNERS)
def test_padding_changes_no_head(name):
    batch = reference.classified()
    z = features(batch, 5).detach()
    support = batches.Examples(
        torch.cat([batch.support.x, batch.support.x[:, :2]], 1),
        torch.cat([batch.support.y, batch.support.y[:, :2]], 1),
        torch.tensor([[True] * 6 + [False] * 2] * 2),
    )
    longer = batches.TaskBatch(support, batch.query, 3, batch.loss, batch.test_loss)
    found = fitted(LEARNERS[name], torch.cat([z, 9 * torch.ones(2, 2, 5)], 1), longer)
    for key, item in fitted(LEARNERS[name], z, batch).items():
        torch.testing.assert_close(found[key], item)


def test_padding_changes_no_ridge_of_a_regression():
    batch = reference.regression()
    z = features(batch, 3).detach()
    support = batches.Examples(
        torch.cat([batch.support.x, batch.support.x[:, :1]], 1),
        torch.cat([batch.support.y, batch.support.y[:, :1]], 1),
        torch.tensor([[True] * 5 + [False]] * 2),
    )
    longer = batches.TaskBatch(support, batch.query, 1, batch.loss, batch.test_loss)
    found = fitted(ridge.Ridge(), torch.cat([z, 9 * torch.ones(2, 1, 3)], 1), longer)
    for key, item in fitted(ridge.Ridge(), z, batch).items():
        torch.testing.assert_close(found[key], item)


def test_ways_that_a_task_lacks_change_no_newton_head():
    two, three = reference.classified(ways=2), reference.classified(ways=3)
    z = features(two, 5).detach()
    ways = torch.tensor([[True, True, False]] * 2)
    wide = batches.TaskBatch(two.support, two.query, 3, three.loss, three.test_loss, ways)
    found = fitted(newton.Newton(), z, wide)["head.weight"]
    torch.testing.assert_close(found[:, :2], fitted(newton.Newton(), z, two)["head.weight"])
    assert found[:, 2].abs().max() < 1e-12


def weighted_ridge(z, y, l2: float):
    """One iteratively reweighted least-squares step from 0: (C, d), all in the primal."""
    d = z.shape[1]
    p = torch.full((3,), 1 / 3, dtype=torch.float64)
    weighting = torch.diag(p) - torch.outer(p, p)  # (C, C)
    design = torch.einsum("ab,ni,nj->aibj", weighting, z, z).reshape(3 * d, 3 * d)
    right = torch.einsum("na,ni->ai", functional.one_hot(y, 3) - p, z).reshape(-1)
    return torch.linalg.solve(design + l2 * torch.eye(3 * d).double(), right).view(3, d)


def test_one_newton_step_from_0_is_the_weighted_ridge_solution():
    batch = reference.classified()
    z = features(batch, 4)
    found = fitted(newton.Newton(steps=1, l2=0.3), z, batch)["head.weight"]
    for t in range(2):
        expected = weighted_ridge(z[t] / 2, batch.support.y[t], 0.3) / 2
        torch.testing.assert_close(found[t], expected)


def test_many_newton_steps_reach_the_optimum_and_its_implicit_gradient():
    batch = reference.classified(tasks=1)
    z = features(batch, 4)
    weight = fitted(newton.Newton(steps=12, l2=0.05), z, batch)["head.weight"] * 2
    y = batch.support.y[0]

    def slope(w, z):
        p = (z / 2 @ w.T).softmax(1)
        return (p - functional.one_hot(y, 3)).T @ z / 2 + 0.05 * w

    w = weight[0].detach()
    assert slope(w, z[0].detach()).abs().max() < 1e-10
    # dW/dz = -(d slope / dW)^-1 d slope / dz at the optimum, whatever way led there.
    pull = torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    by_w, by_z = torch.autograd.functional.jacobian(slope, (w, z[0].detach()))
    hessian, mixed = by_w.reshape(12, 12), by_z.reshape(12, -1)
    implicit = -torch.linalg.solve(hessian, pull.reshape(-1)) @ mixed
    (found,) = torch.autograd.grad((weight[0] * pull).sum(), z)
    torch.testing.assert_close(found.flatten(), implicit, rtol=1e-8, atol=1e-10)


def test_newton_never_raises_its_loss_where_whole_steps_would(monkeypatch):
    # Many classes overlap, far out: the curvature at 0 is too small for what is away from it.
    batch = reference.classified(ways=10, shots=4, tasks=1)
    z = 3 * features(batch, 2).detach() ** 3

    def losses() -> list[float]:
        found = []
        for steps in range(7):
            w = fitted(newton.Newton(steps=steps, l2=1e-6), z, batch)["head.weight"][0] * 2**0.5
            logits = z[0] / 2**0.5 @ w.T
            nats = functional.cross_entropy(logits, batch.support.y[0], reduction="sum")
            found.append(float(nats + 1e-6 / 2 * w.square().sum()))
        return found

    damped = losses()
    assert damped == sorted(damped, reverse=True)
    assert damped[-1] < 0.95 * damped[0]
    monkeypatch.setattr(newton, "HALVINGS", 0)
    assert losses()[-1] > 10 * damped[0]


def test_newton_refuses_a_system_that_is_too_large():
    batch = reference.classified(ways=10, shots=21)
    with pytest.raises(ValueError, match=r"10 ways x 210 examples = 2100 unknowns.*2000.*ridge"):
        fitted(newton.Newton(), features(batch, 2), batch)


@pytest.mark.parametrize("name", ["newton", "protonet"])
def test_regression_is_refused_by_those_that_answer_classes(name):
    batch = reference.regression()
    with pytest.raises(ValueError, match=f"`{name}` supports classification only"):
        fitted(LEARNERS[name], features(batch, 2), batch)


def test_prototypes_answer_by_the_nearest_mean():
    batch = reference.classified(shots=3)
    z = features(batch, 4)
    head = fitted(protonet.Protonet(), z, batch)
    other = features(batch, 4, seed=9)
    means = torch.stack([z[0, batch.support.y[0] == c].mean(0) for c in range(3)])
    logits = other[0] @ head["head.weight"][0].T + head["head.bias"][0]
    distances = torch.cdist(other[0], means).square()
    torch.testing.assert_close(logits.softmax(1), (-distances).softmax(1))


def test_a_closed_form_has_one_moment():
    network = reference.conv("group")
    net, start = stacked.StackedNet.of(network), reference.theta(network, "zero", 3)
    theta = start | ridge.Ridge().start(start, 0)
    found = base.curve(ridge.Ridge(), net, theta, reference.classified(), (0, 10))
    assert list(found) == [0]
    assert len(list(ridge.Ridge().walk(net, theta, reference.classified(), 10, {}))) == 1
    assert closed_form.LOG_L2 in theta
