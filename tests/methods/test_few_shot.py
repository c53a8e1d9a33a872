"""Methods as values for many small tasks: what a file may say, and what it gets."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.learning.metalearning.algorithms import finetuned, nearest_prototype, ridge_probe
from engine.learning.metalearning.inner import spaces
from engine.learning.models import linear_heads
from engine.library.methods import AnyFewShot, Finetune, Lora, Probe, Prototype
from engine.library.methods.lora import LowRank

FEW_SHOT = TypeAdapter(AnyFewShot)


def value(**fields):
    return FEW_SHOT.validate_json(json.dumps(fields))


def test_one_text_is_what_an_inner_loop_trains_and_how_to_tune():
    text = '{"kind": "lora", "rank": 2, "alpha": 8, "targets": ["all-conv"]}'
    low, method = LowRank.model_validate_json(text), FEW_SHOT.validate_json(text)
    assert isinstance(method, Lora)
    assert low.inner() == method.inner() == spaces.Lora(2, 8.0, ("all-conv",))
    assert LowRank().inner() == spaces.Lora()


@pytest.mark.parametrize("targets", [[], ["all-convs"], "all"])
def test_targets_that_cannot_be_meant_are_an_error_before_any_run(targets):
    with pytest.raises(ValidationError, match="targets"):
        LowRank.model_validate_json(json.dumps({"kind": "lora", "targets": targets}))


def test_each_kind_adapts_as_its_fields_say():
    adamw = {"kind": "adamw", "betas": (0.9, 0.999), "weight_decay": 0.1}
    given = {"lr": 0.3, "clip": 2.0, "head": "kept", "optimizer": {**adamw, "betas": [0.9, 0.999]}}
    expected = {"lr": 0.3, "clip": 2.0, "head": "kept", "optimizer": adamw, "seed": 7}
    assert value(kind="finetune", **given).few_shot(7) == finetuned.Tuned(**expected)
    found = value(kind="lora", rank=2, targets=["0"], **given).few_shot(7)
    assert found == finetuned.Tuned(**expected, inner=spaces.Lora(2, 8.0, ("0",)))
    assert value(kind="probe").few_shot(7) == ridge_probe.Probed(None)
    assert value(kind="probe", l2="loo").few_shot() == ridge_probe.Probed(None)
    assert value(kind="probe", l2=0.1).few_shot() == ridge_probe.Probed(0.1)
    assert value(kind="prototype").few_shot(7) == nearest_prototype.Nearest("euclidean")
    assert value(kind="prototype", distance="cosine").few_shot() == nearest_prototype.Nearest(
        "cosine"
    )


def test_what_the_stage_gives_fills_in_what_the_method_does_not_say():
    method = value(kind="lora", clip=2.0)
    # As it reaches a worker: with every field set.
    sent = type(method).model_validate_json(method.model_dump_json())
    for found in (method, sent):
        filled = found.with_defaults(0.1, "zero")
        assert (filled.lr, filled.head, filled.rank, filled.clip) == (0.1, "zero", 4, 2.0)
        assert found.with_defaults() == method
    assert value(kind="finetune").with_defaults(lr=0.1).lr == 0.1
    assert value(kind="probe").with_defaults(0.1, "zero") == value(kind="probe")


GIVEN = {
    "steps": 5, "epochs": 1, "batch": 8, "warmup": 0.1, "schedule": "cosine", "replay": 0.1,
    "keep_heads": "drop", "anchor": {"kind": "l2sp"}, "stop": {}, "bn": "train", "curve": [1],
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_fields_that_mean_nothing_on_small_tasks_are_faults_where_they_are_given(name):
    ((place, message, hint),) = value(kind="finetune", **{name: GIVEN[name]}).few_shot_faults()
    assert place == name
    assert f"`{name}`" in message
    assert hint


def test_every_field_of_finetune_either_reaches_the_tasks_or_is_a_fault():
    reaching = {"kind", "lr", "optimizer", "clip", "head"}
    assert set(Finetune.model_fields) == reaching | set(Finetune.idle)
    assert set(Finetune.idle) == set(GIVEN)
    assert set(Lora.model_fields) == reaching | {"rank", "alpha", "targets"}


def places(faults):
    return [place for place, _, _ in faults]


def test_what_is_given_twice_or_means_nothing_to_the_method_is_a_fault():
    assert places(value(kind="finetune", lr=0.1).few_shot_faults(lr=0.2, head="zero")) == ["lr"]
    assert not value(kind="finetune").few_shot_faults(lr=0.2, head="zero", classified=False)
    assert places(value(kind="probe").few_shot_faults(lr=0.2, head="zero")) == ["lr", "head"]
    assert places(value(kind="probe", max_iter=3, l2=0).few_shot_faults()) == ["max_iter", "l2"]
    assert not value(kind="probe", l2=0.1).few_shot_faults(classified=False)


def test_a_prototype_of_regression_is_a_fault_that_names_what_to_take_instead():
    ((place, message, hint),) = Prototype().few_shot_faults(classified=False)
    assert (place, "classes" in message, "`probe`" in hint) == ("kind", True, True)
    assert not Prototype().few_shot_faults(classified=True)
    assert not Prototype().few_shot_faults()


def test_a_probe_tells_how_it_chose_its_penalty():
    assert ["auto" in note for note in Probe().few_shot_notes(5)] == [True]
    assert not Probe(l2="loo").few_shot_notes(2)
    assert ["0.01" in note for note in Probe(l2="loo").few_shot_notes(1)] == [True]
    assert not Probe(l2=0.1).few_shot_notes(1)
    assert linear_heads.GRID[len(linear_heads.GRID) // 2] == 0.01
    assert not Finetune().few_shot_notes(1)
