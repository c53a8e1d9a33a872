import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from engine.learning.models import linear_heads


def _problem(n, d, outputs=3, seed=0):
    draws = torch.Generator().manual_seed(seed)
    z = torch.randn(n, d, generator=draws, dtype=torch.float64)
    y = torch.randint(outputs, (n,), generator=draws)
    return z, y, functional.one_hot(y, outputs).double()


@pytest.mark.parametrize(("n", "d"), [(40, 7), (7, 40)], ids=["primal", "dual"])
def test_ridge_solves_the_normal_equations(n, d):
    z, _, targets = _problem(n, d)
    found = linear_heads.ridge(z, targets, 0.1)
    # The same with an explicit column of ones whose weight is not penalised.
    wide = np.hstack([z.numpy(), np.ones((n, 1))])
    penalty = n * 0.1 * np.eye(d + 1)
    penalty[-1, -1] = 0
    expected = np.linalg.solve(wide.T @ wide + penalty, wide.T @ targets.numpy())
    np.testing.assert_allclose(found.weight.numpy(), expected[:-1].T, atol=1e-10)
    np.testing.assert_allclose(found.bias.numpy(), expected[-1], atol=1e-10)


@pytest.mark.parametrize(("n", "d"), [(9, 4), (4, 9)], ids=["primal", "dual"])
def test_gradients_through_ridge_equal_finite_differences(n, d):
    z, _, targets = _problem(n, d)
    l2 = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)

    def loss(z, l2):
        head = linear_heads.ridge(z, targets, l2)
        return (head(z.sin()) ** 2).sum() + head.bias.sum()

    assert torch.autograd.gradcheck(loss, (z.requires_grad_(), l2))


def test_leaving_one_out_chooses_the_penalty_that_refitting_without_each_example_would():
    z, y, targets = _problem(15, 6)
    errors = []
    for l2 in linear_heads.GRID:
        error = 0.0
        for out in range(15):
            rest = [i for i in range(15) if i != out]
            # The penalty in the closed form is n * l2, with n the number of all examples.
            head = linear_heads.ridge(z[rest], targets[rest], l2 * 15 / 14)
            error += float(((head(z[out]) - targets[out]) ** 2).mean())
        errors.append(error)
    assert (
        linear_heads.ridge_by_leaving_one_out(z, y, 3).l2
        == linear_heads.GRID[int(np.argmin(errors))]
    )


def test_logistic_finds_the_minimum_that_scikit_learn_finds():
    z, y, _ = _problem(60, 5)
    found = linear_heads.logistic(z, y, 3, l2=0.05, max_iter=500)
    peer = LogisticRegression(C=1 / (60 * 0.05), tol=1e-10, max_iter=5000).fit(z, y)
    np.testing.assert_allclose(found.weight.numpy(), peer.coef_, atol=1e-4)
    ours = found.bias - found.bias.mean()
    np.testing.assert_allclose(ours.numpy(), peer.intercept_ - peer.intercept_.mean(), atol=1e-4)


def test_a_zero_head_answers_exactly_nothing():
    z, _, _ = _problem(5, 8)
    assert torch.equal(linear_heads.zero(8, 3).module()(z.float()), torch.zeros(5, 3))


def test_a_drawn_head_depends_on_its_seed_alone():
    torch.manual_seed(1)
    first = linear_heads.random(16, 4, seed=7)
    torch.manual_seed(2)
    assert torch.equal(first.weight, linear_heads.random(16, 4, seed=7).weight)
    assert not torch.equal(first.weight, linear_heads.random(16, 4, seed=8).weight)
    assert first.weight.abs().max() <= 1 / 4


def test_a_choice_takes_the_least_score_and_tells_an_end_of_the_grid():
    fit = lambda l2, _: linear_heads.Linear(torch.zeros(1, 1), torch.zeros(1), l2)  # noqa: E731
    inner = linear_heads.select(fit, lambda head: abs(head.l2 - 0.01))
    assert (inner.l2, inner.at_edge) == (0.01, False)
    smallest = linear_heads.select(fit, lambda head: head.l2)
    assert (smallest.l2, smallest.at_edge) == (linear_heads.GRID[0], True)
    assert linear_heads.select(fit, lambda _: 0.0).l2 == linear_heads.GRID[0]


def test_a_choice_with_patience_fits_no_more_than_it_must():
    tried = []

    def fit(l2, _):
        tried.append(l2)
        return linear_heads.Linear(torch.zeros(1, 1), torch.zeros(1), l2)

    assert linear_heads.select(fit, lambda head: abs(head.l2 - 1.0), patience=2).l2 == 1.0
    assert tried == [100.0, 10.0, 1.0, 0.1, 0.01]
