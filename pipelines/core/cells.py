"""What a checked pipeline is: cells in order, and how they are wired."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import Problem
from pipelines.core.facts import Facts, Source
from pipelines.core.stage import Params, Stage


@dataclass(frozen=True, slots=True)
class Wire:
    """One connection: an output of an earlier cell."""

    cell: int
    """Ordinal of the cell that makes it."""
    output: str
    """Name of the output port."""
    source: Source
    """The label that a many-valued port hands to the function."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How many further attempts a cell has, by the class of the failure before."""

    lost: int = 0
    """Its process died, or was ended by `timeout` or `stall`."""
    memory: int = 0
    """There was not enough memory."""
    error: int = 0
    """The stage raised anything else."""


NO_RETRY = Retry()


@dataclass(frozen=True, slots=True)
class Cell:
    """One expanded instance of a stage of the file."""

    ordinal: int
    """Position in `Pipeline.cells`, which is a topological order."""
    stage: str
    """Name of the block in the file."""
    type: str
    """Name of the stage type."""
    axes: Mapping[str, str]
    """Axis -> label, in the order in which they are written in the cell's name."""
    params: Params
    """Validated parameters with every substitution and axis applied, defaults included."""
    seed: int | None
    """Value of the seed axis, 0 where there is none; None for a type that does not draw."""
    inputs: Mapping[str, tuple[Wire, ...]]
    """Input port -> its connections; an unconnected port is absent."""
    facts: Mapping[str, Facts]
    """What is known of each output port."""
    threads: int = 1
    cache: str = "use"
    """use | refresh | off | require"""
    timeout: float | None = None
    """Longest time of an attempt, in seconds."""
    stall: float | None = None
    """Longest time without progress, in seconds."""
    retry: Retry = NO_RETRY

    @property
    def name(self) -> str:
        """`tuned@head=zero@replay=0.1@seed=3`."""
        return str(Source(self.stage, self.axes))

    @property
    def needs(self) -> frozenset[int]:
        """Ordinals of the cells whose outputs it reads."""
        return frozenset(wire.cell for wires in self.inputs.values() for wire in wires)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A checked pipeline: nothing in it can fail for a reason that the file shows."""

    name: str
    description: str
    seed: int
    """Root seed."""
    cells: tuple[Cell, ...]
    types: Mapping[str, Stage[..., object]]
    """The stage types that the file uses, by name."""
    folder: Path
    """Where the file lies: relative paths in it are relative to this."""
    text: str
    """The file as read."""
    warnings: tuple[Problem, ...] = ()

    def outputs(self, cell: Cell) -> Mapping[str, type]:
        """Output ports of a cell; those of its source for a type that mirrors one."""
        kind = self.types[cell.type]
        if kind.mirrors is None:
            return kind.outputs
        return self.outputs(self.cells[cell.inputs[kind.mirrors][0].cell])
