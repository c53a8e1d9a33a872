import math
from dataclasses import replace

import pytest
import torch

from engine.learning.metalearning.tasks.episodes import Episodes
from engine.library.comparison.intervals import judged as judged_interval
from engine.library.metalearning import adaptation
from engine.library.metalearning import task_scores as judged
from engine.library.stages.init import init
from engine.library.stages.meta_evaluate import meta_evaluate
from engine.library.stages.meta_train import meta_train
from engine.library.stages.pretrain import pretrain
from engine.library.stages.tasks import tasks
from engine.stage_api.channel import Silent
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look

NET = {"kind": "conv4", "width": 4, "norm": "batch"}
MAML = {"kind": "maml", "steps": 2, "inner_lr": 0.1}


def _family(bench, name, classes, *, ways=3, count=30, **more):
    data = bench.dataset(task=name, classes=list(classes))
    fields = {"episode": {"ways": ways, "shots": 2}, "queries": 4, "count": count, **more}
    return bench.stage(tasks, fields, data=data).tasks


@pytest.fixture(scope="module")
def families(bench):
    return {
        "train": _family(bench, "train", range(5)),
        "val": _family(bench, "val", range(5, 8), count=20),
        "test": _family(bench, "test", range(5, 10)),
        "ranged": _family(bench, "test", range(5, 10), ways={"min": 2, "max": 4}),
    }


@pytest.fixture(scope="module")
def learners(bench, families):
    made = {}
    for name, algorithm in {
        "maml": MAML,
        "shared": {**MAML, "head": "shared"},
        "ridge": {"kind": "ridge"},
        "reptile": {"kind": "reptile", "steps": 3, "inner_lr": 0.01},
    }.items():
        fields = {"algorithm": algorithm, "net": NET, "budget": {"tasks": 24}, "meta_batch": 4}
        made[name] = bench.stage(meta_train, fields, tasks=families["train"]).learner
    return made


@pytest.fixture(scope="module")
def model(bench):
    data = bench.dataset(task="old", classes=[0, 1, 2, 3, 4])
    fields = {"net": NET, "steps": 60, "lr": 0.01}
    return bench.stage(pretrain, fields, data=data).model


def _judge(bench, learner, family, *, validate=None, run=None, **fields):
    fields = {"curve": [0, 1, 2, 5], **fields}
    return bench.stage(
        meta_evaluate, fields, run=run, learner=learner, tasks=family, validate=validate
    ).scores


@pytest.mark.parametrize("name", ["maml", "ridge", "reptile"])
def test_the_figure_is_the_mean_over_the_tasks_whose_values_are_kept(
    bench, learners, families, name
):
    found = _judge(bench, learners[name], families["test"])
    for metric in ("test/accuracy", "test/loss"):
        values = found.each[metric]
        assert len(values) == 30
        assert found.metrics[metric] == pytest.approx(sum(values) / 30, abs=1e-12)
    assert all(
        value * 12 == pytest.approx(round(value * 12)) for value in found.each["test/accuracy"]
    )


def test_each_point_of_the_curve_keeps_its_tasks_and_whose_they_are(bench, learners, families):
    run = bench.run(digests={"tasks": ("abc",)})
    found = _judge(bench, learners["maml"], families["test"], run=run)
    assert found.family == "abc"
    for step, value in found.curves["test/loss"]:
        values = found.each[f"test/loss@step={step}"]
        assert sum(values) / len(values) == pytest.approx(value)


def test_the_headline_is_a_step_of_the_curve(bench, learners, families):
    found = _judge(bench, learners["maml"], families["test"])
    curve = dict(found.curves["test/accuracy"])
    assert list(curve) == [0, 1, 2, 5]
    assert found.metrics["test/accuracy"] == curve[2]
    assert "headline at step 2, as trained" in found.notes
    for step in (0, 5):
        fixed = _judge(bench, learners["maml"], families["test"], headline=step)
        assert fixed.metrics["test/accuracy"] == curve[step]
        assert f"headline at step {step}" in fixed.notes


