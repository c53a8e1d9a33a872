import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from engine.library.artifacts import Scores, Table, Units
from engine.library.comparison.metric_ref import Measure
from engine.library.comparison.rebase import against
from engine.library.comparison.rows import without_repeats
from engine.library.stages.compare import compare
from engine.stage_api.run import Run
from meta_tui.export.csv_file import commas
from meta_tui.export.latex import latex
from meta_tui.export.markdown import markdown
from meta_tui.model.table_view import Order, arranged
from meta_tui.render.tables.row_details import rowdetail
from meta_tui.render.tables.table import text
from meta_tui.render.text.spans import plain
from pipelines.core.facts import Facts, Look, Source

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
    assert found.verdict == "no verdict: 1 of 5 of tuned@head=random diverged"
    assert [row.diverged for row in table.rows] == [0, 1, 0]


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


def test_a_difference_that_may_be_nothing_is_told_by_its_interval():
    given = _scores([0.5, 0.6, 0.7, 0.6, 0.5], head="a") + _scores(
        [0.6, 0.5, 0.7, 0.5, 0.6], head="b"
    )
    (found,) = _compare(given, show=["a/accuracy"], baseline="tuned@head=b").contrasts
    low, high = found.difference.low, found.difference.high
    assert low < 0 < high
    assert found.verdict == f"not distinguishable: {low:+.3g} to {high:+.3g}"


@pytest.mark.parametrize("n", [2, 3, 4])
def test_fewer_than_five_pairs_give_no_verdict_however_far_they_are_apart(n):
    given = [*_scores(ZERO[:n], head="zero"), *_scores([v / 9 for v in ZERO[:n]], head="low")]
    (found,) = _compare(given, show=["a/accuracy"], baseline="tuned@head=low").contrasts
    assert (found.p, found.difference.n) == (None, n)
    assert found.difference.low is not None
    assert found.verdict == f"{n} pairs are too few for a verdict"


def test_a_row_with_diverged_cells_wins_no_verdict_and_counts_in_the_correction():
    ten = [0.9 + 0.001 * (seed % 3) for seed in range(10)]
    low = [0.5 + 0.002 * (seed % 4) for seed in range(10)]
    near = [v + 0.001 * (seed % 2) - 0.0004 for seed, v in enumerate(low)]
    given = [*_scores(ten, head="a"), *_scores(low, head="b"), *_scores(near, head="c")]
    whole = _compare(given, show=["a/accuracy"], baseline="tuned@head=b").contrasts
    source, scores = given[0]
    given[0] = (source, replace(scores, status="diverged"))
    lost = _compare(given, show=["a/accuracy"], baseline="tuned@head=b")
    assert whole[0].verdict.startswith("distinguishable")
    assert (lost.contrasts[0].p, lost.contrasts[0].difference.n) == (None, 9)
    assert lost.contrasts[0].verdict == "no verdict: 1 of 10 of tuned@head=a diverged"
    assert lost.contrasts[1] == whole[1]
    # The baseline's own cells count as well.
    other = _compare(given, show=["a/accuracy"], baseline="tuned@head=a").contrasts
    assert {c.verdict for c in other} == {"no verdict: 1 of 10 of tuned@head=a diverged"}


ONE = [(Source("one", {}), Scores({"a/accuracy": 0.5}))]


def _of_one(contrast):
    found = contrast.difference
    return found.n, found.dropped, found.over, found.low, found.half, contrast.p


def test_several_seeds_against_one_learner_are_a_difference_of_means_without_a_p():
    """One draw subtracted from every seed would be called distinguishable 45 times in 100."""
    table = _compare([*EVERY, *ONE], show=["a/accuracy"], baseline="one")
    assert len(table.contrasts) == 3
    for contrast, values in zip(table.contrasts, (ZERO, RANDOM, PROBE), strict=True):
        assert contrast.difference.mean == pytest.approx(np.mean(values) - 0.5)
        assert _of_one(contrast) == (5, 0, "learners", None, None, None)
        assert contrast.verdict == "no test: against one learner of one"
    assert table.notes[-1].startswith("a difference against one learner says nothing of another")
    assert "paired" not in text(table, 100)
    assert "differences, against one learner, n=5" in text(table, 100)


