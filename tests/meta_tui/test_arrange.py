"""Which rows and columns a reader sees, in which order: told of tables made by hand."""

import pytest

from engine.library.artifacts import Contrast, Interval, Row, Table
from meta_tui.model.table_view import Column, Order, arranged, axes, fits

A, LOSS = "t/accuracy", "t/loss"


def row(stage: str, mean: float | None, loss: float | None = None, /, **axes_of: str) -> Row:
    label = "".join([stage, *(f"@{axis}={value}" for axis, value in axes_of.items())])
    values = {A: Interval(mean, None, None, 0 if mean is None else 1)}
    if loss is not None:
        values[LOSS] = Interval(loss, None, None, 1)
    return Row(label, stage, axes_of, values)


ROWS = (
    row("probe", 0.5),
    row("tuned", 0.7, 0.3, head="zero", n="100"),
    row("tuned", None, 0.1, head="zero", n="20"),
    row("tuned", 0.6, 0.2, head="random", n="5"),
)
TABLE = Table((A, LOSS), ROWS)


def shown(table=TABLE, **asked) -> list[str]:
    return [found.label for found in arranged(table, Order(**asked)).rows]


def test_unasked_the_rows_stand_as_the_pipeline_has_them():
    assert shown() == [found.label for found in ROWS]
    sheet = arranged(TABLE, Order())
    assert sheet.columns == (
        Column("stage"), Column("axis", "head"), Column("axis", "n"),
        Column("mean", A), Column("bar", A), Column("mean", LOSS), Column("bar", LOSS),
    )  # fmt: skip
    assert axes(TABLE) == ["head", "n"]


@pytest.mark.parametrize("falling", [True, False])
def test_rows_without_a_value_are_last_whichever_way_they_are_sorted(falling):
    by_mean = shown(sort=Column("mean", A), falling=falling)
    best = ["tuned@head=zero@n=100", "tuned@head=random@n=5", "probe"]
    assert by_mean == [*(best if falling else best[::-1]), "tuned@head=zero@n=20"]
    assert shown(sort=Column("mean", LOSS), falling=falling)[-1] == "probe"


def test_labels_that_are_numbers_are_sorted_as_such():
    found = arranged(TABLE, Order(sort=Column("axis", "n"), falling=False)).rows
    assert [item.axes.get("n") for item in found] == ["5", "20", "100", None]


def test_equal_rows_keep_their_order_whichever_way_they_are_sorted():
    for falling in (True, False):
        found = shown(sort=Column("stage"), falling=falling)
        tuned = [label for label in found if label.startswith("tuned")]
        assert tuned == [item.label for item in ROWS[1:]]


def test_rows_are_gathered_by_an_axis_and_those_without_it_say_so():
    groups = arranged(TABLE, Order(group="head")).groups
    assert [(group.heading, len(group.rows)) for group in groups] == [
        ("no head", 1), ("head=zero", 2), ("head=random", 1),
    ]  # fmt: skip
    by_stage = arranged(TABLE, Order(group="stage")).groups
    assert [group.heading for group in by_stage] == ["stage=probe", "stage=tuned"]


def test_groups_are_sorted_within_and_come_in_the_order_of_their_best():
    groups = arranged(TABLE, Order(group="head", sort=Column("mean", A))).groups
    assert [group.heading for group in groups] == ["head=zero", "head=random", "no head"]
    assert [item.axes.get("n") for item in groups[0].rows] == ["100", "20"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", [0, 1, 2, 3]),
        ("tuned", [1, 2, 3]),
        ("TUNED", [1, 2, 3]),
        ("head=zero", [1, 2]),
        ("head=z", [1, 2]),
        ("head=zero n=20", [2]),
        ("!head=zero", [0, 3]),
        ("!probe !n=5", [1, 2]),
        ("n=5", [3]),
        ("n=1", [1]),
        ("stage=probe", [0]),
        ("zero", [1, 2]),
        ("head=", [1, 2, 3]),
        ("!", [0, 1, 2, 3]),
        ("nobody", []),
        ("nothing=x", []),
    ],
)
def test_words_choose_rows(words, wanted):
    assert shown(words=words) == [ROWS[place].label for place in wanted]


