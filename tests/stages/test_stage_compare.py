import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from engine.artifacts import Interval, Scores, Table
from engine.comparison.contrasts import verdict
from engine.comparison.measure import Measure
from engine.comparison.rows import without_repeats
from engine.run import Run
from engine.stages.compare import compare
from pipelines.facts import Facts, Source

ZERO = [0.90, 0.92, 0.95, 0.91, 0.93]
RANDOM = [0.80, 0.85, 0.90, 0.79, 0.88]
PROBE = [0.60, 0.61, 0.72, 0.66, 0.59]


def _scores(values, **axes):
    return [
        (
            Source(axes.get("stage", "tuned"), {**_axes(axes), "seed": str(seed)}),
            Scores(
                {"a/accuracy": value, "b/forgetting": 1 - value},
                curves={"a/accuracy": ((0, 0.1), (10, value / 2), (20, value))},
            ),
        )
        for seed, value in enumerate(values)
    ]


def _axes(axes):
    return {name: label for name, label in axes.items() if name != "stage"}


EVERY = [
    *_scores(ZERO, head="zero"),
    *_scores(RANDOM, head="random"),
    *_scores(PROBE, stage="probe"),
]


def _compare(given=EVERY, **fields) -> Table:
    run = Run(sources={"scores": tuple(source for source, _ in given)})
    params = compare.params.model_validate_json(json.dumps(fields))
    return compare(run, params, scores=tuple(scores for _, scores in given)).table


def test_a_row_is_a_stage_and_its_axes_with_an_interval_over_the_seeds():
    table = _compare(show=["a/accuracy"])
    assert [row.label for row in table.rows] == ["tuned@head=zero", "tuned@head=random", "probe"]
    found = table.rows[0].values["a/accuracy"]
    low, high = stats.t.interval(0.95, 4, np.mean(ZERO), stats.sem(ZERO))
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(ZERO), low, high))
    assert found.values == {str(seed): value for seed, value in enumerate(ZERO)}
    assert table.spans == "± seeds (n=5)"


def test_contrasts_are_paired_on_the_seed_whatever_the_order():
    shuffled = [EVERY[place] for place in (4, 2, 0, 1, 3, 7, 9, 8, 5, 6)]
    (found,) = _compare(
        shuffled, show=["a/accuracy"], contrasts=[["tuned@head=zero", "tuned@head=random"]]
    ).contrasts
    assert found.p == pytest.approx(stats.ttest_rel(ZERO, RANDOM).pvalue)
    differences = np.subtract(ZERO, RANDOM)
    low, high = stats.t.interval(0.95, 4, differences.mean(), stats.sem(differences))
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert found.verdict == "distinguishable at 5 % (Holm)"


def test_the_contrasts_of_a_metric_are_one_family():
    table = _compare(show=["a/accuracy"], baseline="probe")
    raw = [stats.ttest_rel(values, PROBE).pvalue for values in (ZERO, RANDOM)]
    small, large = sorted(raw)
    expected = {small: 2 * small, large: max(2 * small, large)}
    assert [c.p for c in table.contrasts] == pytest.approx([expected[p] for p in raw])
    assert [(c.left, c.right) for c in table.contrasts] == [
        ("tuned@head=zero", "probe"),
        ("tuned@head=random", "probe"),
    ]
    assert table.baseline == "probe"


def test_axes_of_a_row_may_be_named_in_any_order():
    given = [*_scores(ZERO, head="zero", lr="1"), *_scores(RANDOM, head="zero", lr="2")]
    table = _compare(given, contrasts=[["tuned@lr=1@head=zero", "tuned@lr=2"]], show=["a/accuracy"])
    assert (table.contrasts[0].left, table.contrasts[0].right) == (
        "tuned@head=zero@lr=1",
        "tuned@head=zero@lr=2",
    )


def test_a_diverged_cell_is_dropped_from_rows_and_pairs_and_counted():
    given = list(EVERY)
    given[6] = (given[6][0], Scores({"a/accuracy": 0.0}, status="diverged"))
    table = _compare(
        given, show=["a/accuracy"], contrasts=[["tuned@head=zero", "tuned@head=random"]]
    )
    row = table.rows[1].values["a/accuracy"]
    assert (row.n, row.dropped) == (4, 1)
    assert "1" not in row.values
    (found,) = table.contrasts
    assert (found.difference.n, found.difference.dropped) == (4, 1)
    assert found.p is None
    assert "4 pairs are too few" in found.verdict


