"""Second derivatives that are written out, against torch's own and against finite differences."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from engine.learning.metalearning.nets import double_backward, layers, stacked
from engine.learning.metalearning.tasks.batches import Weights
from engine.learning.models import backbones

WINDOWS = {
    "plain": double_backward.Window((1, 1), (1, 1), (1, 1), 1),
    "grouped": double_backward.Window((1, 1), (1, 1), (1, 1), 2),
    "strided": double_backward.Window((2, 1), (0, 1), (1, 2), 2),
}


def check(work, given) -> bool:
    """Compare first and second derivatives with finite differences along random directions."""
    near = {"fast_mode": True, "rtol": 1e-5, "atol": 1e-7}
    first = torch.autograd.gradcheck(work, given, **near)
    return first and torch.autograd.gradgradcheck(work, given, **near)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=draws, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("learned", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_a_convolution_s_derivatives_are_those_of_finite_differences(window, learned):
    given = [draw(2, 4, 5, 6), draw(4, 4 // window.groups, 3, 3), draw(4)]
    some = [item if place in learned else item.detach() for place, item in enumerate(given)]
    assert check(lambda *of: double_backward.conv(*of, window), some)


def test_a_convolution_without_bias_has_its_derivatives():
    x, weight = draw(2, 4, 5, 6), draw(4, 2, 3, 3)
    work = lambda x, weight: double_backward.conv(x, weight, None, WINDOWS["grouped"])  # noqa: E731
    assert check(work, (x, weight))


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_a_batch_norm_s_derivatives_are_those_of_finite_differences(eps):
    given = (draw(3, 4, 2, 3), draw(4), draw(4, seed=1))
    work = lambda *of: double_backward.batch_norm(*of, eps)  # noqa: E731
    assert check(work, given)


@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (1, 2, 5, 7), (2, 1, 2, 3)])
def test_a_pool_and_its_derivatives_are_those_of_torch_and_of_finite_differences(shape):
    x = draw(*shape)
    wanted = functional.max_pool2d(x, 2)
    assert torch.equal(double_backward.pool(x), wanted)
    pull = torch.arange(1.0, wanted.numel() + 1, dtype=torch.float64).view_as(wanted)
    found, other = (torch.autograd.grad(y, x, pull)[0] for y in (double_backward.pool(x), wanted))
    assert torch.equal(found, other)
    assert check(lambda x: double_backward.pool(x).sin(), (x,))


def test_of_equal_pixels_the_first_is_pooled_as_torch_does():
    x = torch.randint(3, (4, 5, 6, 6), generator=torch.Generator().manual_seed(0)).float()
    x.requires_grad_()
    found, other = (
        torch.autograd.grad(y.sum(), x)[0]
        for y in (double_backward.pool(x), functional.max_pool2d(x, 2))
    )
    assert torch.equal(found, other)


@pytest.mark.parametrize(
    "module", [nn.MaxPool2d(3), nn.MaxPool2d(2, stride=1), nn.MaxPool2d(2, ceil_mode=True)]
)
def test_only_pools_of_two_are_taken_for_such(module):
    assert isinstance(layers.of("pool", nn.MaxPool2d(2)), layers.Pool)
    assert isinstance(layers.of("pool", module), layers.Stateless)


def second(conv, norm, given):
    """A gradient of a gradient through both, with every path between them."""
    x, weight, bias, gain, shift = given
    loss = norm(conv(x, weight, bias), gain, shift).sin().square().sum()
    first = torch.autograd.grad(loss, given, create_graph=True)
    return torch.autograd.grad(sum(item.cos().sum() for item in first), given)


def scaled(z, gain, shift):
    """Instead of a norm, which undoes the bias before it."""
    return z * gain[:, None, None] + shift[:, None, None]


@pytest.mark.parametrize("normed", [True, False])
def test_second_derivatives_are_those_of_torch(normed):
    given = (draw(2, 4, 5, 6), draw(6, 2, 3, 3), draw(6), draw(6, seed=1), draw(6, seed=2))
    window = WINDOWS["strided"]
    ours = second(
        lambda *of: double_backward.conv(*of, window),
        (lambda *of: double_backward.batch_norm(*of, 1e-3)) if normed else scaled,
        given,
    )
    theirs = second(
        lambda *of: functional.conv2d(*of, (2, 1), (0, 1), (1, 2), 2),
        (lambda z, *of: functional.batch_norm(z, None, None, *of, True, eps=1e-3))
        if normed
        else scaled,
        given,
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("of", ["conv", "norm"])
def test_a_third_derivative_is_refused(of):
    x, gain, shift = draw(3, 2, 2, 2), draw(2), draw(2, seed=1)
    work = {
        "conv": lambda: double_backward.conv(x, draw(2, 2, 3, 3), gain, WINDOWS["plain"]),
        "norm": lambda: double_backward.batch_norm(x, gain, shift, 1e-3),
    }
    (first,) = torch.autograd.grad(work[of]().pow(3).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="does not support third derivatives"):
        torch.autograd.grad(first.pow(2).sum(), x, create_graph=True)


@pytest.mark.parametrize("padding", ["same", "valid", 2])
def test_padding_in_words_is_what_torch_makes_of_it(padding):
    module = nn.Conv2d(2, 3, (3, 5), padding=padding, dilation=(2, 1)).double()
    net = stacked.StackedNet.of(backbones.Network(nn.Sequential(module), 3))
    x = draw(1, 2, 2, 9, 9)
    weights: Weights = {f"backbone.0.{k}": v[None] for k, v in module.named_parameters()}
    torch.testing.assert_close(net.features(weights, x, layers.Pass(1)), module(x[0]))


def test_padding_that_differs_on_both_sides_is_for_the_plain_net():
    with pytest.raises(ValueError, match="PlainNet"):
        layers.of("0", nn.Conv2d(2, 3, 2, padding="same"))
