import pytest
import torch

from engine.library.stages.evaluate import evaluate
from engine.library.stages.linear_probe import linear_probe
from engine.library.stages.pretrain import pretrain
from engine.library.stages.subset import subset
from pipelines.core.errors import StageError


def _probe(bench, lesson, fields, data=None, model=None):
    return bench.stage(
        linear_probe,
        fields,
        model=model or lesson.model,
        data=data or lesson.few,
        retain=(lesson.low,),
    )


@pytest.mark.parametrize("l2", ["auto", "loo", 0.01])
def test_a_probe_learns_and_forgets_exactly_nothing(bench, lesson, l2):
    found = _probe(bench, lesson, {"l2": l2})
    scores = found.scores.metrics
    assert scores["high/accuracy"] > 0.4
    assert scores["low/forgetting"] == 0
    assert scores["low/representation_forgetting"] == 0
    assert scores["low/head_forgetting"] == 0
    for name, tensor in lesson.model.weights.items():
        assert torch.equal(found.model.weights[name], tensor), name
    assert found.model.heads.keys() == {"low", "high"}


def test_a_probe_leaves_running_statistics_of_batch_norm_alone(bench, lesson):
    net = {"kind": "conv4", "width": 4, "norm": "batch"}
    model = bench.stage(pretrain, {"net": net, "steps": 5}, data=lesson.low).model
    found = _probe(bench, lesson, {"l2": 0.1}, model=model)
    assert all(torch.equal(found.model.weights[name], t) for name, t in model.weights.items())


def test_a_chosen_penalty_is_at_least_as_good_on_validation_as_any_other(bench, lesson):
    auto = _probe(bench, lesson, {"l2": "auto"}).scores.metrics["high/val_loss"]
    for l2 in (1e-3, 1e-2, 1e-1, 1.0):
        assert auto <= _probe(bench, lesson, {"l2": l2}).scores.metrics["high/val_loss"] + 1e-6


def test_auto_without_validation_images_is_an_error_before_and_while_it_runs(
    bench, lesson, look, known
):
    none = bench.stage(subset, {"train": 20, "val": 0}, data=lesson.high).data
    with pytest.raises(StageError, match="no validation images"):
        _probe(bench, lesson, {"l2": "auto"}, data=none)
    facts, _ = look(subset, {"val": 0}, data=known[1])
    _, faults = look(linear_probe, {"l2": "auto"}, model=known[2], data=facts["data"])
    assert [(severity, place) for severity, place, *_ in faults] == [("error", "l2")]
    _, faults = look(linear_probe, {"l2": "loo"}, model=known[2], data=facts["data"])
    assert not faults


@pytest.mark.parametrize("l2", ["auto", "loo", 0.01])
def test_a_probe_of_a_model_that_diverged_diverged(bench, lesson, l2):
    lost = bench.stage(pretrain, {"net": {"kind": "mlp"}, "steps": 20, "lr": 1e20}, data=lesson.low)
    assert lost.scores.status == "diverged"
    found = _probe(bench, lesson, {"l2": l2}, model=lost.model).scores
    assert found.status == "diverged"
    assert "the model diverged when it was trained" in found.notes[0]
    assert "high/loss" not in found.metrics


def test_what_is_no_number_is_not_evaluated(bench, lesson, tmp_path):
    lost = bench.stage(pretrain, {"net": {"kind": "mlp"}, "steps": 20, "lr": 1e20}, data=lesson.low)
    found = bench.stage(evaluate, {}, model=lost.model, data=(lesson.low,)).scores
    assert found.status == "diverged"
    assert "low/accuracy" in found.metrics
    assert "low/loss" not in found.metrics
    found.write(tmp_path)
    sound = bench.stage(evaluate, {}, model=lesson.model, data=(lesson.low,)).scores
    assert sound.status == "ok"
    assert "low/loss" in sound.metrics


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"l2": 0}, "the loss has no minimum: the weights are those after"),
        ({"l2": 1e-8, "max_iter": 2}, "not converged after 2 steps with l2 1e-08: raise"),
        ({"l2": 1e-8}, ""),
    ],
)
def test_a_fit_that_is_no_minimum_is_noted_in_the_scores(bench, lesson, fields, note):
    few = bench.stage(subset, {"train": 10}, data=lesson.high).data
    found = bench.stage(linear_probe, fields, model=lesson.model, data=few).scores
    assert found.status == "ok"
    assert any(note in told for told in found.notes) if note else found.notes == ()