def test_a_row_in_which_all_diverged_says_so():
    gone = [(source, Scores({}, status="diverged")) for source, _ in _scores(ZERO, head="gone")]
    table = _compare([*EVERY, *gone], show=["a/accuracy"], baseline="probe")
    found = table.rows[-1].values["a/accuracy"]
    assert (found.mean, found.n, found.dropped) == (None, 0, 5)
    assert table.contrasts[-1].verdict == "no pair to compare"


def test_equal_differences_have_no_p():
    given = [*_scores(ZERO, head="zero"), *_scores([v - 0.25 for v in ZERO], head="low")]
    (found,) = _compare(given, show=["a/accuracy"], baseline="tuned@head=low").contrasts
    assert found.p is None
    assert found.verdict == "the same difference in every pair: nothing to test"


def test_a_difference_that_may_be_nothing_is_bounded():
    given = [*_scores([0.5, 0.6, 0.7, 0.6, 0.5], head="a"), *_scores(ZERO[::-1], head="b")]
    given[5:] = _scores([0.6, 0.5, 0.7, 0.5, 0.6], head="b")
    (found,) = _compare(given, show=["a/accuracy"], baseline="tuned@head=b").contrasts
    bound = max(abs(found.difference.low), abs(found.difference.high))
    told = float(found.verdict.removeprefix("within ±"))
    assert bound <= told < bound * 1.1


@pytest.mark.parametrize(
    ("bound", "told"),
    [(0.0759, "0.076"), (0.0751, "0.076"), (0.15, "0.15"), (0.151, "0.16"), (0.996, "1"),
     (12.1, "13"), (0.00301, "0.0031"), (0.0, "0")],
)  # fmt: skip
def test_a_bound_is_rounded_outward(bound, told):
    difference = Interval(0.0, -bound, bound, 5)
    assert verdict(difference, 0.5) == f"within ±{told}"


def test_a_row_without_seeds_is_the_same_number_against_each():
    fixed = [(Source("fixed", {}), Scores({"a/accuracy": 0.5}))]
    (first, *_) = _compare([*EVERY, *fixed], show=["a/accuracy"], baseline="fixed").contrasts
    assert first.difference.mean == pytest.approx(np.mean(ZERO) - 0.5)
    assert (first.difference.n, first.difference.dropped) == (5, 0)


def test_points_of_curves_are_shown():
    table = _compare(
        show=["a/accuracy@step=10", "a/accuracy@best", "a/accuracy@last", "a/accuracy@step=7"]
    )
    values = table.rows[0].values
    assert values["a/accuracy@step=10"].mean == pytest.approx(np.mean(ZERO) / 2)
    assert values["a/accuracy@best"].mean == pytest.approx(np.mean(ZERO))
    assert values["a/accuracy@last"].mean == pytest.approx(np.mean(ZERO))
    assert "a/accuracy@step=7" not in values
    assert table.notes == ("a/accuracy@best: the best of a test curve flatters",)


def test_what_is_not_measured_is_absent_and_not_0():
    bare = [(source, Scores({"a/accuracy": 0.5})) for source, _ in _scores(ZERO, stage="bare")]
    table = _compare([*EVERY, *bare], show=["a/accuracy", "b/forgetting"], baseline="probe")
    assert table.rows[-1].values.keys() == {"a/accuracy"}
    assert not [c for c in table.contrasts if c.left == "bare" and c.metric == "b/forgetting"]


def test_all_metrics_are_shown_where_none_is_a_headline():
    waves = [(Source("waves", {}), Scores({"waves/error": 0.3, "waves/loss": 0.2}))]
    assert _compare(waves).metrics == ("waves/error", "waves/loss")
    assert _compare([*EVERY, *waves]).metrics == ("a/accuracy", "b/forgetting")


def test_choices_and_notes_of_cells_are_told_once():
    given = [
        (source, Scores(scores.metrics, chosen={"lr": lr}, notes=("careful",)))
        for (source, scores), lr in zip(_scores(ZERO), ["1", "2", "1", "1", "1"], strict=True)
    ]
    (row,) = _compare(given).rows
    assert row.chosen == {"lr": "1/2"}
    assert row.notes == ("careful",)
    assert row.values.keys() == {"a/accuracy", "b/forgetting"}


