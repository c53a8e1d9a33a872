import json
import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from engine.learning.metalearning.tasks.factory import sampler, stream_seed
from engine.library.artifacts import TaskFamily
from engine.library.datasets import omniglot
from engine.library.datasets.task_params import Tasks
from engine.library.stages.dataset import dataset
from engine.library.stages.subset import subset
from engine.library.stages.tasks import tasks
from pipelines.checks.leakage_warnings import leaks
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look, Source
from pipelines.schema.validation_messages import Subject, explain

EPISODE = {"ways": 5, "shots": 1}
DIGITS = Facts(
    task="digits",
    classes=tuple(range(10)),
    sources=frozenset((f"digits/{i}", part) for i in range(10) for part in ("train", "test")),
    examples={"train": 104, "test": 35},
)


def _read(family, folder):
    family.write(folder)
    return TaskFamily.read({path.name: path for path in folder.iterdir()})


def test_a_family_of_episodes_comes_back_with_its_data(bench, lesson, tmp_path):
    fields = {
        "episode": {"ways": {"min": 2, "max": 5}, "shots": 1},
        "queries": 5,
        "count": 200,
        "labels": "global",
        "loss": {"kind": "cross_entropy", "smoothing": 0.1},
        "test_loss": {"kind": "cross_entropy"},
    }
    family = bench.stage(tasks, fields, data=lesson.low).tasks
    assert (family.ways, family.shots, family.queries) == ((2, 5), (1, 1), (5, 5))
    assert (family.kind, family.task, family.count) == ("classified", "low", 200)
    assert family.loss == {"kind": "cross_entropy", "smoothing": 0.1}
    assert family.test_loss == {"kind": "cross_entropy", "smoothing": 0.0}
    assert family.data == lesson.low
    assert _read(family, tmp_path) == family


def test_sinusoids_are_those_of_the_literature_by_default(bench, tmp_path):
    family = bench.stage(tasks, {"kind": "sinusoid", "episode": {"shots": 10}}, data=None).tasks
    assert family.draws == {"amplitude": [0.1, 5.0], "phase": [0.0, math.pi], "x": [-5.0, 5.0]}
    assert (family.task, family.ways, family.shots) == ("sinusoid", (0, 0), (10, 10))
    assert family.loss == family.test_loss == {"kind": "squared_error"}
    assert family.data is None
    assert _read(family, tmp_path) == family


def test_a_familys_own_numbers_replace_the_usual_ones(bench):
    waves = {"kind": "sinusoid", "episode": {"shots": 5}, "x": {"min": 0, "max": 1}}
    assert bench.stage(tasks, waves, data=None).tasks.draws["x"] == [0.0, 1.0]
    lines = {"kind": "linear", "episode": {"shots": 5}, "inputs": 7, "noise": 0.0}
    assert bench.stage(tasks, lines, data=None).tasks.draws == {"inputs": 7, "noise": 0.0}


@pytest.mark.parametrize("kind", ["sinusoid", "linear"])
def test_who_learns_from_a_stream_draws_other_functions_than_who_is_judged_on_it(bench, kind):
    """What the warnings of shared streams rest on."""
    x = torch.linspace(-1, 1, 15).reshape(1, -1, 3 if kind == "linear" else 1).repeat(3, 1, 1)

    def functions(fields, learner=None):
        given = {"kind": kind, "episode": {"shots": 9}, "queries": 9, **fields}
        family = bench.stage(tasks, given, data=None).tasks
        seed = stream_seed(family.stream, learner)
        return sampler(family, {}, "cpu", seed).truth(range(3), x)

    first = functions({"task": "a", "count": 20})
    assert torch.equal(first, functions({"task": "b", "episode": {"shots": 11}, "queries": 30}))
    for others in (functions({}, learner=0), functions({"stream": 1})):
        assert not torch.isclose(first, others).all(-1).all(-1).any()


def test_the_test_loss_is_the_loss_where_it_is_not_given(bench, lesson):
    fields = {"episode": EPISODE, "loss": {"kind": "cross_entropy", "smoothing": 0.2}}
    family = bench.stage(tasks, fields, data=lesson.low).tasks
    assert family.test_loss == family.loss


