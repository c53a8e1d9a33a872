from functools import cache

import pytest
import torch

from engine.library.algorithms import Maml
from engine.library.artifacts import Learner, TaskFamily
from engine.library.metalearning.adaptation import algorithm_of
from engine.library.stages.finetune import finetune
from engine.library.stages.meta_evaluate import meta_evaluate
from engine.library.stages.meta_train import meta_train
from engine.library.stages.pretrain import pretrain
from engine.library.stages.tasks import tasks
from engine.stage_api.channel import Silent
from pipelines.checks.leakage_warnings import leaks
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look, Source

NET = {"kind": "conv4", "width": 4, "norm": "batch"}
MLP = {"kind": "mlp", "hidden": [8, 8]}
MAML = {"kind": "maml", "steps": 2, "inner_lr": 0.1}
ALGORITHMS = {
    "maml": MAML,
    "first order": {**MAML, "order": "first"},
    "learned rates": {**MAML, "rates": "step", "step_losses": [0.5, 1.0]},
    "recompute": {**MAML, "memory": "recompute", "head": "zero"},
    "lora": {**MAML, "inner": {"kind": "lora", "rank": 2, "alpha": 4, "targets": ["all-conv"]}},
    "anil": {"kind": "anil", "steps": 2},
    "reptile": {"kind": "reptile", "steps": 2, "shots": 6, "inner_batch": 5},
    "reptile by sgd": {"kind": "reptile", "steps": 2, "optimizer": "sgd", "inner_lr": 0.1},
    "ridge": {"kind": "ridge"},
    "newton": {"kind": "newton"},
    "protonet": {"kind": "protonet"},
    "joint": {"kind": "joint"},
}


def _same(one, other):
    assert list(one) == list(other)
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def families(bench):
    """Tasks of three of the digits 0-4, and of all of 5-9."""
    made = {}
    for name, classes, ways in (("train", range(5), 3), ("val", range(5, 10), 3)):
        data = bench.dataset(task=name, classes=list(classes))
        fields = {"episode": {"ways": ways, "shots": 2}, "queries": 3, "count": 4}
        made[name] = bench.stage(tasks, fields, data=data).tasks
    return made


def _train(bench, families, algorithm, run=None, **more):
    fields = {"algorithm": algorithm, "net": NET, "budget": {"tasks": 12}, "meta_batch": 3, **more}
    return bench.stage(
        meta_train, fields, run=run, tasks=families["train"], validate=families["val"]
    )


@pytest.fixture(scope="module")
def learned(bench, families):
    """What an algorithm learns in one go; each learns once."""
    return cache(lambda name: _train(bench, families, ALGORITHMS[name]))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_stopped_and_run_again_gives_the_same_bits(
    bench, families, learned, tmp_path, name
):
    """Adam's moments, Reptile's own, adapters, rates and curves all come back."""
    whole = learned(name)
    again = bench.interrupted(
        tmp_path, 3, lambda run: _train(bench, families, ALGORITHMS[name], run=run)
    )
    assert _same(whole.learner.weights, again.learner.weights)
    assert _same(whole.model.weights, again.model.weights)
    assert whole.scores == again.scores
    assert whole.learner.trained == again.learner.trained


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_moves_what_it_learns(bench, families, learned, name):
    still = {"outer": {"kind": "sgd", "lr": 1e-30}, "budget": {"tasks": 1}, "meta_batch": 1}
    started, moved = _train(bench, families, ALGORITHMS[name], **still), learned(name)
    names = {n for n in moved.learner.weights if not n.startswith(("running.", "state."))}
    still = {n for n in names if torch.equal(moved.learner.weights[n], started.learner.weights[n])}
    # Batch norm undoes the bias before it.
    assert {n for n in still if not n.endswith(".bias")} == set()


