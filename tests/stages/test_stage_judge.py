from dataclasses import replace

import pytest
import torch

from engine.library.artifacts import Judge
from engine.library.stages.judge import judge
from engine.library.stages.pretrain import pretrain
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts

FAST = {"net": {"kind": "mlp", "hidden": [16]}, "steps": 5}
NETS = ("plain", "second", "junk")


def _same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def digits(bench):
    return bench.dataset(task="ten")


def test_a_judge_learns_and_says_how_well(bench, digits):
    found = bench.stage(
        judge, {"net": {"kind": "mlp", "hidden": [64]}, "steps": 150, "lr": 0.01}, data=digits
    )
    metrics = found.scores.metrics
    assert metrics["ten/judge_accuracy"] > 0.93
    assert metrics["ten/second_accuracy"] > 0.93
    assert metrics["ten/junk_accuracy"] > 0.9
    assert metrics["ten/junk_rejected"] > 0.75
    assert found.judge.accuracies == {
        "plain": metrics["ten/judge_accuracy"],
        "second": metrics["ten/second_accuracy"],
        "junk": metrics["ten/junk_accuracy"],
    }
    assert "noise 1.00" in found.scores.notes[0]


def test_a_judge_comes_back_from_files(bench, digits, tmp_path):
    made = bench.stage(judge, FAST, data=digits).judge
    made.write(tmp_path)
    back = Judge.read({path.name: path for path in tmp_path.iterdir()})
    assert _same(back.weights, made.weights)
    assert (back.classes, back.shape, back.data, back.task) == (
        tuple(range(10)), (1, 8, 8), "digits", "ten",
    )  # fmt: skip


def test_the_same_seed_gives_the_same_bits_and_another_others(bench, digits):
    first, again, other = (
        bench.stage(judge, FAST, seed=seed, data=digits).judge.weights for seed in (0, 0, 1)
    )
    assert _same(first, again)
    assert not any(torch.equal(first[name], other[name]) for name in first if "weight" in name)


def test_a_judge_is_not_the_classifier_of_the_same_seed_and_recipe(bench, digits):
    recipe = {**FAST, "batch": 128, "lr": 0.003, "warmup": 0.1, "schedule": "cosine"}
    attacked = bench.stage(pretrain, recipe, data=digits).model.weights["backbone.1.weight"]
    found = bench.stage(judge, recipe, data=digits).judge.weights
    for name in NETS:
        assert not torch.allclose(found[f"{name}.backbone.1.weight"], attacked, atol=0.05)


@pytest.mark.parametrize("step", [2, 8, 13])
def test_a_judge_stopped_in_any_of_its_loops_and_resumed_equals_one_in_one_go(
    bench, digits, tmp_path, step
):
    fields = {**FAST, "net": {"kind": "conv4", "width": 4, "norm": "batch"}}
    whole = bench.stage(judge, fields, data=digits)
    pieces = bench.interrupted(
        tmp_path, step, lambda run: bench.stage(judge, fields, run=run, data=digits)
    )
    assert _same(whole.judge.weights, pieces.judge.weights)
    assert whole.scores == pieces.scores


def test_the_three_loops_have_their_names_and_lengths(bench, digits):
    run = bench.run()
    fields = {"net": FAST["net"], "epochs": 1, "batch": 200}
    bench.stage(judge, fields, run=run, data=digits)
    # 1078 images, and half as many of junk
    assert {name: len(found["loss"]) for name, found in run.curves.items()} == {
        "plain": 6, "second": 6, "junk": 9,
    }  # fmt: skip


def test_a_judge_whose_loss_is_infinite_is_none(bench, digits):
    fields = {**FAST, "steps": 40, "lr": 1e30, "optimizer": {"kind": "sgd"}}
    with pytest.raises(StageError, match="judge `plain` diverged: lower `lr`"):
        bench.stage(judge, fields, data=digits)


def test_facts_name_exactly_the_metrics_that_come_out(bench, digits, look):
    data = Facts(
        task="ten", collection="digits", classes=tuple(range(10)),
        sources=frozenset({("digits/0", "train"), ("digits/0", "test")}),
    )  # fmt: skip
    facts, faults = look(judge, FAST, data=data)
    found = bench.stage(judge, FAST, data=digits)
    assert not faults
    assert facts["scores"].metrics.keys() == found.scores.metrics.keys()
    known = facts["judge"]
    assert (known.task, known.collection, known.classes) == ("ten", "digits", tuple(range(10)))
    assert known.sources == {("digits/0", "train")}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (Facts(task="t", classes=(1, 2), examples={"train": 5}), "t has no test images to measure"),
        (
            Facts(task="t", classes=(1, 2), examples={"test": 5}),
            "t has no training images",
        ),
        (Facts(task="t", classes=(1,), examples={"train": 5, "test": 5}), "t has one class"),
    ],
)
def test_what_cannot_teach_a_judge_is_an_error_at_the_data(look, data, told):
    _, ((severity, place, message, _),) = look(judge, {}, data=data)
    assert (severity, place) == ("error", "from.data")
    assert message.startswith(told)


def test_data_without_test_images_are_refused_when_called_too(bench, digits):
    untested = replace(digits, parts={"train": digits.parts["train"]})
    with pytest.raises(StageError, match="ten: a judge needs two classes, and training and test"):
        bench.stage(judge, FAST, data=untested)
