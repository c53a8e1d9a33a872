"""The learning: nets, heads, training loops, metrics. The only place with torch.

Knows no stage, no file of the engine, no screen; usable from a notebook. This package is a lazy
door (PEP 562): `from engine import learning` costs nothing, and `learning.models.linear_heads.ridge` imports
`engine.learning.models.linear_heads`, and with it torch, at its first use.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what lies behind the door, for type checkers
    from engine.learning import generative as generative
    from engine.learning import metalearning as metalearning
    from engine.learning.data import balanced as balanced
    from engine.learning.data import csv_tasks as csv_tasks
    from engine.learning.data import device_data as device_data
    from engine.learning.data import image_files as image_files
    from engine.learning.data import image_folder as image_folder
    from engine.learning.data import image_folder_pixels as image_folder_pixels
    from engine.learning.data import omniglot_index as omniglot_index
    from engine.learning.evaluation import clusters as clusters
    from engine.learning.evaluation import metrics as metrics
    from engine.learning.evaluation import statistics as statistics
    from engine.learning.models import backbones as backbones
    from engine.learning.models import features as features
    from engine.learning.models import linear_heads as linear_heads
    from engine.learning.plotting import image_grid as image_grid
    from engine.learning.plotting import line_charts as line_charts
    from engine.learning.training import checkpoint as checkpoint
    from engine.learning.training import exact_counts as exact_counts
    from engine.learning.training import global_rng as global_rng
    from engine.learning.training import kernels as kernels
    from engine.learning.training import monitor as monitor
    from engine.learning.training import replay as replay
    from engine.learning.training import trainer as trainer
    from engine.learning.training import weights as weights


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return import_module(f"engine.learning.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"engine.learning.{name}":
            raise
        raise AttributeError(f"engine.learning has no module {name!r}") from None
