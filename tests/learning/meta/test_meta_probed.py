"""Ridge probes and prototypes of stacked tasks: against the same on one task after another."""

from dataclasses import replace

import meta_reference as reference
import pytest
import torch
from torch.nn import functional

from engine.learning.metalearning.algorithms import base, nearest_prototype, ridge_probe
from engine.learning.metalearning.nets import stacked
from engine.learning.metalearning.tasks import batches
from engine.learning.models import linear_heads as plain
from engine.learning.models.cholesky import cholesky
from engine.library.methods import linear_probe

WIDTHS = pytest.mark.parametrize("width", [4, 40], ids=["primal", "dual"])


def case(width, *, kind="classes", shots=4, tasks=5):
    """Features of tasks, from plain to hopeless, so that the best penalties differ."""
    if kind == "classes":
        batch = reference.classified(tasks=tasks, shots=shots)
        y = functional.one_hot(batch.support.y, 3).double()
    else:
        batch = reference.regression(tasks=tasks, n=12, outputs=2)
        y = batch.support.y
    draws = torch.Generator().manual_seed(4)
    mixing = torch.randn(y.shape[2], width, generator=draws, dtype=torch.float64)
    noise = torch.randn(*y.shape[:2], width, generator=draws, dtype=torch.float64)
    amount = torch.logspace(-3, 1, tasks, dtype=torch.float64)[:, None, None]
    return batch, 5.0 + y @ mixing + amount * noise


def targets_of(batch, task):
    y = batch.support.y[task]
    return y if y.is_floating_point() else functional.one_hot(y, batch.outputs).double()


