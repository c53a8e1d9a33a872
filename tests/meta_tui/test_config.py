"""The file of settings: what it sets, and how a fault in it is told."""

import pytest

from meta_tui.config import Config, place, read
from pipelines.core.errors import PipelineError, UsageError


def settings(tmp_path, text: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return read(path)


def test_without_a_file_everything_is_as_usual(tmp_path):
    assert read(tmp_path / "none.yaml") == Config({}, "dark", ascii=False)


@pytest.mark.parametrize("text", ["", "# nothing\n", "keys:\n", "{}"])
def test_an_empty_file_sets_nothing(tmp_path, text):
    found = settings(tmp_path, text)
    assert (found.keys, found.theme, found.ascii) == ({}, "dark", False)


def test_keys_theme_and_characters_are_set(tmp_path):
    found = settings(tmp_path, "keys: {run.zoom: Z, app.run: 5}\ntheme: light\nascii: true\n")
    assert found.keys == {"run.zoom": "Z", "app.run": "5"}
    assert (found.theme, found.ascii) == ("light", True)


@pytest.mark.parametrize(
    ("text", "line", "column", "told"),
    [
        ("theme: lihgt\n", 1, 8, "no theme `lihgt`"),
        ("\nthem: light\n", 2, 1, "no setting `them`"),
        ("ascii: maybe\n", 1, 8, "true or false, not `maybe`"),
        ("keys: [a]\n", 1, 7, "`keys` are `name: key`"),
        ("keys:\n  run.zoom: [z]\n", 2, 13, "`run.zoom` needs the name of a key"),
        ("keys: {run.zoom: true}\n", 1, 18, "needs the name of a key, not `true`"),
        ("- a\n", 1, 1, "settings are `name: value`"),
        ("theme: [\n", 2, 1, "this is not YAML"),
    ],
)
def test_a_fault_is_told_at_its_place_and_ends_with_2(tmp_path, text, line, column, told):
    with pytest.raises(PipelineError) as fault:
        settings(tmp_path, text)
    assert fault.value.exit_code == 2
    (problem,) = fault.value.problems
    assert told in problem.message
    assert (problem.mark.line, problem.mark.column) == (line, column)


def test_all_faults_are_told_at_once_and_what_was_meant_is_guessed(tmp_path):
    with pytest.raises(PipelineError) as fault:
        settings(tmp_path, "theme: drak\nasci: true\nkeys: 3\n")
    told = str(fault.value)
    assert told.count("error:") == 3
    assert "did you mean `dark`?" in told
    assert "did you mean `ascii`?" in told


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read(tmp_path)


def test_the_file_lies_where_the_standard_says(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert str(place()) == "/home/ann/.config/meta/config.yaml"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert place() == tmp_path / "meta" / "config.yaml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert str(place()) == "/home/ann/.config/meta/config.yaml"
