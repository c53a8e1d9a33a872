from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from engine.learning.data import image_files
from engine.library.stages.evaluate import evaluate
from engine.library.stages.finetune import finetune
from engine.library.stages.linear_probe import linear_probe
from engine.library.stages.pretrain import pretrain
from engine.library.stages.subset import subset
from engine.library.stages.vae import vae
from engine.stage_api.channel import Silent
from pipelines.core.errors import StageError


def _counts(bench, data, part):
    labels = image_files.labels(bench.files, data.files, "digits.csv")
    return np.bincount(labels[list(data.parts[part].indices)], minlength=10)


def test_a_subset_has_equal_classes_and_lies_within_its_part(bench, lesson):
    found = bench.stage(subset, {"train": 52, "val": 10}, data=lesson.high).data
    assert sorted(_counts(bench, found, "train")[5:]) == [10, 10, 10, 11, 11]
    assert _counts(bench, found, "val")[5:].tolist() == [2] * 5
    assert set(found.parts["train"].indices) < set(lesson.high.parts["train"].indices)
    assert found.parts["test"] == lesson.high.parts["test"]


def test_another_seed_draws_others_and_the_same_seed_the_same(bench, lesson):
    first, again, other = (
        bench.stage(subset, {"train": 20}, seed=seed, data=lesson.high).data for seed in (0, 0, 1)
    )
    assert first == again
    assert first.parts["train"] != other.parts["train"]
    assert first.parts["val"] == lesson.high.parts["val"]


def test_a_smaller_subset_lies_within_a_larger_one(bench, lesson):
    small, large = (
        bench.stage(subset, {"train_per_class": count}, data=lesson.high).data for count in (2, 5)
    )
    assert set(small.parts["train"].indices) < set(large.parts["train"].indices)
    assert _counts(bench, large, "train")[5:].tolist() == [5] * 5


def test_no_validation_images_means_no_validation_metrics(bench, lesson, look, known):
    found = bench.stage(subset, {"val": 0}, data=lesson.high).data
    assert len(found.parts["val"]) == 0
    facts, _ = look(subset, {"val": 0}, data=known[1])
    assert sorted(facts["data"].metrics) == ["high/accuracy", "high/loss", "high/shifted_accuracy"]


def test_too_many_are_refused_and_so_are_two_counts(bench, lesson):
    with pytest.raises(StageError, match="has 537 train images, fewer than 5000"):
        bench.stage(subset, {"train": 5000}, data=lesson.high)
    with pytest.raises(ValidationError, match="not both"):
        bench.params(subset, train=5, train_per_class=1)


@pytest.mark.parametrize(
    ("fields", "fewest"),
    [
        ({"train": 52, "val": 10}, {"train": 10, "val": 2, "test": 35}),
        ({"train_per_class": 3}, {"train": 3, "val": 35, "test": 35}),
        ({"train_per_class": 500, "val": 0}, {"train": 104, "val": 0, "test": 35}),
    ],
)
def test_facts_say_how_many_examples_of_the_smallest_class_stay(look, known, fields, fewest):
    high = replace(known[1], examples={"train": 104, "val": 35, "test": 35})
    facts, _ = look(subset, fields, data=high)
    assert facts["data"].examples == fewest


def _uneven(bench, data, few):
    """The same with so many training images of the first class alone."""
    labels = image_files.labels(bench.files, data.files, "digits.csv")
    part = data.parts["train"]
    rare = [i for i in part.indices if labels[i] == data.classes[0]]
    kept = tuple(i for i in part.indices if i not in set(rare[few:]))
    return replace(data, parts={**data.parts, "train": replace(part, indices=kept)})


@pytest.mark.parametrize(("each", "kept"), [(4, 4), (6, 6), (7, 6), (20, 6)])
def test_a_number_per_class_bounds_each_class_and_smaller_ones_are_noted(bench, lesson, each, kept):
    data = _uneven(bench, lesson.high, 6)
    run = bench.run(channel=Silent())
    found = bench.stage(subset, {"train_per_class": each}, run=run, data=data).data
    assert _counts(bench, found, "train")[5:].tolist() == [kept, each, each, each, each]
    assert run.channel.notes == (
        [f"`train_per_class: {each}` keeps all images of smaller classes: `5 has 6`"]
        if each > 6
        else []
    )


def test_a_number_per_class_of_nothing_is_refused(bench, lesson):
    train = replace(lesson.high.parts["train"], indices=())
    data = replace(lesson.high, parts={**lesson.high.parts, "train": train})
    with pytest.raises(StageError, match="high has no training images"):
        bench.stage(subset, {"train_per_class": 2}, data=data)


def test_a_count_that_leaves_classes_without_an_image_is_noted(bench, lesson):
    run = bench.run(channel=Silent())
    bench.stage(subset, {"train": 3, "val": 5}, run=run, data=lesson.high)
    assert run.channel.notes == ["`train: 3` keeps an image of 3 of the 5 classes only"]


def _without(data, *parts):
    """The same dataset, in which some parts have no image."""
    empty = {name: replace(data.parts[name], indices=()) for name in parts}
    return replace(data, parts={**data.parts, **empty})


@pytest.mark.parametrize("kind", [pretrain, linear_probe, finetune, vae])
def test_who_learns_from_data_without_training_images_says_so(bench, lesson, kind):
    data = _without(lesson.high, "train")
    more = {} if kind in (pretrain, vae) else {"model": lesson.model}
    fields = {"linear_probe": {"l2": "loo"}, "vae": {"z": 2}}.get(kind.name)
    with pytest.raises(StageError, match=r"high has no training images.* has validation and test"):
        bench.stage(kind, fields, data=data, **more)


def test_who_is_judged_on_no_images_at_all_says_so(bench, lesson):
    data = _without(lesson.low, "train", "val", "test")
    with pytest.raises(StageError, match="low has no images"):
        bench.stage(evaluate, model=lesson.model, data=(data,))


def test_what_is_replayed_needs_training_images(bench, lesson):
    with pytest.raises(StageError, match="no old task has both training images and a kept head"):
        bench.stage(
            finetune, {"replay": 0.5, "steps": 1}, model=lesson.model, data=lesson.few,
            retain=(_without(lesson.low, "train"),),
        )  # fmt: skip