def test_one_learner_does_not_count_in_the_correction_of_the_others():
    given = [*EVERY, *ONE]
    left = _compare(given, show=["a/accuracy"], baseline="probe").contrasts
    assert left[:2] == _compare(EVERY, show=["a/accuracy"], baseline="probe").contrasts
    assert _of_one(left[2]) == (5, 0, "learners", None, None, None)
    assert left[2].difference.mean == pytest.approx(0.5 - np.mean(PROBE))
    shown = text(_compare(given, show=["a/accuracy"], baseline="probe"), 100)
    assert "differences, paired by seed, or against one learner" in shown


def test_another_baseline_of_one_learner_has_no_p_either():
    found = against(_compare([*EVERY, *ONE], show=["a/accuracy"], baseline="probe"), "one")
    wanted = _compare([*EVERY, *ONE], show=["a/accuracy"], baseline="one")
    assert found.contrasts == wanted.contrasts
    assert sum("against one learner" in note for note in found.notes) == 1
    back = against(wanted, "tuned@head=zero").contrasts
    assert [contrast.p is None for contrast in back] == [False, False, True]


def test_exports_against_one_learner_claim_no_interval_and_no_star():
    sheet = arranged(_compare([*EVERY, *ONE], show=["a/accuracy"], baseline="one"), Order())
    for write in (markdown, latex, commas):
        made = write(sheet, "t")
        assert "against one learner" in made
        assert "distinguishable" not in made
        assert "paired" not in made
    assert " *" not in latex(sheet, "t")


def test_diverged_seeds_against_one_learner_are_counted():
    given = [*EVERY, *ONE]
    given[0] = (given[0][0], replace(given[0][1], status="diverged"))
    first = _compare(given, show=["a/accuracy"], baseline="one").contrasts[0]
    assert _of_one(first)[:3] == (4, 1, "learners")
    assert first.difference.mean == pytest.approx(np.mean(ZERO[1:]) - 0.5)
    assert first.verdict.endswith("against one learner of one, 1 of 5 of tuned@head=zero diverged")
    lost = [*EVERY, (ONE[0][0], Scores({}, status="diverged"))]
    for found in _compare(lost, show=["a/accuracy"], baseline="one").contrasts:
        assert (found.difference.mean, found.difference.n) == (None, 0)
        assert (found.p, found.verdict) == (None, "no pair to compare")


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


def test_numbers_of_a_note_with_an_exponent_stay_whole():
    notes = [f"on {count} of 30: a loss of {loss}" for count, loss in ((15, "8.59e+04"), (2, 353))]
    assert without_repeats(notes) == ("on 2/15 of 30: a loss of 353/8.59e+04",)


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
    low, high = stats.t.interval(0.95, 599, MAML.mean(), stats.sem(MAML))
    assert (found.mean, found.low, found.high) == pytest.approx((MAML.mean(), low, high))
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
    assert table.notes == (
        "a difference of one learner each says nothing of another training run of either",
    )
    assert "differences, one learner each, n=1\n" in text(table, 100)


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
    differences = MAML - RIDGE
    low, high = stats.t.interval(0.95, 599, differences.mean(), stats.sem(differences))
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert high < 0
    assert (found.difference.n, found.difference.over) == (600, "tasks")
    assert found.p is None
    assert found.verdict == "these two learners only: lower accuracy on these 600 tasks"
    assert table.notes == (
        "a difference of one learner each says nothing of another training run of either",
    )


