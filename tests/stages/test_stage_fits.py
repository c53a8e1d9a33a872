"""The picture of fits, from learners and models that are hardly trained: what is shown of whom."""

import dataclasses
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from engine.learning.metalearning.loop import function_fits
from engine.learning.metalearning.tasks.batches import Examples, SquaredError, TaskBatch
from engine.learning.plotting import line_charts
from engine.library.artifacts import Gallery
from engine.library.metalearning import fit_figure
from engine.library.metalearning.adaptation import ready, stream
from engine.library.stages.fits import fits, titles
from engine.library.stages.init import init
from engine.library.stages.meta_train import meta_train
from engine.library.stages.tasks import tasks
from pipelines.core.facts import Facts, Source

NET = {"kind": "mlp", "hidden": [16]}
REGRESSION = Facts(task="waves", ways=(0, 0), shots=(5, 5), protocol={"inputs": 1, "count": 4})
LEARNER = Facts(ways=(0, 0), shots=(5, 5), protocol={"algorithm": "maml", "steps": 1})
RIDGE = Facts(ways=(0, 0), shots=(5, 5), protocol={"algorithm": "ridge", "steps": None})
JOINT = Facts(ways=(0, 0), shots=(5, 5), protocol={"algorithm": "joint", "steps": 0})
MODEL = Facts()
TUNING = {"kind": "finetune", "lr": 0.01}


@pytest.fixture(scope="module")
def waves(bench):
    fields = {"kind": "sinusoid", "task": "waves", "episode": {"shots": 5}, "queries": 5}
    return bench.stage(tasks, fields, data=None).tasks


@pytest.fixture(scope="module")
def maml(bench, waves):
    return trained(bench, waves, {"kind": "maml", "steps": 1, "inner_lr": 0.01})


@pytest.fixture(scope="module")
def untrained(bench):
    return bench.stage(init, {"net": NET}).model


def trained(bench, waves, algorithm):
    fields = {"net": NET, "algorithm": algorithm, "budget": {"tasks": 8}, "meta_batch": 4}
    return bench.stage(meta_train, fields, tasks=waves).learner


def drawn(bench, family, fields, **named):
    """The gallery of some learners, each the output of a stage of its name."""
    sources = {"learner": tuple(Source(name, {}) for name in named)}
    run = bench.run(sources=sources)
    return bench.stage(fits, fields, run=run, learner=tuple(named.values()), tasks=family).gallery


def opened(picture):
    with Image.open(io.BytesIO(picture.png)) as image:
        return np.asarray(image.convert("RGB"))


def colours(picture):
    """Colours of the palette that are in a picture."""
    found = {tuple(pixel) for pixel in opened(picture).reshape(-1, 3)[::3].tolist()}
    names = ("BLUE", "ORANGE", "PURPLE", "GREEN", "VERMILION", "SKY")
    palette = {name: getattr(line_charts, name) for name in names}
    return {
        name for name, text in palette.items()
        if tuple(int(text[i : i + 2], 16) for i in (1, 3, 5)) in found
    }  # fmt: skip


def test_learners_and_models_stand_side_by_side_in_one_picture(bench, waves, maml, untrained):
    gallery = drawn(bench, waves, {"method": TUNING}, maml=maml, untrained=untrained)
    (picture,) = gallery.pictures
    assert picture.name == "fits"
    assert "maml and untrained + finetune fit to 3 tasks of waves" in picture.caption
    assert "5 support points" in picture.caption
    alone = drawn(bench, waves, {}, maml=maml).pictures[0]
    assert picture.size[0] > 1.8 * alone.size[0]
    assert colours(alone) == {"BLUE", "ORANGE", "PURPLE"}


