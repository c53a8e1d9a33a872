import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from engine.learning.models import linear_heads
from engine.learning.models.logistic import minimise


def _problem(n=80, d=12, outputs=4, *, apart=1.0, scale=1.0, shift=0.0, seed=0):
    draws = torch.Generator().manual_seed(seed)
    y = torch.randint(outputs, (n,), generator=draws)
    centres = torch.randn(outputs, d, generator=draws, dtype=torch.float64)
    z = apart * centres[y] + torch.randn(n, d, generator=draws, dtype=torch.float64)
    return scale * z + shift, y, outputs


def _objective(z, y, weight, bias, l2):
    """In numpy, with every small number as it is."""
    s = z.numpy() @ np.asarray(weight).T + np.asarray(bias)
    s = s - s[np.arange(len(y)), y.numpy()][:, None]
    others = np.exp(s)
    others[np.arange(len(y)), y.numpy()] = 0
    return float(np.mean(np.log1p(others.sum(1))) + l2 / 2 * (np.asarray(weight) ** 2).sum())


PROBLEMS = {
    "apart": {"apart": 3.0},
    "overlapping": {"apart": 0.5},
    "many features": {"n": 20, "d": 60},
    "two classes": {"outputs": 2},
    "small features": {"scale": 1e-3},
    "large features": {"scale": 100.0, "shift": 1e4},
}


@pytest.mark.filterwarnings("ignore")  # the peer's line searches complain near the minimum
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("l2", [1e-8, 1e-6, 1e-4, 1e-2, 1.0, 100.0])
def test_the_minimum_is_found_that_scikit_learn_finds(name, l2):
    z, y, outputs = _problem(**PROBLEMS[name])
    found = linear_heads.logistic(z, y, outputs, l2=l2, max_iter=200)
    centred = z - z.mean(0)  # for the peer, whose solver needs it
    peer = LogisticRegression(C=1 / (len(z) * l2), tol=1e-12, max_iter=100_000, solver="newton-cg")
    peer.fit(centred.numpy(), y.numpy())
    theirs = (peer.coef_, peer.intercept_)
    if outputs == 2:  # it has one row, which is the difference of ours, of twice the penalty
        theirs = tuple(np.stack([-value[0] / 2, value[0] / 2]) for value in theirs)
        peer.set_params(C=2 / (len(z) * l2)).fit(centred.numpy(), y.numpy())
        theirs = tuple(np.stack([-v[0] / 2, v[0] / 2]) for v in (peer.coef_, peer.intercept_))
    bias = found.bias + found.weight @ z.mean(0)
    ours = _objective(centred, y, found.weight, bias, l2)
    assert found.note == ""
    assert ours <= _objective(centred, y, *theirs, l2) * (1 + 1e-7)
    answers = (centred @ found.weight.T + bias).softmax(1).numpy()
    logits = centred.numpy() @ theirs[0].T + theirs[1]
    peers = torch.from_numpy(logits).softmax(1).numpy()
    np.testing.assert_allclose(answers, peers, atol=2e-4)


@pytest.mark.parametrize("l2", [1e-8, 1e-3, 1.0])
def test_the_slope_at_what_is_found_is_nothing_by_autograd(l2):
    z, y, outputs = _problem(apart=3.0)
    found = linear_heads.logistic(z, y, outputs, l2=l2, max_iter=200)
    weight, bias = found.weight.clone().requires_grad_(), found.bias.clone().requires_grad_()
    fit = functional.cross_entropy(z @ weight.T + bias, y)
    slopes = torch.autograd.grad(fit + l2 / 2 * weight.square().sum(), [weight, bias])
    assert max(float(slope.abs().max()) for slope in slopes) < 1e-7


def test_classes_that_can_be_told_apart_have_no_minimum_without_a_penalty():
    z, y, outputs = _problem(apart=6.0)
    found = linear_heads.logistic(z, y, outputs, l2=0, max_iter=200)
    assert "so the loss has no minimum: the weights are those after" in found.note
    assert float(functional.cross_entropy(found(z), y)) < 1e-7
    assert found.weight.isfinite().all()
    assert float(found.weight.norm()) < 1e3
    assert (found(z).argmax(1) == y).all()


def test_classes_that_cannot_be_told_apart_have_one_without_a_penalty_too():
    z, y, outputs = _problem(apart=0.3)
    found = linear_heads.logistic(z, y, outputs, l2=0, max_iter=200)
    peer = LogisticRegression(C=math.inf, tol=1e-12, max_iter=100_000).fit(z.numpy(), y.numpy())
    assert found.note == ""
    ours = _objective(z, y, found.weight, found.bias, 0)
    assert ours <= _objective(z, y, peer.coef_, peer.intercept_, 0) * (1 + 1e-8)


def test_too_few_steps_are_told_and_more_lead_nearer():
    z, y, outputs = _problem(apart=3.0)
    losses = []
    for most in (1, 3, 6, 200):
        found = linear_heads.logistic(z, y, outputs, l2=1e-8, max_iter=most)
        losses.append(_objective(z, y, found.weight, found.bias, 1e-8))
        told = f"not converged after {most} steps with l2 1e-08: raise `max_iter`"
        assert found.note == ("" if most == 200 else told)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 100


def test_more_steps_than_it_needs_change_nothing():
    z, y, outputs = _problem()
    few, many = (linear_heads.logistic(z, y, outputs, l2=1e-6, max_iter=n) for n in (200, 20_000))
    assert few.weight.equal(many.weight)
    assert few.bias.equal(many.bias)


def test_a_start_elsewhere_leads_to_the_same_minimum():
    z, y, outputs = _problem(shift=3.0)
    first = linear_heads.logistic(z, y, outputs, l2=1e-3, max_iter=200)
    again = linear_heads.logistic(z, y, outputs, l2=1e-3, max_iter=200, start=first)
    other = linear_heads.logistic(z, y, outputs, l2=1e-3, max_iter=200, start=linear_heads.Linear(
        torch.randn(outputs, 12, dtype=torch.float64), torch.randn(outputs, dtype=torch.float64)
    ))  # fmt: skip
    torch.testing.assert_close(other.weight, first.weight, atol=1e-6, rtol=0)
    torch.testing.assert_close(again.weight, first.weight, atol=1e-9, rtol=0)


def test_a_class_without_an_example_and_features_that_never_change_are_no_fault():
    z, y, _ = _problem(outputs=3)
    z[:, 4] = 7.5
    found = linear_heads.logistic(z, y, 5, l2=1e-3, max_iter=200)
    assert found.note == ""
    assert found.weight[:, 4].abs().max() < 1e-9
    assert set(found(z).argmax(1).tolist()) <= {0, 1, 2}


def test_one_step_is_counted_as_one():
    z, y, outputs = _problem()
    right = functional.one_hot(y, outputs).bool()
    begin = torch.zeros(outputs, 12, dtype=torch.float64), torch.zeros(outputs, dtype=torch.float64)
    assert minimise(z, right, 1e-3, 1, begin).steps == 1