def same(found, task, expected):
    torch.testing.assert_close(found["head.weight"][task], expected.weight, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(found["head.bias"][task], expected.bias, rtol=1e-6, atol=1e-7)


@WIDTHS
@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_a_given_penalty_gives_each_task_the_ridge_head_of_that_penalty(kind, width):
    batch, z = case(width, kind=kind)
    found = ridge_probe.Probed(0.03).fit({}, z, batch)
    for task in range(len(batch)):
        same(found, task, plain.ridge(z[task], targets_of(batch, task), 0.03))


@WIDTHS
def test_without_one_each_task_has_the_penalty_of_least_exact_leave_one_out_error(width):
    batch, z = case(width)
    found = ridge_probe.Probed().fit({}, z, batch)
    chosen = set()
    for task in range(len(batch)):
        expected = plain.ridge_by_leaving_one_out(z[task], batch.support.y[task], 3)
        same(found, task, expected)
        chosen.add(expected.l2)
    assert len(chosen) > 1


@WIDTHS
@pytest.mark.parametrize(
    ("kind", "scale"), [("classes", 1), ("regression", 1), ("classes", 100), ("regression", 100)]
)
def test_one_example_is_left_out_as_if_by_hand_at_any_scale_of_the_features(kind, scale, width):
    """Of long features a small penalty passes through all examples; no rounding may choose then."""
    batch, z = case(width, kind=kind)
    z = scale * z
    found = ridge_probe.Probed().fit({}, z, batch)
    left_out = ridge_probe.System.of(z, batch).left_out()
    n, chosen = z.shape[1], set()
    for task in range(len(batch)):
        y, errors = targets_of(batch, task), []
        for l2 in plain.GRID:
            total = 0.0
            for out in range(n):
                rest = torch.arange(n) != out
                # The penalty beside the sum of squared errors is that of all n examples.
                head = plain.ridge(z[task][rest], y[rest], l2 * n / (n - 1))
                total += float((head(z[task][out]) - y[out]).square().sum())
            errors.append(total)
        expected = torch.tensor(errors, dtype=torch.float64)
        torch.testing.assert_close(left_out[task], expected, rtol=1e-3, atol=0)
        torch.testing.assert_close(left_out[task][3:], expected[3:], rtol=1e-6, atol=0)
        best = plain.GRID[errors.index(min(errors))]
        same(found, task, plain.ridge(z[task], y, best))
        chosen.add(best)
    assert len(chosen) > 1


@pytest.mark.parametrize("width", [3, 40])
def test_a_class_with_one_example_gets_the_middle_of_the_grid_and_other_tasks_do_not(width):
    batch, z = case(width, shots=1)
    found = ridge_probe.Probed().fit({}, z, batch)
    for task in range(len(batch)):
        same(found, task, plain.ridge(z[task], targets_of(batch, task), 1e-2))
    batch, z = case(width, shots=2)
    kept = torch.ones(len(batch), 6, dtype=torch.bool)
    kept[0, -1] = False  # class 2 of the first task has one example now
    batch = replace(batch, support=replace(batch.support, kept=kept))
    found = ridge_probe.Probed().fit({}, z, batch)
    same(found, 0, plain.ridge(z[0, :5], targets_of(batch, 0)[:5], 1e-2))
    for task in range(1, len(batch)):
        same(found, task, plain.ridge_by_leaving_one_out(z[task], batch.support.y[task], 3))
    assert linear_probe.MIDDLE == ridge_probe.MIDDLE == 1e-2


def test_regression_from_one_example_is_finite_and_answers_it():
    batch = reference.regression(n=1)
    z = torch.randn(2, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = ridge_probe.Probed().fit({}, z, batch)
    torch.testing.assert_close(found["head.bias"], batch.support.y[:, 0])


LEARNERS = {
    "loo": ridge_probe.Probed(),
    "number": ridge_probe.Probed(0.1),
    "euclidean": nearest_prototype.Nearest(),
    "cosine": nearest_prototype.Nearest("cosine"),
}


@WIDTHS
@pytest.mark.parametrize("name", LEARNERS)
def test_padding_and_outputs_that_a_task_lacks_change_no_head(name, width):
    batch, z = case(width)
    support = batches.Examples(
        torch.cat([batch.support.x, batch.support.x[:, :2]], 1),
        torch.cat([batch.support.y, batch.support.y[:, :2]], 1),
        torch.tensor([[True] * 12 + [False] * 2] * 5),
    )
    ways = torch.tensor([[True] * 3 + [False]] * 5)
    longer = replace(batch, support=support, outputs=4, ways=ways)
    found = LEARNERS[name].fit({}, torch.cat([z, 9 * torch.ones(5, 2, width)], 1), longer)
    for key, item in LEARNERS[name].fit({}, z, batch).items():
        torch.testing.assert_close(found[key][:, :3], item, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_net_is_left_as_it_is_without_a_graph_and_in_its_precision(name):
    network = reference.conv("group").float()
    batch = reference.classified()
    batch = replace(
        batch,
        support=replace(batch.support, x=batch.support.x.float()),
        query=replace(batch.query, x=batch.query.x.float()),
    )
    net, theta = stacked.StackedNet.of(network), base.tracked(stacked.theta_of(network))
    assert not LEARNERS[name].adapt(net, theta, batch)["head.weight"].requires_grad
    walked = list(LEARNERS[name].walk(net, theta, batch, 9, {}))
    assert len(walked) == 1
    for key, item in walked[0].items():
        assert item.dtype == torch.float32
        assert not item.requires_grad
        if key.startswith("backbone."):
            assert torch.equal(item[0], theta[key])


def queries(width):
    draws = torch.Generator().manual_seed(6)
    return 5.0 + torch.randn(5, 50, width, generator=draws, dtype=torch.float64)


def test_a_euclidean_prototype_answers_with_the_nearest_mean():
    batch, z = case(6)
    head = nearest_prototype.Nearest().fit({}, z, batch)
    query = queries(6)
    logits = query @ head["head.weight"].mT + head["head.bias"][:, None]
    for task in range(5):
        means = torch.stack([z[task][batch.support.y[task] == c].mean(0) for c in range(3)])
        distance = torch.cdist(query[task], means)
        assert torch.equal(logits[task].argmax(1), distance.argmin(1))
        assert len(distance.argmin(1).unique()) > 1


def test_a_cosine_prototype_answers_with_the_least_angle_at_any_scale():
    batch, z = case(6)
    long = z * torch.logspace(0, 2, 12, dtype=torch.float64)[:, None]
    query = queries(6)

    def logits(z, query):
        head = nearest_prototype.Nearest("cosine").fit({}, z, batch)
        return query @ head["head.weight"].mT + head["head.bias"][:, None]

    found, longer = logits(z, query), logits(long, query)
    for task in range(5):
        unit = functional.normalize(z[task], dim=1)
        means = torch.stack([unit[batch.support.y[task] == c].mean(0) for c in range(3)])
        angle = functional.cosine_similarity(query[task][:, None], means[None], dim=2)
        assert torch.equal(found[task].argmax(1), angle.argmax(1))
        assert torch.equal(longer[task].argmax(1), angle.argmax(1))
        assert len(angle.argmax(1).unique()) > 1
        length = query[task].norm(dim=1, keepdim=True) / z[task].norm(dim=1).mean()
        torch.testing.assert_close(found[task], 10 * angle * length)
    torch.testing.assert_close(logits(1000 * z, 1000 * query), found)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_a_prototype_of_real_targets_is_an_error(distance):
    batch, z = case(3, kind="regression")
    with pytest.raises(ValueError, match="`prototype` supports classification only"):
        nearest_prototype.Nearest(distance).fit({}, z, batch)


@pytest.mark.parametrize("l2", [1e-7, 1e-12, 1e-30, 1e-300])
@WIDTHS
def test_a_penalty_near_0_gives_the_head_that_penalties_tend_to(width, l2):
    batch, z = case(width)
    z[:, :, 1] = z[:, :, 0] + 1e-17  # a feature that differs from another by rounding alone
    found = ridge_probe.Probed(l2).fit({}, z, batch)
    for task in range(len(z)):
        targets = targets_of(batch, task)
        centred, wanted = z[task] - z[task].mean(0), targets - targets.mean(0)
        if l2 > 1e-8:
            gram = centred.T @ centred + len(centred) * l2 * torch.eye(width, dtype=z.dtype)
            expected = torch.linalg.solve(gram, centred.T @ wanted).T
        else:
            expected = (torch.linalg.pinv(centred, rtol=1e-9) @ wanted).T
        torch.testing.assert_close(found["head.weight"][task], expected, rtol=1e-4, atol=1e-5)


def test_features_that_are_no_numbers_give_a_head_that_is_none():
    batch, z = case(4)
    z[2, 0, 0] = torch.nan
    for l2 in (None, 0.1, 1e-9):
        assert ridge_probe.Probed(l2).fit({}, z, batch)["head.weight"].isnan().all()


def test_a_matrix_that_rounding_spoilt_has_a_factor_of_nan_and_others_keep_theirs():
    good = torch.tensor([[4.0, 2.0], [2.0, 5.0]]).double()
    bad = torch.tensor([[1.0, 2.0], [2.0, 1.0]]).double()
    found = cholesky(torch.stack([good, bad]))
    assert found[0].equal(torch.linalg.cholesky(good))
    assert found[1].isnan().all()
    assert cholesky(good).equal(torch.linalg.cholesky(good))
    assert torch.autograd.gradcheck(lambda x: cholesky(x @ x.mT), good.clone().requires_grad_())