def test_notes_of_seeds_that_differ_only_in_numbers_are_told_once():
    at = {"0": 3, "1": 10, "2": 3, "3": 5, "4": 3}
    given = [
        (
            source,
            Scores(
                scores.metrics,
                notes=(f"headline at step {at[source.axes['seed']]}, chosen on val", "15 queries"),
            ),
        )
        for source, scores in _scores(ZERO)
    ]
    (row,) = _compare(given).rows
    assert row.notes == ("headline at step 3/5/10, chosen on val", "15 queries")


def test_many_numbers_of_a_note_are_told_by_their_ends():
    notes = [f"{n} of 12 at 0.{n}" for n in (7, 2, 3, 4, 5, 6)]
    assert without_repeats(notes) == ("2 to 7 of 12 at 0.2 to 0.7",)
    assert without_repeats(["a 1", "b 2", "a 1"]) == ("a 1", "b 2")


def test_a_line_over_steps_has_a_band_over_seeds():
    plot = _compare(plot={"kind": "line", "y": "a/accuracy"}).plot
    assert plot["series"][0]["label"] == "tuned@head=zero"
    step, mean, low, high = plot["series"][0]["points"][1]
    assert (step, mean) == (10, pytest.approx(np.mean(ZERO) / 2))
    assert low < mean < high


def test_a_line_over_an_axis_joins_the_rows_that_differ_in_it():
    given = [*_scores(ZERO, head="z", n="100"), *_scores(RANDOM, head="z", n="5")]
    plot = _compare(given, plot={"kind": "line", "x": "n", "y": "a/accuracy", "log_x": True}).plot
    (series,) = plot["series"]
    assert series["label"] == "tuned@head=z"
    assert [point[0] for point in series["points"]] == [5.0, 100.0]
    assert plot["log_x"]


def test_a_frontier_has_a_point_for_each_value_along_an_axis():
    given = [*_scores(ZERO, head="z", lr="1"), *_scores(RANDOM, head="z", lr="2")]
    plot = _compare(
        given, plot={"kind": "frontier", "x": "b/forgetting", "y": "a/accuracy", "along": "lr"}
    ).plot
    (series,) = plot["series"]
    assert series["points"][1] == pytest.approx([1 - np.mean(RANDOM), np.mean(RANDOM)])
    assert series["names"] == ["1", "2"]
    x_low, x_high, y_low, y_high = series["spreads"][1]
    low, high = stats.t.interval(0.95, 4, np.mean(RANDOM), stats.sem(RANDOM))
    assert (y_low, y_high) == pytest.approx((low, high))
    assert (x_low, x_high) == pytest.approx((1 - high, 1 - low))


def test_a_point_of_a_frontier_that_was_lost_takes_its_name_along():
    lost = [
        (source, Scores({}, status="diverged")) for source, _ in _scores(ZERO, head="z", lr="1")
    ]
    given = [*lost, *_scores(RANDOM, head="z", lr="2")]
    plot = {"kind": "frontier", "x": "b/forgetting", "y": "a/accuracy", "along": "lr"}
    (series,) = _compare(given, plot=plot).plot["series"]
    assert series["names"] == ["2"]
    assert len(series["points"]) == len(series["spreads"]) == 1


def test_a_matrix_has_a_column_for_each_task():
    plot = _compare(plot={"kind": "accuracy_matrix"}).plot
    assert plot["columns"] == ["a"]
    assert plot["series"][2]["points"] == [[0, pytest.approx(np.mean(PROBE))]]


def test_the_table_comes_back_from_its_file(tmp_path):
    table = _compare(baseline="probe", plot={"kind": "line", "y": "a/accuracy"})
    table.write(tmp_path)
    assert Table.read({"table.json": tmp_path / "table.json"}) == table


TASKS = np.random.default_rng(0)
HARD = TASKS.normal(0.0, 0.1, 600)
MAML = 0.93 + HARD + TASKS.normal(0.0, 0.03, 600)
RIDGE = 0.94 + HARD + TASKS.normal(0.0, 0.03, 600)


def _judged(each, stage="judged", metric="t/accuracy", **axes):
    """Scores of one learner with its values on each task."""
    values = tuple(float(value) for value in each)
    curves = {"t/accuracy": ((0, 0.2), (5, 0.9))}
    return (
        Source(stage, axes),
        Scores({metric: float(np.mean(values))}, curves=curves, each={metric: values}),
    )


LEARNERS = [_judged(MAML, algorithm="maml"), _judged(RIDGE, algorithm="ridge", seed="0")]


