import pytest
import torch
from torch.nn import functional

from engine.learning.data.device_data import SCALINGS
from engine.learning.generative.models import autoencoder, generator
from engine.learning.generative.models.autoencoder import Design
from engine.learning.models import backbones as networks

MLP = {"kind": "mlp", "hidden": [12, 7], "activation": "tanh"}
CONV = {"kind": "conv", "width": 4, "hidden": 10}


def coder(net, shape=(1, 8, 8), classes=0, *, z=3, spread=True):
    """Untrained, but with biases that are not 0."""
    made = autoencoder.build(Design(net, shape, z, "digits", classes, spread), seed=5)
    draws = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for item in made.parameters():
            if item.ndim == 1:
                item.normal_(generator=draws)
    return made


def pictures(shape, n=6):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("net", [MLP, CONV], ids=["mlp", "conv"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 7), (2, 9, 5)], ids=str)
def test_a_decoder_gives_images_of_the_shape_that_was_encoded(net, shape):
    made = coder(net, shape)
    images = pictures(shape)
    codes = made.encode(images)
    assert codes.mean.shape == codes.log_variance.shape == (6, 3)
    assert made.decode(codes.mean).shape == images.shape


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 7), (2, 9, 5), (5, 8, 8)], ids=str)
def test_a_conv_decoder_says_what_its_layers_say_one_after_another(shape):
    made = coder(CONV, shape)
    z, weights = torch.randn(6, 3), list(made.decoder.parameters())
    said, truth = made.decode(z), made.decoder(z)
    assert torch.allclose(said, truth, atol=1e-5)
    slope = torch.randn(truth.shape)
    slopes = zip(*(torch.autograd.grad(x, weights, slope) for x in (said, truth)), strict=True)
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-4) for one, other in slopes)


def test_an_autoencoder_has_points_for_codes():
    codes = coder(MLP, spread=False).encode(pictures((1, 8, 8)))
    assert codes.log_variance is None
    with pytest.raises(ValueError, match="points"):
        codes.noisy(torch.zeros(6, 3))


def test_images_under_four_pixels_cannot_be_halved_twice():
    with pytest.raises(ValueError, match="but these have 3x8; use"):
        coder(CONV, (1, 3, 8))
    assert coder(MLP, (1, 3, 8)).encode(pictures((1, 3, 8))).mean.shape == (6, 3)


def test_a_label_enters_an_mlp_as_a_one_hot_input_would():
    made = coder(MLP, classes=4)
    images, y = pictures((1, 8, 8)), torch.tensor([0, 1, 2, 3, 1, 1])
    scaling = SCALINGS["digits"]
    told = functional.one_hot(y, 4).float()
    # The encoder by hand, of an image and a one-hot label side by side.
    x = torch.cat([((images - scaling.mean) / scaling.std).flatten(1), told], 1)
    first, second = made.trunk[1], made.trunk[3]
    wide = torch.cat([first.weight, made.told.weight], 1)
    hidden = torch.tanh(second(torch.tanh(x @ wide.T + first.bias)))
    codes = made.encode(images, y)
    assert torch.allclose(codes.mean, made.mean(hidden), atol=1e-6)
    assert torch.allclose(codes.log_variance, made.spread(hidden), atol=1e-6)
    # And the decoder, of a code and a one-hot label.
    z = torch.randn(6, 3)
    assert torch.equal(made.decode(z, y), made.decoder(torch.cat([z, told], 1)))


def test_a_label_moves_the_filters_of_a_conv_as_their_bias_does():
    made, plain = coder(CONV, classes=4), coder(CONV)
    images = pictures((1, 8, 8), 1)
    for label in range(4):
        weights = {
            name: made.state_dict()[name] for name in plain.state_dict() if "deco" not in name
        }
        weights["trunk.0.bias"] = weights["trunk.0.bias"] + made.told.weight[:, label].detach()
        plain.load_state_dict(plain.state_dict() | weights)
        found = made.encode(images, torch.tensor([label])).mean
        assert torch.allclose(found, plain.encode(images).mean, atol=1e-6)


def test_a_conditional_coder_has_to_be_told():
    made = coder(MLP, classes=4)
    with pytest.raises(ValueError, match="told"):
        made.encode(pictures((1, 8, 8)))
    with pytest.raises(ValueError, match="told"):
        made.decode(torch.zeros(1, 3))


@pytest.mark.parametrize("net", [MLP, CONV], ids=["mlp", "conv"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 7)], ids=str)
def test_a_backbone_gives_the_mean_codes_of_its_images(net, shape):
    made = coder(net, shape)
    images, scaling = pictures(shape), SCALINGS["digits"]
    network = networks.restore(autoencoder.encoder(made.design), shape, made.backbone(), {})
    features = network.features((images - scaling.mean) / scaling.std)
    assert network.width == 3
    assert torch.allclose(features, made.encode(images).mean, atol=1e-6)


def test_a_backbone_of_one_who_was_told_hears_the_mean_of_all_labels():
    # One layer alone, so that the mean of what it is told is the mean of what it says.
    made = coder({"kind": "mlp", "hidden": [12], "activation": "tanh"}, classes=4)
    with torch.no_grad():
        made.trunk[1].weight.mul_(1e-3)
        made.trunk[1].bias.mul_(1e-3)
        made.told.weight.mul_(1e-3)  # where tanh is the identity
    images, scaling = pictures((1, 8, 8)), SCALINGS["digits"]
    network = networks.restore(autoencoder.encoder(made.design), (1, 8, 8), made.backbone(), {})
    features = network.features((images - scaling.mean) / scaling.std)
    each = [made.encode(images, torch.full((6,), label)).mean for label in range(4)]
    assert torch.allclose(features, torch.stack(each).mean(0), atol=1e-6)
    assert not torch.allclose(features, each[0], atol=1e-4)


def test_a_seed_gives_the_same_weights_and_another_others():
    design = Design(CONV, (1, 8, 8), 3, "digits", 4)
    one, again, other = (autoencoder.build(design, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["told.weight"], other["told.weight"])
    assert not torch.equal(one["spread.weight"], other["spread.weight"])


def test_images_and_codes_by_parts_are_those_at_once(monkeypatch):
    pair = generator.begin(Design(MLP, (1, 8, 8), 3, "digits", 4), {"kind": "bernoulli"}, 0)
    images, y = pictures((1, 8, 8), 10), torch.arange(10) % 4
    whole = pair.codes(images, y)
    seen = pair.images(whole.mean, y)
    monkeypatch.setattr(generator, "CHUNK", 3)
    parts = pair.codes(images, y)
    assert torch.allclose(parts.mean, whole.mean, atol=1e-6)
    assert torch.allclose(parts.log_variance, whole.log_variance, atol=1e-6)
    assert torch.allclose(pair.images(whole.mean, y), seen, atol=1e-6)
