from dataclasses import replace

import pytest

from engine.artifacts import Interval, Row, Table
from meta_tui.render.signs import ASCII
from meta_tui.render.spans import width
from meta_tui.render.table import text


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
    assert "tuned@head=zero: 1 diverged or missing, not in the mean" in shown
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
