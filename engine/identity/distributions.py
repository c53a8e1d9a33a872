"""What is installed: versions and entry points of packages, asked for seldom.

`importlib.metadata` takes a hundredth of a second to import, for a parser of mail among others, and
its answers are remembered: so it is imported at the first question, which most commands never ask.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def _metadata() -> Any:
    return import_module("importlib.metadata")


def distribution(top: str) -> list[str]:
    """Name and version of the distribution that a top-level module comes from."""
    metadata = _metadata()
    try:
        return [top, metadata.version(top)]
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(top, [])
    return [names[0], metadata.version(names[0])] if names else [top, "unknown"]


def entry_points(group: str) -> Mapping[str, "EntryPoint"]:
    """Entry points of a group by name."""
    return {point.name: point for point in _metadata().entry_points(group=group)}
