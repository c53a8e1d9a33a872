import pytest
import torch
from pydantic import ValidationError

from engine.library.stages.evaluate import evaluate
from engine.library.stages.finetune import finetune
from engine.library.stages.linear_probe import linear_probe
from engine.library.stages.subset import subset
from engine.stage_api.channel import Silent
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts


def _same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        (7, {"optimizer": {"kind": "sgd", "momentum": 0.9}, "replay": 0.2}),
        (1, {"optimizer": {"kind": "adam"}, "head": "probe"}),
        (7, {"optimizer": {"kind": "adamw"}, "replay": 0.5, "warmup": 0.3, "schedule": "cosine"}),
        (7, {"anchor": {"kind": "l2sp"}, "stop": {"every": 2, "patience": 3}, "clip": 0.1}),
    ],
    ids=["momentum and replay", "adam", "adamw", "anchor and stop"],
)
def test_stopped_and_resumed_equals_in_one_go(bench, lesson, tmp_path, fields, step):
    runs = [bench.run()]
    whole = bench.tune(lesson, run=runs[0], **fields)

    def tune(run):
        runs.append(run)
        return bench.tune(lesson, run=run, **fields)

    pieces = bench.interrupted(tmp_path, step, tune)
    assert _same(whole.model.weights, pieces.model.weights)
    assert whole.scores == pieces.scores
    told, before, after = (dict(run.curves["train"].get("loss", ())) for run in runs)
    assert before | after == told


def test_a_zero_head_answers_nothing_at_step_0_and_a_probed_one_like_the_probe(bench, lesson):
    zero = bench.tune(lesson, head="zero").scores
    assert dict(zero.curves["high/loss"])[0] == pytest.approx(torch.tensor(5.0).log().item())
    probed = bench.tune(lesson, head="probe").scores
    probe = bench.stage(linear_probe, model=lesson.model, data=lesson.few).scores
    assert dict(probed.curves["high/accuracy"])[0] == probe.metrics["high/accuracy"]
    assert dict(probed.curves["low/forgetting"])[0] == 0


def test_methods_of_one_seed_see_the_same_batches(bench, lesson):
    """Every purpose has a stream of its own, so that nothing else differs at step 1."""
    runs = [bench.run() for _ in range(3)]
    for run, fields in zip(runs, [{}, {"keep_heads": "drop"}, {"anchor": {}}], strict=True):
        bench.tune(lesson, run=run, head="zero", steps=1, **fields)
    first = [dict(run.curves["train"]["loss"])[1] for run in runs]
    assert first == [pytest.approx(torch.tensor(5.0).log().item())] * 3
    weights = [
        bench.tune(lesson, head="zero", steps=2, **fields).model.weights["backbone.0.weight"]
        for fields in ({}, {"keep_heads": "drop"})
    ]
    assert torch.equal(*weights)


def test_old_heads_move_only_where_they_are_trained(bench, lesson):
    name = "heads.low.weight"
    before = lesson.model.weights[name]
    trained = bench.tune(lesson, replay=0.2)
    assert not torch.equal(trained.model.weights[name], before)
    for fields in ({"replay": 0.2, "keep_heads": "frozen"}, {}, {"replay": 0.0}):
        assert torch.equal(bench.tune(lesson, **fields).model.weights[name], before)
    dropped = bench.tune(lesson, keep_heads="drop")
    assert dropped.model.heads.keys() == {"high"}
    assert name not in dropped.model.weights


def test_falling_back_to_frozen_heads_is_told(bench, lesson):
    assert "old heads are kept as they are" in bench.tune(lesson).scores.notes[0]
    assert not bench.tune(lesson, replay=0.2).scores.notes


def test_without_the_head_forgetting_is_absent_and_not_0(bench, lesson):
    found = bench.tune(lesson, keep_heads="drop").scores.metrics
    assert "low/forgetting" not in found
    assert "low/representation_forgetting" in found


def test_replay_lowers_forgetting(bench, lesson):
    fields = {"lr": 0.1, "steps": 60}
    forgot = bench.tune(lesson, **fields).scores.metrics["low/forgetting"]
    kept = bench.tune(lesson, replay=0.3, **fields).scores.metrics["low/forgetting"]
    assert forgot > 0.1
    assert kept < forgot / 2


def test_replay_may_draw_from_other_data(bench, lesson):
    other = bench.stage(subset, {"train": 10}, data=lesson.low).data
    inputs = {"model": lesson.model, "data": lesson.few, "retain": (lesson.low,)}
    fields = {"steps": 3, "batch": 20, "replay": 0.5}
    own = bench.stage(finetune, fields, **inputs).model.weights
    given = bench.stage(finetune, fields, **inputs, replay=other).model.weights
    assert not _same(own, given)