def test_the_step_is_chosen_on_validation_tasks_and_never_on_the_test(bench, learners, families):
    found = _judge(
        bench, learners["maml"], families["test"], validate=families["val"],
        headline="chosen_on_validate", curve=[0, 1, 2, 5, 10],
    )  # fmt: skip
    val, test = dict(found.curves["val/accuracy"]), dict(found.curves["test/accuracy"])
    step = max(val, key=lambda mark: (val[mark], -mark))
    assert found.metrics["test/accuracy"] == test[step]
    assert found.metrics["val/accuracy"] == val[step]
    assert f"headline at step {step}, chosen on validation tasks" in found.notes


def test_everyone_is_judged_on_the_same_tasks(bench, learners, families, model, monkeypatch):
    seen = []
    kind = Episodes
    original = kind.batch

    def spied(self, numbers):
        batch = original(self, numbers)
        seen.append((tuple(numbers), float(batch.support.x.sum()), float(batch.query.x.sum())))
        return batch

    monkeypatch.setattr(kind, "batch", spied)
    judged = []
    for learner, fields in ((learners["maml"], {}), (model, {"method": {"kind": "probe"}})):
        seen.clear()
        _judge(bench, learner, families["test"], **fields)
        judged.append(list(seen))
    assert judged[0] == judged[1]


@pytest.mark.parametrize("name", ["maml", "reptile"])
def test_stopped_and_resumed_gives_the_same_scores(bench, learners, families, tmp_path, name):
    def judge(run=None):
        return bench.stage(
            meta_evaluate, {"curve": [0, 1]}, run=run, learner=learners[name],
            tasks=_many, validate=families["val"],
        ).scores  # fmt: skip

    _many = _family(bench, "test", range(5, 10), count=120)
    whole = judge()
    for step in (1, 2, 4):
        assert bench.interrupted(tmp_path / str(step), step, judge) == whole


def test_a_closed_form_has_one_fit_and_no_curve(bench, learners, families):
    found = _judge(bench, learners["ridge"], families["test"])
    assert not found.curves
    assert not any("headline" in note for note in found.notes)


WITHOUT_STEPS = {
    "ridge": None, "probe": {"kind": "probe"}, "fixed probe": {"kind": "probe", "l2": 0.1},
    "prototype": {"kind": "prototype"},
}  # fmt: skip


HEADLINE = {"curve": [1, 5], "headline": 5}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *((name, HEADLINE) for name in WITHOUT_STEPS),
        ("prototype", {"curve": [1, 10]}),
        ("prototype", {"curve": [3]}),
        ("prototype", {"curve": [2, 7], "headline": "chosen_on_validate"}),
        ("prototype", {"curve": [0]}),
    ],
)
def test_what_has_no_steps_is_judged_once_whatever_the_curve(
    bench, learners, model, families, name, fields
):
    learner = learners["ridge"] if name == "ridge" else model
    fields = {**fields, "method": WITHOUT_STEPS[name]}
    usual = {**fields, "curve": [0, 10], "headline": None}
    more = {"validate": families["val"]}
    found = _judge(bench, learner, families["test"], **more, **fields)
    expected = _judge(bench, learner, families["test"], **more, **usual)
    assert found.status == expected.status == "ok"
    assert found.metrics == expected.metrics
    assert found.each == expected.each
    assert not found.curves
    idle = "no steps, so `headline"
    assert any(idle in note for note in found.notes) == bool(fields.get("headline"))


@pytest.mark.parametrize(
    "fields", [{"curve": [1, 2]}, {"curve": [2]}, {"curve": [5], "headline": 5}]
)
def test_what_has_steps_is_judged_at_those_of_the_curve(bench, learners, families, fields):
    whole = _judge(bench, learners["maml"], families["test"])
    curve = dict(whole.curves["test/loss"])
    found = _judge(bench, learners["maml"], families["test"], **fields)
    step = fields.get("headline", 2)
    assert found.metrics["test/loss"] == curve[step]
    assert any(note.startswith(f"headline at step {step}") for note in found.notes)
    assert list(dict(found.curves.get("test/loss", ()))) == (
        fields["curve"] if len(fields["curve"]) > 1 else []
    )


