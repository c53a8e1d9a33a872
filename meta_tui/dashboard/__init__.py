"""The screen. The only place with Textual, reached through this lazy door (PEP 562).

`from meta_tui import dashboard` costs nothing; `dashboard.app.follow` imports Textual.
"""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(name)
    return import_module(f"meta_tui.dashboard.{name}")