def test_a_label_that_some_row_has_is_not_the_beginning_of_another():
    rates = tuple(row("tuned", 0.5, lr=rate) for rate in ("0.1", "0.15", "0.2"))
    assert [item.axes["lr"] for item in rates if fits(item, "lr=0.1", rates)] == ["0.1"]
    assert [item.axes["lr"] for item in rates if fits(item, "lr=0.", rates)] == [
        "0.1",
        "0.15",
        "0.2",
    ]


def test_what_a_select_chose_can_be_asked_for():
    chosen = Row("best", "best", {}, {}, {"lr": "0.03"})
    assert fits(chosen, "lr=0.03", [chosen])
    assert not fits(chosen, "lr=0.1", [chosen])


def test_columns_in_which_the_rows_that_are_shown_do_not_differ_are_left_out_and_told():
    sheet = arranged(TABLE, Order(differing=True, words="head=zero"))
    assert sheet.same == ("head=zero",)
    assert Column("axis", "head") not in sheet.columns
    assert Column("axis", "n") in sheet.columns
    alike = Table((A, LOSS), (row("a", 0.5, 0.1), row("b", 0.5, 0.2)))
    sheet = arranged(alike, Order(differing=True))
    assert sheet.metrics == (LOSS,)
    assert sheet.same == (A,)
    alone = arranged(TABLE, Order(differing=True, words="n=5"))
    assert alone.metrics == (A, LOSS)


def compared(left: str, p: float | None, verdict: str) -> Contrast:
    return Contrast(A, left, "probe", Interval(0.1, 0.0, 0.2, 5), p, verdict)


def test_a_metric_that_is_compared_has_its_difference_p_and_verdict():
    pairs = (
        compared(ROWS[1].label, 0.01, "distinguishable at 5 % (Holm)"),
        compared(ROWS[3].label, 0.5, "within ±0.2"),
    )
    sheet = arranged(Table((A, LOSS), ROWS, pairs, "probe"), Order())
    kinds = [(column.kind, column.name) for column in sheet.columns if column.name in (A, LOSS)]
    assert kinds == [
        ("mean", A), ("bar", A), ("difference", A), ("p", A), ("verdict", A),
        ("mean", LOSS), ("bar", LOSS),
    ]  # fmt: skip
    assert sheet.contrast(ROWS[1], A) is pairs[0]
    assert sheet.contrast(ROWS[2], A) is None
    by_p = arranged(sheet.table, Order(sort=Column("p", A), falling=False))
    assert [item.label for item in by_p.rows][:2] == [ROWS[1].label, ROWS[3].label]


def test_a_pair_of_the_pipeline_that_is_not_with_the_baseline_is_no_difference_to_it():
    other = Contrast(A, ROWS[1].label, ROWS[3].label, Interval(0.1, 0.0, 0.2, 5), 0.01, "x")
    sheet = arranged(Table((A,), ROWS, (other,), "probe"), Order())
    assert sheet.differences == {}
    assert all(column.kind != "difference" for column in sheet.columns)


def test_an_empty_table_is_arranged():
    sheet = arranged(Table((), ()), Order(sort=Column("mean", A), group="x", differing=True))
    assert (sheet.rows, sheet.metrics) == ((), ())


def test_labelled_numbers_are_sorted_as_numbers():
    rows = tuple(
        Row(f"t@lr={label}", "t", {"lr": label}, {A: Interval(0.5, 0.4, 0.6, 5)}, numbers={"lr": n})
        for label, n in {"big": 0.1, "mid": 0.03, "small": 0.01}.items()
    )
    table = Table((A,), rows)
    found = arranged(table, Order(sort=Column("axis", "lr"), falling=False)).rows
    assert [row.axes["lr"] for row in found] == ["small", "mid", "big"]
