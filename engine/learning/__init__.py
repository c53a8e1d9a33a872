"""The learning: nets, heads, training loops, metrics. The only place with torch.

Knows no stage, no file of the engine, no screen; usable from a notebook. This package is a lazy
door (PEP 562): `from engine import learning` costs nothing, and `learning.heads.ridge` imports
`engine.learning.heads`, and with it torch, at its first use.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what lies behind the door, for type checkers
    from engine.learning import alphabets as alphabets
    from engine.learning import charts as charts
    from engine.learning import checkpoint as checkpoint
    from engine.learning import clusters as clusters
    from engine.learning import counts as counts
    from engine.learning import data as data
    from engine.learning import features as features
    from engine.learning import files as files
    from engine.learning import folders as folders
    from engine.learning import generative as generative
    from engine.learning import heads as heads
    from engine.learning import kernels as kernels
    from engine.learning import meta as meta
    from engine.learning import metrics as metrics
    from engine.learning import mixture as mixture
    from engine.learning import nets as nets
    from engine.learning import photos as photos
    from engine.learning import pictures as pictures
    from engine.learning import seeds as seeds
    from engine.learning import selection as selection
    from engine.learning import sheets as sheets
    from engine.learning import statistics as statistics
    from engine.learning import train as train
    from engine.learning import watch as watch
    from engine.learning import weights as weights


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return import_module(f"engine.learning.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"engine.learning.{name}":
            raise
        raise AttributeError(f"engine.learning has no module {name!r}") from None
