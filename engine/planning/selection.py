"""Which cells a command is about: targets, `--from`, `--only`, `--force`."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.planning.run_request import Request
from pipelines.core.errors import UsageError
from pipelines.core.text import safe_text
from pipelines.pipeline import Cell, Pipeline


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cells a command is about.

    Attributes:
        cells: ordinals that the run covers; with a cell, all that it needs.
        only: ordinals that may run; others are served from the store or block what needs them.
        forced: ordinals that run even where a result is there.
    """

    cells: frozenset[int]
    only: frozenset[int]
    forced: frozenset[int]
    command: str = "meta run FILE"
    """The command line for the file, without cells."""

    def refusal(self, cell: Cell, why: str) -> str:
        """Why a cell that may not run has no result to use, and how to get one.

        Args:
            cell: the cell.
            why: what is the matter with its result.
        """
        if cell.cache == "require":
            return f"{why}, and `cache: require` computes nothing: run it with another `--cache`"
        return f"{why}, and it was not asked for: `{self.command} {cell.name}` computes it"

    def forces(self, cell: Cell) -> bool:
        """Whether a cell runs even where its result is there."""
        return cell.ordinal in self.forced or cell.cache in {"refresh", "off"}

    def allows(self, cell: Cell) -> bool:
        """Whether a cell may run where its result is not there."""
        return cell.ordinal in self.only and cell.cache != "require"


def select(pipeline: Pipeline, request: Request) -> Selection:
    """The cells that a request is about.

    Raises:
        UsageError: it names a stage or cell that is not in the file.
    """
    everything = frozenset(range(len(pipeline.cells)))
    wanted = named(pipeline, request.targets) if request.targets else everything
    if request.since:
        wanted &= _after(pipeline, named(pipeline, request.since))
    only = named(pipeline, request.only)
    covered = set(only or wanted)
    for cell in reversed(pipeline.cells):
        if cell.ordinal in covered:
            covered |= cell.needs
    forced = named(pipeline, request.force) & covered
    command = f"meta run {safe_text(shlex.quote(str(request.file)))}"
    return Selection(frozenset(covered), only or frozenset(covered), forced, command)


def named(pipeline: Pipeline, names: Iterable[str]) -> frozenset[int]:
    """Ordinals of stages, cells and picks (`tuned`, `tuned@head=zero`, a whole cell name).

    Raises:
        UsageError: a name fits nothing.
    """
    found: set[int] = set()
    for name in names:
        hits = {cell.ordinal for cell in pipeline.cells if _fits(name, cell.stage, cell.axes)}
        if not hits:
            stages = ", ".join(dict.fromkeys(cell.stage for cell in pipeline.cells))
            raise UsageError(f"no stage or cell {name!r}; the stages are {stages}")
        found |= hits
    return frozenset(found)


def _after(pipeline: Pipeline, first: frozenset[int]) -> frozenset[int]:
    """Cells and all that depends on them."""
    after = set(first)
    for cell in pipeline.cells:
        if cell.needs & after:
            after.add(cell.ordinal)
    return frozenset(after)


def _fits(name: str, stage: str, axes: Mapping[str, str]) -> bool:
    first, *picks = name.split("@")
    wanted = dict(pick.partition("=")[::2] for pick in picks)
    return first == stage and all(axes.get(axis) == label for axis, label in wanted.items())
