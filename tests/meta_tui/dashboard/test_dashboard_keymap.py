"""Keys of a person's own: what may be written, and how a fault is told."""

import pytest

from meta_tui.config import read
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state.keymap import checked
from pipelines.core.errors import PipelineError


def keys(tmp_path, text: str):
    path = tmp_path / "config.yaml"
    path.write_text(f"keys: {{{text}}}\n")
    return checked(read(path), Dashboard)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("run.zoom: Z", {"run.zoom": "Z"}),
        ("app.help: 'f9, f1'", {"app.help": "f9,f1"}),
        ("app.help: '!'", {"app.help": "exclamation_mark"}),
        ("app.run: 7", {"app.run": "7"}),
        ("run.log_y: ctrl+l", {"run.log_y": "ctrl+l"}),
        ("app.leave: question_mark, app.help: q", {"app.leave": "question_mark", "app.help": "q"}),
        ("gallery.zoom: f5, app.stop: alt+x", {"gallery.zoom": "f5", "app.stop": "alt+x"}),
    ],
)
def test_commands_of_all_screens_get_other_keys(tmp_path, text, wanted):
    assert checked_as_dict(tmp_path, text) == wanted


def checked_as_dict(tmp_path, text):
    return dict(keys(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "column", "told", "hint"),
    [
        ("run.zom: Z", 8, "no command `run.zom`", "did you mean `run.zoom`?"),
        ("run.zoom: foo", 18, "no key `foo`", "f2"),
        ("run.zoom: 'z,'", 18, "no key `''`", "f2"),
        ("run.zoom: hold+z", 18, "no key `hold+z`", "f2"),
        ("run.zoom: y", 18, "`y` is the key of `run.log_y`", "give `run.log_y` another key too"),
        ("app.stop: f3, app.retry: f3", 33, "`f3` is the key of `app.stop`", "another key"),
    ],
)
def test_what_cannot_be_is_told_at_its_place_with_the_fix(tmp_path, text, column, told, hint):
    with pytest.raises(PipelineError) as fault:
        keys(tmp_path, text)
    (problem,) = fault.value.problems
    assert told in problem.message
    assert hint in problem.hint
    assert (problem.mark.line, problem.mark.column) == (1, column)


@pytest.mark.parametrize(
    ("text", "other"), [("run.zoom: r", "app.retry"), ("app.retry: z", "run.zoom")]
)
def test_no_pane_takes_a_key_from_what_is_everywhere(tmp_path, text, other):
    with pytest.raises(PipelineError, match=f"is the key of `{other}`"):
        keys(tmp_path, text)


def test_the_same_key_may_do_another_thing_on_another_screen(tmp_path):
    assert checked_as_dict(tmp_path, "gallery.zoom: y") == {"gallery.zoom": "y"}


def test_two_commands_may_change_keys(tmp_path):
    found = checked_as_dict(tmp_path, "run.zoom: y, run.log_y: z")
    assert found == {"run.zoom": "y", "run.log_y": "z"}