def test_the_last_meta_batch_takes_what_is_left_of_the_budget(bench, families):
    for meta_batch, examples in ((3, 12), (5, 12), (12, 12)):
        made = _train(bench, families, {"kind": "ridge"}, meta_batch=meta_batch)
        assert made.learner.trained["examples"] == examples * 3 * (2 + 3)


def test_reptile_takes_its_own_shots_pooled(learned):
    assert learned("reptile").learner.trained["examples"] == 12 * 3 * 6


def test_reptile_s_optimiser_goes_on_from_task_to_task_and_is_kept(learned):
    weights = learned("reptile").learner.weights
    assert float(weights["state.count"]) == 12 * 2
    assert float(weights["state.moment.backbone.0.weight"].abs().sum()) > 0


def test_a_learner_comes_back_with_its_algorithm(learned, tmp_path):
    learner = learned("lora").learner
    learner.write(tmp_path)
    found = Learner.read({path.name: path for path in tmp_path.iterdir()})
    assert _same(dict(sorted(learner.weights.items())), found.weights)
    assert (found.algorithm, found.net, found.shape) == (learner.algorithm, learner.net, (1, 8, 8))
    assert (found.outputs, found.trained) == (learner.outputs, learner.trained)
    assert algorithm_of(found.algorithm) == algorithm_of(learner.algorithm)
    assert found.trained["ways"] == [3, 3]


def test_anil_is_maml_that_trains_the_head_alone(bench):
    one = bench.params(meta_train, algorithm={"kind": "anil", "steps": 3}, budget={"tasks": 1})
    other = bench.params(
        meta_train,
        algorithm={"kind": "maml", "steps": 3, "inner": {"kind": "head"}},
        budget={"tasks": 1},
    )
    assert one == other
    assert isinstance(one.algorithm, Maml)


@pytest.fixture(scope="module")
def pretrained(bench):
    """A model of the digits 0-4 with group norm, and its dataset."""
    data = bench.dataset(task="old", classes=[0, 1, 2, 3, 4])
    net = {"kind": "conv4", "width": 4, "norm": "group"}
    fields = {"net": net, "steps": 60, "lr": 0.01}
    return bench.stage(pretrain, fields, data=data).model, data


@pytest.fixture(scope="module")
def continued(bench, families, pretrained):
    model, data = pretrained
    lora = {**ALGORITHMS["lora"], "head": "shared"}

    def train(learn="all", algorithm=lora, run=None, **more):
        fields = {"budget": {"tasks": 12}, "meta_batch": 3, "outer": {"kind": "adam", "lr": 0.01}}
        return bench.stage(
            meta_train,
            {"algorithm": algorithm, "learn": learn, **fields, **more},
            run=run,
            tasks=families["val"],
            model=model,
            retain=(data,),
        )

    return train


@pytest.fixture(scope="module")
def adapted(continued):
    """What the outer loop makes of the model when it moves this; each is made once."""
    return cache(continued)


@pytest.fixture(scope="module")
def still(continued):
    """The weights of a learner at its start."""
    outer = {"kind": "sgd", "lr": 1e-30}
    return continued("all", outer=outer, budget={"tasks": 1}).learner.weights


MOVES = {
    "all": {"backbone", "head", "lora"},
    "base": {"backbone"},
    "adapter": {"lora"},
    "head": {"head"},
}


@pytest.mark.parametrize("learn", MOVES)
def test_the_outer_loop_moves_what_it_is_told_to(adapted, still, pretrained, learn):
    found = adapted(learn).learner.weights
    changed = {n for n in found if float((found[n] - still[n]).abs().max()) > 1e-20}
    moved = {name.partition(".")[0] for name in changed}
    assert moved == MOVES[learn]
    model, _ = pretrained
    for name, item in model.weights.items():
        if name.startswith("backbone."):
            assert torch.equal(still[name], item)


