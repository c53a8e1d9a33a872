"""The page on the dashboard lists every command with its keys.

`META_UPDATE_DOCS=1 pytest tests/meta_tui/dashboard/test_dashboard_docs.py` writes the list anew.
"""

import os
import re
from pathlib import Path

from textual.binding import Binding
from textual.keys import format_key

from meta_tui.config import Config, read
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state import keymap
from meta_tui.dashboard.state.keymap import checked

PAGE = Path(__file__).parents[3] / "docs" / "dashboard.md"
START = "<!-- made from the bindings"
PLACES = {
    "app": "Everywhere", "pane": "On every screen", "run": "Run", "stages": "Stages",
    "curves": "Curves", "log": "Log", "results": "Results", "sheet": "Rows of a table",
    "gallery": "Gallery",
}  # fmt: skip


def commands() -> dict[str, tuple[list[str], str]]:
    """Name of each command, its keys and what it does."""
    found: dict[str, tuple[list[str], str]] = {}
    for kind in [Dashboard, *keymap._kinds()]:
        for binding in Binding.make_bindings(vars(kind).get("BINDINGS", ())):
            keys, _ = found.setdefault(binding.id, ([], binding.description))
            keys.append(binding.key)
    return found


def written(key: str) -> str:
    """A key as a person may write it in the file of settings."""
    shown = format_key(key)
    short = shown if len(shown) == 1 and shown.isascii() and shown != "," else key
    return f"`{short}`"


def tables() -> str:
    """The list as it stands in the page."""
    found = commands()
    places = dict.fromkeys([*PLACES, *(name.partition(".")[0] for name in found)])
    lines = []
    for place in places:
        mine = {name: told for name, told in found.items() if name.partition(".")[0] == place}
        if mine:
            lines += [
                "",
                f"### {PLACES.get(place, place.capitalize())}",
                "",
                "| command | keys | |",
            ]
            lines.append("|---|---|---|")
        for name, (keys, told) in mine.items():
            shown = " ".join(map(written, keys)).replace("|", "\\|")
            lines.append(f"| `{name}` | {shown} | {told} |")
    return "\n".join(lines) + "\n"


def test_the_page_lists_every_command_with_its_keys():
    text = PAGE.read_text(encoding="utf-8")
    head, _, _ = text.partition(START)
    mark = text[len(head) :].partition("\n")[0]
    made = f"{head}{mark}\n{tables()}"
    if os.environ.get("META_UPDATE_DOCS"):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made, "write it anew, see the head of this test"


def test_the_settings_of_the_page_can_be_set(tmp_path):
    (block,) = re.findall(
        r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "config.yaml").write_text(block)
    found = read(tmp_path / "config.yaml")
    assert found.theme == "light"
    assert checked(found, Dashboard) == {"run.zoom": "Z", "app.palette": "f1,ctrl+p"}


def test_every_key_can_be_written_as_the_page_shows_it():
    for name, (keys, _) in commands().items():
        for key in keys:
            checked(Config({name: ",".join(written(one).strip("`") for one in keys)}), Dashboard)
            assert keymap._long(written(key).strip("`")) == [key]