def test_replay_of_no_image_in_all_steps_is_an_error_before_and_while_it_runs(
    bench, lesson, look, known
):
    with pytest.raises(StageError, match="of batches of 20 is no image in 12 steps"):
        bench.tune(lesson, replay=0.004)
    low, high, model = known
    inputs = {"model": model, "data": high, "retain": low}
    fields = {"replay": 0.004, "batch": 20, "steps": 12}
    _, faults = look(finetune, fields, **inputs)
    assert [(severity, place) for severity, place, *_ in faults] == [("error", "replay")]
    assert not look(finetune, {**fields, "steps": 13}, **inputs)[1]
    assert not look(finetune, {"replay": 0.05, "batch": 8}, **inputs)[1]
    assert not look(finetune, {"replay": 0.99, "batch": 1}, **inputs)[1]


def test_each_share_is_an_experiment_of_its_own_and_resumes_to_the_same_bits(
    bench, lesson, tmp_path
):
    def tuned(share, **more):
        fields = {"batch": 8, "steps": 7, "replay": share, "curve": []}
        return bench.tune(lesson, **fields, **more)

    found = {share: tuned(share) for share in (0.2, 0.25, 0.3)}
    losses = {item.scores.metrics["low/forgetting"] for item in found.values()}
    weights = {float(item.model.weights["heads.low.weight"].sum()) for item in found.values()}
    assert len(weights) == 3, losses
    for step in (2, 3):
        again = bench.interrupted(tmp_path / str(step), step, lambda run: tuned(0.3, run=run))
        assert _same(again.model.weights, found[0.3].model.weights)


def test_epochs_count_the_new_images_that_are_really_seen(bench, lesson):
    # Of 60 images 8 - 1.6 = 6.4 are new in a step.
    data = lesson.few
    run = bench.run(channel=Silent())
    fields = {"batch": 8, "steps": None, "epochs": 1.6, "replay": 0.2, "curve": []}
    bench.tune(lesson, run=run, **fields)
    assert len(data.parts["train"]) == 60
    assert run.channel.batches[-1].total == 15  # 1.6 * 60 / 6.4


def test_replay_without_anything_to_replay_is_an_error(bench, lesson, look, known):
    low, high, model = known
    _, faults = look(finetune, {"replay": 0.1}, model=model, data=high)
    assert [place for _, place, *_ in faults] == ["replay"]
    _, faults = look(
        finetune, {"replay": 0.1, "keep_heads": "drop"}, model=model, data=high, retain=low
    )
    assert [place for _, place, *_ in faults] == ["keep_heads"]
    with pytest.raises(StageError, match="nothing to draw from"):
        bench.stage(finetune, {"replay": 0.5}, model=lesson.model, data=lesson.few)


def test_training_old_heads_without_replay_is_an_error_only_where_it_is_meant(look, known):
    low, high, model = known
    inputs = {"model": model, "data": high, "retain": low}
    _, faults = look(finetune, {"keep_heads": "train"}, **inputs)
    assert [place for _, place, *_ in faults] == ["keep_heads"]
    assert not look(finetune, {}, **inputs)[1]
    axis = {"replay": "0"}
    assert not look(finetune, {"keep_heads": "train", "replay": 0}, axes=axis, **inputs)[1]
    assert not look(finetune, {"keep_heads": "train", "replay": 0.1}, **inputs)[1]


def test_two_datasets_of_one_label_are_an_error(look, known):
    _, high, model = known
    _, faults = look(finetune, {}, model=model, data=high, retain=high)
    assert [place for _, place, *_ in faults] == ["from.retain"]
    assert "task:" in faults[0][3]


def test_a_rate_that_blows_up_is_told_as_diverged_and_stops(bench, lesson):
    run = bench.run()
    scores = bench.tune(lesson, run=run, lr=1e30, steps=100, curve=[]).scores
    assert scores.status == "diverged"
    assert len(run.curves["train"]["loss"]) == 20
    assert "high/loss" not in scores.metrics


