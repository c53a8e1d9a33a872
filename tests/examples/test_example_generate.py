"""The shapes of `examples/generate.yaml`: on digits, and of MNIST where it is there."""

import pytest
from example import Example, needs

from engine.library.artifacts import Gallery, Scores

SIZES = (2, 8, 32, 128)
AE, VAE = "ae.generator", "vae.generator"
DRAWS = ((AE, "prior"), (AE, "matched"), (AE, "mixture"), (VAE, "prior"))
ASKED = ("data=digits", "images=1000", "epochs=60", "judge_epochs=30", "n=300")


def _cell(generator, how, z):
    return f"judged@generator={generator}@z={z}@how={how}"


def _distances(example, generator, how):
    return [
        example.output(_cell(generator, how, z), "scores", Scores).metrics["seen/distance"]
        for z in SIZES
    ]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    cells = [_cell(*draw, z) for draw in DRAWS for z in SIZES]
    asked = (*cells, "plane", f"again@generator={VAE}@z=8@how=interpolation")
    return Example("generate", tmp_path_factory.mktemp("digits"), overrides=ASKED, targets=asked)


def _shapes(example):
    matched, naive = _distances(example, AE, "matched"), _distances(example, AE, "prior")
    # Too small a code blurs, too large a one scribbles: a U.
    assert min(matched) < 0.6 * min(matched[0], matched[-1])
    assert matched[0] > matched[1]
    assert matched[-1] > matched[-2]
    # A VAE's naive draw is nearer to images than an autoencoder's, at every size of the code ...
    assert all(a < b for a, b in zip(_distances(example, VAE, "prior"), naive, strict=True))
    # ... and no nearer than what a mixture draws from an autoencoder's codes, but for the smallest.
    mixed = _distances(example, AE, "mixture")[1:]
    assert all(a < b for a, b in zip(mixed, _distances(example, VAE, "prior")[1:], strict=True))


def test_on_digits_draws_stand_in_the_order_that_is_claimed(digits):
    assert digits.code == 0
    _shapes(digits)


def test_on_digits_walks_are_pictures(digits):
    for cell in ("plane@generator=ae", f"again@generator={VAE}@z=8@how=interpolation"):
        (picture,) = digits.output(cell, "gallery", Gallery).pictures
        assert picture.png.startswith(b"\x89PNG")
        assert picture.caption


@needs("mnist")
def test_on_mnist_draws_stand_in_the_same_order(tmp_path):
    example = Example("generate", tmp_path)
    assert example.code == 0
    _shapes(example)