@pytest.mark.parametrize("n", [2, 3, 5])
def test_intervals_over_few_tasks_are_t_intervals(n):
    maml, ridge = MAML[:n], RIDGE[:n]
    given = [_judged(maml, stage="maml"), _judged(ridge, stage="ridge")]
    table = _compare(given, show=["t/accuracy"], baseline="ridge")
    found = table.rows[0].values["t/accuracy"]
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, n - 1, maml.mean(), stats.sem(maml))
    )
    told = table.contrasts[0].difference
    wanted = stats.ttest_rel(maml, ridge).confidence_interval()
    assert (told.low, told.high) == pytest.approx((wanted.low, wanted.high))


def test_two_learners_that_may_be_alike_are_said_to_be():
    other = MAML + TASKS.normal(0.0001, 0.03, 600)
    given = [_judged(MAML), _judged(other, stage="other")]
    (found,) = _compare(given, show=["t/accuracy"], baseline="other").contrasts
    assert found.difference.low < 0 < found.difference.high
    assert found.verdict.endswith("on these 600 tasks, with 0 inside the interval")


def test_one_learner_each_is_no_part_of_the_holm_family():
    several = [_judged(MAML + shift / 50, seed=str(shift), stage="several") for shift in range(5)]
    third = [_judged(MAML - 0.2 + s * s / 500, seed=str(s), stage="third") for s in range(5)]
    given = [*several, *third, *LEARNERS]
    pairs = [["several", "third"], ["judged@algorithm=maml", "judged@algorithm=ridge"]]
    first, second = _compare(given, show=["t/accuracy"], contrasts=pairs).contrasts
    left, right = ([scores.metrics["t/accuracy"] for _, scores in lot] for lot in (several, third))
    assert first.p == pytest.approx(stats.ttest_rel(left, right).pvalue)
    assert second.p is None


def test_learners_that_were_judged_on_other_tasks_are_not_paired_on_them():
    """As many tasks under the same label are not the same tasks."""
    (one, maml), (other, ridge) = LEARNERS
    for families, over in ((("a", "a"), "tasks"), (("a", "b"), "learners")):
        given = [
            (one, replace(maml, family=families[0])),
            (other, replace(ridge, family=families[1])),
        ]
        (found,) = _compare(given, show=["t/accuracy"], baseline="judged@algorithm=ridge").contrasts
        assert found.difference.over == over


def _on(given, *digests):
    """The same, judged on tasks with these digests in turn."""
    return [
        (source, replace(scores, family=digests[place % len(digests)]))
        for place, (source, scores) in enumerate(given)
    ]


def test_rows_that_were_judged_on_other_tasks_have_no_verdict_however_many_seeds_they_have():
    """Their difference is one of the draws of tasks too."""
    given = [*_on(EVERY[:5], "a"), *_on(EVERY[5:10], "b"), *_on(EVERY[10:], "b")]
    first, second = _compare(given, show=["a/accuracy"], baseline="probe").contrasts
    assert first.verdict == "no test: judged on other tasks"
    assert (first.difference.low, first.difference.high, first.p) == (None, None, None)
    assert first.difference.mean == pytest.approx(np.mean(ZERO) - np.mean(PROBE))
    assert second.p == pytest.approx(stats.ttest_rel(RANDOM, PROBE).pvalue)
    again = against(_compare(given, show=["a/accuracy"]), "tuned@head=zero").contrasts
    assert {found.verdict for found in again} == {"no test: judged on other tasks"}


def test_tasks_that_differ_by_seed_are_the_same_for_both_rows():
    seeds = "abcde"
    given = [*_on(EVERY[:5], *seeds), *_on(EVERY[10:], *seeds)]
    (found,) = _compare(given, show=["a/accuracy"], baseline="probe").contrasts
    assert found.p is not None
    given = [*_on(EVERY[:5], *seeds), *_on(EVERY[10:], *reversed(seeds))]
    (found,) = _compare(given, show=["a/accuracy"], baseline="probe").contrasts
    assert found.verdict == "no test: judged on other tasks"


