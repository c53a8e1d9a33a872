from dataclasses import replace

import pytest

from engine.library.artifacts import Contrast, Interval, Row, Table
from meta_tui.model.table_notes import kinded
from meta_tui.render.tables.table import text
from meta_tui.render.text.numbers import ABSENT
from meta_tui.render.text.spans import width
from meta_tui.render.text.symbols import ASCII, UNICODE


def test_at_120_columns_rows_bars_contrasts_plot_and_notes_are_drawn(ladder_table):
    shown = text(ladder_table, 120).split("\n")
    heads = ["method", "head", "high/accuracy", "low/forgetting", "0.560", "accuracy", "0.901"]
    assert shown[0].split() == heads
    assert shown[1].split()[:5] == ["probe", "[baseline]", "0.780", "±", "0.023"]
    assert "tuned    zero [lr=0.03]  0.880 ± 0.021 (n=4)   0.142 ± 0.031" in shown[2]
    assert "n/a" in shown[3]
    assert "●" in shown[1]
    assert "±" in shown[1]


def test_the_bar_of_the_best_row_lies_at_the_right_and_is_as_long_as_its_interval(ladder_table):
    bars = [line[-24:] for line in text(ladder_table, 120).split("\n")[1:4]]
    assert [bar.index("●") > 12 for bar in bars] == [True, True, False]
    assert bars[1].rstrip().endswith("━")
    assert bars[2].count("━") > bars[1].count("━") > 0


def test_contrasts_show_difference_n_p_and_verdict(ladder_table):
    shown = text(ladder_table, 120)
    assert (
        "differences, paired by seed, n=5, p by Holm's correction\ntuned@head=zero - probe" in shown
    )
    assert "  high/accuracy  +0.100 ± 0.020  p=0.003  distinguishable at 5 %\n" in shown
    assert "-0.010 ± 0.031           within ±0.041" in shown


def test_an_n_that_is_not_the_same_everywhere_stands_beside_each_difference(ladder_table):
    first, second = ladder_table.contrasts
    few = replace(second, difference=replace(second.difference, n=4))
    shown = text(replace(ladder_table, contrasts=(first, few)), 120)
    assert "differences, paired by seed, p by Holm's correction\n" in shown
    assert "+0.100 ± 0.020  n=5  p=0.003" in shown
    assert "-0.010 ± 0.031  n=4" in shown


def test_axes_of_rows_stand_in_columns_under_their_names():
    def row(head: str, replay: str) -> Row:
        name = f"tuned@head={head}@replay={replay}"
        axes = {"head": head, "replay": replay}
        return Row(name, "tuned", axes, {"a/b": Interval(0.5, 0.4, 0.6, 5)})

    rows = (Row("probe", "probe", {}, {}), row("random", "0"), row("zero", "0.1"))
    shown = text(Table(("a/b",), rows, baseline="tuned@head=zero@replay=0.1"), 80).split("\n")
    heads = [line[:24].rstrip() for line in shown[:4]]
    assert heads == [
        "method  head    replay",
        "probe",
        "tuned   random  0",
        "tuned   zero    0.1 [bas",
    ]


def test_remarks_say_what_an_interval_spans_and_what_was_left_out(ladder_table):
    shown = text(ladder_table, 100)
    assert "± seeds (n=5)" in shown
    assert "tuned@head=zero: 1 diverged or missing, excluded from the mean" in shown
    assert "scratch: no old task" in shown
    assert "scenario: task" in shown


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120, 160])
def test_no_line_is_wider_than_the_screen(ladder_table, columns):
    many = replace(
        ladder_table,
        metrics=(*ladder_table.metrics, "high/shifted_accuracy", "high/accuracy@step=10"),
    )
    assert max(width(line) for line in text(many, columns).split("\n")) <= columns


def test_metrics_that_do_not_fit_go_into_a_block_below(ladder_table):
    many = replace(ladder_table, metrics=tuple(f"high/metric_number_{i}" for i in range(6)))
    shown = text(many, 80).split("\n")
    heads = [line for line in shown if line.startswith("method")]
    assert len(heads) == 2
    assert sum(f"metric_number_{i}" in " ".join(heads) for i in range(6)) == 6
    assert shown[0].split() == ["high/"] * 3


def test_one_seed_has_no_interval_and_it_is_said():
    one = Interval(0.5, None, None, 1)
    table = Table(("a/b",), (Row("x", "x", {}, {"a/b": one}),), spans="± seeds")
    shown = text(table, 80)
    assert "n=1, no interval" in shown
    assert "± seeds" not in shown
    assert "0.500" in shown
    assert "0.500 ±" not in shown


