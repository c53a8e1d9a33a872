"""How far a reader is with a table: what is marked, chosen, scrolled away. Knows no screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engine.library.artifacts import Table
from engine.library.comparison.rebase import against
from meta_tui.model.table_view import NAMES, STAGE, Column, Order, Sheet, arranged, axes, falls

View = Literal["table", "bars", "plot"]
VIEWS: tuple[View, ...] = ("table", "bars", "plot")


@dataclass(slots=True)
class Reading:
    """One table under a reader's hands.

    Attributes:
        table: as the pipeline made it.
        baseline: row that was chosen instead of the pipeline's; empty for that one.
        view: how it is shown.
        first: columns of numbers that are scrolled away.
        column: the marked column.
        row: label of the marked row.
        plot: which of its plots is shown.
        curves: plots of what its scores were over steps, as far as they were read.
    """

    table: Table
    order: Order = field(default_factory=Order)
    baseline: str = ""
    view: View = "table"
    first: int = 0
    column: Column | None = None
    row: str = ""
    plot: int = 0
    curves: Sequence[Mapping[str, Any]] = ()
    _against: dict[str, Table] = field(default_factory=dict, init=False)
    _sheet: tuple[str, Order, Sheet] | None = field(default=None, init=False)

    @property
    def sheet(self) -> Sheet:
        """The table as it is asked for."""
        if self._sheet is None or self._sheet[:2] != (self.baseline, self.order):
            self._sheet = self.baseline, self.order, arranged(self._compared(), self.order)
        return self._sheet[2]

    def _compared(self) -> Table:
        if not self.baseline:
            return self.table
        self.prepare(self.baseline)
        return self._against[self.baseline]

    @property
    def prepared(self) -> bool:
        """Whether the differences to the marked row are known, or none are asked for."""
        labels = {row.label for row in self.table.rows}
        known = {self.baseline, self.table.baseline, *self._against}
        return self.row in known or self.row not in labels

    def prepare(self, label: str) -> None:
        """Work out the differences to a row: with many rows, or at first, that takes a while."""
        if label not in self._against:
            self._against[label] = against(self.table, label)

    @property
    def marked(self) -> Column:
        """The marked column; at first that of the first numbers."""
        columns = self.sheet.columns
        if self.column in columns:
            return self.column
        return next((column for column in columns if column.kind not in NAMES), columns[0])

    def choose_baseline(self) -> None:
        """Compare all with the marked row; once more, with the pipeline's own again."""
        if self.row in {row.label for row in self.table.rows}:
            again = self.row in (self.baseline, self.table.baseline)
            self.baseline = "" if again else self.row

    def sort(self, column: Column | None = None) -> None:
        """By the marked column, best first; then the other way; then as the pipeline has it."""
        column = column or self.marked
        if column.kind == "bar":
            column = Column("mean", column.name)
        best = column.kind in ("mean", "difference") and not falls(column.name)
        if self.order.sort != column:
            self.order = replace(self.order, sort=column, falling=best)
        elif self.order.falling == best:
            self.order = replace(self.order, falling=not best)
        else:
            self.order = replace(self.order, sort=None)

    def group(self) -> None:
        """By the stage, by each axis in its turn, and not at all."""
        found = ["", STAGE, *axes(self.table)]
        place = found.index(self.order.group) if self.order.group in found else 0
        self.order = replace(self.order, group=found[(place + 1) % len(found)])

    def differ(self) -> None:
        """Only the columns in which rows differ, or all."""
        self.order = replace(self.order, differing=not self.order.differing)

    def filter(self, words: str) -> None:
        """Only the rows that have these words."""
        self.order = replace(self.order, words=words)

    def move(self, by: int) -> None:
        """Mark the next column, or one before."""
        columns = self.sheet.columns
        place = columns.index(self.marked) + by
        self.column = columns[min(len(columns) - 1, max(0, place))]

    def reveal(self, shown: Sequence[Column]) -> bool:
        """Scroll by a step towards the marked column; whether that was needed.

        Args:
            shown: the columns that are on the screen.
        """
        numbers = [column for column in self.sheet.columns if column.kind not in NAMES]
        if self.marked in shown or self.marked not in numbers:
            return False
        place = numbers.index(self.marked)
        self.first = place if place < self.first else self.first + 1
        return True

    def turn(self) -> None:
        """The next view: table, bars, plot."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]

    def turn_plot(self, by: int) -> None:
        """The next plot, or the one before."""
        self.plot += by
