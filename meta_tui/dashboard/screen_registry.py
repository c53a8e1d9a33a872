"""The screens that have a key of their own, each loaded when it is first shown.

A start pays for the screen that it begins with: graphs and curves, or tables, or pictures.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

from meta_tui.dashboard.screens.base import RunScreenBase
from meta_tui.dashboard.state.run_source import Source

Maker = Callable[[Source], RunScreenBase]


def _later(module: str, name: str) -> Maker:
    def make(source: Source) -> RunScreenBase:
        kind = getattr(import_module(f"meta_tui.dashboard.screens.{module}"), name)
        found: RunScreenBase = kind(source)
        return found

    return make


def _problems(source: Source) -> RunScreenBase:
    """The faults of the file that was asked for; of none, all runs are shown."""
    if source.asked is None:
        return SCREENS["runs"](source)
    kind = import_module("meta_tui.dashboard.screens.problems").ProblemsScreen
    found: RunScreenBase = kind(source, source.asked)
    return found


SCREENS: Mapping[str, Maker] = {
    "run": _later("run", "RunScreen"),
    "results": _later("results", "ResultsScreen"),
    "gallery": _later("gallery", "GalleryScreen"),
    "runs": _later("runs", "RunsScreen"),
    "problems": _problems,
}
