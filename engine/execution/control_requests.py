"""What requests do to the cells of a run that goes on: each is carried out, or refused with why."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from engine.execution.outcomes import Ledger
from engine.execution.scheduler import CellState
from engine.rundir.answers import CellCancelled, RequestRefused
from engine.rundir.control import Asked, Inbox, Wish
from engine.workers import Executor
from pipelines.core.text import safe_text

_STOPPING = "the run is stopping: the same `meta run` goes on from there"


@dataclass(slots=True)
class Wishes:
    """Answers requests."""

    inbox: Inbox
    ledger: Ledger
    executor: Executor
    _cancelled: set[int] = field(default_factory=set)
    """Running cells that were asked to stop alone."""

    def attend(self, running: Collection[int], *, stopping: bool) -> None:
        """Answer what was asked since the last time.

        Args:
            running: cells that a worker has.
            stopping: nothing may begin any more.
        """
        last = self.ledger.schedule.finished
        while asked := self.inbox.look(at_once=last):
            for one in asked:
                self._answer(one, running, stopping=stopping)

    def withdrawn(self, cell: int) -> bool:
        """Whether a cell that runs no more had been asked to stop alone; forgets it."""
        asked = cell in self._cancelled
        self._cancelled.discard(cell)
        return asked

    def _answer(self, asked: Asked, running: Collection[int], *, stopping: bool) -> None:
        if isinstance(asked.wish, str):
            self._refuse(asked.name, None, asked.wish)
            return
        wish, by = asked.wish, safe_text(asked.wish.by)
        cell = next((it.ordinal for it in self.ledger.cells if it.name == wish.cell), None)
        if cell is None:
            self._refuse(asked.name, None, f"the run has no cell {safe_text(wish.cell, limit=200)}")
        elif refused := _STOPPING if stopping else self._refusal(wish, cell, running):
            self._refuse(asked.name, cell, refused)
        elif wish.do == "retry":
            self.ledger.retry(cell, asked.name, by)
        else:
            self._cancelled.add(cell)
            now = time.time()
            self.ledger.tell(CellCancelled(time=now, cell=cell, request=asked.name, by=by))
            self.executor.cancel(kill=wish.do == "kill", cell=cell)

    def _refusal(self, wish: Wish, cell: int, running: Collection[int]) -> str:
        """Why a wish cannot be fulfilled; empty where it can."""
        ledger = self.ledger
        if wish.do == "retry":
            if ledger.schedule.state(cell) in {CellState.FAILED, CellState.STOPPED}:
                return ""
            return f"{self._standing(cell, running)}; only what failed or was stopped can be tried"
        if cell not in running:
            return f"{self._standing(cell, running)}; only a running cell can be stopped"
        if wish.do == "cancel" and cell in self._cancelled:
            return f"{ledger.cells[cell].name} was asked to stop already"
        return ""

    def _standing(self, cell: int, running: Collection[int]) -> str:
        """Where a cell stands, as a sentence begins."""
        ledger, name = self.ledger, self.ledger.cells[cell].name
        culprit = ledger.schedule.culprit(cell)
        if culprit is not None:
            return f"{name} is skipped because of {ledger.cells[culprit].name}"
        if cell in running:
            return f"{name} is running"
        leader = ledger.leader(cell)
        if leader is not None:
            return f"{name} waits for the same work of {ledger.cells[leader].name}"
        match ledger.schedule.state(cell):
            case CellState.DONE | CellState.FAILED | CellState.STOPPED as state:
                return f"{name} is {state.value}"
            case CellState.LEFT_OUT:
                return f"{name} is no part of this run"
            case _:
                return f"{name} is waiting"

    def _refuse(self, request: str, cell: int | None, why: str) -> None:
        now = time.time()
        self.ledger.tell(RequestRefused(time=now, cell=cell, request=request, text=why))
