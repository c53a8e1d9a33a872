"""The learning: nets, heads, training loops, metrics. The only place with torch.

Knows no stage, no file of the engine, no screen; usable from a notebook. This package is a lazy
door (PEP 562): `from engine import learning` costs nothing, and `learning.heads.ridge` imports
`engine.learning.heads`, and with it torch, at its first use.
"""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return import_module(f"engine.learning.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"engine.learning.{name}":
            raise
        raise AttributeError(f"engine.learning has no module {name!r}") from None
