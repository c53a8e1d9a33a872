"""Files of each format are read by something that others wrote, and hold what was in the table."""

import csv
import io
import json
from dataclasses import replace
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from engine.library.artifacts import Contrast, Interval, Row, Table
from meta_tui.export import FORMATS, written
from meta_tui.export.latex import escaped
from meta_tui.model.table_view import Column, Order, arranged

ACCURACY = "high/accuracy"
HOSTILE = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\uff1d1+1", "a,b", 'a"b', "a;b", "a|b", "a\\b",
    "a\nb", "a\tb",
    "<b>x</b>", "*x*", "_x_", "`x`", "[x](y)", "![x](y)", "# x", "~~x~~", "$x$", "&amp;", "100 %",
    "a_b^c", "{x}", "~", "--", "---", "\x1b[31mx", "x\u202ey", "[x", "*", "Δ", "ключ", "名前",
]  # fmt: skip


def table_of(*names: str) -> Table:
    """A table with these names in every place where a name stands."""
    rows = tuple(
        Row(f"{name}@axis={name}", name, {"axis": name}, {name: Interval(0.5, 0.4, 0.6, 5)},
            {"lr": name}, (name,))
        for name in names
    )  # fmt: skip
    pairs = tuple(
        Contrast(names[0], row.label, rows[0].label, Interval(-0.5, -0.6, -0.4, 5), 0.004,
                 "distinguishable at 5 % (Holm)")
        for row in rows[1:]
    )  # fmt: skip
    return Table(names, rows, pairs, rows[0].label, "± seeds (n=5)", {}, names)


def read_csv(text: str) -> tuple[list[str], list[dict[str, str]]]:
    heads, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert all(len(row) == len(heads) for row in rows)
    return heads, [dict(zip(heads, row, strict=True)) for row in rows]


def test_a_csv_has_every_number_in_full_and_the_order_and_columns_that_are_shown(ladder_table):
    sheet = arranged(ladder_table, Order(sort=Column("mean", ACCURACY)))
    heads, rows = read_csv(written(sheet, "result", ".csv"))
    assert [row["stage"] for row in rows] == ["tuned", "probe", "scratch"]
    by_label = {row.stage: row for row in ladder_table.rows}
    for row in rows:
        found = by_label[row["stage"]].values[ACCURACY]
        parts = [float(row[ACCURACY + part]) for part in ("", " low", " high")]
        assert parts == [found.mean, found.low, found.high]
        assert (int(row[f"{ACCURACY} n"]), int(row[f"{ACCURACY} dropped"])) == (
            found.n,
            found.dropped,
        )
    assert rows[0]["head"] == "zero"
    assert rows[0]["chosen"] == "lr=0.03"
    assert rows[2]["low/forgetting"] == ""
    assert float(rows[0][f"{ACCURACY} - probe"]) == 0.1
    assert rows[0][f"{ACCURACY} - probe p (Holm)"] == "0.003"
    assert rows[0][f"{ACCURACY} - probe verdict"] == "distinguishable at 5 % (Holm)"
    assert rows[2][f"{ACCURACY} - probe p (Holm)"] == ""
    assert rows[2]["notes"] == "no old task"
    assert not any(head.startswith("low/forgetting - ") for head in heads)


def test_a_csv_leaves_out_what_the_reader_left_out(ladder_table):
    sheet = arranged(ladder_table, Order(words="!tuned", differing=True))
    heads, rows = read_csv(written(sheet, "result", ".csv"))
    assert [row["stage"] for row in rows] == ["probe", "scratch"]
    assert "head" not in heads


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_of_a_csv_is_computed_by_a_spreadsheet(name):
    heads, rows = read_csv(written(arranged(table_of(name, "x"), Order()), "t", ".csv"))
    for cell in (*heads, *(cell for row in rows for cell in row.values())):
        if cell[:1] in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20"):
            float(cell)
    assert len(rows) == 2


def test_a_label_that_is_a_number_stays_one_in_a_csv():
    _, rows = read_csv(written(arranged(table_of("-1", "+0.5"), Order()), "t", ".csv"))
    assert [row["axis"] for row in rows] == ["-1", "+0.5"]


