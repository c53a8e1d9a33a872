"""Whatever is spared around the kernel, weights are torch's to the last bit."""

import pytest
import torch

from engine.learning.training.checkpoint import copied
from engine.learning.training.fast_adam import Descent

RULES = {
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.1, fused=True),
    "decay": lambda weights: torch.optim.Adam(weights, lr=0.1, weight_decay=0.3, fused=True),
    "adamw": lambda weights: torch.optim.AdamW(
        weights, lr=0.1, weight_decay=0.3, betas=(0.5, 0.7), fused=True
    ),
    "amsgrad": lambda weights: torch.optim.Adam(weights, lr=0.1, amsgrad=True, fused=True),
    "ascent": lambda weights: torch.optim.Adam(weights, lr=0.1, maximize=True, fused=True),
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, fused=True),
}


def leaves(dtype=torch.float32):
    made = torch.Generator().manual_seed(0)
    return [
        torch.randn(shape, generator=made, dtype=dtype).requires_grad_()
        for shape in ((3, 4), (5,), ())
    ]


def pulled(weights, step, *, without=None):
    """Gradients of a step; a weight may be without one."""
    made = torch.Generator().manual_seed(step)
    for place, item in enumerate(weights):
        drawn = torch.randn(item.shape, generator=made, dtype=item.dtype)
        item.grad = None if place == without else drawn


def walked(rule, weights, steps, *, missing=(), more=None):
    """Weights after torch's own steps; `missing` are steps at which the second has no gradient."""
    for step in steps:
        if step == more:
            rule.add_param_group({"params": weights[2:]})
        for group in rule.param_groups:
            group["lr"] = 0.1 / step
        pulled(weights, step, without=1 if step in missing else None)
        rule.step()
    return weights


def descended(rule, weights, steps, *, missing=(), more=None):
    """The same, by a descent."""
    for step in steps:
        if step == more:
            rule.add_group(weights[2:])
        for group in rule.groups:
            group["lr"] = 0.1 / step
        pulled(weights, step, without=1 if step in missing else None)
        rule.step()
        rule.clear()
        assert all(item.grad is None for group in rule.groups for item in group["params"])
    return weights


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", RULES)
def test_steps_are_those_of_the_rule(kind, dtype):
    one, other = leaves(dtype), leaves(dtype)
    walked(RULES[kind](one), one, range(1, 7))
    assert same(descended(Descent(RULES[kind](other)), other, range(1, 7)), one)
    assert not same(one, leaves(dtype))


@pytest.mark.parametrize("missing", [(1,), (3,), (1, 2, 4), (2, 3, 6)])
def test_weights_without_a_gradient_stay_and_count_no_step(missing):
    one, other = leaves(), leaves()
    walked(RULES["adam"](one), one, range(1, 7), missing=missing)
    rule = Descent(RULES["adam"](other))
    assert same(descended(rule, other, range(1, 7), missing=missing), one)
    counts = [int(held["step"]) for held in rule.state_dict()["state"].values()]
    assert sorted(counts) == [6 - len(missing), 6, 6]


@pytest.mark.parametrize("more", [1, 4])
def test_weights_may_join_later(more):
    one, other = leaves(), leaves()
    walked(RULES["adam"](one[:2]), one, range(1, 7), more=more)
    assert same(descended(Descent(RULES["adam"](other[:2])), other, range(1, 7), more=more), one)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
@pytest.mark.parametrize("at", [1, 3])
def test_a_restored_state_goes_on_to_the_same_bits(kind, at):
    one, other = leaves(), leaves()
    descended(Descent(RULES[kind](one)), one, range(1, 7))
    first = Descent(RULES[kind](other))
    descended(first, other, range(1, at + 1))
    saved, weights = copied(first.state_dict()), [item.detach().clone() for item in other]
    descended(first, other, range(at + 1, 5))  # what comes after leaves no trace
    with torch.no_grad():
        for item, held in zip(other, weights, strict=True):
            item.copy_(held)
    first.load_state_dict(saved)
    assert same(descended(first, other, range(at + 1, 7)), one)


def test_once_it_knows_its_state_only_the_kernel_is_called(monkeypatch):
    weights = leaves()
    rule = RULES["adam"](weights)
    descent = Descent(rule)
    descended(descent, weights, [1])

    def never():
        raise AssertionError("torch's own step")

    monkeypatch.setattr(rule, "step", never)
    descended(descent, weights, [2, 3])