def test_a_backbone_that_stays_forgets_exactly_nothing(continued, adapted):
    for learn in ("adapter", "head"):
        found = adapted(learn).scores.metrics
        assert found["old/forgetting"] == found["old/representation_forgetting"] == 0
    moved = continued("all", outer={"kind": "adam", "lr": 0.1}).scores.metrics
    assert moved["old/forgetting"] > 0.05


def test_the_model_is_the_backbone_with_its_old_heads(adapted, pretrained):
    made = adapted("all")
    assert made.model.heads == pretrained[0].heads
    for name in ("heads.old.weight", "heads.old.bias"):
        assert torch.equal(made.model.weights[name], pretrained[0].weights[name])
    name = "backbone.0.weight"
    assert torch.equal(made.model.weights[name], made.learner.weights[name])
    assert not torch.equal(made.model.weights[name], pretrained[0].weights[name])


def test_replay_trains_the_old_head_and_resumes_to_the_same_bits(
    continued, pretrained, tmp_path, bench
):
    whole = continued("all", replay=0.3)
    name = "heads.old.weight"
    assert not torch.equal(whole.model.weights[name], pretrained[0].weights[name])
    again = bench.interrupted(tmp_path, 2, lambda run: continued("all", replay=0.3, run=run))
    assert _same(whole.model.weights, again.model.weights)
    assert _same(whole.learner.weights, again.learner.weights)
    assert whole.scores == again.scores


def test_replay_forgets_less(continued):
    fields = {"budget": {"tasks": 300}, "outer": {"kind": "adam", "lr": 0.02}}
    ridge = {"kind": "ridge"}
    without = continued("all", ridge, **fields).scores.metrics["old/forgetting"]
    replayed = continued("all", ridge, replay=0.3, **fields).scores.metrics["old/forgetting"]
    assert without > replayed + 0.05


def test_replay_beside_a_backbone_that_stays_is_told_to_do_nothing(continued, bench):
    class Noting:
        def __init__(self):
            self.notes = []
            self.stopping = False

        def note(self, text):
            self.notes.append(text)

        def __getattr__(self, name):
            return lambda *_, **__: None

    channel = Noting()
    made = continued("adapter", replay=0.3, run=bench.run(channel=channel))
    assert any("`replay` does nothing" in note for note in channel.notes)
    assert made.scores.metrics["old/forgetting"] == 0


def test_it_stops_by_validation_and_takes_the_best_weights_back(bench, families, tmp_path):
    fields = {
        "stop": {"every": 3, "patience": 2},
        "outer": {"kind": "sgd", "lr": 20.0, "schedule": "constant"},
        "budget": {"tasks": 300},
    }
    made = _train(bench, families, MAML, **fields)
    assert made.learner.trained["examples"] < 300 * 15
    first = _train(bench, families, MAML, outer={"kind": "sgd", "lr": 1e-30})
    best = made.scores.notes[0]
    assert best.startswith("stopped early; best after ")
    if "after 0 steps" in best:
        weight = "backbone.0.weight"
        assert torch.equal(made.learner.weights[weight], first.learner.weights[weight])
    again = bench.interrupted(
        tmp_path, 2, lambda run: _train(bench, families, MAML, run=run, **fields)
    )
    assert _same(made.learner.weights, again.learner.weights)
    assert made.scores == again.scores


@pytest.mark.parametrize(("every", "steps"), [(8, 2), (9, 3), (1, 1)])
def test_looks_are_so_many_tasks_apart_rounded_up_to_whole_batches(bench, families, every, steps):
    fields = {"outer": {"kind": "sgd", "lr": 20.0, "schedule": "constant"}, "meta_batch": 4}
    stop = {"every": every, "patience": 3}
    made = _train(bench, families, MAML, stop=stop, budget={"tasks": 400}, **fields)
    best = int(made.scores.notes[0].split()[-2])
    seen = made.learner.trained["examples"] // (4 * 15)
    assert seen - best == 3 * steps