def read_markdown(text: str) -> list[list[str]]:
    """The cells of the only table, as plain text; fails where any was read as markup."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    assert [token.type for token in tokens].count("table_open") == 1
    rows: list[list[str]] = []
    for token, inner in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("th_open", "td_open"):
            kinds = {child.type for child in inner.children}
            assert kinds <= {"text", "text_special"}, (inner.content, kinds)
            rows[-1].append("".join(child.content for child in inner.children))
    return rows


def test_a_markdown_table_is_read_as_one_with_star_p_and_verdict(ladder_table):
    heads, *rows = read_markdown(written(arranged(ladder_table, Order()), "result", ".md"))
    assert heads[-5:] == [
        f"{ACCURACY} mean ± 95 %", f"{ACCURACY} Δ probe", f"{ACCURACY} p Holm",
        f"{ACCURACY} verdict", "low/forgetting mean ± 95 %",
    ]  # fmt: skip
    assert rows[1] == [
        "tuned", "zero", "lr=0.03", "0.880 ± 0.021 (n=4)", "+0.100 ± 0.020 *", "0.003",
        "distinguishable at 5 %", "0.142 ± 0.031",
    ]  # fmt: skip
    assert rows[2][-1] == "n/a"


def test_the_notes_stand_under_a_markdown_table(ladder_table):
    text = written(arranged(ladder_table, Order(words="!scratch")), "result", ".md")
    told = [line.removeprefix("- ") for line in text.split("\n") if line.startswith("- ")]
    assert told[0] == r"\* distinguishable from the baseline at 5 % (Holm)"
    assert "± seeds (n=5)" in told
    assert "1 of 3 rows is left out; p is corrected for all rows" in told


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_text_in_markdown(name):
    heads, *rows = read_markdown(written(arranged(table_of(name, "x"), Order()), name, ".md"))
    assert all(len(row) == len(heads) for row in rows)
    shown = "".join(letter if letter.isprintable() else "" for letter in name)
    if shown == name:
        assert rows[0][0] == name.strip()
        assert rows[0][1] == name.strip()


def test_a_dollar_begins_no_maths_where_markdown_has_it():
    assert r"\$x\$" in written(arranged(table_of("$x$", "x"), Order()), "t", ".md")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_has_a_letter_that_does_what_it_does_not_show(name, suffix):
    text = written(arranged(table_of(name, "x"), Order()), name, suffix)
    assert all(letter.isprintable() for letter in text.replace("\r\n", "\n").replace("\n", ""))


LATEX_ACTIVE = set('&%$#_{}~^\\<>|"`[]*')


@pytest.mark.parametrize("name", HOSTILE)
def test_names_have_no_meaning_in_latex(name):
    rest = escaped(name)
    for known in (
        r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textless{}",
        r"\textgreater{}", r"\textbar{}", r"\textasciigrave{}", r"\symbol{34}", r"$\Delta$",
        r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}", "{[}", "{]}", "{*}", "-{}",
    ):  # fmt: skip
        rest = rest.replace(known, "")
    assert not LATEX_ACTIVE & set(rest), rest
    assert "--" not in rest


def test_a_latex_table_has_as_many_cells_in_each_row_as_columns(ladder_table):
    text = written(arranged(ladder_table, Order()), "50 % & more", ".tex")
    assert r"\caption{50 \% \& more}" in text
    layout = text.partition(r"\begin{tabular}{")[2].partition("}")[0]
    assert layout == "lllrrrr"
    body = text.partition(r"\midrule")[2].partition(r"\bottomrule")[0].strip().split("\n")
    assert len(body) == 3
    for row in body:
        assert row.endswith(r" \\")
        assert row.count(" & ") == len(layout) - 1
    assert r"$0.880 \pm 0.021$ (n=4) & $+0.100 \pm 0.020^{*}$ & 0.003" in body[1].replace(
        "$0.003$", "0.003"
    )
    assert r"\multicolumn{3}{c}{high/accuracy}" in text
    assert r"\cmidrule(lr){4-6}\cmidrule(lr){7-7}" in text
    for part in (r"\begin{table}", r"\toprule", r"\end{tabular}", r"\end{table}"):
        assert text.count(part) == 1


def test_json_has_the_fields_of_the_table_with_its_values_by_seed(ladder_table):
    first = ladder_table.rows[0]
    by_seed = {"0": 0.7, "1": 0.8}
    interval = replace(first.values[ACCURACY], values=by_seed)
    rows = (replace(first, values={ACCURACY: interval}), *ladder_table.rows[1:])
    sheet = arranged(replace(ladder_table, rows=rows), Order(words="!scratch"))
    found = json.loads(written(sheet, "result", ".json"))
    assert found["name"] == "result"
    assert found["baseline"] == "probe"
    assert [row["label"] for row in found["rows"]] == ["probe", "tuned@head=zero"]
    assert found["rows"][0]["values"][ACCURACY]["values"] == by_seed
    assert [pair["left"] for pair in found["contrasts"]] == ["tuned@head=zero"]
    assert found["contrasts"][0]["p"] == 0.003
    assert found["plot"] == ladder_table.plot


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_empty_table_and_one_without_values_are_written(suffix):
    lost = Row("x", "x", {}, {ACCURACY: Interval(None, None, None, 0, {}, 5)})
    for table in (Table((), ()), Table((ACCURACY,), ()), Table((ACCURACY,), (lost,))):
        text = written(arranged(table, Order()), "t", suffix)
        assert text.endswith("\n")
        assert "None" not in text