def test_a_panel_shows_the_truth_the_fits_and_the_support_of_its_task(bench, waves, maml):
    scene = function_fits.scene(stream(bench.run(), waves), range(2), 50)
    found = function_fits.fits(
        ready(bench.run(), maml, None, scene.batch, "support"), scene, (0, 3)
    )
    for task in (0, 1):
        (panel,) = fit_figure._row(scene, {"maml": found}, (0, 3), (-5.0, 5.0), task)
        curves = {curve.label: curve for curve in panel.curves}
        assert list(curves) == ["true function", "before", "3 steps", "support points"]
        assert curves["true function"].y == scene.truth[task].double().tolist()
        assert curves["before"].y == found.curves[0][task]
        assert curves["3 steps"].y == found.curves[3][task]
        support = scene.batch.support
        assert curves["support points"].x == support.x[task, :, 0].double().tolist()
        assert curves["support points"].y == support.y[task, :, 0].double().tolist()
        told = [fit_figure._number(found.errors[step][task]) for step in (0, 3)]
        assert panel.note == " → ".join(told)
        assert panel.y_range == (-5.0, 5.0)
        assert (panel.title, panel.y_label) == ("" if task else "maml", f"task {task}")


def test_functions_that_are_not_known_are_shown_by_their_queries(bench, waves, maml):
    scene = dataclasses.replace(
        function_fits.scene(stream(bench.run(), waves), range(1), 50), truth=None
    )
    found = function_fits.fits(ready(bench.run(), maml, None, scene.batch, "support"), scene, (0,))
    (panel,) = fit_figure._row(scene, {"maml": found}, (0, 1), (-5.0, 5.0), 0)
    assert panel.curves[0].label == "queries"
    assert panel.curves[0].y == scene.batch.query.y[0, :, 0].double().tolist()
    picture = fit_figure.fits("fits", waves, scene, {"maml": found}, (0, 1))
    assert "grey the queries" in picture.caption


def test_the_same_learners_give_the_same_bytes(bench, waves, maml):
    one, two = (drawn(bench, waves, {"count": 1}, maml=maml) for _ in range(2))
    assert one == two


def test_a_row_is_a_task_and_the_steps_are_those_asked_for(bench, waves, maml):
    short, tall = (drawn(bench, waves, {"count": n}, maml=maml).pictures[0] for n in (1, 4))
    assert tall.size[1] > 2.5 * short.size[1]
    steps = drawn(bench, waves, {"steps": [7, 3, 7]}, maml=maml).pictures[0]
    assert "(3 → 7 steps)" in steps.caption
    assert colours(steps) == {"BLUE", "ORANGE"}


def test_a_net_trained_jointly_is_adapted_by_the_method(bench, waves, maml):
    joint = trained(bench, waves, {"kind": "joint"})
    kept = {"method": {**TUNING, "head": "kept"}}
    (picture,) = drawn(bench, waves, kept, maml=maml, joint=joint).pictures
    assert "maml and joint + finetune" in picture.caption
    assert colours(picture) == {"BLUE", "ORANGE", "PURPLE"}


def test_a_closed_form_has_no_before(bench, waves):
    gallery = drawn(bench, waves, {}, ridge=trained(bench, waves, {"kind": "ridge"}))
    assert "(in closed form)" in gallery.pictures[0].caption
    assert colours(gallery.pictures[0]) == {"GREEN"}


def test_many_learners_make_several_pictures(bench, waves, maml):
    named = {f"learner{i}": maml for i in range(6)}
    gallery = drawn(bench, waves, {"count": 1}, **named)
    assert [picture.name for picture in gallery.pictures] == ["fits-1", "fits-2"]
    assert "learner5" not in gallery.pictures[0].caption
    assert "learner5" in gallery.pictures[1].caption


def test_a_gallery_of_fits_comes_back(bench, waves, maml, tmp_path):
    gallery = drawn(bench, waves, {"count": 1}, maml=maml)
    gallery.write(tmp_path)
    assert Gallery.read({path.name: path for path in tmp_path.iterdir()}) == gallery


def test_titles_are_short_and_of_several_seeds_the_first_is_shown():
    cells = [
        Source("learned", {"algorithm": name, "seed": str(seed)})
        for name in ("maml", "ridge") for seed in (0, 1)
    ]  # fmt: skip
    found = titles([*cells, Source("untrained", {"seed": "0"})])
    assert found == {0: "maml", 2: "ridge", 4: "untrained"}
    clash = [Source("a", {"x": "1"}), Source("b", {"x": "1"})]
    assert titles(clash) == {0: "a@x=1", 1: "b@x=1"}


