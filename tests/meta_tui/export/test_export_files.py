"""A file is never written over, and what cannot be written is told."""

import pytest

from meta_tui.export import FORMATS, save, save_beside, written
from meta_tui.model.table_view import Order, arranged
from pipelines.core.errors import EnvironmentFault, UsageError


@pytest.fixture
def sheet(ladder_table):
    return arranged(ladder_table, Order())


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_has_what_its_format_writes_and_its_path_is_told(sheet, tmp_path, suffix):
    path = save(sheet, "result", tmp_path / f"a{suffix}")
    assert path == tmp_path / f"a{suffix}"
    assert path.read_bytes().decode() == written(sheet, "result", suffix)


def test_the_ending_may_be_in_capitals(sheet, tmp_path):
    assert save(sheet, "result", tmp_path / "A.CSV").read_bytes().startswith(b"stage,")


def test_a_file_that_is_there_is_not_written_over(sheet, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(UsageError, match="is there already; give another name"):
        save(sheet, "result", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "mine"


def test_a_link_to_a_file_is_not_written_through(sheet, tmp_path):
    (tmp_path / "a.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        save(sheet, "result", tmp_path / "a.csv")
    assert not (tmp_path / "elsewhere").exists()


def test_beside_others_a_file_gets_a_new_name(sheet, tmp_path):
    made = [save_beside(sheet, "run-result", tmp_path, ".md").name for _ in range(3)]
    assert made == ["run-result.md", "run-result-2.md", "run-result-3.md"]
    assert save_beside(sheet, "run-result", tmp_path, ".csv").name == "run-result.csv"


@pytest.mark.parametrize(
    "name", ["../../up", "/etc/x", ".hidden", "-rf", "a b\n\x1b", "", "x" * 500]
)
def test_a_name_from_outside_stays_in_the_folder(sheet, tmp_path, name):
    path = save_beside(sheet, name, tmp_path, ".csv")
    assert path.parent == tmp_path
    assert path.exists()
    assert path.name[0] not in ".-"
    assert len(path.name) < 200


@pytest.mark.parametrize("name", ["a", "a.xls", "a.csv.gz"])
def test_an_ending_of_no_format_is_an_error_that_lists_them(sheet, tmp_path, name):
    with pytest.raises(UsageError, match=r"\.csv, \.md, \.tex, \.json"):
        save(sheet, "result", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(sheet, tmp_path):
    with pytest.raises(EnvironmentFault, match=r"cannot write .*No such file"):
        save(sheet, "result", tmp_path / "no" / "a.csv")
