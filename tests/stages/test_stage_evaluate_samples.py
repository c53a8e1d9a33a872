from dataclasses import replace

import pytest
import torch
from scipy import ndimage

from engine import learning
from engine.library.artifacts import Samples
from engine.library.stages.evaluate_samples import evaluate_samples
from engine.library.stages.judge import judge
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts

NET = {"kind": "mlp", "hidden": [64, 16]}
CONV = {"kind": "conv4", "width": 8, "norm": "batch", "downsample": "stride"}


@pytest.fixture(scope="module")
def digits(bench):
    return bench.dataset(task="ten")


@pytest.fixture(scope="module")
def found_judge(bench, digits):
    return bench.stage(judge, {"net": NET, "steps": 250, "lr": 0.01}, data=digits).judge


@pytest.fixture(scope="module")
def parts(bench, digits):
    """Part -> images of 8 bits, and labels."""
    task = learning.data.device_data.load(digits, bench.files, "cpu")
    return {
        name: (learning.generative.judging.classifiers.quantised(found), tuple(found.y.tolist()))
        for name, found in task.parts.items()
    }


def _samples(pixels, labels=()):
    return Samples("digits", (1, 8, 8), "by hand", pixels, tuple(labels))


@pytest.fixture(scope="module")
def scored(bench, digits, found_judge):
    def score(pixels, labels=(), **fields):
        scores = bench.stage(
            evaluate_samples, fields, samples=_samples(pixels, labels), judge=found_judge,
            data=digits,
        ).scores  # fmt: skip
        return {name.removeprefix("ten/"): value for name, value in scores.metrics.items()}

    return score


def _noise(n):
    draws = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, 1, 8, 8), generator=draws, dtype=torch.uint8)


def _blurred(pixels, sigma):
    return torch.from_numpy(ndimage.gaussian_filter(pixels.numpy(), (0, 0, sigma, sigma)))


def test_real_images_beat_slightly_blurred_ones_and_these_blurred_ones_and_noise(scored, parts):
    held = parts["val"][0]
    real, soft, blurred, noise = (
        scored(pixels) for pixels in (held, _blurred(held, 0.6), _blurred(held, 1.2), _noise(360))
    )
    for name in ("distance", "distance_second"):
        assert real[name] < soft[name] < blurred[name]
        assert soft[name] < noise[name]
    for name in ("coverage", "validity"):
        assert real[name] > soft[name] > max(blurred[name], noise[name])
    assert real["distance"] < 3 * real["floor"]
    assert blurred["grey"] > soft["grey"] > real["grey"]
    assert noise["components"] > 2 * real["components"]
    assert max(noise["validity"], blurred["validity"]) < 0.02
    assert real["validity"] > 0.7


def test_the_test_images_are_at_no_distance_of_themselves(scored, parts):
    found = scored(*parts["test"])
    assert found["distance"] == pytest.approx(0, abs=1e-9)
    assert found["distance_second"] == pytest.approx(0, abs=1e-9)
    assert found["precision"] == found["recall"] == found["coverage"] == 1
    assert found["grey"] == found["grey_real"]
    assert found["components"] == found["components_real"]
    assert "memorising" not in found  # the nearest test image is at no distance: there is no ratio


def test_training_images_are_at_the_floor_and_copies(scored, parts):
    train, labels = parts["train"]
    chosen = learning.generative.judging.fidelity.some(labels, 359)
    found = scored(train[chosen], [labels[i] for i in chosen.tolist()])
    assert found["distance"] == pytest.approx(found["floor"], rel=1e-6)
    assert found["memorising"] == 0
    assert found["agreement"] > 0.97


def test_samples_that_a_diverged_generator_could_not_make_are_a_result_that_diverged(
    bench, digits, found_judge, tmp_path
):
    none = replace(_samples(_noise(1)), pixels=_noise(1)[:0], how="it diverged when it was trained")
    none.write(tmp_path)
    read = Samples.read({path.name: path for path in tmp_path.iterdir()})
    for given in (none, read):
        found = bench.stage(evaluate_samples, samples=given, judge=found_judge, data=digits).scores
        assert (found.status, found.metrics, found.notes) == ("diverged", {}, (none.how,))


def test_one_image_repeated_is_precise_and_covers_nothing(scored, parts):
    found = scored(parts["val"][0][:1].expand(360, 1, 8, 8).contiguous())
    assert found["coverage"] < 0.1
    assert found["recall"] < 0.1
    assert found["distance"] > 10 * found["floor"]


def test_validity_needs_both_judges(bench, digits, found_judge, parts):
    images = parts["val"][0]

    def share(found, name):
        scores = bench.stage(
            evaluate_samples, samples=_samples(images), judge=found, data=digits
        ).scores
        return scores.metrics[f"ten/{name}"]

    def biased(by):
        weights = {name: item.clone() for name, item in found_judge.weights.items()}
        weights["junk.heads.judge.bias"][-1] += by
        return replace(found_judge, weights=weights)

    precision = share(found_judge, "precision")
    assert 0.5 < precision < 1
    assert share(biased(-1e6), "validity") == precision  # the junk judge takes all for real
    assert share(biased(-1e6), "accepted") == 1
    assert share(biased(1e6), "validity") == share(biased(1e6), "accepted") == 0
    both, accepted = share(found_judge, "validity"), share(found_judge, "accepted")
    assert precision + accepted - 1 <= both <= min(precision, accepted)
    assert share(biased(1e6), "precision") == precision  # which plays no part in the others
    assert share(biased(1e6), "distance") == share(found_judge, "distance")


