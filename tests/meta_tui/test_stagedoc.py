"""What is said of stage types, and that the page of the documentation says it."""

from pathlib import Path

import pytest

from engine.stage_api.catalogue import Catalogue
from meta_tui.readers.stage_docs import FieldDoc, stagedoc
from meta_tui.render.runs.stage_docs import markdown, page
from meta_tui.render.text.spans import width

PAGE = Path(__file__).parents[2] / "docs" / "stages.md"


def test_the_page_of_stage_types_is_fresh():
    catalogue = Catalogue()
    made = markdown(stagedoc(catalogue[name]) for name in sorted(catalogue))
    assert made == PAGE.read_text(encoding="utf-8"), "run: meta stages --markdown > docs/stages.md"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_of_a_description_is_wider_than_the_terminal(columns):
    catalogue = Catalogue()
    for name in sorted(catalogue):
        assert max(map(width, page(stagedoc(catalogue[name]), columns))) <= columns, name


def field(stage: str, name: str) -> FieldDoc:
    return next(one for one in stagedoc(Catalogue()[stage]).fields if one.name == name)


def test_a_value_that_a_kind_chooses_is_described_with_its_own_parameters():
    optimizer = field("finetune", "optimizer")
    assert optimizer.type == "{kind: sgd | adam | adamw}"
    assert optimizer.default == "{kind: sgd}"
    assert [value.kind for value in optimizer.values] == ["sgd", "adam", "adamw"]
    momentum = optimizer.values[0].fields[0]
    assert (momentum.name, momentum.type, momentum.default) == (
        "momentum",
        "number ≥ 0 and < 1",
        "0.0",
    )
    assert [value.kind for value in field("compare", "plot").values][:2] == ["line", "frontier"]


def test_what_may_be_left_out_and_what_may_be_null_are_told_apart():
    assert field("dataset", "name").default == "required"
    assert (field("finetune", "clip").type, field("finetune", "clip").default) == (
        "number > 0",
        "optional",
    )
    band = next(one for one in field("compare", "plot").values[0].fields if one.name == "band")
    assert (band.type, band.default) == ("seed | null", "seed")


def test_ports_say_how_many_they_take():
    found = stagedoc(Catalogue()["finetune"])
    assert dict(found.inputs) == {
        "model": "Model",
        "data": "Dataset",
        "retain": "Dataset, any number",
        "replay": "Dataset, optional",
    }
    assert stagedoc(Catalogue()["compare"]).inputs["scores"] == "Scores, one or several"


def test_bars_of_a_type_do_not_split_the_cells_of_the_page():
    rows = [row for row in PAGE.read_text(encoding="utf-8").split("\n") if row.startswith("| `")]
    assert rows
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}