@pytest.mark.parametrize("restore", ["best", "last"])
def test_figures_beside_early_stopping_are_those_of_the_weights_that_are_kept(
    bench, families, restore
):
    """Also where these are no point of the curve, and where the best are not taken back."""
    fields = {"outer": {"kind": "sgd", "lr": 5.0, "schedule": "constant"}, "budget": {"tasks": 300}}
    stop = {"every": 3, "patience": 2, "restore": restore}
    made = _train(bench, families, {"kind": "ridge"}, stop=stop, **fields)
    assert made.scores.notes[0].startswith("stopped early")
    judged = bench.stage(meta_evaluate, learner=made.learner, tasks=families["val"]).scores
    assert made.scores.metrics.keys() == judged.metrics.keys() == {"val/loss", "val/accuracy"}
    for name, value in judged.metrics.items():
        assert made.scores.metrics[name] == pytest.approx(value, abs=1e-5)


def test_running_moments_are_those_of_the_final_weights(learned):
    """Batch norm's moments of the model are what the mean over tasks of its input's moments is."""
    made = learned("ridge")
    names = [n for n in made.learner.weights if n.startswith("running.")]
    assert len(names) == 8
    layer = "backbone.1"
    assert torch.equal(
        made.model.weights[f"{layer}.running_mean"], made.learner.weights[f"running.{layer}.mean"]
    )
    assert torch.equal(
        made.model.weights[f"{layer}.running_var"],
        made.learner.weights[f"running.{layer}.variance"],
    )
    assert float(made.learner.weights[f"running.{layer}.variance"].min()) > 0


def test_the_encoder_of_a_learner_can_be_finetuned(bench, learned):
    made = learned("ridge")
    data = bench.dataset(task="high", classes=[5, 6, 7, 8, 9])
    found = bench.stage(finetune, {"steps": 5, "curve": [0]}, model=made.model, data=data)
    assert "high/accuracy" in found.scores.metrics


def test_global_labels_give_the_model_a_head(bench):
    data = bench.dataset(task="all", classes=[0, 1, 2, 3])
    fields = {"episode": {"ways": 2, "shots": 1}, "queries": 2, "labels": "global"}
    family = bench.stage(tasks, fields, data=data).tasks
    fields = {"algorithm": {"kind": "joint"}, "net": MLP, "budget": {"tasks": 4}}
    made = bench.stage(meta_train, fields, tasks=family)
    assert made.model.heads["all"].classes == (0, 1, 2, 3)
    assert torch.equal(made.model.weights["heads.all.bias"], made.learner.weights["head.bias"])


def test_regression_is_learned_from_one_input(bench):
    family = bench.stage(tasks, {"kind": "sinusoid", "episode": {"shots": 5}}, data=None).tasks
    for algorithm in (MAML, {"kind": "ridge"}, {"kind": "joint"}, {"kind": "reptile"}):
        fields = {"algorithm": algorithm, "net": MLP, "budget": {"tasks": 8}}
        made = bench.stage(meta_train, fields, tasks=family, validate=family)
        assert made.learner.shape == (1,)
        assert set(made.scores.metrics) == {"sinusoid/loss"}


def test_bfloat16_is_refused_on_a_cpu(bench, families):
    with pytest.raises(StageError, match="needs CUDA"):
        _train(bench, families, {"kind": "ridge"}, precision="bfloat16")


def test_a_loss_that_is_no_number_ends_it_as_diverged(bench, families):
    outer = {"kind": "sgd", "lr": 1e20, "schedule": "constant"}
    made = _train(bench, families, MAML, outer=outer, budget={"tasks": 200})
    assert made.scores.status == "diverged"
    assert made.learner.trained["examples"] < 200 * 15


# What is wrong with a file, before anything runs