def test_heights_show_all_that_is_true_and_cut_fits_that_are_far_from_it():
    support = Examples(*[torch.tensor([[[-1.0]], [[0.5]]])] * 2)
    query = Examples(*[torch.tensor([[[0.0]], [[1.0]]])] * 2)
    batch = TaskBatch(support, query, 1, SquaredError(), SquaredError())
    fitted = function_fits.Fits({0: [[0.5], [400.0]], 1: [[float("nan")], [float("inf")]]}, {})
    low, high = fit_figure._heights(function_fits.Scene(batch, support.x, None), {"a": fitted})
    assert -1.2 < low < -1.0
    assert 2.2 < high < 2.5
    truth = torch.tensor([[-2.0, 0.0], [0.0, 0.0]])
    low, high = fit_figure._heights(function_fits.Scene(batch, support.x, truth), {})
    assert -2.3 < low < -2.0
    assert 1.0 < high < 1.3
    alone = TaskBatch(query.tasks(slice(1)), query.tasks(slice(1)), 1, batch.loss, batch.loss)
    low, high = fit_figure._heights(function_fits.Scene(alone, query.x, None), {})
    assert low < 0.0 < high


def test_errors_are_told_by_two_digits():
    values = [0.0, 0.05, 0.9999, 2, 30.2, 99.7, 1234.5, 2.5e7, float("inf"), float("nan")]
    told = ["0.0", "0.050", "1.0", "2.0", "30", "99.7", "1234", "2.5e+07"]
    assert [fit_figure._number(value) for value in values] == [*told, "diverged", "diverged"]


def test_facts_accept_functions_of_one_number(look):
    sources = {"learner": (Source("a", {}), Source("b", {}))}
    for fields, learners in (
        ({"method": TUNING}, (LEARNER, MODEL)),
        ({"method": TUNING}, (JOINT, RIDGE)),
        ({}, (LEARNER, RIDGE)),
    ):
        facts, faults = look(fits, fields, sources=sources, learner=learners, tasks=REGRESSION)
        assert not faults
        assert set(facts) == {"gallery"}


@pytest.mark.parametrize(
    ("fields", "given", "place", "told"),
    [
        ({}, {"tasks": Facts(task="chars", ways=(5, 5))}, "from.tasks", "chars has classes"),
        (
            {},
            {"tasks": Facts(task="planes", ways=(0, 0), protocol={"inputs": 3})},
            "from.tasks",
            "planes has 3 inputs",
        ),
        ({"count": 5}, {}, "count", "5 tasks, and waves has 4"),
        (
            {},
            {"learner": (LEARNER, Facts(ways=(5, 5), protocol={"algorithm": "maml", "steps": 1}))},
            "from.learner",
            "b@x=1 was trained on tasks with classes",
        ),
        ({}, {"learner": (LEARNER, MODEL)}, "method", "needs a `method` to adapt"),
        ({}, {"learner": (LEARNER, JOINT)}, "method", "needs a `method` to adapt"),
        (
            {"method": TUNING},
            {"learner": (LEARNER, RIDGE)},
            "method",
            "all connected learners adapt",
        ),
        (
            {"method": {"kind": "prototype"}},
            {"learner": (MODEL,)},
            "method.kind",
            "prototype answers classes",
        ),
    ],
)
def test_facts_tell_what_cannot_be_drawn(look, fields, given, place, told):
    sources = {"learner": (Source("a", {}), Source("b", {"x": "1"}))}
    inputs = {"learner": (LEARNER,), "tasks": REGRESSION, **given}
    _, faults = look(fits, fields, sources=sources, **inputs)
    assert [(kind, where) for kind, where, _, _ in faults] == [("error", place)]
    assert told in faults[0][2]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"steps": [0]}, "nothing after adaptation"),
        ({"steps": []}, "at least 1"),
        ({"count": 11}, "less than or equal to 10"),
    ],
)
def test_parameters_that_show_nothing_are_refused(fields, told):
    with pytest.raises(ValidationError, match=told):
        fits.params.model_validate_json(json.dumps(fields))
