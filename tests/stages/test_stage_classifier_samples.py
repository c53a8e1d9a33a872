import io

import pytest
import torch
from PIL import Image

from engine.library.artifacts import Head, Samples
from engine.library.methods.ladder import network
from engine.library.stages.classifier_samples import classifier_samples
from engine.library.stages.init import init
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts

FIELDS = {"count": 50, "steps": 60}
SURE = "low/attacked_confidence"


def _backwards(bench, lesson, run=None, model=None, data=None, seed=0, **fields):
    return bench.stage(
        classifier_samples,
        {**FIELDS, **fields},
        run=run,
        seed=seed,
        model=model or lesson.model,
        data=data or lesson.low,
    )


def _sure(lesson, samples):
    """Mean probability that the model gives to the labels."""
    net = network(lesson.model, lesson.low, "cpu").eval()
    x = (samples.pixels.float() / 255 - 0.3053) / 0.3760
    with torch.no_grad():
        chances = net(x, "low").softmax(1)
    return float(chances[range(len(samples)), list(samples.labels)].mean())


@pytest.fixture(scope="module")
def made(bench, lesson):
    return _backwards(bench, lesson)


def test_a_classifier_becomes_sure_of_what_it_made_itself(made):
    curve = made.scores.curves[SURE]
    assert [step for step, _ in curve] == [0, 12, 24, 36, 48, 60]
    assert curve[0][1] < 0.4
    assert made.scores.metrics == {SURE: curve[-1][1]}
    assert curve[-1][1] > 0.9


def test_samples_ask_for_each_class_in_equal_shares(made, lesson):
    samples = made.samples
    assert (samples.data, samples.shape, samples.how) == (
        "digits", (1, 8, 8), "classifier backwards",
    )  # fmt: skip
    assert samples.pixels.dtype == torch.uint8
    assert samples.pixels.shape == (50, 1, 8, 8)
    assert samples.labels == (0, 1, 2, 3, 4) * 10
    assert all(samples.labels[:25].count(label) == 5 for label in range(5))


def test_the_score_is_what_the_model_says_of_the_samples_that_are_handed_on(made, lesson):
    assert made.scores.metrics[SURE] == pytest.approx(_sure(lesson, made.samples), abs=1e-5)


def test_samples_come_back_from_their_files(made, tmp_path):
    made.samples.write(tmp_path)
    back = Samples.read({path.name: path for path in tmp_path.iterdir()})
    assert torch.equal(back.pixels, made.samples.pixels)
    assert back.labels == made.samples.labels


def test_the_gallery_has_a_row_for_each_class_and_the_way_there(made):
    ends, ways = made.gallery.pictures
    assert made.gallery.names == ("000-backwards.png", "001-ascent.png")
    assert f"all: {made.scores.metrics[SURE]:.2f}" in ends.caption
    assert "after 0, 12, 24, 36, 48, 60 steps" in ways.caption
    for picture, columns in ((ends, 10), (ways, 6)):
        with Image.open(io.BytesIO(picture.png)) as image:
            assert image.width > columns * 64
            assert image.height > 5 * 64


def test_classes_are_chosen_by_label_and_in_that_order(bench, lesson):
    found = _backwards(bench, lesson, classes=[3, 1], count=5, steps=20)
    assert found.samples.labels == (3, 1, 3, 1, 3)
    assert found.scores.metrics[SURE] == pytest.approx(_sure(lesson, found.samples), abs=1e-5)


def test_the_seed_decides_and_a_resumed_climb_ends_at_the_same_bits(bench, lesson, tmp_path):
    fields = {"steps": 12, "regularise": {"jitter": 1, "tv": 0.1, "blur": 0.5}}
    whole = _backwards(bench, lesson, **fields)
    resumed = bench.interrupted(tmp_path, 7, lambda run: _backwards(bench, lesson, run, **fields))
    assert torch.equal(resumed.samples.pixels, whole.samples.pixels)
    assert resumed.scores == whole.scores
    assert resumed.gallery == whole.gallery
    other = _backwards(bench, lesson, seed=1, **fields)
    assert not torch.equal(other.samples.pixels, whole.samples.pixels)


@pytest.mark.parametrize(
    "fields",
    [
        {"objective": "log_probability"}, {"start": "grey"}, {"lr": 0.01},
        {"regularise": {"l2": 0.5}}, {"regularise": {"tv": 0.5}},
        {"regularise": {"blur": 1.0}}, {"regularise": {"blur": 1.0, "blur_every": 2}},
        {"regularise": {"jitter": 2}},
    ],
)  # fmt: skip
def test_every_parameter_reaches_the_climb(bench, lesson, fields):
    plain = _backwards(bench, lesson, steps=8, count=5).samples.pixels
    assert not torch.equal(
        _backwards(bench, lesson, steps=8, count=5, **fields).samples.pixels, plain
    )