FIVE = Facts(task="train", ways=(5, 5), shots=(1, 1), metrics={"train/accuracy": ()})
RANGE = Facts(task="train", ways=(3, 10), shots=(1, 5), protocol={"labels": "shuffled"})
CURVES = Facts(
    task="sinusoid",
    ways=(0, 0),
    shots=(10, 10),
    metrics={"sinusoid/loss": ()},
    protocol={"inputs": 1},
)
LINES = Facts(task="linear", ways=(0, 0), shots=(10, 10), protocol={"inputs": 3})
TEN = Facts(task="val", ways=(10, 10), shots=(1, 1))
THREE = Facts(task="val", ways=(3, 3), shots=(1, 1), protocol={"labels": "shuffled"})
GLOBAL = Facts(
    task="g", classes=tuple(range(8)), ways=(5, 5), shots=(1, 1), protocol={"labels": "global"}
)
OLD = Facts(task="old", classes=(0, 1), metrics={"old/accuracy": ()})
MODEL = Facts(heads={"old": (0, 1)})


def _look(bench, tasks=FIVE, inputs=None, **fields):
    given = {"algorithm": {"kind": "ridge"}, "net": NET, "budget": {"tasks": 10}, **fields}
    given = {name: value for name, value in given.items() if value is not None}
    look = Look(bench.params(meta_train, **given), {"tasks": (tasks,), **(inputs or {})}, {})
    facts = meta_train.facts(look)
    return facts, [(severity, place) for severity, place, _, _ in look.faults]


@pytest.mark.parametrize(
    ("place", "more"),
    [
        ("net", {"net": None}),
        ("net", {"inputs": {"model": (MODEL,)}}),
        ("learn", {"learn": "adapter"}),
        ("learn", {"learn": "head"}),
        ("learn", {"learn": "head", "algorithm": {**MAML, "head": "zero"}}),
        ("replay", {"replay": 0.1}),
        ("from.retain", {"inputs": {"retain": (OLD,)}}),
        (
            "replay",
            {
                "replay": 0.1,
                "net": None,
                "inputs": {"model": (Facts(heads={"other": (5, 6)}),), "retain": (OLD,)},
            },
        ),
        ("stop", {"stop": {"every": 10}}),
        ("from.validate", {"inputs": {"validate": (CURVES,)}}),
        ("from.validate", {"algorithm": MAML, "inputs": {"validate": (TEN,)}}),
        ("from.validate", {"algorithm": MAML, "inputs": {"validate": (GLOBAL,)}}),
        ("from.validate", {"algorithm": MAML, "tasks": GLOBAL, "inputs": {"validate": (THREE,)}}),
        ("from.validate", {"net": MLP, "tasks": LINES, "inputs": {"validate": (CURVES,)}}),
        ("net.kind", {"tasks": CURVES}),
        ("stop.every", {"stop": {"every": 11}, "inputs": {"validate": (FIVE,)}}),
        (
            "stop.by",
            {
                "net": MLP,
                "tasks": CURVES,
                "stop": {"every": 5, "by": "accuracy"},
                "inputs": {"validate": (CURVES,)},
            },
        ),
        ("algorithm.kind", {"net": MLP, "tasks": CURVES, "algorithm": {"kind": "newton"}}),
        ("algorithm.kind", {"net": MLP, "tasks": CURVES, "algorithm": {"kind": "protonet"}}),
        ("algorithm.head", {"tasks": RANGE, "algorithm": MAML}),
        ("algorithm.kind", {"tasks": RANGE, "algorithm": {"kind": "newton"}, "_": None}),
        ("algorithm.shots", {"algorithm": {"kind": "reptile", "shots": 1}}),
        (
            "algorithm.shots",
            {
                "algorithm": {"kind": "reptile", "shots": 21},
                "tasks": Facts(task="t", ways=(5, 5), shots=(1, 1), examples={"train": 20}),
            },
        ),
    ],
)
def test_faults_are_told_at_their_place(bench, place, more):
    more.pop("_", None)
    if place == "algorithm.kind" and more.get("tasks") is RANGE:
        more["tasks"] = Facts(task="train", ways=(5, 21), shots=(1, 5))
    _, faults = _look(bench, **more)
    assert faults == [("error", place)]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"net": None, "inputs": {"model": (MODEL,), "retain": (OLD,)}, "replay": 0.1},
        {"algorithm": {"kind": "newton"}, "tasks": Facts(task="t", ways=(20, 20), shots=(5, 5))},
        {"tasks": RANGE, "algorithm": {**MAML, "head": "shared"}},
        {"net": MLP, "tasks": CURVES, "algorithm": MAML},
        {"net": MLP, "tasks": CURVES, "inputs": {"validate": (CURVES,)}},
        {"algorithm": MAML, "tasks": GLOBAL, "inputs": {"validate": (GLOBAL,)}},
        {"inputs": {"validate": (TEN,)}},
        {"stop": {"every": 10, "by": "accuracy"}, "inputs": {"validate": (FIVE,)}},
        {"algorithm": {**MAML, "inner": {"kind": "lora"}}, "learn": "adapter"},
        {"stop": {"every": 10}, "inputs": {"validate": (FIVE,)}},
    ],
)
def test_what_is_right_is_not_refused(bench, more):
    assert _look(bench, **more)[1] == []