def test_one_learner_that_was_judged_on_other_tasks_than_several_is_told_so():
    for digest, told in (("a", "against one learner of one"), ("b", "judged on other tasks")):
        given = [*_on(EVERY, "a"), *_on(ONE, digest)]
        found = _compare(given, show=["a/accuracy"], baseline="one").contrasts
        assert {contrast.verdict for contrast in found} == {f"no test: {told}"}


@pytest.mark.parametrize(
    ("fields", "count"),
    [({"baseline": "probe"}, 1), ({"contrasts": (("tuned", "probe"),)}, 1), ({}, 0)],
)
def test_rows_that_are_judged_on_other_tasks_are_told_before_anything_runs(fields, count):
    for theirs, more in (("b", count), ("a", 0), (None, 0)):
        exams = [replace(FACTS, protocol={"exam": exam}) for exam in ("a", theirs)]
        seen = Look(compare.params(**fields), {"scores": tuple(exams)}, {"scores": ROWS})
        compare.facts(seen)
        assert not seen.faults
        assert [advice.code for advice in seen.advice] == ["other-tasks"] * more


def test_learners_that_were_not_judged_on_as_many_tasks_are_not_paired_on_them():
    given = [LEARNERS[0], _judged(RIDGE[:200], algorithm="ridge")]
    (found,) = _compare(given, show=["t/accuracy"], baseline="judged@algorithm=ridge").contrasts
    assert (found.difference.n, found.difference.over) == (1, "pairs")
    assert found.p is None
    assert found.verdict == "one pair: no interval"


def test_one_learner_judged_on_tasks_against_several_seeds_has_no_pairs():
    given = [
        *[_judged(MAML + shift / 50, seed=str(shift)) for shift in range(5)],
        _judged(RIDGE, stage="base"),
    ]
    (found,) = _compare(given, show=["t/accuracy"], baseline="base").contrasts
    assert _of_one(found) == (5, 0, "learners", None, None, None)
    assert found.verdict == "no test: against one learner of base"


def test_equal_learners_have_no_p_over_tasks():
    given = [_judged(MAML), _judged(MAML, stage="same")]
    (found,) = _compare(given, show=["t/accuracy"], baseline="same").contrasts
    assert found.p is None
    assert found.verdict == "these two learners only: the same accuracy on these 600 tasks"


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


def _once(given, *stages):
    """The same, of cells whose seeds share draws upstream."""
    return [(replace(source, once=stages), scores) for source, scores in given]


def test_seeds_that_share_a_draw_upstream_have_an_interval_and_no_verdict():
    """Five heads on one backbone: their spread is none of backbones."""
    shared = _once(EVERY, "backbone")
    table = _compare(shared, show=["a/accuracy"], baseline="probe")
    free = _compare(EVERY, show=["a/accuracy"], baseline="probe")
    for found, other in zip(table.contrasts, free.contrasts, strict=True):
        assert found.difference == other.difference
        assert (found.p, other.p is None) == (None, False)
        assert (
            found.verdict
            == "these nets only, of one draw of backbone: higher accuracy over 5 seeds"
        )
    (note,) = {note for row in table.rows for note in row.notes}
    assert note == "one draw of backbone for all seeds: ± seeds spans what came after"
    shown = text(table, 120)
    assert note in shown
    assert "p by Holm" not in shown
    sheet = arranged(table, Order())
    for write in (markdown, latex, commas):
        made = write(sheet, "t")
        assert "one draw of backbone" in made
        assert "distinguishable" not in made
    assert " *" not in latex(sheet, "t")


def test_one_side_that_shares_a_draw_is_enough_and_is_no_part_of_the_holm_family():
    given = [*_once(EVERY[:5], "few", "backbone"), *EVERY[5:]]
    first, second = _compare(given, show=["a/accuracy"], baseline="probe").contrasts
    assert first.verdict.startswith("these nets only, of one draw of few, backbone: higher")
    assert first.p is None
    assert second.p == pytest.approx(stats.ttest_rel(RANDOM, PROBE).pvalue)
    again = against(_compare(given, show=["a/accuracy"]), "tuned@head=zero").contrasts
    assert [found.p for found in again] == [None, None]
    assert all("of one draw of few, backbone: lower" in found.verdict for found in again)


