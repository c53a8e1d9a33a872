"""The shape of `examples/conditional.yaml`: on digits, and its figures from the file."""

import pytest
from example import Example, needs

from engine.library.artifacts import Gallery, Samples, Scores

AGREEMENT, DISTANCE, RECALL = "seen/agreement", "seen/distance", "seen/recall"
TOLD, LOOSE, SHUFFLED, UNTOLD = CELLS = (
    "judged@generator=told@labels=given",
    "judged@generator=loose",
    "judged@generator=told@labels=shuffled",
    "judged@generator=untold",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    asked = ("data=digits", "images=1000", "epochs=30", "judge_epochs=15", "n=300",
             "beta=0.3", "loose=0.1")  # fmt: skip
    return Example("conditional", tmp_path_factory.mktemp("digits"), overrides=asked, targets=CELLS)


def _metric(example, cell, metric):
    return example.output(cell, "scores", Scores).metrics[metric]


def test_on_digits_samples_show_the_class_that_was_asked_for(digits):
    assert digits.code == 0
    assert _metric(digits, TOLD, AGREEMENT) >= 0.8


def test_on_digits_a_smaller_beta_leaves_the_class_to_the_code(digits):
    assert _metric(digits, TOLD, AGREEMENT) - _metric(digits, LOOSE, AGREEMENT) >= 0.2
    assert _metric(digits, LOOSE, RECALL) > _metric(digits, TOLD, RECALL)


def test_on_digits_shuffled_labels_say_nothing(digits):
    assert _metric(digits, SHUFFLED, AGREEMENT) <= 0.2


def test_on_digits_true_labels_bring_samples_nearer_than_shuffled_ones_or_none(digits):
    nearest = _metric(digits, TOLD, DISTANCE)
    assert 1.5 * nearest < _metric(digits, SHUFFLED, DISTANCE)
    assert 1.5 * nearest < _metric(digits, UNTOLD, DISTANCE)


def test_a_vae_that_was_told_no_classes_is_asked_for_none(digits):
    assert AGREEMENT not in digits.output(UNTOLD, "scores", Scores).metrics
    drawn = UNTOLD.replace("judged", "drawn")
    assert digits.output(drawn, "samples", Samples).labels == ()


def test_samples_are_asked_for_every_class_alike_and_shown_by_class(digits):
    drawn = TOLD.replace("judged", "drawn")
    labels = digits.output(drawn, "samples", Samples).labels
    assert [labels.count(label) for label in range(10)] == [30] * 10
    assert len(digits.output(drawn, "gallery", Gallery).pictures) >= 1


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mnist")
    return Example("conditional", folder, overrides=("judge_epochs=2",), targets=(TOLD, SHUFFLED))


@needs("mnist")
def test_samples_show_the_class_that_was_asked_for_unless_labels_were_shuffled(mnist):
    assert mnist.code == 0
    assert _metric(mnist, TOLD, AGREEMENT) >= 0.95
    assert _metric(mnist, SHUFFLED, AGREEMENT) == pytest.approx(0.1, abs=0.03)
    assert 1.5 * _metric(mnist, TOLD, DISTANCE) < _metric(mnist, SHUFFLED, DISTANCE)