def test_a_zero_head_with_one_step_is_refused_with_the_way_out(bench):
    for kind in ("all", "lora"):
        with pytest.raises(ValueError, match="no inner gradient"):
            bench.params(
                meta_train,
                algorithm={"kind": "maml", "steps": 1, "head": "zero", "inner": {"kind": kind}},
                budget={"tasks": 1},
            )
    found = bench.params(
        meta_train,
        algorithm={"kind": "anil", "steps": 1, "head": "zero"},
        budget={"tasks": 1},
    )
    assert found.algorithm.heads == "zero"


def test_facts_say_how_it_was_trained_and_what_it_measures(bench):
    inputs = {"model": (MODEL,), "retain": (OLD,), "validate": (FIVE,)}
    facts, faults = _look(bench, net=None, algorithm=MAML, inputs=inputs, budget={"tasks": 100})
    assert not faults
    assert facts["learner"].protocol["steps"] == 2
    assert facts["learner"].protocol["head"] == "learned"
    assert facts["model"].heads == {"old": (0, 1)}
    assert facts["scores"].validation == {"train/accuracy"}
    assert facts["scores"].metrics["train/accuracy"] == (20, 40, 60, 80, 100)
    assert {"old/accuracy", "old/forgetting"} < facts["scores"].metrics.keys()


def test_what_is_promised_of_the_scores_is_measured(bench, learned):
    look = Look(
        bench.params(meta_train, algorithm=MAML, net=NET, budget={"tasks": 12}, meta_batch=3),
        {
            "tasks": (Facts(task="train", ways=(3, 3), shots=(2, 2)),),
            "validate": (Facts(task="val", metrics={"val/accuracy": (), "val/loss": ()}),),
        },
        {},
    )
    promised = meta_train.facts(look)["scores"].metrics
    found = learned("maml").scores
    assert promised.keys() == found.metrics.keys()
    for name, curve in found.curves.items():
        assert tuple(step for step, _ in curve) == promised[name]


def test_a_task_of_another_shape_than_the_model_is_refused(bench, pretrained):
    family = TaskFamily(
        "sinusoid", "s", (0, 0), (5, 5), (5, 5), {"kind": "squared_error"},
        {"kind": "squared_error"},
        draws={"amplitude": [1.0, 2.0], "phase": [0.0, 1.0], "x": [-1.0, 1.0]},
    )  # fmt: skip
    fields = {"algorithm": {"kind": "ridge"}, "budget": {"tasks": 4}}
    with pytest.raises(StageError, match="inputs of shape"):
        bench.stage(meta_train, fields, tasks=family, model=pretrained[0])


