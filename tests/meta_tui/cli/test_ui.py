"""`meta ui` on a real terminal, and where there is none."""

import pytest
from test_terminal import Terminal

from meta_tui.cli.ui import ui
from pipelines.core.errors import UsageError

BAD = "version: 1\nname: a\nstages:\n  low: {uses: nothing_like_it}\n"


def test_without_a_terminal_other_commands_are_named(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(UsageError, match="meta check"):
        ui()


@pytest.mark.slow
def test_an_empty_store_and_a_bad_file_have_a_screen_that_q_leaves(tmp_path):
    (tmp_path / "a.yaml").write_text(BAD)
    for words, told in (((), "no runs yet"), (("a.yaml",), "nothing_like_it")):
        terminal = Terminal(tmp_path, "ui", *words)
        terminal.wait_for(told)
        terminal.press("q")
        assert terminal.end() == 0
    assert not terminal.store.exists()
