"""What `examples/sinusoid.yaml` shows, from a run of the file as it is."""

import io

import pytest
from example import Example
from PIL import Image

from engine.library.artifacts import Gallery, Scores

LOSS, ONE, TEN = "test/loss", "test/loss@step=1", "test/loss@step=10"


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    return Example("sinusoid", tmp_path_factory.mktemp("sinusoid"))


@pytest.mark.slow
def test_maml_learns_a_wave_in_one_step_as_published(waves):
    """Meta-SGD's table (arXiv 1707.09835) has .77 for MAML with one step and ten shots."""
    found = waves.interval("judged@learner=maml", ONE)
    assert (found.n, found.over) == (600, "tasks")
    assert found.mean < 0.9
    assert waves.interval("judged@learner=maml", TEN).mean < found.mean / 2


@pytest.mark.slow
def test_who_learned_to_learn_beats_the_net_pretrained_on_all_waves(waves):
    tuned = waves.interval("finetuned", LOSS)
    for learner in ("maml", "reptile", "ridge"):
        assert waves.interval(f"judged@learner={learner}", LOSS).high < tuned.low / 2


@pytest.mark.slow
def test_the_pretrained_net_before_any_step_is_no_better_than_the_mean_wave(waves):
    curve = dict(waves.output("finetuned", "scores", Scores).curves[LOSS])
    assert 2.5 < curve[0] < 4.5
    assert curve[1] > curve[0]


@pytest.mark.slow
def test_the_picture_of_the_fits_is_there(waves):
    (picture,) = waves.output("picture", "gallery", Gallery).pictures
    with Image.open(io.BytesIO(picture.png)) as image:
        assert min(image.size) > 600