def test_episodes_draw_from_all_parts_or_from_the_one_asked_for(bench, lesson):
    every = bench.stage(tasks, {"episode": EPISODE}, data=lesson.low).tasks
    assert every.data == lesson.low
    some = bench.stage(tasks, {"episode": EPISODE, "part": "val"}, data=lesson.low).tasks
    sizes = {name: len(part) for name, part in some.data.parts.items()}
    assert sizes == {"train": 0, "val": len(lesson.low.parts["val"]), "test": 0}


def test_facts_say_what_flows_on(look):
    fields = {"episode": {"ways": {"min": 3, "max": 10}, "shots": 2}, "part": "test", "task": "few"}
    facts, faults = look(tasks, fields, data=DIGITS)
    assert not faults
    found = facts["tasks"]
    assert (found.task, found.classes) == ("few", DIGITS.classes)
    assert (found.ways, found.shots) == ((3, 10), (2, 2))
    assert set(found.metrics) == {"few/accuracy", "few/loss"}
    assert {part for _, part in found.sources} == {"test"}


WAVE = {"kind": "sinusoid", "episode": {"shots": 5}}
WRONG = [
    ({"episode": {"ways": 11, "shots": 1}}, "episode.ways", "11 ways, and digits has 10 classes"),
    (
        {"episode": {"ways": {"min": 3, "max": 12}, "shots": 1}},
        "episode.ways",
        "12 ways, and digits has 10",
    ),
    (
        {"episode": {"ways": 5, "shots": 25}, "queries": 11, "part": "test"},
        "episode.shots",
        "25 shots and 11 queries need 36 examples of each class, and one of digits has 35",
    ),
    ({"episode": {"shots": 1}}, "episode", "at least two classes"),
    ({"episode": {"ways": 1, "shots": 1}}, "episode", "at least two classes"),
    ({"episode": EPISODE, "loss": {"kind": "squared_error"}}, "loss", "no squared_error"),
    ({"episode": EPISODE, "noise": 0.1}, "noise", "`noise` is of `kind: linear`"),
]


@pytest.mark.parametrize(("fields", "place", "message"), WRONG)
def test_what_cannot_be_drawn_from_the_data_is_an_error_at_its_place(look, fields, place, message):
    _, faults = look(tasks, fields, data=DIGITS)
    assert [(fault[0], fault[1]) for fault in faults] == [("error", place)]
    assert message in faults[0][2]


REGRESSION = [
    ({"episode": {"shots": 5, "ways": 3}}, "episode.ways", "have no classes"),
    ({"episode": {"shots": {"min": 1, "max": 5}}}, "episode.shots", "fixed size"),
    ({"queries": {"min": 1, "max": 5}}, "queries", "fixed size"),
    ({"labels": "global"}, "labels", "of classes"),
    ({"part": "val"}, "part", "of classes"),
    ({"test_loss": {"kind": "cross_entropy"}}, "test_loss", "no cross_entropy"),
    ({"inputs": 2}, "inputs", "`inputs` is of `kind: linear` and `kind: table`, not"),
]


@pytest.mark.parametrize(("fields", "place", "message"), REGRESSION)
def test_what_regression_does_not_have_is_an_error_at_its_place(look, fields, place, message):
    _, faults = look(tasks, WAVE | fields)
    assert [(fault[0], fault[1]) for fault in faults] == [("error", place)]
    assert message in faults[0][2]


def test_data_is_for_classes_and_classes_are_of_data(look):
    (fault,) = look(tasks, WAVE, data=DIGITS)[1]
    assert fault[1] == "from.data"
    (fault,) = look(tasks, {"episode": EPISODE})[1]
    assert "there is none" in fault[2]


def test_data_that_is_just_enough_is_enough(look):
    fields = {"episode": {"ways": 10, "shots": 20}, "queries": 15, "part": "test"}
    assert look(tasks, fields, data=DIGITS)[1] == []
    many = {"episode": {"ways": 10, "shots": 124}, "queries": 15}
    assert look(tasks, many, data=DIGITS)[1] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"episode": {"ways": {"min": 5, "max": 3}, "shots": 1}},
        {"episode": {"ways": 5, "shots": 0}},
        {"episode": EPISODE, "queries": 0},
        {"episode": EPISODE, "count": 0},
        {"episode": EPISODE, "loss": {"kind": "cross_entropy", "smoothing": 1.0}},
        WAVE | {"x": {"min": 1, "max": 0}},
        {},
    ],
)
def test_sizes_that_make_no_sense_are_refused(bench, fields):
    with pytest.raises(ValidationError):
        bench.params(tasks, **fields)