def test_what_is_transductive_is_said_with_the_queries(bench, learners, families):
    def note(**fields):
        return _judge(bench, learners["maml"], families["test"], **fields).notes

    assert "transductive: batch norm by query statistics, 4 queries a class" in note()
    assert "transductive: batch norm by joint statistics, 4 queries a class" in note(
        bn_stats="joint"
    )
    for plain in ("support", "running"):
        assert f"not transductive: batch norm by {plain} statistics" in note(bn_stats=plain)


def test_statistics_change_the_figure(bench, learners, families):
    found = {
        bn: _judge(bench, learners["ridge"], families["test"], bn_stats=bn).metrics["test/loss"]
        for bn in ("query", "support", "joint", "running")
    }
    assert len(set(found.values())) == 4
    usual = _judge(bench, learners["ridge"], families["test"]).metrics["test/loss"]
    assert usual == found["query"]


def test_tasks_with_differing_classes_are_told_apart(bench, learners, families):
    found = _judge(bench, learners["shared"], families["ranged"])
    parts = {n: found.each[f"test/accuracy@ways={n}"] for n in (2, 3, 4)}
    assert sum(map(len, parts.values())) == 30
    assert sorted(sum(parts.values(), ())) == sorted(found.each["test/accuracy"])
    for n, values in parts.items():
        assert found.metrics[f"test/accuracy@ways={n}"] == pytest.approx(sum(values) / len(values))
        assert all(
            value * 4 * n == pytest.approx(round(value * 4 * n), abs=1e-4) for value in values
        )


@pytest.mark.parametrize(
    ("name", "labels"), [("test", "shuffled"), ("ranged", "shuffled"), ("test", "global")]
)
def test_the_value_on_each_class_is_kept_with_which_class_it_is(
    bench, families, model, name, labels
):
    """Counted by hand for one task: predictions of the queries of each class."""
    family = replace(families[name], labels=labels)
    found = _judge(bench, model, family, method={"kind": "prototype"})
    units = found.units["test"]
    assert (units.kind, units.count, len(units.members)) == ("classes", 5, 30)
    parts = found.by_class["test/accuracy"]
    assert [len(task) for task in parts] == [len(task) for task in units.members]
    means = [sum(task) / len(task) for task in parts]
    assert means == pytest.approx(list(found.each["test/accuracy"]))
    losses = [sum(task) / len(task) for task in found.by_class["test/loss"]]
    assert losses == pytest.approx(list(found.each["test/loss"]), rel=1e-5)
    # Of four queries of a class, and classes by the numbers that the data has.
    assert all(value * 4 == pytest.approx(round(value * 4)) for task in parts for value in task)
    stream = adaptation.stream(bench.run(), family)
    for number in (0, 7):
        drawn = set(stream.batch([number]).query.y[0].tolist())
        assert len(units.members[number]) == len(drawn)
        if labels == "global":
            assert units.members[number] == tuple(family.data.classes[i] for i in sorted(drawn))
    assert set(sum(units.members, ())) == set(family.data.classes)
    assert "30 draws of 5 classes: these classes only, which tell nothing of others" in found.notes


def test_a_class_that_is_hard_is_so_under_its_own_number(bench, families, model):
    """Labels are shuffled anew in each task; a class keeps its number."""
    found = _judge(bench, model, families["test"], method={"kind": "prototype"})
    fixed = _judge(
        bench, model, replace(families["test"], labels="global"), method={"kind": "prototype"}
    )
    by_class = []
    for scores in (found, fixed):
        units, parts = scores.units["test"].members, scores.by_class["test/accuracy"]
        pairs = [pair for m, p in zip(units, parts, strict=True) for pair in zip(m, p, strict=True)]
        by_class.append(sorted(pairs))
    assert by_class[0] == by_class[1]


def test_few_classes_have_a_range_and_the_words_say_which(bench, families, model):
    found = _judge(bench, model, families["test"], method={"kind": "prototype"})
    told = judged_interval(found, "test/accuracy").interval()
    assert (told.low, told.high, told.n, told.over, told.draws) == (None, None, 5, "classes", 30)
    assert told.least < told.mean < told.most
    assert told.spans == "least to most of these classes only (n=5, 30 draws, one learner)"


