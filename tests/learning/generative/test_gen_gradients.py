"""What is written out for speed, against torch's own ways and finite differences in float64."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn import functional

from engine.learning.generative.models import convolutions, fused_terms
from engine.learning.generative.models.autoencoder import Codes, Design, build
from engine.learning.generative.training.objective import divergence

ODD = [(0, 0), (1, 0), (0, 1), (1, 1)]
DOUBLE = {"many": convolutions.doubled, "few": convolutions.doubled_few}


def drawn(*shape, seed=0):
    made = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=made, dtype=torch.float64).requires_grad_()


def test_log_probabilities_of_pixels_are_minus_the_cross_entropy_at_any_logit():
    logits = torch.tensor([-1e4, -90.0, -25.0, -1.0, 0.0, 3.0, 25.0, 45.0, 1e4]).double()
    for chance in (0.0, 0.3, 1.0):
        images = torch.full_like(logits, chance)
        wanted = -functional.binary_cross_entropy_with_logits(logits, images, reduction="none")
        # One pixel an image: what is small stays exact beside what is large.
        found = fused_terms.bernoulli(logits[:, None], images[:, None])
        assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_log_probabilities_are_exact_to_float32_where_logits_are_large():
    logits = 8 * drawn(64, 1, 28, 28).detach()
    images = (drawn(64, 1, 28, 28, seed=1) < logits).double().detach()
    exact = fused_terms.bernoulli(logits, images)
    assert torch.allclose(fused_terms.bernoulli(logits.float(), images.float()).double(), exact,
                          rtol=1e-6)  # fmt: skip


def test_the_slope_of_a_log_probability_is_that_of_finite_differences():
    logits, images = drawn(3, 1, 2, 2), torch.rand(3, 1, 2, 2).double().requires_grad_()
    assert gradcheck(fused_terms.bernoulli, (logits, images))
    assert gradcheck(fused_terms.bernoulli, (5 * logits.detach().requires_grad_(), images.detach()))


def test_codes_and_their_divergence_are_those_of_the_parts():
    mean, log_variance, noise = drawn(5, 3), drawn(5, 3, seed=1), drawn(5, 3, seed=2).detach()
    z, kl = fused_terms.drawn(mean, log_variance, noise)
    codes = Codes(mean, log_variance)
    assert torch.allclose(z, codes.noisy(noise), rtol=1e-14)
    assert torch.allclose(kl, divergence(codes).mean(0), rtol=1e-13)
    assert gradcheck(lambda a, b: fused_terms.drawn(a, b, noise), (mean, log_variance))


def test_what_has_no_second_derivative_says_so():
    x, weight, bias = drawn(1, 2, 2, 2), drawn(2, 1, 4, 4, seed=1), drawn(1, seed=2)
    for found in (
        fused_terms.drawn(x[0, 0], x[0, 1], x[0, 0].detach())[0],
        fused_terms.bernoulli(x, x.detach()),
        convolutions.stacked(x),
        *(double(x, weight, bias, (0, 0)) for double in DOUBLE.values()),
    ):
        with pytest.raises(RuntimeError, match="no second derivatives"):
            torch.autograd.grad(found.square().sum(), x, create_graph=True)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("way", DOUBLE)
def test_doubled_images_and_their_slopes_are_those_of_a_transposed_convolution(way, odd):
    double = DOUBLE[way]
    x, weight, bias = drawn(2, 3, 3, 4), drawn(3, 2, 4, 4, seed=1), drawn(2, seed=2)

    def found(x, weight, bias):
        return double(convolutions.beside(x), weight, bias, odd)

    wanted = functional.conv_transpose2d(x, weight, bias, 2, 1, odd)
    assert found(x, weight, bias).shape == wanted.shape
    assert torch.allclose(found(x, weight, bias), wanted, rtol=1e-12)
    assert gradcheck(found, (x, weight, bias))
    assert gradcheck(lambda x: found(x, weight.detach(), bias.detach()), (x,))
    assert gradcheck(lambda weight: found(x.detach(), weight, bias.detach()), (weight,))


@pytest.mark.parametrize("channels", [1, 3])
def test_halved_images_and_their_slopes_are_those_of_a_convolution(channels):
    x, weight, bias = drawn(2, channels, 5, 6), drawn(2, channels, 4, 4, seed=1), drawn(2, seed=2)

    def found(x, weight, bias):
        return convolutions.stacked(convolutions.halved(convolutions.beside(x), weight, bias))

    wanted = functional.conv2d(x, weight, bias, 2, 1)
    assert torch.allclose(found(x, weight, bias), wanted, rtol=1e-12)
    assert gradcheck(found, (x, weight, bias))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_channels_of_a_pixel_lie_side_by_side_and_nothing_else_changes(channels):
    x = drawn(2, channels, 3, 4).detach()
    beside = convolutions.beside(x)
    assert torch.equal(beside, x)
    assert beside.stride() == (12 * channels, 1, 4 * channels, channels)
    assert torch.equal(convolutions.stacked(beside), x)
    assert convolutions.stacked(beside).is_contiguous()


@pytest.mark.parametrize("shape", [(1, 9, 10), (3, 8, 8), (5, 7, 11)])
@pytest.mark.parametrize("classes", [0, 2])
def test_a_conv_coder_and_its_gradients_are_those_of_its_layers_one_after_another(shape, classes):
    coder = build(
        Design({"kind": "conv", "width": 3, "hidden": 6}, shape, 2, "mnist", classes), 5
    ).double()
    images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(2)).double()
    y = torch.tensor([0, 1, 1, 0])
    codes = coder.encode(images, y)
    said = coder.decode(codes.mean, y)
    loss = said.sin().sum() + codes.log_variance.square().sum()
    found = torch.autograd.grad(loss, list(coder.parameters()))

    x = (images - 0.1307) / 0.3081
    labels = functional.one_hot(y, 2).double()
    x = coder.trunk[0](x)
    if classes:
        x = x + coder.told(labels)[:, :, None, None]
    x = coder.trunk[1:](x.clone())
    mean, spread = coder.mean(x), coder.spread(x)
    plain = coder.decoder(torch.cat([mean, labels], 1) if classes else mean)
    wanted = torch.autograd.grad(
        plain.sin().sum() + spread.square().sum(), list(coder.parameters())
    )
    assert said.shape == plain.shape
    assert torch.allclose(said, plain, rtol=1e-10)
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)