def test_a_row_of_which_every_cell_was_lost_shows_a_dash():
    lost = Interval(None, None, None, 0, {}, 5)
    good = Interval(0.5, 0.4, 0.6, 5)
    rows = (Row("x", "x", {}, {"a/b": lost}), Row("y", "y", {}, {"a/b": good}))
    shown = text(Table(("a/b",), rows), 80)
    assert "\u2013 (n=0)" not in shown
    assert "\u2013" in shown
    assert "x: 5 diverged or missing" in shown


def test_an_empty_table_is_drawn():
    assert text(Table((), ()), 80) == "method"
    assert "method" in text(Table(("a/b",), ()), 80)


def test_labels_and_notes_from_outside_are_made_safe():
    evil = "\x1b[31m\x9d"
    row = Row(evil, evil, {}, {evil: Interval(1.0, None, None, 1)}, {evil: evil}, (evil,))
    plot = {"kind": "line", "x": evil, "y": evil, "series": [{"label": evil, "points": [[0, 1]]}]}
    shown = text(Table((evil,), (row,), (), evil, evil, plot, (evil,)), 80)
    assert all(letter.isprintable() or letter == "\n" for letter in shown)


def test_a_line_plot_and_a_frontier_are_drawn_with_their_legends(ladder_table):
    frontier = text(ladder_table, 80)
    assert "high/accuracy over low/forgetting" in frontier
    assert "o tuned" in frontier
    assert sum(line.count("o") for line in frontier.split("\n") if "│" in line) == 2
    line = text(replace(ladder_table, plot={**ladder_table.plot, "kind": "line"}), 80)
    assert "high/accuracy over low/forgetting" in line
    nothing = text(replace(ladder_table, plot={**ladder_table.plot, "series": []}), 80)
    assert "no points" in nothing


def test_ascii_signs_are_used_for_the_bars(ladder_table):
    assert "●" not in text(ladder_table, 120, ASCII)


def over_tasks(mean: float, half: float = 0.004, n: int = 600) -> Interval:
    return Interval(mean, mean - half, mean + half, n, over="tasks")


def judged(label: str, *notes: str, **values: Interval) -> Row:
    return Row(label, label, {}, {f"t/{name}": found for name, found in values.items()}, {}, notes)


def table_of(*rows: Row, spans: str = "± tasks (n=600, one learner)", **fields) -> Table:
    metrics = tuple(dict.fromkeys(name for row in rows for name in row.values))
    return Table(metrics, rows, spans=spans, **fields)


def test_intervals_over_tasks_say_so_under_the_table_and_nothing_beside_each_value():
    rows = (judged("maml", accuracy=over_tasks(0.93)), judged("ridge", accuracy=over_tasks(0.95)))
    shown = text(table_of(*rows), 80)
    assert "0.930 ± 0.004" in shown
    assert "0.930 ± 0.004 (" not in shown
    assert shown.endswith("\n± tasks (n=600, one learner)")


def test_a_value_that_spans_something_else_than_its_column_says_it_beside():
    seeds = Interval(0.91, 0.90, 0.92, 5)
    several = [judged(name, accuracy=seeds) for name in ("maml", "anil")]
    both = "± seeds (n=5); ± tasks (n=600, one learner)"
    shown = text(table_of(*several, judged("base", accuracy=over_tasks(0.7)), spans=both), 80)
    assert "0.700 ± 0.004 (600 tasks)" in shown
    assert "0.910 ± 0.010 (" not in shown
    assert both in shown
    few = [judged("maml", accuracy=seeds), judged("lone", accuracy=Interval(0.5, None, None, 1))]
    tasks = [judged(name, accuracy=over_tasks(0.7)) for name in "abc"]
    shown = text(table_of(*few, *tasks), 80)
    assert "0.910 ± 0.010 (5 seeds)" in shown
    assert "0.500 (1 seed)" in shown
    assert "0.700 ± 0.004 (" not in shown


def test_a_column_that_spans_something_else_than_most_says_it_once_under_the_table():
    ten = {"accuracy@ways=10": over_tasks(0.8, n=73), "loss": Interval(0.3, None, None, 1)}
    rows = [judged(name, accuracy=over_tasks(0.9), **ten) for name in "ab"]
    rows.append(judged("c", accuracy=over_tasks(0.9)))
    told = text(table_of(*rows), 120)
    assert "t/accuracy@ways=10: ± tasks (n=73, one learner)\nt/loss: n=1, no interval" in told
    assert "(n=73)" not in told
    assert "(1 seed)" not in told