def test_one_learner_has_an_interval_over_its_tasks_that_says_so():
    table = _compare(LEARNERS, show=["t/accuracy"])
    found = table.rows[0].values["t/accuracy"]
    half = 1.96 * stats.sem(MAML)
    assert (found.mean, found.low, found.high) == pytest.approx(
        (MAML.mean(), MAML.mean() - half, MAML.mean() + half)
    )
    assert (found.n, found.over, found.spans) == (600, "tasks", "± tasks (n=600, one learner)")
    assert table.spans == "± tasks (n=600, one learner)"
    assert len(found.values) == 1


def test_several_learners_are_pooled_over_seeds_and_never_over_tasks():
    given = [_judged(MAML + shift / 50, seed=str(shift)) for shift in range(5)]
    table = _compare([*given, LEARNERS[1]], show=["t/accuracy"])
    several, one = (row.values["t/accuracy"] for row in table.rows)
    assert (several.n, several.over, several.spans) == (5, "seeds", "± seeds (n=5)")
    assert (several.low, several.high) == pytest.approx(
        stats.t.interval(
            0.95, 4, several.mean, stats.sem([MAML.mean() + shift / 50 for shift in range(5)])
        )
    )
    assert (one.n, one.over) == (600, "tasks")
    assert table.spans == "± seeds (n=5); ± tasks (n=600, one learner)"


def test_the_only_seed_that_did_not_diverge_is_no_row_of_one_learner():
    gone = [
        (source, Scores({}, status="diverged"))
        for source, _ in [_judged(MAML, seed=str(seed)) for seed in range(1, 5)]
    ]
    found = _compare([_judged(MAML, seed="0"), *gone], show=["t/accuracy"]).rows[0]
    lone = found.values["t/accuracy"]
    assert (lone.n, lone.over, lone.low, lone.dropped) == (1, "seeds", None, 4)


def test_one_task_has_no_spread():
    given = [_judged([0.5]), _judged([0.7], stage="other")]
    table = _compare(given, show=["t/accuracy"], baseline="other")
    found = table.rows[0].values["t/accuracy"]
    assert (found.mean, found.low, found.n, found.over) == (0.5, None, 1, "seeds")
    assert table.contrasts[0].verdict == "one pair: no interval"


def test_a_learner_that_diverged_has_no_interval_over_tasks():
    source, scores = _judged(MAML)
    table = _compare(
        [(source, Scores(scores.metrics, each=scores.each, status="diverged"))], show=["t/accuracy"]
    )
    found = table.rows[0].values["t/accuracy"]
    assert (found.n, found.mean, found.dropped) == (0, None, 1)


def test_two_learners_are_paired_on_the_task_and_the_verdict_says_what_it_is_about():
    table = _compare(LEARNERS, show=["t/accuracy"], baseline="judged@algorithm=ridge")
    (found,) = table.contrasts
    assert found.p == pytest.approx(stats.ttest_rel(MAML, RIDGE).pvalue)
    differences = MAML - RIDGE
    half = 1.96 * stats.sem(differences)
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (differences.mean() - half, differences.mean() + half)
    )
    assert (found.difference.n, found.difference.over) == (600, "tasks")
    assert found.verdict == "distinguishable at 5 % (Holm), over tasks, one learner each"
    assert table.notes == (
        "a difference over tasks, one learner each, says nothing of another training run",
    )


def test_learners_are_one_holm_family_too_and_the_family_may_have_both_kinds():
    third = _judged(MAML + TASKS.normal(0.002, 0.03, 600), algorithm="anil")
    table = _compare([*LEARNERS, third], show=["t/accuracy"], baseline="judged@algorithm=maml")
    raw = [stats.ttest_rel(other, MAML).pvalue for other in (RIDGE, third[1].each["t/accuracy"])]
    assert [c.p for c in table.contrasts] == pytest.approx([2 * raw[0], max(2 * raw[0], raw[1])])


def test_learners_that_were_judged_on_other_tasks_are_not_paired_on_them():
    """As many tasks under the same label are not the same tasks."""
    (one, maml), (other, ridge) = LEARNERS
    for families, over in ((("a", "a"), "tasks"), (("a", "b"), "seeds")):
        given = [
            (one, replace(maml, family=families[0])),
            (other, replace(ridge, family=families[1])),
        ]
        (found,) = _compare(given, show=["t/accuracy"], baseline="judged@algorithm=ridge").contrasts
        assert found.difference.over == over