def test_what_could_not_be_known_before_is_refused_at_the_run(bench, lesson):
    with pytest.raises(StageError, match="above the 5 classes of low"):
        bench.stage(tasks, {"episode": {"ways": 6, "shots": 1}}, data=lesson.low)
    many = {"episode": {"ways": 5, "shots": 20}, "queries": 20, "part": "test"}
    with pytest.raises(StageError, match=r"40 examples of each class, and one of low has 3[56]"):
        bench.stage(tasks, many, data=lesson.low)


def test_images_that_are_turned_at_random_make_no_episodes(bench, look, omniglot_twin):
    fields = {"name": "omniglot", "part": "val", "root": str(omniglot_twin)}
    known = look(dataset, {**fields, "rotations": "augment"})[0]["data"]
    few = look(subset, {"train_per_class": 2}, data=known)[0]["data"]
    for facts in (known, few):
        ((_, place, message, hint),) = look(tasks, {"episode": EPISODE | {"ways": 2}}, data=facts)[
            1
        ]
        assert (place, hint) == ("from.data", "say `rotations: classes`")
        assert message.startswith("`rotations: augment` of omniglot is for training by batches")
    turned = bench.dataset(**fields, rotations="augment")
    with pytest.raises(StageError, match="say `rotations: classes`"):
        bench.stage(tasks, {"episode": {"ways": 2, "shots": 1}}, data=turned)
    classes = bench.dataset(**fields, rotations="classes")
    family = bench.stage(tasks, {"episode": {"ways": 12, "shots": 1}}, data=classes).tasks
    assert len(family.data.classes) == 12


def _leaks(tested, learner):
    found = Look(
        None,
        {"tasks": (tested,), "learner": (learner,)},
        {"tasks": (Source("held_out", {}),), "learner": (Source("learned", {}),)},
    )
    return leaks(found)


def test_test_classes_that_a_learner_saw_in_training_are_told(look, omniglot_twin):
    def family(part, **fields):
        given = {"name": "omniglot", "task": part, "part": part, "root": str(omniglot_twin)}
        data = look(dataset, given | fields)[0]["data"]
        return look(tasks, {"episode": {"ways": 2, "shots": 1}}, data=data)[0]["tasks"]

    test = family("test")
    assert _leaks(test, Facts(sources=family("train").sources)) == []
    seen = family("train", split="random").sources
    shared = {held[0] for held in seen} & {held[0] for held in test.sources}
    assert shared, "the random split puts test characters of the other one into training"
    ((port, sentence),) = _leaks(test, Facts(sources=seen))
    assert port == "learner"
    assert sentence.startswith("`learned` was made from test classes of `test` (omniglot/Keble/")


def test_a_described_family_needs_no_torch(tmp_path):
    family = TaskFamily("linear", "t", (0, 0), (3, 3), (2, 2), {}, {}, draws={"inputs": 3})
    assert _read(family, tmp_path) == family
    assert [path.name for path in Path(tmp_path).iterdir()] == ["tasks.json"]


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"episode": 5}, "as `{ways: …, shots: …}`"),
        ({"episode": {"ways": [2, 4], "shots": 1}}, "as `{min: …, max: …}`"),
        ({"episode": {"shots": -1}}, ""),
        ({"episode": {"shots": 1}, "labels": "globl"}, "did you mean `global`?"),
    ],
)
def test_what_is_wrong_is_told_with_how_it_is_written(fields, hint):
    with pytest.raises(ValidationError) as caught:
        Tasks.model_validate_json(json.dumps(fields))
    faults = explain(Tasks, fields, caught.value, Subject("`tasks`", "parameter"))
    assert [fault.hint for fault in faults] == [hint]


def test_a_character_with_its_rotations_was_drawn_once(look):
    """What intervals over episodes span, and what `check` counts draws against."""
    turned = omniglot.classes((3, 7), turned=True)
    assert len(turned) == 8
    assert omniglot.drawn_once("omniglot", turned) == (3,) * 4 + (7,) * 4
    assert omniglot.drawn_once("digits", (5, 6, 9)) == (5, 6, 9)
    data = Facts(task="new", collection="omniglot", classes=turned, shape=(1, 28, 28))
    fields = {"episode": {"ways": 2, "shots": 1}, "queries": 1}
    found, _ = look(tasks, fields, data=data)
    assert found["tasks"].protocol["units"] == ("classes", 2)