def test_a_shared_draw_makes_no_verdict_of_few_pairs_or_of_diverged_cells():
    given = [*_once(_scores([0.5, 0.7], head="a"), "net"), *_once(_scores([0.6, 0.5]), "net")]
    (found,) = _compare(given, show=["a/accuracy"], baseline="tuned").contrasts
    assert found.verdict.endswith("higher accuracy over 2 seeds, with 0 inside the interval")
    one = [*_once(_scores([0.5], head="a"), "net"), *_once(_scores([0.6]), "net")]
    (found,) = _compare(one, show=["a/accuracy"], baseline="tuned").contrasts
    assert found.verdict == "one pair: no interval"
    given[0] = (given[0][0], Scores({}, status="diverged"))
    (found,) = _compare(given, show=["a/accuracy"], baseline="tuned").contrasts
    assert found.verdict == "no verdict: 1 of 2 of tuned@head=a diverged"


def test_seeds_that_share_a_draw_come_back_from_the_file_of_the_table(tmp_path):
    table = _compare(_once(EVERY, "few", "backbone"), show=["a/accuracy"], baseline="probe")
    table.write(tmp_path)
    assert Table.read({path.name: path for path in tmp_path.iterdir()}) == table


@pytest.mark.parametrize("seeds", [1, 2])
def test_seeds_that_share_a_draw_are_told_before_anything_runs(seeds):
    """A row of one cell has no interval over seeds, so nothing is told of it."""
    found = tuple(
        Source("tuned", {"head": head, "seed": str(seed)}, {}, ("few", "net"))
        for head in ("a", "b")
        for seed in range(seeds)
    )
    params = compare.params(show=("a/accuracy",))
    seen = Look(params, {"scores": (FACTS,) * len(found)}, {"scores": found})
    compare.facts(seen)
    assert not seen.faults
    told = [(advice.code, advice.place, advice.message) for advice in seen.advice]
    message = "the seeds of `tuned` share one draw of few, net: no difference has a verdict"
    assert told == [("drawn-once", "from.scores", message)] * (seeds - 1)


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


def _over_tasks(each, tasks, stage):
    source, scores = _judged(each, stage=stage)
    units = Units("tasks", tasks, tuple((place % tasks,) for place in range(len(each))))
    return source, replace(scores, units={"t": units})


def test_560_draws_of_28_tasks_are_28_numbers(tmp_path):
    """Also of a difference, and after the table came back from its file."""
    given = [_over_tasks(MAML[:560], 28, "maml"), _over_tasks(RIDGE[:560], 28, "ridge")]
    table = _compare(given, show=["t/accuracy"], baseline="ridge")
    means = MAML[:560].reshape(20, 28).mean(0)
    found = table.rows[0].values["t/accuracy"]
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 27, means.mean(), stats.sem(means))
    )
    assert found.spans == table.spans == "± tasks (n=28, 560 draws, one learner)"
    apart = (MAML - RIDGE)[:560].reshape(20, 28).mean(0)
    told = table.contrasts[0].difference
    assert (told.low, told.high) == pytest.approx(
        stats.t.interval(0.95, 27, apart.mean(), stats.sem(apart))
    )
    table.write(tmp_path)
    read = Table.read({"table.json": tmp_path / "table.json"})
    assert read == table
    assert against(read, "ridge").contrasts == table.contrasts


