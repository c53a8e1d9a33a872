import json

import numpy as np
import pytest
from scipy import stats

from engine.artifacts import Interval, Scores, Table
from engine.comparison.contrasts import verdict
from engine.run import Run
from engine.stages.compare import compare
from pipelines.stage import Facts, Source

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


def test_choices_and_notes_of_cells_are_told_once():
    given = [
        (source, Scores(scores.metrics, chosen={"lr": lr}, notes=("careful",)))
        for (source, scores), lr in zip(_scores(ZERO), ["1", "2", "1", "1", "1"], strict=True)
    ]
    (row,) = _compare(given).rows
    assert row.chosen == {"lr": "1/2"}
    assert row.notes == ("careful",)
    assert row.values.keys() == {"a/accuracy", "b/forgetting"}


def test_a_note_of_several_rows_is_told_once_with_their_names():
    given = [
        (source, Scores(scores.metrics, notes=("shared", f"of {source.stage}")))
        for source, scores in EVERY
    ]
    table = _compare(given)
    assert table.notes == (
        "shared (tuned@head=zero, tuned@head=random, probe)",
        "of tuned (tuned@head=zero, tuned@head=random)",
    )
    assert [row.notes for row in table.rows] == [(), (), ("of probe",)]


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


def test_a_matrix_has_a_column_for_each_task():
    plot = _compare(plot={"kind": "accuracy_matrix"}).plot
    assert plot["columns"] == ["a"]
    assert plot["series"][2]["points"] == [[0, pytest.approx(np.mean(PROBE))]]


def test_the_table_comes_back_from_its_file(tmp_path):
    table = _compare(baseline="probe", plot={"kind": "line", "y": "a/accuracy"})
    table.write(tmp_path)
    assert Table.read({"table.json": tmp_path / "table.json"}) == table


FACTS = Facts(metrics={"a/accuracy": (0, 10), "b/forgetting": ()})
ROWS = (Source("tuned", {"head": "zero", "seed": "0"}), Source("probe", {"seed": "0"}))


@pytest.mark.parametrize(
    ("fields", "place", "said"),
    [
        ({"show": ["a/accurazy"]}, "show.0", "did you mean `a/accuracy`"),
        ({"show": ["a/accuracy", "a/accuracy@step=7"]}, "show.1", "steps: 0, 10"),
        ({"show": ["b/forgetting@best"]}, "show.0", "say `b/forgetting`"),
        ({"show": ["a/accuracy@ways=3"]}, "show.0", "@step=10"),
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