def test_learners_that_were_not_judged_on_as_many_tasks_are_not_paired_on_them():
    given = [LEARNERS[0], _judged(RIDGE[:200], algorithm="ridge")]
    (found,) = _compare(given, show=["t/accuracy"], baseline="judged@algorithm=ridge").contrasts
    assert (found.difference.n, found.difference.over) == (1, "seeds")
    assert found.p is None
    assert found.verdict == "one pair: no interval"


def test_one_learner_against_several_seeds_is_the_same_number_for_each():
    given = [
        *[_judged(MAML + shift / 50, seed=str(shift)) for shift in range(5)],
        _judged(RIDGE, stage="base"),
    ]
    (found,) = _compare(given, show=["t/accuracy"], baseline="base").contrasts
    assert (found.difference.n, found.difference.over) == (5, "seeds")
    assert "over tasks" not in found.verdict


def test_equal_learners_have_no_p_over_tasks():
    given = [_judged(MAML), _judged(MAML, stage="same")]
    (found,) = _compare(given, show=["t/accuracy"], baseline="same").contrasts
    assert found.p is None
    assert found.verdict.startswith("the same difference in every pair: nothing to test, over")


def test_tasks_with_so_many_classes_have_a_metric_of_their_own_and_its_curve_has_points():
    name = "t/accuracy@ways=10"
    source, scores = _judged(MAML, metric=name)
    scores = Scores(
        scores.metrics,
        each=scores.each | {f"{name}@step=5": (0.1, 0.3)},
        curves={name: ((5, 0.2),)},
    )
    table = _compare([(source, scores)], show=[name, f"{name}@step=5", "t/accuracy"])
    values = table.rows[0].values
    assert values.keys() == {name, f"{name}@step=5"}
    assert values[name].n == 600
    assert (values[f"{name}@step=5"].mean, values[f"{name}@step=5"].n) == (pytest.approx(0.2), 2)
    assert Measure.parse("t/loss@ways=10@best").falls
    assert not Measure.parse("loss/accuracy@ways=10").falls


@pytest.mark.parametrize(
    "metric",
    ["val_loss", "head_forgetting", "neg_elbo", "val_neg_elbo", "nll_5000", "val_nll_50",
     "bits_per_dim_50", "val_squared_error", "distance", "distance_second"],
)  # fmt: skip
def test_the_best_of_what_should_be_small_is_the_smallest(metric):
    scores = Scores({}, curves={f"t/{metric}": ((1, 3.0), (2, 1.0), (3, 2.0))})
    assert Measure.parse(f"t/{metric}@best").value(scores) == 1


@pytest.mark.parametrize("metric", ["precision", "validity", "agreement", "coverage", "accuracy"])
def test_the_best_of_what_should_be_large_is_the_largest(metric):
    scores = Scores({}, curves={f"distance/{metric}": ((1, 3.0), (2, 1.0), (3, 2.0))})
    assert Measure.parse(f"distance/{metric}@best").value(scores) == 3


@pytest.mark.parametrize("x", ["adaptation_step", "tasks"])
def test_the_steps_of_a_curve_may_count_something_else(x, look):
    fields = {"plot": {"kind": "line", "x": x, "y": "t/accuracy"}}
    plot = _compare(LEARNERS, **fields).plot
    assert plot["x"] == x
    assert plot["series"][0]["points"] == [[0, 0.2], [5, 0.9]]
    facts = Facts(metrics={"t/accuracy": (0, 5)})
    row = Source("judged", {"algorithm": "maml"})
    assert not look(compare, fields, sources={"scores": (row,)}, scores=(facts,))[1]


def test_an_axis_comes_before_the_steps_of_a_curve(look):
    given = [_judged(MAML, tasks="100"), _judged(RIDGE, tasks="20")]
    fields = {"plot": {"kind": "line", "x": "tasks", "y": "t/accuracy"}}
    (series,) = _compare(given, **fields).plot["series"]
    # One learner each: the band would be over seeds, and there is none.
    assert series["points"] == [
        [20, pytest.approx(RIDGE.mean())],
        [100, pytest.approx(MAML.mean())],
    ]
    row = Source("judged", {"tasks": "many"})
    _, faults = look(compare, fields, sources={"scores": (row,)}, scores=(Facts(),))
    assert faults[0][1] == "plot.x"


