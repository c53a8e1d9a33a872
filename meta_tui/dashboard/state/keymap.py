"""What keys do: told for the help, and checked where a person gave a command other keys."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from textual.app import App
from textual.binding import ActiveBinding, Binding, BindingsMap
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys
from textual.screen import ModalScreen, Screen

from meta_tui.config import Config
from pipelines.core.errors import PipelineError, Problem
from pipelines.core.text import shown, suggestion

NAMES_OF_KEYS = "a letter, or a name as f2, enter, ctrl+z, question_mark, comma"
"""How keys are named: the hint where a name is of none."""

_PACKAGES = ("meta_tui.dashboard.screens", "meta_tui.dashboard.widgets")
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMES = frozenset({key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values()))


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its keys as a person reads them, and what it does."""

    keys: tuple[str, ...]
    told: str
    action: str
    node: DOMNode


def entries(app: App[Any], active: Mapping[str, ActiveBinding]) -> dict[str, list[Entry]]:
    """The commands that keys reach now: everywhere, on the screen, and in the pane.

    Those that Textual gives every widget have no name and are left out.
    """
    found: dict[tuple[DOMNode, str], Entry] = {}
    for bound in active.values():
        binding = bound.binding
        if binding.id is None:
            continue
        known = found.get((bound.node, binding.action))
        keys = known.keys if known else ()
        told = known.told if known else binding.description
        key = app.get_key_display(binding)
        found[bound.node, binding.action] = Entry((*keys, key), told, binding.action, bound.node)
    groups: dict[str, list[Entry]] = {"everywhere": [], "this screen": [], "this pane": []}
    for entry in found.values():
        groups[_where(entry.node)].append(entry)
    return {name: group for name, group in groups.items() if group}


def _where(node: DOMNode) -> str:
    if isinstance(node, App):
        return "everywhere"
    return "this screen" if isinstance(node, Screen) else "this pane"


def rebound(screen: Screen[None], chosen: Mapping[str, str], key: str) -> str:
    """The key that a person chose for what a key usually does on a screen; empty where none."""
    usual = _long(key)[0]
    for node in (screen.focused, screen, screen.app):
        for binding in _own(type(node)) if chosen and node else ():
            other = chosen.get(binding.id or "")
            if other and binding.key == usual:
                return screen.app.get_key_display(binding.with_key(_long(other)[0]))
    return ""


def checked(config: Config, app: type[App[None]]) -> Mapping[str, str]:
    """The keys that a person chose.

    Raises:
        PipelineError: a command or a key that does not exist, or one key for two commands.
    """
    if not config.keys:
        return {}
    kinds = [app, *_kinds()]
    names = sorted({binding.id for kind in kinds for binding in _own(kind) if binding.id})
    problems = [
        config.problem(name, f"no command `{shown(name)}`", suggestion(name, names), key=True)
        for name in config.keys
        if name not in names
    ]
    for name, keys in config.keys.items():
        problems += [
            config.problem(name, f"no key `{shown(key)}`", NAMES_OF_KEYS)
            for key in map(str.strip, keys.split(","))
            if not exists(key)
        ]
    if not problems:
        problems = [
            *dict.fromkeys(fault for kind in kinds for fault in _clashes(config, app, kind))
        ]
    if problems:
        raise PipelineError(problems)
    return {name: ",".join(_long(keys)) for name, keys in config.keys.items()}


def exists(key: str) -> bool:
    """Whether a key of this name can be pressed: `a`, `f2`, `ctrl+z`, `question_mark`."""
    *modifiers, name = key.split("+") if key != "+" else ("+",)
    if not set(modifiers) <= _MODIFIERS:
        return False
    if len(name) == 1:
        return name.isprintable() and not name.isspace()
    if name in _NAMES:
        return True
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True


def _kinds() -> Iterator[type[DOMNode]]:
    """Every screen and widget of ours."""
    for package in map(import_module, _PACKAGES):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for kind in vars(import_module(module.name)).values():
                ours = isinstance(kind, type) and kind.__module__ == module.name
                if ours and issubclass(kind, DOMNode):
                    yield kind


def _own(kind: type[DOMNode]) -> Iterator[Binding]:
    """The commands of a class that have a name, its bases' among them."""
    for base in kind.__mro__:
        yield from Binding.make_bindings(vars(base).get("BINDINGS", ()))


def _clashes(config: Config, app: type[App[None]], kind: type[DOMNode]) -> Iterator[Problem]:
    """Faults where a key would do two things in one place, of which one would be lost.

    A pane or a screen may use a key for something else than another does; what is everywhere
    keeps its keys but under a question or a list.
    """
    here = [*_own(kind)] if issubclass(kind, ModalScreen | App) else [*_own(app), *_own(kind)]
    commands: dict[str, str] = {}
    for binding in here:
        if binding.id and binding.id not in config.keys:
            commands.setdefault(binding.key, binding.id)
    usual = {(binding.id, binding.key) for binding in here}
    names = {binding.id for binding in here}
    for name in [name for name in config.keys if name in names]:
        for key in [key for key in _long(config.keys[name]) if (name, key) not in usual]:
            other = commands.setdefault(key, name)
            if other != name:
                message = f"`{shown(key)}` is the key of `{other}` in the same place"
                yield config.problem(name, message, f"give `{other}` another key too")


def _long(keys: str) -> list[str]:
    """The keys by their long names."""
    return list(BindingsMap([Binding(keys, "", "")]).key_to_bindings)