@pytest.mark.parametrize(
    ("tasks", "where", "spans"),
    [
        (1, "this 1 task (600 draws)", "least to most of this task only (n=1, 600"),
        (2, "these 2 tasks (600 draws)", "least to most of these tasks only (n=2, 600"),
        (10, "these 10 tasks (600 draws)", "± tasks (n=10, 600"),
        (600, "these 600 tasks", "± tasks (n=600"),
    ],
)
def test_a_verdict_counts_the_distinct_tasks(tasks, where, spans):
    given = [_over_tasks(MAML - 0.1, tasks, "maml"), _over_tasks(RIDGE, tasks, "ridge")]
    table = _compare(given, show=["t/accuracy"], baseline="ridge")
    wanted = f"these two learners only: lower accuracy on {where}"
    assert table.contrasts[0].verdict == wanted
    assert table.spans.startswith(spans)


@pytest.mark.parametrize(("classes", "draws"), [(28, 600), (5, 600)])
def test_a_verdict_counts_the_distinct_classes(classes, draws):
    rng = np.random.default_rng(0)
    members = tuple(tuple(rng.permutation(classes)[:3].tolist()) for _ in range(draws))
    given = []
    for stage, level in (("one", 0.5), ("other", 0.7)):
        parts = tuple(tuple(rng.normal(level, 0.1, 3).tolist()) for _ in range(draws))
        source, scores = _judged([float(np.mean(task)) for task in parts], stage=stage)
        units = {"t": Units("classes", classes, members)}
        given.append((source, replace(scores, units=units, by_class={"t/accuracy": parts})))
    (found,) = _compare(given, show=["t/accuracy"], baseline="other").contrasts
    assert found.verdict.endswith(f"lower accuracy on these {classes} classes ({draws} draws)")


def test_600_draws_of_2_tasks_are_two_numbers_and_nothing_is_told_of_others():
    given = [_over_tasks(MAML, 2, "maml"), _over_tasks(RIDGE, 2, "ridge")]
    table = _compare(given, show=["t/accuracy"], baseline="ridge")
    found = table.rows[0].values["t/accuracy"]
    assert (found.n, found.low, found.high, found.draws) == (2, None, None, 600)
    ends = sorted([MAML[0::2].mean(), MAML[1::2].mean()])
    assert [found.least, found.most] == pytest.approx(ends)
    assert table.spans == "least to most of these tasks only (n=2, 600 draws, one learner)"
    (difference,) = table.contrasts
    assert (difference.p, difference.difference.low) == (None, None)


@pytest.mark.parametrize(
    ("classes", "ways", "draws", "over"),
    [(28, 5, 600, "± classes"), (9, 3, 600, "least"), (28, 15, 600, "least"),
     (10, 5, 600, "± classes"), (28, 14, 600, "± classes"), (28, 5, 14, "± draws"),
     (423, 5, 99, "± draws"), (423, 5, 100, "± classes"), (10, 5, 10, "± draws"),
     (10, 5, 2, "± draws"), (9, 3, 4, "least")],
)  # fmt: skip
def test_intervals_of_episodes_span_their_classes_where_these_are_enough(
    classes, ways, draws, over
):
    rng = np.random.default_rng(0)
    members = tuple(tuple(rng.permutation(classes)[:ways].tolist()) for _ in range(draws))
    parts = tuple(tuple(rng.normal(0.8, 0.1, ways).tolist()) for _ in range(draws))
    each = [float(np.mean(task)) for task in parts]
    source, scores = _judged(each)
    scores = replace(
        scores,
        units={"t": Units("classes", classes, members)},
        by_class={"t/accuracy": parts},
    )
    table = _compare([(source, scores)], show=["t/accuracy"])
    (row,) = table.rows
    found = row.values["t/accuracy"]
    assert found.spans.startswith(over)
    papers = stats.t.ppf(0.975, draws - 1) * stats.sem(each)
    if over == "± draws":
        assert found.spans == f"± draws of these classes only (n={draws}, one learner)"
        ends = [np.mean(each) - papers, np.mean(each) + papers]
        assert [found.low, found.high] == pytest.approx(ends)
        return
    assert found.of_draws == pytest.approx(papers)
    detail = plain(rowdetail(arranged(table, Order()), row, 120))
    label = f"({found.n} classes; over {draws} draws of these ± {papers:.3f}, as papers print it)"
    assert label in detail
    assert row.by_class["t/accuracy"] == parts