def test_a_task_on_which_all_diverged_is_in_the_matrix_and_one_that_is_not_judged_is_not():
    gone = (Source("gone", {}), Scores({}, status="diverged"))
    bare = (Source("bare", {}), Scores({"b/accuracy": 0.5}))
    plot = _compare([*EVERY, gone, bare], plot={"kind": "accuracy_matrix"}).plot
    assert plot["columns"] == ["a", "b"]
    assert plot["series"][3]["points"] == [[0, None], [1, None]]
    assert plot["series"][4]["points"] == [[1, 0.5]]


def test_scores_and_tables_over_tasks_come_back_from_their_files(tmp_path):
    scores = LEARNERS[0][1]
    scores.write(tmp_path)
    assert Scores.read({"scores.json": tmp_path / "scores.json"}) == scores
    table = _compare(LEARNERS, show=["t/accuracy"], baseline="judged@algorithm=ridge")
    table.write(tmp_path)
    assert Table.read({"table.json": tmp_path / "table.json"}) == table


def test_scores_without_values_by_task_are_the_file_that_they_always_were(tmp_path):
    Scores({"a/b": 0.5}).write(tmp_path)
    assert (tmp_path / "scores.json").read_text() == (
        '{"chosen":{},"curves":{},"metrics":{"a/b":0.5},"notes":[],"status":"ok"}'
    )
    assert Scores.read({"scores.json": tmp_path / "scores.json"}) == Scores({"a/b": 0.5})


FACTS = Facts(metrics={"a/accuracy": (0, 10), "b/forgetting": ()})
ROWS = (Source("tuned", {"head": "zero", "seed": "0"}), Source("probe", {"seed": "0"}))


@pytest.mark.parametrize(
    ("fields", "place", "said"),
    [
        ({"show": ["a/accurazy"]}, "show.0", "did you mean `a/accuracy`"),
        ({"show": ["a/accuracy", "a/accuracy@step=7"]}, "show.1", "steps: 0, 10"),
        ({"show": ["b/forgetting@best"]}, "show.0", "say `b/forgetting`"),
        ({"show": ["a/accuracy@stop=3"]}, "show.0", "@step=10"),
        ({"show": ["a/accuracy@step=3@ways=3"]}, "show.0", "@ways=10"),
        ({"show": ["a/accuracy@ways=3"]}, "show.0", "did you mean `a/accuracy`"),
        ({"baseline": "prob"}, "baseline", "did you mean `probe`"),
        ({"contrasts": [["probe", "tuned@head=zer"]]}, "contrasts.0.1", "tuned@head=zero"),
        ({"plot": {"kind": "line", "y": "a/x"}}, "plot.y", "a/accuracy"),
        ({"plot": {"kind": "line", "x": "haed", "y": "a/accuracy"}}, "plot.x", "head"),
        ({"plot": {"kind": "line", "x": "head", "y": "a/accuracy"}}, "plot.x", "table"),
        (
            {"plot": {"kind": "frontier", "x": "b/forgetting", "y": "a/accuracy", "along": "lr"}},
            "plot.along",
            "head",
        ),
    ],
)
def test_what_nobody_measures_and_rows_that_are_none_are_errors(look, fields, place, said):
    _, faults = look(compare, fields, sources={"scores": ROWS}, scores=(FACTS, FACTS))
    ((severity, where, _, hint),) = faults
    assert (severity, where) == ("error", place)
    assert said in hint


def test_what_is_right_and_what_cannot_be_known_is_no_error(look):
    fields = {
        "show": ["a/accuracy@step=10", "b/forgetting"],
        "contrasts": [["tuned", "probe"]],
        "plot": {"kind": "line", "y": "a/accuracy"},
    }
    assert not look(compare, fields, sources={"scores": ROWS}, scores=(FACTS, FACTS))[1]
    unknown = {"show": ["mine/score"]}
    assert not look(compare, unknown, sources={"scores": ROWS}, scores=(FACTS, Facts()))[1]


def test_a_name_that_fits_two_rows_is_an_error_that_lists_them(look):
    rows = (Source("tuned", {"head": "zero"}), Source("tuned", {"head": "probe"}))
    _, faults = look(compare, {"baseline": "tuned"}, sources={"scores": rows}, scores=(FACTS,) * 2)
    assert "tuned@head=zero" in faults[0][3]
    assert "tuned@head=probe" in faults[0][3]
