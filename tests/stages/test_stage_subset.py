from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from engine.learning import files
from engine.stages.subset import subset
from pipelines.errors import StageError


def _counts(bench, data, part):
    labels = files.labels(bench.files, data.files, "digits.csv")
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
