"""How the stages of a run are drawn in an area: as a graph, a list with rails, or a table."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from meta_tui.model.stage_summary import StageView
from meta_tui.render.graph.boxes import Boxes
from meta_tui.render.graph.graph import Arranged, Graph, arranged, dag
from meta_tui.render.graph.items import Item, Rect, Sheet
from meta_tui.render.graph.stage_list import MOST_STAGES, items, stagelist
from meta_tui.render.graph.stage_table import dagtable
from meta_tui.render.text.spans import Span
from meta_tui.render.text.symbols import UNICODE, Signs

Form = Literal["graph", "list", "table"]
_KEPT = 8
_LEAST_COLUMNS, _HEIGHTS = 40, 2
"""A graph needs so many columns, and may be so many times as high as what is seen of it."""


@dataclass(slots=True)
class Drawing:
    """Keeps where things are, which changes only with the size and with what is opened."""

    signs: Signs = UNICODE
    form: Form = "list"
    _made_for: tuple[object, ...] = ()
    _columns: int = 0
    _rows: int = 0
    _whole: bool = False
    _graph: Graph = field(default_factory=lambda: Graph.of(()))
    _arranged: Arranged | None = None
    _laid: dict[tuple[frozenset[str], int, int], Arranged] = field(default_factory=dict)

    @property
    def is_graph(self) -> bool:
        """Whether items lie beside each other, not only under each other."""
        return self.form == "graph"

    def fit(
        self,
        stages: Sequence[StageView],
        opened: Collection[str],
        area: tuple[int, int],
        *,
        whole: bool,
    ) -> None:
        """Choose the form for an area of so many columns and rows.

        A graph is chosen where it fits with all boxes closed, and with `whole` in any case. Beyond
        so many stages there is a table in its place.
        """
        shape = tuple((stage.name, len(stage.cells), stage.needs) for stage in stages)
        wanted = (shape, frozenset(opened), area, whole)
        if wanted == self._made_for:
            return
        if self._made_for[:1] != (shape,):
            self._graph = Graph.of(stages)
            self._laid = {}
        self._made_for, self._arranged = wanted, None
        self._columns, self._rows, self._whole = max(20, area[0]), area[1], whole
        rows = self._rows
        if len(stages) > MOST_STAGES or (self._columns < _LEAST_COLUMNS and not whole):
            self.form = "table" if whole else "list"
            return
        closed = self._layout(stages, ())
        size = closed.layout
        fits = size.columns <= self._columns and size.rows <= _HEIGHTS * rows
        self.form = "graph" if whole or fits else "list"
        self._arranged = self._layout(stages, opened) if opened else closed

    def _layout(self, stages: Sequence[StageView], opened: Collection[str]) -> Arranged:
        """The graph in this area; the last few are kept: a key shows it whole and takes it back."""
        wanted = frozenset(opened), self._columns, self._rows
        if wanted not in self._laid:
            if len(self._laid) >= _KEPT:
                self._laid = {}
            self._laid[wanted] = arranged(self._graph, stages, opened, self._columns, self._rows)
        return self._laid[wanted]

    def sheet(
        self,
        stages: Sequence[StageView],
        opened: Collection[str],
        now: float,
        selected: Item | None,
    ) -> Sheet:
        """The stages as they stand, in the form that was chosen."""
        if self.form == "graph" and self._arranged is not None:
            boxes = Boxes(opened, self._arranged.tall, now, self.signs)
            found = dag(stages, self._arranged, boxes, selected)
            return self._centred(found) if self._whole else found
        if self.form == "table":
            return dagtable(stages, opened, now, self._columns, self.signs)
        rows = stagelist(stages, opened, now, self._columns, self.signs)
        every = items(stages, opened)
        return Sheet(rows, {item: Rect(0, at, self._columns, 1) for at, item in enumerate(every)})

    def _centred(self, found: Sheet) -> Sheet:
        """A graph in the middle of the area, where it is smaller."""
        if self._arranged is None:
            return found
        size = self._arranged.layout
        left = max(0, (self._columns - size.columns) // 2)
        top = max(0, (self._rows - size.rows) // 2)
        rows = [(Span(" " * left), *row) if row else row for row in found.rows]
        places = {
            item: rect._replace(left=rect.left + left, top=rect.top + top)
            for item, rect in found.places.items()
        }
        return Sheet([*[()] * top, *rows], places)