def test_agreement_is_with_the_class_that_was_asked_of_that_very_sample(scored, parts):
    images, labels = parts["val"]
    right = scored(images, labels, n=100)["agreement"]
    assert right > 0.9
    assert scored(images, [(label + 1) % 10 for label in labels], n=100)["agreement"] < 0.1
    assert "agreement" not in scored(images, n=100)


def test_labels_mean_the_classes_of_the_judge_whatever_their_order(bench, digits, parts):
    turned = bench.dataset(task="ten", classes=list(range(9, -1, -1)))
    other = bench.stage(judge, {"net": CONV, "steps": 60, "lr": 0.02}, data=turned).judge
    images, labels = parts["val"]
    found = bench.stage(
        evaluate_samples, samples=_samples(images, labels), judge=other, data=digits
    ).scores
    assert found.metrics["ten/agreement"] > 0.5  # of ten classes


def test_both_sides_have_the_same_n_which_is_told_with_the_floor(bench, digits, found_judge, parts):
    def notes(**fields):
        return bench.stage(
            evaluate_samples, fields, samples=_samples(parts["val"][0]), judge=found_judge,
            data=digits,
        ).scores.notes  # fmt: skip

    assert notes()[0].startswith("n=359, floor=")  # as many as there are test images
    assert notes(n=100)[0].startswith("n=100, floor=")
    assert notes()[0].endswith("distance in the judge's features, not FID")
    assert "training images at this n: distance_second" in notes()[1]
    assert not any("singular" in note for note in notes(n=17))
    assert any("n=16 is no more than the 16 features" in note for note in notes(n=16))


def test_a_distance_at_small_n_is_larger_and_so_is_its_floor(scored, parts):
    few, many = scored(parts["val"][0], n=30), scored(parts["val"][0])
    assert few["floor"] > 2 * many["floor"]
    assert few["distance"] > 2 * many["distance"]


def test_samples_without_ink_have_no_grey(scored):
    found = scored(torch.zeros(50, 1, 8, 8, dtype=torch.uint8))
    assert "grey" not in found
    assert found["components"] == 0


def test_judging_twice_gives_the_same_bits(scored, parts):
    assert scored(*parts["val"]) == scored(*parts["val"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": "mnist"}, r"samples are of mnist, 1x8x8 pixels, and the data of digits, 1x8x8"),
        ({"shape": (1, 9, 9)}, "samples are of digits, 1x9x9 pixels"),
        ({"labels": (12,) * 50}, r"samples were asked for \[12\]"),
    ],
)
def test_what_cannot_be_compared_is_refused(bench, digits, found_judge, change, told):
    with pytest.raises(StageError, match=told):
        bench.stage(
            evaluate_samples, samples=replace(_samples(_noise(50)), **change),
            judge=found_judge, data=digits,
        )  # fmt: skip


def test_a_judge_of_another_collection_is_refused(bench, digits, found_judge):
    with pytest.raises(StageError, match="the judge is of mnist"):
        bench.stage(
            evaluate_samples, samples=_samples(_noise(50)),
            judge=replace(found_judge, data="mnist"), data=digits,
        )  # fmt: skip


def test_more_images_than_there_are_and_too_few_are_refused(scored):
    with pytest.raises(StageError, match="`n: 51` is more than the 50 samples that there are"):
        scored(_noise(50), n=51)
    with pytest.raises(StageError, match="`n: 360` is more than the 359 test images"):
        scored(_noise(500), n=360)
    with pytest.raises(StageError, match="5 samples: judging needs 6 on each side"):
        scored(_noise(5))


KNOWN = {
    "data": Facts(task="ten", collection="digits", classes=(0, 1, 2)),
    "judge": Facts(task="any", collection="digits", classes=(0, 1, 2)),
    "samples": Facts(collection="digits"),
}


@pytest.mark.parametrize("labels", [(), (0, 2)])
def test_facts_name_exactly_the_metrics_that_come_out(scored, parts, look, labels):
    known = {**KNOWN, "samples": Facts(collection="digits", classes=labels)}
    facts, faults = look(evaluate_samples, {}, **known)
    assert not faults
    asked = [labels[i % 2] for i in range(100)] if labels else ()
    found = scored(parts["val"][0][:100], asked)
    assert facts["scores"].metrics == {f"ten/{name}": () for name in found}


@pytest.mark.parametrize(
    ("port", "facts", "place", "severity", "told"),
    [
        ("judge", {"collection": "mnist"}, "from.judge", "error", "of mnist, and the data are of"),
        ("samples", {"collection": "mnist"}, "from.samples", "error", "of mnist, and the data"),
        (
            "samples",
            {"classes": (1, 7)},
            "from.judge",
            "error",
            "have the classes 7, which the judge",
        ),
        (
            "data",
            {"classes": (0, 8)},
            "from.judge",
            "warning",
            "was not trained on the classes 8 of ten",
        ),
        ("data", {"examples": {"train": 3}}, "from.data", "error", "ten has no test examples"),
        ("data", {"examples": {"test": 3}}, "from.data", "error", "ten has no train examples"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(look, port, facts, place, severity, told):
    known = {**KNOWN, port: replace(KNOWN[port], **facts)}
    _, ((found, where, message, hint),) = look(evaluate_samples, {}, **known)
    assert (found, where) == (severity, place)
    assert told in message
    assert hint


def test_fewer_images_than_neighbours_cannot_be_asked_for(bench):
    with pytest.raises(ValueError, match="greater than or equal to 6"):
        bench.params(evaluate_samples, n=5)