@pytest.mark.parametrize(
    ("units", "count", "told"),
    [
        (("tasks", 28), 560, "560 draws of 28 tasks of test"),
        (("tasks", 2), None, "600 draws of 2 tasks of test"),
        (("classes", 9), 600, "600 draws of 9 classes of test"),
        (("classes", 423), 600, None),
        (("classes", 9), 9, None),
        (("tasks", 28), 28, None),
        (None, None, None),
    ],
)
def test_more_draws_than_tasks_or_classes_are_warned_of(units, count, told):
    family = Facts(
        task="test", ways=(5, 5), metrics={"test/loss": ()},
        protocol={"units": units, "count": count, "labels": "shuffled", "inputs": None},
    )  # fmt: skip
    params = meta_evaluate.params.model_validate_json('{"method": {"kind": "probe"}}')
    seen = Look(params, {"learner": (Facts(),), "tasks": (family,)}, {})
    meta_evaluate.facts(seen)
    assert [(item.code, item.place, item.message) for item in seen.advice] == (
        [("few-units", "from.tasks", told)] if told else []
    )


METHODS = [
    {"kind": "probe"},
    {"kind": "prototype"},
    {"kind": "finetune", "lr": 0.05},
    {"kind": "lora", "lr": 0.05, "targets": ["all-conv"]},
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["kind"])
def test_a_model_is_judged_by_any_method(bench, model, families, method):
    found = _judge(bench, model, families["test"], method=method)
    assert found.metrics["test/accuracy"] > 1 / 3
    assert "not transductive: batch norm by support statistics" in found.notes
    assert bool(found.curves) == (method["kind"] in {"finetune", "lora"})


def test_an_untrained_model_is_the_floor(bench, model, families):
    nothing = bench.stage(init, {"net": NET}).model
    methods = {"method": {"kind": "probe"}}
    floor = _judge(bench, nothing, families["test"], **methods).metrics["test/accuracy"]
    found = _judge(bench, model, families["test"], **methods).metrics["test/accuracy"]
    assert found > floor > 1 / 3


def test_the_stage_gives_what_the_method_does_not(bench, model, families):
    one = _judge(
        bench, model, families["test"], method={"kind": "finetune", "head": "zero", "lr": 0.1}
    )
    other = _judge(bench, model, families["test"], method={"kind": "finetune"}, head="zero", lr=0.1)
    assert one == other
    zero = dict(one.curves["test/loss"])[0]
    assert zero == pytest.approx(math.log(3), abs=1e-6)


def test_a_learner_can_be_adapted_by_another_method(bench, learners, families):
    own = _judge(bench, learners["maml"], families["test"])
    other = _judge(bench, learners["maml"], families["test"], method={"kind": "probe"})
    assert own.metrics != other.metrics
    assert not other.curves


def test_a_learned_head_of_other_ways_is_refused(bench, learners, families):
    with pytest.raises((StageError, ValueError), match="outputs"):
        _judge(bench, learners["maml"], _family(bench, "test", range(5, 10), ways=5))


def test_an_adaptation_that_explodes_is_diverged(bench, learners, families):
    found = _judge(
        bench, learners["maml"], families["test"], method={"kind": "finetune", "lr": 1e30},
        curve=[0, 5], headline=5,
    )  # fmt: skip
    assert found.status == "diverged"
    assert "test/loss" not in found.metrics


def test_squared_errors_far_above_a_constant_answer_are_diverged_and_told(bench):
    """Numbers that are still finite: nobody noticed them."""
    fields = {"kind": "sinusoid", "task": "t", "episode": {"shots": 5}, "queries": 5, "count": 20}
    family = bench.stage(tasks, fields, data=None).tasks
    net = bench.stage(init, {"net": {"kind": "mlp", "hidden": [8]}}, data=None).model
    method = {"kind": "finetune", "head": "random"}
    channel = Silent()
    curve = {"curve": [0, 2], "headline": 2}
    given = {
        lr: _judge(
            bench, net, family, method={**method, "lr": lr}, run=bench.run(channel=channel), **curve
        )
        for lr in (0.01, 1.0)
    }
    calm, wild = given[0.01], given[1.0]
    assert calm.status == "ok"
    assert 1000 * 12 < wild.metrics["t/loss"] < math.inf
    assert wild.status == "diverged"
    assert len(channel.notes) == 1
    assert channel.notes[0].startswith("diverged after 2 steps on ")
    assert channel.notes[0] in wild.notes


