import math

import pytest
import torch

from engine.library.artifacts import Model
from engine.library.stages.autoencoder import autoencoder
from engine.library.stages.evaluate import evaluate
from engine.library.stages.finetune import finetune
from engine.library.stages.init import init
from engine.library.stages.linear_probe import linear_probe
from engine.library.stages.pretrain import pretrain
from engine.stage_api.channel import Silent

NET = {"kind": "conv4", "width": 8}


def _same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_an_untrained_model_is_the_same_whether_drawn_now_or_by_who_shows_it_an_image(
    bench, lesson
):
    now = bench.stage(init, {"net": NET}, data=lesson.low).model
    shaped = bench.stage(init, {"net": NET, "shape": [1, 8, 8]}).model
    later = bench.stage(init, {"net": NET}).model
    assert _same(now.weights, shaped.weights)
    assert not later.weights
    probed = [
        bench.stage(linear_probe, {"l2": 0.1}, model=model, data=lesson.few)
        for model in (now, later)
    ]
    assert _same(probed[0].model.weights, probed[1].model.weights)


def test_an_untrained_model_without_weights_comes_back_from_files(bench, tmp_path):
    model = bench.stage(init, {"net": NET}).model
    model.write(tmp_path)
    assert Model.read({path.name: path for path in tmp_path.iterdir()}) == model


def test_pretraining_learns_and_says_how_well(bench, lesson):
    found = bench.stage(pretrain, {"net": NET, "steps": 60, "lr": 0.01}, data=lesson.low)
    assert found.scores.metrics["low/accuracy"] > 0.8
    assert found.scores.metrics["low/val_loss"] < 0.8
    assert [step for step, _ in found.scores.curves["low/val_loss"]] == [12, 24, 36, 48, 60]
    assert found.model.heads["low"].classes == (0, 1, 2, 3, 4)


def test_pretraining_twice_gives_the_same_bits_and_another_seed_others(bench, lesson):
    fields = {"net": NET, "steps": 5}
    first, again, other = (
        bench.stage(pretrain, fields, seed=seed, data=lesson.low).model.weights
        for seed in (0, 0, 1)
    )
    assert _same(first, again)
    assert not _same(first, other)


def test_epochs_are_passes_over_the_data(bench, lesson):
    run = bench.run()
    bench.stage(pretrain, {"net": NET, "epochs": 2, "batch": 100}, run=run, data=lesson.low)
    steps = [step for step, _ in run.curves["train"]["loss"]]
    assert steps == list(range(1, 12))  # 541 images twice in batches of 100


def test_pretraining_stopped_and_resumed_equals_pretraining_in_one_go(bench, lesson, tmp_path):
    fields = {"net": NET, "steps": 12, "optimizer": {"kind": "adam"}}
    whole = bench.stage(pretrain, fields, data=lesson.low)
    pieces = bench.interrupted(
        tmp_path, 5, lambda run: bench.stage(pretrain, fields, run=run, data=lesson.low)
    )
    assert _same(whole.model.weights, pieces.model.weights)
    assert whole.scores == pieces.scores


def test_evaluation_scores_each_task_by_its_own_head(bench, lesson):
    tuned = bench.tune(lesson, head="probe", replay=0.2)
    found = bench.stage(
        evaluate, model=tuned.model, data=(lesson.few, lesson.low), before=lesson.model
    ).scores.metrics
    for name in ("high/accuracy", "high/shifted_accuracy", "low/accuracy", "low/forgetting"):
        assert found[name] == tuned.scores.metrics[name]
    assert "high/forgetting" not in found  # there was no head before


def test_a_model_without_the_head_cannot_be_evaluated(look, known):
    low, high, model = known
    _, faults = look(evaluate, {}, model=model, data=(low, high))
    assert [(place, "no head for high" in message) for _, place, message, _ in faults] == [
        ("from.data", True)
    ]


def test_facts_name_exactly_the_metrics_that_come_out(bench, lesson, look, known):
    low, high, model = known
    for kind, fields in [
        (linear_probe, {"l2": 0.1}),
        (finetune, {"steps": 3, "curve": [0, 2]}),
        (finetune, {"steps": 3, "curve": [0, 2], "keep_heads": "drop"}),
    ]:
        facts, faults = look(kind, fields, model=model, data=high, retain=low)
        found = bench.stage(kind, fields, model=lesson.model, data=lesson.few, retain=(lesson.low,))
        assert not faults
        assert facts["scores"].metrics.keys() == found.scores.metrics.keys()
        steps = {
            name: tuple(step for step, _ in curve) for name, curve in found.scores.curves.items()
        }
        assert steps == {name: steps for name, steps in facts["scores"].metrics.items() if steps}
        assert facts["model"].heads == {
            task: head.classes for task, head in found.model.heads.items()
        }


@pytest.mark.parametrize(("lr", "status"), [(0.01, "ok"), (1e5, "diverged")])
def test_a_training_that_explodes_without_a_nan_is_diverged_and_told(bench, lr, status):
    channel = Silent()
    data = bench.dataset(task="d")
    fields = {"net": {"kind": "mlp", "hidden": [8]}, "steps": 40, "lr": lr}
    made = bench.stage(pretrain, fields, run=bench.run(channel=channel), data=data)
    assert made.scores.status == status
    assert math.isfinite(made.scores.metrics["d/loss"])
    told = [text for text in channel.notes if "diverging: at step" in text]
    assert len(told) == (status == "diverged")


@pytest.mark.parametrize(("lr", "status"), [(0.001, "ok"), (1e6, "diverged")])
def test_an_autoencoder_that_explodes_is_diverged_and_told(bench, lr, status):
    channel = Silent()
    data = bench.dataset(task="d")
    fields = {
        "z": 2, "net": {"kind": "mlp", "hidden": [16]}, "steps": 40, "lr": lr,
        "likelihood": "bernoulli",
    }  # fmt: skip
    made = bench.stage(autoencoder, fields, run=bench.run(channel=channel), data=data)
    assert made.scores.status == status
    told = [text for text in channel.notes if "diverging: at step" in text]
    assert len(told) == (status == "diverged")