def test_early_stopping_keeps_the_best_weights(bench, lesson):
    stop = {"by": "val_loss", "every": 2, "patience": 2}
    fields = {"lr": 0.2, "steps": 400}
    run = bench.run()
    found = bench.tune(lesson, run=run, stop=stop, **fields)
    assert found.scores.notes[0].startswith("stopped early; best at step ")
    best = int(found.scores.notes[0].split()[-1])
    assert max(step for step, _ in run.curves["train"]["loss"]) == best + 4
    # The weights are those of a training that ends at the best step.
    short = bench.tune(lesson, **{**fields, "steps": best})
    assert _same(found.model.weights, short.model.weights)


def test_an_anchor_keeps_the_backbone_near_its_start(bench, lesson):
    def drift(**fields):
        weights = bench.tune(lesson, steps=30, **fields).model.weights
        return sum(
            float((weights[name] - start).square().sum())
            for name, start in lesson.model.weights.items()
            if name.startswith("backbone")
        )

    assert drift(anchor={"kind": "l2sp", "weight": 5.0}) < drift() / 4


def test_steps_and_epochs_exclude_each_other_and_whole_numbers_serve_as_rates(bench):
    with pytest.raises(ValidationError, match="not both"):
        bench.params(finetune, steps=1, epochs=1)
    assert bench.params(finetune, lr=1, replay=0, curve=[3, 1]).marks == (1, 3)
    assert bench.params(finetune, steps=10).marks == (0, 1, 5, 10)
    with pytest.raises(ValidationError):
        bench.params(finetune, replay=1.0)
    with pytest.raises(ValidationError):
        bench.params(finetune, lr="0.1")


def test_a_new_head_of_an_old_name_replaces_it_and_answers_no_old_task(bench, lesson, look, known):
    low, _, model = known
    again = bench.dataset(task="low", classes=[5, 6, 7])
    old = bench.dataset(task="old", classes=[0, 1, 2, 3, 4])
    inputs = {"model": lesson.model, "data": again, "retain": (old,)}
    found = bench.stage(finetune, {"steps": 2, "curve": []}, **inputs)
    assert found.model.heads["low"].classes == (5, 6, 7)
    assert "old/forgetting" not in found.scores.metrics
    facts, _ = look(
        finetune,
        {"steps": 2},
        model=model,
        data=Facts(task="low", classes=(5, 6, 7)),
        retain=Facts(task="old", classes=low.classes),
    )
    assert "old/forgetting" not in facts["scores"].metrics
    with pytest.raises(StageError, match="nothing to draw from"):
        bench.stage(finetune, {"steps": 2, "replay": 0.5}, **inputs)


@pytest.mark.parametrize("keep_heads", ["frozen", "drop"])
def test_a_kept_head_answers_at_step_0_as_the_model_did_and_goes_on_from_there(
    bench, lesson, keep_heads
):
    again = bench.dataset(task="again", classes=[0, 1, 2, 3, 4])
    fields = {"head": "kept", "keep_heads": keep_heads, "steps": 2, "curve": [0]}
    found = bench.stage(finetune, fields, model=lesson.model, data=again)
    judged = bench.stage(evaluate, model=lesson.model, data=(lesson.low,)).scores.metrics
    assert dict(found.scores.curves["again/accuracy"])[0] == judged["low/accuracy"] > 0.9
    assert not torch.equal(
        found.model.weights["heads.again.weight"], lesson.model.weights["heads.low.weight"]
    )
    if keep_heads == "frozen":
        assert torch.equal(
            found.model.weights["heads.low.weight"], lesson.model.weights["heads.low.weight"]
        )


def test_a_kept_head_of_the_same_task_goes_on_in_its_place(bench, lesson):
    fields = {"head": "kept", "steps": 2, "curve": [0]}
    found = bench.stage(finetune, fields, model=lesson.model, data=lesson.low)
    judged = bench.stage(evaluate, model=lesson.model, data=(lesson.low,)).scores.metrics
    assert dict(found.scores.curves["low/accuracy"])[0] == judged["low/accuracy"]
    assert list(found.model.heads) == ["low"]
    name = "heads.low.weight"
    assert not torch.equal(found.model.weights[name], lesson.model.weights[name])


def test_a_kept_head_without_one_of_these_classes_is_an_error_before_and_while_it_runs(
    bench, lesson, look, known
):
    low, high, model = known
    _, faults = look(finetune, {"head": "kept"}, model=model, data=high)
    assert [(severity, place) for severity, place, *_ in faults] == [("error", "head")]
    assert not look(finetune, {"head": "kept"}, model=model, data=low)[1]
    assert not look(finetune, {"head": "kept"}, model=Facts(), data=high)[1]
    with pytest.raises(StageError, match="no head of the model has the classes of high"):
        bench.tune(lesson, head="kept")
