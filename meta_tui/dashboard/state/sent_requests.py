"""What a person asked of the runner through this dashboard, and what it refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.rundir import control
from engine.rundir.answers import RequestRefused
from engine.rundir.events import Event
from engine.rundir.run_folder import RunFolder
from meta_tui.model.run_reducer import CellView
from pipelines.core.text import safe_text


@dataclass(slots=True)
class Wishes:
    """The requests of one reader to one run."""

    folder: RunFolder
    refused: list[str] = field(default_factory=list, init=False)
    """Why, of requests of ours; whoever shows one takes it away."""
    _asked: set[str] = field(default_factory=set, init=False)

    def ask(self, do: control.Deed, cells: Sequence[CellView]) -> None:
        """Ask for something to be done with some cells.

        Raises:
            MetaError: nobody would answer, or the disk does not take it.
        """
        for cell in cells:
            self._asked.add(control.ask(self.folder, do, cell.name))

    def hear(self, event: Event) -> None:
        """Note what the runner answered."""
        if isinstance(event, RequestRefused) and event.request in self._asked:
            self.refused.append(safe_text(event.text, limit=1000))
