"""Pretrained models adapted to few-shot tasks by each method, through the stage."""

import pytest

from engine.library.stages.meta_evaluate import meta_evaluate
from engine.library.stages.meta_train import meta_train
from engine.library.stages.tasks import tasks
from pipelines.core.errors import StageError

EPISODE = {"ways": {"min": 2, "max": 4}, "shots": {"min": 1, "max": 3}}
METHODS = {
    "probe": {"kind": "probe"},
    "zero": {"kind": "finetune", "head": "zero", "lr": 0.1},
    "warm": {"kind": "finetune", "head": "probe", "optimizer": {"kind": "adamw"}, "clip": 1.0},
    "lora": {"kind": "lora", "rank": 2, "targets": ["all-conv"], "lr": 0.1, "head": "zero"},
    "near": {"kind": "prototype"},
    "angle": {"kind": "prototype", "distance": "cosine"},
}


@pytest.fixture(scope="module")
def digits(bench):
    data = bench.dataset(task="few")
    return bench.stage(tasks, {"episode": EPISODE, "queries": 5, "count": 30}, data=data).tasks


@pytest.fixture(scope="module")
def waves(bench):
    fields = {"kind": "sinusoid", "episode": {"shots": 10}, "queries": 10, "count": 30}
    return bench.stage(tasks, {**fields, "task": "waves"}, data=None).tasks


def judged(bench, learner, family, **fields):
    fields = {"curve": [0, 5], **fields}
    return bench.stage(meta_evaluate, fields, learner=learner, tasks=family).scores


@pytest.mark.parametrize("name", METHODS)
def test_every_method_adapts_a_pretrained_model_to_tasks_of_every_size(bench, lesson, digits, name):
    scores = judged(bench, lesson.model, digits, method=METHODS[name])
    accuracy = scores.metrics["few/accuracy"]
    assert accuracy > 0.45  # chance is .36
    curve = dict(scores.curves.get("few/accuracy", ()))
    if name in {"zero", "lora"}:
        assert curve[5] > curve[0] + 0.1


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"kind": "finetune", "head": "kept"}, "4 outputs, but the model has none"),
        ({"kind": "lora", "targets": ["all-linear"]}, r"the net has 0 \(conv\)"),
    ],
)
def test_a_method_that_does_not_fit_says_so_before_any_task_is_judged(
    bench, lesson, digits, method, said
):
    with pytest.raises(StageError, match=said):
        judged(bench, lesson.model, digits, method=method)


def test_a_net_pretrained_on_a_regression_goes_on_with_its_own_head(bench, waves):
    fields = {"kind": "sinusoid", "episode": {"shots": 10}, "queries": 10}
    family = bench.stage(tasks, fields, data=None).tasks
    fields = {"algorithm": {"kind": "joint"}, "net": {"kind": "mlp", "hidden": [40, 40]},
              "budget": {"tasks": 600}}  # fmt: skip
    pretrained = bench.stage(meta_train, fields, tasks=family).learner

    def curve(head):
        method = {"kind": "finetune", "head": head, "lr": 0.001}
        return dict(judged(bench, pretrained, waves, method=method).curves["waves/loss"])

    kept, zero = curve("kept"), curve("zero")
    own = judged(bench, pretrained, waves).metrics["waves/loss"]
    assert kept[0] == pytest.approx(own)
    assert kept[0] < zero[0]
    assert kept[5] != kept[0]
    probe = judged(bench, pretrained, waves, method={"kind": "probe"}).metrics["waves/loss"]
    assert probe < kept[0]
