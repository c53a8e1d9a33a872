"""What was drawn at random behind a cell, and which of these draws all seeds of a row share.

Five seeds of a head on one backbone are five draws of the head and one of the backbone: what
differs between them tells nothing of another backbone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.cells import Cell, Wire
from pipelines.core.stage import Artifact, Stage
from pipelines.expansion.axes import SEED


@dataclass(slots=True)
class Draws:
    """Finds the draws behind cells of one file.

    Attributes:
        cells: those that were made so far, by ordinal.
        types: stage types by name.
        outputs: stage -> its output ports.
    """

    cells: Sequence[Cell]
    types: Mapping[str, Stage[..., Any]]
    outputs: dict[str, Mapping[str, type[Artifact]]] = field(default_factory=dict)
    _known: dict[int, frozenset[int]] = field(default_factory=dict)

    def shared(self, cells: Sequence[Cell]) -> dict[int, tuple[str, ...]]:
        """For each cell of one stage the stages upstream that were drawn once for all its seeds.

        Those of a row, which differ in their seed alone, are looked at together. Empty for a cell
        that is the only one of its row, and left out where nothing is shared.
        """
        rows: dict[frozenset[tuple[str, str]], list[int]] = {}
        for cell in cells:
            axes = frozenset(item for item in cell.axes.items() if item[0] != SEED)
            rows.setdefault(axes, []).append(cell.ordinal)
        found: dict[int, tuple[str, ...]] = {}
        for row in rows.values():
            common = frozenset.intersection(*map(self._behind, row)) if len(row) > 1 else ()
            if common:
                names = tuple(dict.fromkeys(self.cells[place].stage for place in sorted(common)))
                found |= dict.fromkeys(row, names)
        return found

    def _behind(self, ordinal: int) -> frozenset[int]:
        """The cells that draw at random of which a cell's result is made, itself included."""
        waiting = [ordinal]
        while waiting:
            cell = self.cells[waiting[-1]]
            needs = [wire.cell for wire in self._wires(cell)]
            missing = [need for need in needs if need not in self._known]
            if missing:
                waiting += missing
                continue
            own = {cell.ordinal} if cell.seed is not None else frozenset[int]()
            self._known[cell.ordinal] = frozenset(own).union(*(self._known[n] for n in needs))
            waiting.pop()
        return self._known[ordinal]

    def _wires(self, cell: Cell) -> Iterator[Wire]:
        """What a cell's result is made of: of a choice only the candidates with its own labels.

        What measures is left out: a metric is what this one instrument gives.
        """
        mirrors = self.types[cell.type].mirrors
        for port, wires in cell.inputs.items():
            for wire in wires:
                axes = wire.source.axes
                if port == mirrors and any(axes.get(a, v) != v for a, v in cell.axes.items()):
                    continue
                if not self.outputs[wire.source.stage][wire.output].instrument:
                    yield wire
