"""The shape of `examples/backwards.yaml`: on digits, and its figures from the file."""

import pytest
from example import Example, needs

from engine.library.artifacts import Gallery, Samples, Scores

SURE, AGREEMENT = "seen/attacked_confidence", "seen/agreement"
DISTANCE, FLOOR = "seen/distance", "seen/floor"
PRECISION, VALIDITY = "seen/precision", "seen/validity"
PLAIN, BLURRED, EVERY = ATTACKS = tuple(
    f"objective=logit@regularise={name}" for name in ("none", "blur", "all")
)
VAE = "judged@samples=vae"
CELLS = (*(f"judged@samples=classifier@{name}" for name in ATTACKS), VAE)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    asked = ("data=digits", "images=1000", "epochs=30", "vae_epochs=30", "beta=0.3", "n=300")
    return Example("backwards", tmp_path_factory.mktemp("digits"), overrides=asked, targets=CELLS)


def _sure(example, attack):
    return example.output(f"climbed@{attack}", "scores", Scores).metrics[SURE]


def _judged(example, attack):
    return example.output(f"judged@samples=classifier@{attack}", "scores", Scores).metrics


def _vae(example):
    return example.output(VAE, "scores", Scores).metrics


def test_on_digits_the_classifier_ends_sure_and_nobody_else_sees_an_image(digits):
    assert digits.code == 0
    for attack in (PLAIN, BLURRED):
        assert _sure(digits, attack) >= 0.95
    for attack in ATTACKS:
        assert _judged(digits, attack)[VALIDITY] <= 0.05


def test_on_digits_samples_of_a_vae_are_images_and_near(digits):
    assert _vae(digits)[VALIDITY] >= 0.3
    for attack in ATTACKS:
        assert _judged(digits, attack)[DISTANCE] > 3 * _vae(digits)[DISTANCE]


def test_on_digits_an_independent_judge_sees_the_asked_class_less_often(digits):
    for attack in ATTACKS:
        assert _judged(digits, attack)[AGREEMENT] < _vae(digits)[AGREEMENT] - 0.1


def test_the_floor_is_that_of_real_images_whatever_is_judged(digits):
    floors = {_judged(digits, attack)[FLOOR] for attack in ATTACKS} | {_vae(digits)[FLOOR]}
    (floor,) = floors
    assert 0 < floor < _vae(digits)[DISTANCE]


def test_the_gallery_shows_where_the_images_ended_and_the_way_there(digits):
    gallery = digits.output(f"climbed@{PLAIN}", "gallery", Gallery)
    assert [picture.name for picture in gallery.pictures] == ["backwards", "ascent"]
    labels = digits.output(f"climbed@{PLAIN}", "samples", Samples).labels
    assert [labels.count(label) for label in range(10)] == [30] * 10


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    attacked = tuple(cell for cell in CELLS if cell.endswith((PLAIN, EVERY)))
    folder = tmp_path_factory.mktemp("mnist")
    return Example("backwards", folder, overrides=("epochs=2",), targets=attacked)


@needs("mnist")
def test_a_classifier_of_mnist_ends_sure_of_images_that_no_judge_takes_for_any(mnist):
    assert mnist.code == 0
    for attack in (PLAIN, EVERY):
        judged = _judged(mnist, attack)
        assert _sure(mnist, attack) >= 0.95
        assert judged[VALIDITY] <= 0.02
        assert judged[DISTANCE] > 20 * judged[FLOOR]
    plain = _judged(mnist, PLAIN)
    assert _sure(mnist, PLAIN) >= 0.99
    assert plain[PRECISION] <= 0.02
    assert plain[DISTANCE] > 100 * plain[FLOOR]