def test_a_head_is_chosen_by_name_where_several_would_do(bench, lesson):
    model = lesson.model
    heads = {"low": model.heads["low"], "twin": Head((0, 1, 2, 3, 4), "", "pretrain")}
    weights = dict(model.weights)
    for part in ("weight", "bias"):
        weights[f"heads.twin.{part}"] = -weights[f"heads.low.{part}"]
    double = type(model)(model.net, model.shape, heads, weights)
    own = _backwards(bench, lesson, steps=4)
    assert _backwards(bench, lesson, model=double, steps=4).scores == own.scores
    twin = _backwards(bench, lesson, model=double, steps=4, task="twin")
    assert not torch.equal(twin.samples.pixels, own.samples.pixels)
    renamed = type(model)(model.net, model.shape, {"one": heads["low"], "two": heads["twin"]}, {})
    with pytest.raises(StageError, match="several heads have the classes of low: one, two"):
        _backwards(bench, lesson, model=renamed)


def test_what_cannot_be_attacked_is_told(bench, lesson):
    with pytest.raises(StageError, match=r"no head for high.*it has low \[0, 1, 2, 3, 4\]"):
        _backwards(bench, lesson, data=lesson.high)
    untrained = bench.stage(init, {"net": {"kind": "mlp"}}).model
    with pytest.raises(StageError, match="no head to maximise; "):
        _backwards(bench, lesson, model=untrained)


def test_of_a_model_that_diverged_nothing_is_made_and_that_is_a_result(bench, lesson):
    model = lesson.model
    broken = {name: item * torch.nan for name, item in model.weights.items()}
    found = _backwards(
        bench, lesson, model=type(model)(model.net, model.shape, model.heads, broken)
    )
    assert (found.scores.status, found.scores.metrics) == ("diverged", {})
    assert "it diverged when it was trained" in found.scores.notes[0]
    assert (len(found.samples), found.samples.how) == (0, found.scores.notes[0])
    assert found.gallery.pictures == ()


MODEL = Facts(heads={"low": (0, 1, 2, 3, 4), "high": (5, 6, 7, 8, 9)})
TWO = Facts(heads={"one": (0, 1, 2, 3, 4), "two": (0, 1, 2, 3, 4)})


@pytest.mark.parametrize(
    ("fields", "model", "place", "told"),
    [
        ({"task": "mid"}, MODEL, "task", "no head mid; it has low [0, 1, 2, 3, 4], high"),
        ({"task": "high"}, MODEL, "task", "head high does not have the classes of low"),
        ({}, Facts(heads={"high": (5, 6, 7, 8, 9)}), "from.data", "no head for low"),
        ({}, TWO, "from.data", "several heads have the classes of low: one, two"),
        ({"classes": [7]}, MODEL, "classes", "low has no class 7"),
        ({"count": 4}, MODEL, "count", "4 images cannot show 5 classes"),
    ],
)
def test_faults_are_told_at_their_place_before_anything_runs(
    look, known, fields, model, place, told
):
    _, faults = look(classifier_samples, fields, model=model, data=known[0])
    ((severity, at, message, hint),) = faults
    assert (severity, at) == ("error", place)
    assert told in message
    assert hint


def test_facts_tell_metrics_classes_and_collection(look):
    data = Facts(task="low", collection="digits", classes=(0, 1, 2, 3, 4))
    model = Facts(heads={"low": data.classes}, sources=frozenset({("digits/0", "train")}))
    found, faults = look(
        classifier_samples, {"steps": 60, "classes": [4, 0]}, model=model, data=data
    )
    assert not faults
    assert found["scores"].metrics == {SURE: (0, 12, 24, 36, 48, 60)}
    samples = found["samples"]
    assert (samples.collection, samples.classes, samples.task) == ("digits", (4, 0), "low")
    assert samples.sources == model.sources


def test_classes_of_a_folder_are_asked_for_by_name(look):
    data = Facts(task="pets", classes=(11, 12), names={11: "cat", 12: "dog"})
    model = Facts(heads={"pets": (11, 12)})
    found, faults = look(classifier_samples, {"classes": ["dog"]}, model=model, data=data)
    assert not faults
    assert found["samples"].classes == (12,)
    _, faults = look(classifier_samples, {"classes": ["cow"]}, model=model, data=data)
    assert faults == [("error", "classes", "pets has no class cow", "it has [cat, dog]")]
