"""`examples/few_labels.yaml` on digits, in seconds: encoders without labels serve as models."""

import pytest
from example import Example

from engine.library.artifacts import Scores

LABELS = (1, 20)
MODELS = ("vae.encoder@z=8", "ae.encoder@z=8", "untrained")


def _probed(model, labels):
    return f"codes@model={model}@train_per_class={labels}@seed=0"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    asked = ("data=digits", "images=1000", "epochs=20", "labels=[1, 20]")
    cells = [_probed(model, labels) for model in MODELS for labels in LABELS]
    cells += ["tuned@z=8@train_per_class=20@seed=0", "scratch@train_per_class=20@seed=0"]
    folder = tmp_path_factory.mktemp("digits")
    return Example("few_labels", folder, overrides=asked, targets=tuple(cells), jobs=1)


def _accuracy(example, cell):
    return example.output(cell, "scores", Scores).metrics["digits/accuracy"]


def test_on_digits_codes_learned_without_labels_are_features(digits):
    assert digits.code == 0
    for model in MODELS:
        one, some = (_accuracy(digits, _probed(model, labels)) for labels in LABELS)
        assert one < some
        assert some > 0.6


def test_on_digits_an_encoder_is_tuned_as_any_model(digits):
    probed = _accuracy(digits, _probed(MODELS[0], 20))
    assert _accuracy(digits, "tuned@z=8@train_per_class=20@seed=0") > probed
    assert _accuracy(digits, "scratch@train_per_class=20@seed=0") > 0.6
