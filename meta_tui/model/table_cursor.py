"""State of a table on screen: cursor, sort, filter, baseline and scroll position."""

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
    """A table with its cursor and view options.

    Attributes:
        table: the table that the pipeline made.
        baseline: row chosen instead of the pipeline's baseline; empty for the pipeline's.
        view: how it is shown.
        first: number of numeric columns scrolled away to the left.
        column: column under the cursor.
        row: label of the row under the cursor.
        plot: index of the plot that is shown.
        curves: plots of its scores over steps, as far as they were read.
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
        """The table in the chosen order and against the chosen baseline."""
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
        """Whether the differences to the row under the cursor are already computed."""
        labels = {row.label for row in self.table.rows}
        known = {self.baseline, self.table.baseline, *self._against}
        return self.row in known or self.row not in labels

    def prepare(self, label: str) -> None:
        """Compute the differences to a row; slow the first time and with many rows."""
        if label not in self._against:
            self._against[label] = against(self.table, label)

    @property
    def marked(self) -> Column:
        """The column under the cursor; at first the first numeric one."""
        columns = self.sheet.columns
        if self.column in columns:
            return self.column
        return next((column for column in columns if column.kind not in NAMES), columns[0])

    def choose_baseline(self) -> None:
        """Make the row under the cursor the baseline; if it is already, restore the pipeline's."""
        if self.row in {row.label for row in self.table.rows}:
            again = self.row in (self.baseline, self.table.baseline)
            self.baseline = "" if again else self.row

    def sort(self, column: Column | None = None) -> None:
        """Sort by a column, best first; then reversed; then in the order of the pipeline."""
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
        """Group by the stage, then by each axis in turn, then not at all."""
        names = ["", STAGE, *axes(self.table)]
        index = names.index(self.order.group) if self.order.group in names else 0
        self.order = replace(self.order, group=names[(index + 1) % len(names)])

    def differ(self) -> None:
        """Toggle between the columns in which rows differ and all columns."""
        self.order = replace(self.order, differing=not self.order.differing)

    def filter(self, words: str) -> None:
        """Show only the rows that match these words."""
        self.order = replace(self.order, words=words)

    def move(self, by: int) -> None:
        """Move the cursor by some columns."""
        columns = self.sheet.columns
        index = columns.index(self.marked) + by
        self.column = columns[min(len(columns) - 1, max(0, index))]

    def reveal(self, visible: Sequence[Column]) -> bool:
        """Scroll one column towards the cursor; return whether that was needed.

        Args:
            visible: the columns that are on the screen.
        """
        numbers = [column for column in self.sheet.columns if column.kind not in NAMES]
        if self.marked in visible or self.marked not in numbers:
            return False
        index = numbers.index(self.marked)
        self.first = index if index < self.first else self.first + 1
        return True

    def turn(self) -> None:
        """Switch to the next view: table, bars, plot."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]

    def turn_plot(self, by: int) -> None:
        """Switch to another plot, forwards or backwards."""
        self.plot += by