def test_validation_tasks_that_the_net_does_not_take_are_refused_before_learning(bench, families):
    """What a file does not tell: the size of the images, and the classes that a table has."""
    data = bench.dataset(task="val", classes=[5, 6, 7, 8, 9])
    five = {"episode": {"ways": 5, "shots": 1}, "queries": 3}
    more = bench.stage(tasks, five, data=data).tasks
    waves = bench.stage(tasks, {"kind": "sinusoid", "episode": {"shots": 5}}, data=None).tasks
    for validate, told in ((more, "val: the learned head has 3 outputs"), (waves, r"have \(1,\)")):
        run = bench.run()
        with pytest.raises(StageError, match=told):
            _train(bench, {"train": families["train"], "val": validate}, MAML, run=run)


def test_test_examples_that_tasks_were_drawn_from_are_a_leak_to_judge_on(bench):
    """`part: all` of tasks holds nothing back: what judges on the same images is told so."""
    both = frozenset({("digits/0", "train"), ("digits/0", "test")})
    train = Facts(task="train", ways=(5, 5), shots=(1, 1), sources=both)
    facts, _ = _look(bench, tasks=train)
    inputs = {"learner": (facts["learner"],), "tasks": (Facts(task="test", sources=both),)}
    found = leaks(Look(None, inputs, {"learner": (Source("learned", {}),)}))
    assert found == [("learner", "`learned` was made from test examples of `test` (digits/0)")]
    held = Facts(task="train", ways=(5, 5), shots=(1, 1), sources=both - {("digits/0", "test")})
    facts, _ = _look(bench, tasks=held)
    inputs["learner"] = (facts["learner"],)
    assert leaks(Look(None, inputs, {"learner": (Source("learned", {}),)})) == []


@pytest.mark.parametrize(("lr", "status"), [(0.01, "ok"), (30.0, "diverged")])
def test_adaptation_that_explodes_in_training_is_told_and_is_diverged(bench, lr, status):
    """Its first loss is an explosion already, so that it falls all the time."""
    fields = {"kind": "sinusoid", "task": "t", "episode": {"shots": 5}, "queries": 5}
    family = bench.stage(tasks, fields, data=None).tasks
    channel = Silent()
    made = bench.stage(
        meta_train,
        {
            "algorithm": {"kind": "anil", "steps": 5, "inner_lr": lr},
            "net": {"kind": "mlp", "hidden": [8]}, "budget": {"tasks": 80}, "meta_batch": 2,
        },
        run=bench.run(channel=channel), tasks=family, validate=None,
    )  # fmt: skip
    assert made.scores.status == status
    assert made.learner.trained.get("diverged", False) == (status == "diverged")
    told = [text for text in channel.notes if text.startswith("diverging: at step 1 ")]
    assert len(told) == (status == "diverged")


def test_adaptation_that_explodes_on_some_validation_tasks_is_diverged(bench):
    """The median of its training losses stays calm."""
    fields = {"kind": "sinusoid", "task": "t", "episode": {"shots": 5}, "queries": 5}
    family = bench.stage(tasks, fields, data=None).tasks
    validate = bench.stage(
        tasks, {**fields, "task": "v", "stream": 3, "count": 40}, data=None
    ).tasks
    given = {
        "algorithm": {"kind": "anil", "steps": 5, "inner_lr": 0.02},
        "net": {"kind": "mlp", "hidden": [8]}, "budget": {"tasks": 160},
    }  # fmt: skip
    unseen = bench.stage(meta_train, given, tasks=family, validate=None)
    assert unseen.scores.status == "ok"
    for stop in (None, {"every": 80, "restore": "last"}):
        made = bench.stage(meta_train, {**given, "stop": stop}, tasks=family, validate=validate)
        assert made.scores.status == "diverged"
        assert made.learner.trained["diverged"] is True
        (told,) = (note for note in made.scores.notes if "diverged" in note)
        assert told.startswith("diverged after 5 steps on 3 of 40 tasks of v: a mean loss of ")
