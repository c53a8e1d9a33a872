"""`meta show --export` as a person types it, on a run that is over."""

import json

import pytest
import typed

from engine.rundir import events
from engine.rundir.events import CellInfo, RunStarted
from meta_tui.export import FORMATS, written
from meta_tui.model.table_view import Order, arranged


@pytest.fixture
def place(finished, store, tmp_path):
    """A working directory of its own, beside the store."""
    found = tmp_path / "place"
    found.mkdir()
    return found


def meta(place, *words: str) -> typed.Said:
    return typed.meta(place, *words, META_HOME=str(place.parent / "store"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_file_is_what_the_dashboard_writes_and_its_path_is_told(place, ladder_table, suffix):
    done = meta(place, "show", "result", "--export", f"mine{suffix}")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{place / f'mine{suffix}'}\n"
    text = (place / f"mine{suffix}").read_bytes().decode()
    wanted = written(arranged(ladder_table, Order()), "result", suffix)
    if suffix == ".json":
        # A table that was read from its file has its fields in another order.
        assert json.loads(text) == json.loads(wanted)
    else:
        assert text == wanted


def test_the_only_table_of_a_run_needs_no_name(place):
    assert meta(place, "show", "--export", "mine.csv").code == 0
    assert (place / "mine.csv").read_text().startswith("stage,head,")


def test_a_file_that_is_there_is_not_written_over(place):
    (place / "mine.csv").write_text("mine")
    done = meta(place, "show", "result", "--export", "mine.csv")
    assert done.code == 2
    assert "mine.csv is there already; give another name" in done.err
    assert (place / "mine.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tuned", "--export", "a.csv"), "no earlier result"),
        (("backbone@seed=0", "--export", "a.csv"), "no table there to export"),
        (("result", "--export", "a.xls"), "end the file's name with .csv, .md, .tex, .json"),
        (("nobody", "--export", "a.csv"), "has no cell nobody"),
    ],
)
def test_what_cannot_be_exported_is_told(place, words, told):
    done = meta(place, "show", *words)
    assert done.code != 0
    assert told in done.err
    assert "Traceback" not in done.err
    assert list(place.iterdir()) == []


def test_of_several_tables_one_must_be_named(make_run, store, tmp_path):
    cells = tuple(CellInfo(name, name, "compare", {}, ()) for name in ("one", "two"))
    began = RunStarted(time=0, run="7f3a", name="x", cells=cells, pid=1, host="b", device="cpu")
    same = f"{11:064x}"
    done = [
        events.CellFinished(time=1, cell=place, key=same, seconds=1.0, scores={})
        for place in (0, 1)
    ]
    make_run([began, *done])
    place = tmp_path / "place"
    place.mkdir()
    refused = meta(place, "show", "--export", "a.csv")
    assert refused.code == 2
    assert "say which of one, two" in refused.err
    assert meta(place, "show", "two", "--export", "a.csv").code == 0