def test_a_point_of_the_curve_that_explodes_is_noted_where_the_headline_is_fine(bench):
    fields = {"kind": "sinusoid", "task": "t", "episode": {"shots": 5}, "queries": 5, "count": 20}
    family = bench.stage(tasks, fields, data=None).tasks
    net = bench.stage(init, {"net": {"kind": "mlp", "hidden": [8]}}, data=None).model
    told = {}
    for lr in (0.01, 1.0):
        method = {"kind": "finetune", "head": "random", "lr": lr}
        found = _judge(bench, net, family, method=method, curve=[0, 2], headline=0)
        assert found.status == "ok"
        told[lr] = [note for note in found.notes if note.startswith("diverged after 2 steps on")]
    assert (len(told[0.01]), len(told[1.0])) == (0, 1)


@pytest.mark.parametrize("port", ["test", "validate"])
@pytest.mark.parametrize(("lr", "status"), [(0.03, "ok"), (0.045, "diverged")])
def test_one_task_that_explodes_is_enough(bench, port, lr, status):
    """The mean over tasks stays under 1000 times a constant answer's, and is of that task alone."""
    fields = {"kind": "sinusoid", "task": "t", "episode": {"shots": 5}, "queries": 5, "count": 20}
    family = bench.stage(tasks, fields, data=None).tasks
    calm = bench.stage(tasks, {**fields, "task": "calm", "count": 2}, data=None).tasks
    net = bench.stage(init, {"net": {"kind": "mlp", "hidden": [8]}}, data=None).model
    method = {"kind": "finetune", "head": "random", "lr": lr}
    families = (family, None) if port == "test" else (calm, family)
    found = _judge(
        bench, net, families[0], validate=families[1], method=method, curve=[2], headline=2
    )
    assert found.status == status
    assert found.metrics["t/loss"] < 900 * 5.78
    told = [note for note in found.notes if note.startswith("diverged")]
    expected = ["diverged after 2 steps on 1 of 20 tasks of t: a mean loss of 2.56e+03, and a "
                "constant answer has 5.78"]  # fmt: skip
    assert told == (expected if status == "diverged" else [])
    assert found.curves == {}  # of one point, though the start was looked at too


def test_a_learner_that_diverged_is_so_wherever_it_is_judged(bench, learners, families):
    learner = learners["ridge"]
    gone = replace(learner, trained={**learner.trained, "diverged": True})
    assert _judge(bench, learner, families["test"]).status == "ok"
    found = _judge(bench, gone, families["test"])
    assert found.status == "diverged"
    assert "the learner diverged when it was trained" in found.notes


# Facts


FIVE = Facts(task="test", ways=(5, 5), shots=(1, 1), metrics={"test/accuracy": (), "test/loss": ()})
VAL = Facts(task="val", ways=(5, 5), shots=(1, 1), metrics={"val/accuracy": ()})
TEN = Facts(task="test", ways=(3, 10), shots=(1, 1), metrics={"test/accuracy": ()})
CURVES = Facts(task="sin", ways=(0, 0), shots=(10, 10), metrics={"sin/loss": ()})


def _learner(steps=1, head="learned", ways=(5, 5), shots=(1, 1), **more):
    outputs = ways[1] if head == "learned" else None
    how = {"steps": steps, "head": head, "outputs": outputs, "labels": "shuffled", **more}
    return Facts(ways=ways, shots=shots, protocol=how)