def test_that_numbers_are_transductive_stands_beside_each_of_them():
    note = "transductive: query statistics, 15 queries a class"
    rows = (
        judged("maml", note, accuracy=over_tasks(0.93)),
        judged("ridge", note, accuracy=over_tasks(0.95)),
    )
    lines = text(table_of(*rows), 80).split("\n")
    assert all("[transductive]" in line for line in lines[1:3])
    assert lines.count(note) == 1
    other = judged("support", "not transductive: support statistics", accuracy=over_tasks(0.9))
    lines = text(table_of(*rows, other), 80).split("\n")
    assert ["[transductive] (a)" in line for line in lines[1:4]] == [True, True, False]
    assert "[transductive]" not in lines[3]
    assert f"(a) {note}" in lines
    assert "support: not transductive: support statistics" in lines


def test_notes_of_several_rows_have_letters_that_stand_behind_the_rows():
    first, second = "headline at step 3, chosen on val", "headline at step 5, chosen on val"
    rows = (
        judged("a", first, "all", accuracy=over_tasks(0.9)),
        judged("b", second, first, "all", accuracy=over_tasks(0.9)),
        judged("c", second, "all", "alone", accuracy=over_tasks(0.9)),
        judged("d", "all", accuracy=over_tasks(0.9)),
    )
    lines = text(table_of(*rows), 60).split("\n")
    behind = [line[: line.index("0.9")].split() for line in lines[1:5]]
    assert behind == [["a", "(a)"], ["b", "(a,b)"], ["c", "(b)"], ["d"]]
    assert lines[-4:] == [f"(a) {first}", "all", f"(b) {second}", "c: alone"]


def test_two_runs_without_a_seed_are_not_said_to_be_paired_by_seed():
    pair = contrast("t/loss", Interval(0.1, None, None, 1, {"": 0.1}, over="pairs"), None, "one")
    assert "differences, one learner each, n=1\n" in text(table_of(contrasts=(pair,)), 110)
    assert kinded(Interval(0.5, None, None, 1, {"": 0.5})) == "1 run"


def contrast(metric: str, difference: Interval, p: float | None, verdict: str) -> Contrast:
    return Contrast(metric, "maml", "ridge", difference, p, verdict)


def test_differences_of_two_learners_say_in_the_head_what_they_are_about():
    verdict = "these two learners only: higher accuracy on these 600 tasks"
    pair = contrast("t/accuracy", over_tasks(0.02), None, verdict)
    shown = text(table_of(contrasts=(pair,)), 110)
    assert (
        "differences, paired by task, one learner each, n=600\n"
        "maml - ridge\n"
        f"  t/accuracy  +0.020 ± 0.004           {verdict}"
    ) in shown


def test_differences_by_task_and_by_seed_in_one_table_are_told_apart():
    by_task = contrast("t/accuracy", over_tasks(0.02), None, "these two learners only")
    by_seed = contrast("t/loss", Interval(0.1, 0.0, 0.2, 5), 0.05, "not distinguishable")
    shown = text(table_of(contrasts=(by_task, by_seed)), 60)
    assert shown.split("\n")[2:] == [
        "differences, paired by seed, or by task (one learner each),",
        "  p by Holm's correction",
        "maml - ridge",
        "  t/accuracy  +0.020 ± 0.004  600 tasks",
        "      these two learners only",
        "  t/loss      +0.100 ± 0.100  5 seeds    p=0.050",
        "      not distinguishable",
    ]


def sequence(columns: int, signs=UNICODE, tasks: int = 3) -> list[str]:
    names = [f"task_{place}" for place in range(tasks)]
    rows = [Row(f"seq@after={at}", "seq", {"after": str(at)}, {}) for at in range(2)]
    rows.append(Row("lost", "lost", {}, {}))
    series = [
        {"label": "seq@after=0", "points": [[0, 1.0]]},
        {"label": "seq@after=1", "points": [[0, 0.25], [1, 0.0]]},
        {"label": "lost", "points": [[0, None], [1, None]]},
    ]
    plot = {"kind": "accuracy_matrix", "y": "accuracy", "columns": names, "series": series}
    lines = text(Table((), tuple(rows), plot=plot), columns, signs).split("\n")
    return lines[lines.index("accuracy by task") :]


def test_a_matrix_is_rows_by_tasks_with_numbers_and_shades():
    assert sequence(60) == [
        "accuracy by task",
        "                task_0    task_1    task_2",
        "seq     0     1.000 ██    n/a       n/a",
        "seq     1     0.250 ░░  0.000       n/a",
        f"lost              {ABSENT}         {ABSENT}       n/a",
        "  0.000   ░░▒▒▓▓██ 1.000",
    ]


def test_a_matrix_is_drawn_in_ascii_too():
    shown = sequence(60, ASCII)
    assert shown[2:4] == [
        "seq     0     1.000 ##    n/a       n/a",
        "seq     1     0.250 ..  0.000       n/a",
    ]
    assert shown[-1] == "  0.000   ..::**## 1.000"


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_tasks_of_a_matrix_that_do_not_fit_follow_below(columns):
    shown = sequence(columns, tasks=9)
    heads = [line for line in shown if "task_" in line]
    assert " ".join(heads).split() == [f"task_{place}" for place in range(9)]
    assert len(heads) == {40: 5, 60: 3, 80: 2}[columns]
    assert sum(line.startswith("seq     0") for line in shown) == len(heads)
    assert max(width(line) for line in shown) <= columns