@pytest.mark.parametrize("metric", ["a/accuracy", "b/forgetting"])
def test_a_difference_of_one_image_in_every_pair_is_the_same_difference(metric):
    """Accuracies are float32; forgetting is a difference of them, rounded as they are."""
    base = [np.float32(right / 20) for right in (12, 15, 13, 18, 14)]
    more = [np.float32((right + 1) / 20) for right in (12, 15, 13, 18, 14)]
    lots = []
    for stage, accuracies in (("left", more), ("right", base)):
        for seed, accuracy in enumerate(accuracies):
            lost = float(more[seed]) - float(accuracy)
            metrics = {"a/accuracy": float(accuracy), "b/forgetting": lost}
            lots.append((Source(stage, {"seed": str(seed)}), Scores(metrics)))
    (found,) = _compare(lots, show=[metric], baseline="right").contrasts
    assert found.p is None
    assert found.verdict == "the same difference in every pair: nothing to test"


LABELLED = {"lr": {"big": 0.1, "mid": 0.03, "small": 0.01}}


def _sources(numbers=LABELLED["lr"]):
    given = [*_scores(ZERO, lr="big"), *_scores(PROBE, lr="small"), *_scores(RANDOM, lr="mid")]
    return [
        (replace(source, numbers={"lr": numbers[source.axes["lr"]]}), scores)
        for source, scores in given
    ]


def test_plots_order_labelled_numbers_as_numbers(look):
    line = {"kind": "line", "x": "lr", "y": "a/accuracy"}
    (series,) = _compare(_sources(), plot=line).plot["series"]
    assert [point[0] for point in series["points"]] == [0.01, 0.03, 0.1]
    frontier = {"kind": "frontier", "x": "b/forgetting", "y": "a/accuracy", "along": "lr"}
    (series,) = _compare(_sources(), plot=frontier).plot["series"]
    assert series["names"] == ["small", "mid", "big"]
    rows = tuple(source for source, _ in _sources())
    assert not look(compare, {"plot": line}, sources={"scores": rows}, scores=(FACTS,) * len(rows))[
        1
    ]


def test_a_row_is_found_by_its_number_too():
    table = _compare(_sources(), show=["a/accuracy"], baseline="tuned@lr=0.010")
    assert table.baseline == "tuned@lr=small"
    assert table.rows[0].numbers == {"lr": 0.1}
    plain = [*_scores(ZERO, lr="1"), *_scores(PROBE, lr="0.001")]
    assert _compare(plain, show=["a/accuracy"], baseline="tuned@lr=1.0").baseline == "tuned@lr=1"
    assert _compare(plain, show=["a/accuracy"], baseline="tuned@lr=1e-3").baseline.endswith("0.001")


@pytest.mark.parametrize("size", [1e160, 1e300])
def test_scores_of_any_size_give_finite_tables(size, tmp_path):
    given = [
        *_scores([-size if seed % 2 else size for seed in range(5)], head="zero"),
        *_scores([-size + seed * size / 10 for seed in range(5)], head="random"),
    ]
    rows = {"show": ["a/accuracy"], "baseline": "tuned@head=random"}
    table = _compare(given, **rows, plot={"kind": "line", "y": "a/accuracy"})
    table.write(tmp_path)  # Refuses what is not finite.
    found = table.rows[0].values["a/accuracy"]
    assert found.mean == pytest.approx(size / 5)
    half = stats.t.interval(0.95, 4, 0.2, stats.sem([1, -1, 1, -1, 1]))[1] - 0.2
    assert (found.high - found.mean) / size == pytest.approx(half)
    (contrast,) = table.contrasts
    assert 0 < contrast.p < 1
    sheet = arranged(table, Order())
    exported = (form(sheet, "t") for form in (markdown, latex, commas))
    for written in (text(table, 120), *exported):
        assert "nan" not in str(written)
        assert "inf" not in str(written)
