"""What a person set for the dashboard, once and for all: keys, colours, characters.

    $XDG_CONFIG_HOME/meta/config.yaml, or ~/.config/meta/config.yaml

It is read where a screen is opened, by the reader of pipelines: a fault is told at its place.
Whether a key or the name of a command exists is known to the dashboard (`dashboard/keymap.py`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import reading
from pipelines.core.errors import PipelineError, Problem, UsageError
from pipelines.core.text import safe_text, shown, suggestion

if TYPE_CHECKING:
    from pipelines.yaml.source import Document

THEMES = ("dark", "light", "colorblind", "mono")
_BYTES = 1 << 16
_SETTINGS = ("keys", "theme", "ascii")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a person.

    Attributes:
        keys: for the name of a command (`run.zoom`) the keys that it has instead of its own.
        theme: one of `THEMES`.
        ascii: draw with letters and signs of ASCII alone.
        document: the file, for the places of what is wrong in it.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    theme: str = "dark"
    ascii: bool = False
    document: "Document | None" = field(default=None, repr=False)

    def problem(self, name: str, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A fault of one entry of `keys`, at its value or at its key."""
        mark = self.document.mark(("keys", name), key=key) if self.document else None
        return Problem(message, mark, hint)


def place() -> Path:
    """Where the file is, or would be."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The standard says that a path which is not absolute counts as none.
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "meta" / "config.yaml"


def read(path: Path) -> Config:
    """The settings in a file; those that everybody has where there is none.

    Raises:
        PipelineError: all that is wrong with it.
        UsageError: it cannot be read.
    """
    try:
        text = reading.content(path, _BYTES)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise UsageError(f"cannot read {safe_text(str(path))}: {error.strerror}") from error
    # Most people have no such file: nobody's first paint waits for the reader of pipelines.
    document: Document = import_module("pipelines.yaml.source").parse(text, str(path))
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        hint = f"the settings are {', '.join(_SETTINGS)}: `theme: light`"
        raise PipelineError([Problem("settings are `name: value`", document.mark(()), hint)])
    problems = [
        Problem(f"no setting `{shown(name)}`", document.mark((name,), key=True), _near(name))
        for name in data
        if name not in _SETTINGS
    ]
    keys = _keys(data.get("keys"), document, problems)
    theme, ascii_only = data.get("theme", "dark"), data.get("ascii", False)
    if theme not in THEMES:
        hint = suggestion(theme, THEMES, "the themes")
        problems.append(Problem(f"no theme `{shown(theme)}`", document.mark(("theme",)), hint))
    if not isinstance(ascii_only, bool):
        told = f"`ascii` is true or false, not `{shown(ascii_only)}`"
        problems.append(Problem(told, document.mark(("ascii",))))
    if problems:
        raise PipelineError(problems)
    return Config(keys, str(theme), ascii_only is True, document)


def _near(name: object) -> str:
    return suggestion(name, _SETTINGS, "the settings")


def _keys(found: Any, document: "Document", problems: list[Problem]) -> dict[str, str]:
    """The entries of `keys` that may be right; what is wrong with the others is added."""
    if found is None:
        return {}
    if not isinstance(found, dict):
        hint = "write `keys: {run.zoom: Z}`; docs/dashboard.md lists the names"
        problems.append(Problem("`keys` are `name: key`", document.mark(("keys",)), hint))
        return {}
    keys: dict[str, str] = {}
    for name, value in found.items():
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            keys[name] = str(value)
        else:
            told = f"`{shown(name)}` needs the name of a key, not `{shown(value)}`"
            mark = document.mark(("keys", name))
            problems.append(Problem(told, mark, "write `Z`, `ctrl+z` or, for two keys, `Z,f2`"))
    return keys