def test_a_matrix_without_values_or_with_one_is_drawn():
    plot = {"kind": "accuracy_matrix", "y": "accuracy", "columns": [], "series": []}
    assert text(Table((), (), plot=plot), 80).endswith("accuracy by task\n  no values")
    row = Row("a", "a", {}, {})
    one = {**plot, "columns": ["t"], "series": [{"label": "a", "points": [[0, 0.5]]}]}
    assert "0.500 ██" in text(Table((), (row,), plot=one), 80)


def test_a_matrix_from_outside_is_made_safe():
    evil = "\x1b[31m\x9d"
    series = [{"label": evil, "points": [[0, 0.5]]}]
    plot = {"kind": "accuracy_matrix", "y": evil, "columns": [evil], "series": series}
    shown = text(Table((), (), plot=plot), 80)
    assert all(letter.isprintable() or letter == "\n" for letter in shown)


def test_an_axis_named_method_does_not_share_its_head_with_the_stages():
    row = Row("base@method=ridge", "base", {"method": "ridge"}, {"t/a": over_tasks(0.5)})
    assert text(table_of(row), 80).split()[:2] == ["stage", "method"]


def test_the_steps_of_a_curve_are_named_as_people_say_them(ladder_table):
    plot = {**ladder_table.plot, "kind": "line", "x": "adaptation_step"}
    assert "high/accuracy over adaptation steps" in text(replace(ladder_table, plot=plot), 80)


def line_over(xs: list[float], *, log_x: bool) -> list[str]:
    points = [[x, at / 10] for at, x in enumerate(xs)]
    series = [{"label": "a", "points": points}]
    plot = {"kind": "line", "x": "images", "y": "t/a", "log_x": log_x, "series": series}
    # An odd number of dots: the middle one is not rounded.
    return text(Table((), (), plot=plot), 62, ASCII).split("\n")


def test_a_logarithmic_axis_gives_each_power_the_same_room():
    shown = line_over([5, 50, 500], log_x=True)
    assert any("t/a over images (logarithmic)" in line for line in shown)
    foot = next(line for line in shown if line.endswith(" 500"))
    assert foot.split() == ["5", "50", "500"]
    curve = [line for line in shown if "│" in line]
    assert curve == [line for line in line_over([0, 1, 2], log_x=False) if "│" in line]
    assert curve != [line for line in line_over([5, 50, 500], log_x=False) if "│" in line]


def test_what_has_no_logarithm_is_left_out_and_it_is_said():
    shown = line_over([-1, 0, 1, 10], log_x=True)
    assert "  points at 0 and below are not on a logarithmic axis" in shown
    assert next(line for line in shown if line.endswith(" 10")).split() == ["1", "3.162", "10"]
    assert any("no points" in line for line in line_over([0], log_x=True))
    assert not any("logarithmic" in line for line in line_over([0, 1, 10], log_x=False))


def test_too_few_classes_have_a_range_beside_the_mean_and_no_half_width():
    few = Interval(0.9, None, None, 5, over="classes", draws=600, least=0.81, most=0.97)
    apart = Interval(0.1, None, None, 5, over="classes", draws=600, least=-0.02, most=0.3)
    pair = contrast("t/accuracy", apart, None, "these two learners only")
    shown = text(table_of(judged("maml", accuracy=few), spans=few.spans, contrasts=(pair,)), 100)
    assert "0.900 (0.810 to 0.970)" in shown
    assert "+0.100 (-0.020 to 0.300)" in shown
    assert "paired by task, one learner each, n=5 classes" in shown
    assert shown.endswith("least to most of these classes only (n=5, 600 draws, one learner)")


def test_rows_with_diverged_cells_say_how_many_of_how_many():
    found = Interval(0.9, 0.8, 1.0, 3, {}, 2)
    lost = Row("maml", "maml", {}, {"t/accuracy": found}, seeds=tuple("01234"), diverged=2)
    whole = Row(
        "anil", "anil", {}, {"t/accuracy": Interval(0.8, 0.7, 0.9, 5)}, seeds=tuple("01234")
    )
    shown = text(table_of(lost, whole, spans="± seeds (n=5)"), 100)
    assert "[2 of 5 diverged]" in shown.split("\n")[1]
    assert "diverged]" not in shown.split("\n")[2]
    assert "maml: 2 of 5 diverged, excluded from the mean; never the better in a verdict" in shown