def _look(bench, learner=None, family=FIVE, validate=None, **fields):
    inputs = {"learner": (learner or _learner(),), "tasks": (family,)}
    if validate:
        inputs["validate"] = (validate,)
    look = Look(bench.params(meta_evaluate, **fields), inputs, {})
    return meta_evaluate.facts(look)["scores"], [fault[:2] for fault in look.faults]


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        (("error", "method"), {"learner": Facts(heads={"old": (0, 1)})}),
        (("error", "lr"), {"lr": 0.1}),
        (("error", "head"), {"head": "zero"}),
        (("error", "headline"), {"headline": "chosen_on_validate"}),
        (("error", "headline"), {"headline": 7}),
        (("error", "from.validate"), {"validate": CURVES}),
        (("error", "from.validate"), {"validate": FIVE}),
        (("error", "method.replay"), {"method": {"kind": "finetune", "replay": 0.1}}),
        (("error", "method.lr"), {"method": {"kind": "finetune", "lr": 0.1}, "lr": 0.2}),
        (("error", "from.tasks"), {"family": TEN}),
        (("error", "from.tasks"), {"family": CURVES}),
        (("error", "from.tasks"), {"family": CURVES, "learner": _learner(head=None, steps=None)}),
        (("error", "from.tasks"), {"family": CURVES, "method": {"kind": "probe"}}),
        (("warning", "curve"), {"learner": _learner(steps=7)}),
        (("warning", "from.tasks"), {"learner": _learner(head=None, steps=None, ways=(3, 3))}),
        (("warning", "from.tasks"), {"learner": _learner(shots=(5, 5))}),
    ],
)  # fmt: skip
def test_faults_are_told_at_their_place(bench, fault, fields):
    assert _look(bench, **fields)[1] == [fault]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"validate": VAL, "headline": "chosen_on_validate"},
        {"learner": _learner(steps=1), "curve": [0, 1, 3]},
        {"learner": _learner(steps=5, shots=(1, 1), pooled=True), "curve": [5, 50]},
        {"learner": _learner(steps=None, head=None, ways=(20, 20))},
        {"learner": _learner(shots=(5, 5), pooled=True)},
        {"learner": _learner(head="shared", ways=(3, 10))},
    ],
)
def test_the_papers_own_protocols_are_not_warned_of(bench, fields):
    assert _look(bench, **fields)[1] == []


def test_facts_name_the_metrics_with_their_steps_and_ways(bench):
    found, _ = _look(bench, validate=VAL, curve=[0, 1, 5])
    assert found.metrics["test/accuracy"] == (0, 1, 5)
    assert found.validation == {"val/accuracy"}
    ranged, _ = _look(bench, learner=_learner(head="zero", steps=1, ways=(3, 10)), family=TEN)
    assert "test/accuracy@ways=10" in ranged.metrics
    assert "test/accuracy@ways=2" not in ranged.metrics
    closed, _ = _look(bench, learner=_learner(steps=None, head=None))
    assert closed.metrics["test/accuracy"] == ()


def test_seeds_of_torch_change_nothing(bench, learners, families):
    torch.manual_seed(1)
    one = _judge(bench, learners["maml"], families["test"])
    torch.manual_seed(2)
    assert _judge(bench, learners["maml"], families["test"]) == one


class _Told:
    """Scores by step, as a judging has them."""

    def __init__(self, **by_step):
        self.by_step = {int(step[1:]): value for step, value in by_step.items()}

    def marks(self, metric):
        return sorted(self.by_step) if metric in {"accuracy", "loss"} else []

    def values(self, metric, step):
        return [self.by_step[step]]


def test_where_validation_and_test_disagree_validation_chooses(learners):
    found = {"validate": _Told(s0=0.2, s1=0.9, s5=0.5), "test": _Told(s0=0.2, s1=0.5, s5=0.9)}
    step, _ = judged.headline("chosen_on_validate", learners["maml"], None, found)
    assert step == 1


def test_reptile_is_judged_with_the_state_that_training_left(bench, learners, families):
    learner = learners["reptile"]
    bare = {n: item for n, item in learner.weights.items() if not n.startswith("state.")}
    assert len(bare) < len(learner.weights)
    own = _judge(bench, learner, families["test"])
    without = _judge(bench, replace(learner, weights=bare), families["test"])
    assert own.metrics["test/loss"] != without.metrics["test/loss"]
