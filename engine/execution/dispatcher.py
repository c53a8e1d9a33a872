"""From a cell that may start to a worker that has it: served from the store, queued, leased."""

import heapq
import time
from collections.abc import Set
from dataclasses import dataclass, field

from engine.execution.cell_task import Options, describe
from engine.execution.outcomes import Ledger
from engine.identity.key import Key
from engine.identity.resolver import Resolver
from engine.planning.accepted import find_accepted
from engine.planning.plan import reason
from engine.planning.selection import Selection
from engine.rundir import events
from engine.rundir.previous_runs import History
from engine.rundir.run_folder import RunFolder
from engine.store import FileRef, Lease, Miss, Result
from engine.workers import Executor
from pipelines.pipeline import Cell


@dataclass(frozen=True, slots=True)
class Active:
    """A cell that a worker has."""

    cell: Cell
    key: Key
    lease: Lease
    began: float


@dataclass(slots=True)
class Dispatch:
    """Starts the cells of one run.

    Attributes:
        active: cells that a worker has, by ordinal.
        elsewhere: cells that another run computes now.
    """

    resolver: Resolver
    selection: Selection
    folder: RunFolder
    executor: Executor
    options: Options
    history: History
    ledger: Ledger
    active: dict[int, Active] = field(default_factory=dict)
    elsewhere: dict[int, Key] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)
    """Cells that ran out of memory, or may have changed what they and others read: each starts when
    nothing runs, and nothing starts beside it."""
    _queued: list[tuple[int, int, Key]] = field(default_factory=list)
    _listed: set[str] = field(default_factory=set)
    """Digests of code whose listings were looked for."""

    @property
    def idle(self) -> bool:
        """Whether nothing runs, here or elsewhere, and nothing may start."""
        waits = self.active or self.elsewhere or self._queued
        return not (waits or self.ledger.schedule.ready)

    def advance(self) -> None:
        """Resolve what is ready, and start as much as there are slots for."""
        self._let_go(self.ledger.let_go())
        for ordinal, key in list(self.elsewhere.items()):
            self._look(ordinal, key)
        while (ready := self.ledger.schedule.next()) is not None:
            cell = self.resolver.pipeline.cells[ready]
            key = self.resolver.key(cell, self.ledger.results)
            if self.ledger.lead(ready, key.digest):
                self._look(ready, key)
        while (found := self._next()) is not None:
            _, ordinal, key = found
            self._start(ordinal, key)

    def _next(self) -> tuple[int, int, Key] | None:
        """Take what is queued and may start now."""
        if not self.alone:
            ready = self._queued and self.executor.free > 0
            return heapq.heappop(self._queued) if ready else None
        found = next((it for it in sorted(self._queued) if self._may_start(it[1])), None)
        if found is not None:
            self._queued.remove(found)
            heapq.heapify(self._queued)
        return found

    def _may_start(self, ordinal: int) -> bool:
        if self.executor.free < 1 or not self.alone.isdisjoint(self.active):
            return False
        return ordinal not in self.alone or not self.active

    def _let_go(self, cells: Set[int]) -> None:
        """Forget cells that were taken and wait again, perhaps for another key."""
        if not cells:
            return
        self._queued = [item for item in self._queued if item[1] not in cells]
        heapq.heapify(self._queued)
        for cell in cells:
            self.elsewhere.pop(cell, None)

    def _look(self, ordinal: int, key: Key) -> None:
        """Serve a cell from the store, or queue it."""
        cell = self.resolver.pipeline.cells[ordinal]
        found = None if self.selection.forces(cell) else self._find(cell, key)
        if isinstance(found, Result):
            self.elsewhere.pop(ordinal, None)
            self._serve(cell, key, found)
            return
        if not self.selection.allows(cell):
            why = self._why(cell, key, found or Miss("no earlier result"))
            self.ledger.fail(ordinal, self.selection.refusal(cell, why))
            return
        if isinstance(found, Miss) and found.damaged and ordinal not in self.ledger.damage:
            self.ledger.tell_damaged(ordinal, found.reason)
        if ordinal not in self.elsewhere:
            rank = self.ledger.schedule.rank(ordinal)
            heapq.heappush(self._queued, (rank, ordinal, key))
        elif self._may_start(ordinal):
            self._start(ordinal, key)

    def _find(self, cell: Cell, key: Key) -> Result | Miss:
        """The result of a key; one of earlier code becomes one of this key where that is asked."""
        found = self.resolver.result(key)
        if isinstance(found, Result) or found.damaged or not self.options.accept_code:
            return found
        accepted = find_accepted(cell, key, self.resolver, self.history)
        if accepted is None:
            return found
        self.resolver.store.publish(key.digest, accepted)
        told = f"its earlier result is accepted for new code ({self.history.key(cell.name)[:12]})"
        self.ledger.tell(events.Note(time=time.time(), text=told, cell=cell.ordinal))
        return accepted

    def _serve(self, cell: Cell, key: Key, found: Result) -> None:
        """Take a result that is there; the listing of its code is written again if it is not."""
        store, code = self.resolver.store, self.resolver.code(cell)
        if code.digest not in self._listed:
            self._listed.add(code.digest)
            if store.objects.fault(FileRef(code.digest, len(code.data))):
                store.put(code.data)
        self.ledger.cached(cell.ordinal, key.digest, found)

    def _start(self, ordinal: int, key: Key) -> None:
        """Lease a key and hand its cell to the executor, or wait for who holds it."""
        store, cell = self.resolver.store, self.resolver.pipeline.cells[ordinal]
        lease = store.lease(key.digest, self.folder.id)
        if lease is None:
            if ordinal not in self.elsewhere:
                owner = store.lease_owner(key.digest)
                self.ledger.tell(events.CellWaiting(time=time.time(), cell=ordinal, owner=owner))
            self.elsewhere[ordinal] = key
            return
        self.elsewhere.pop(ordinal, None)
        found = self.resolver.result(key)
        if isinstance(found, Result) and not self.selection.forces(cell):
            # Another run published it between our look and our lease.
            lease.release()
            self._serve(cell, key, found)
            return
        self.active[ordinal] = Active(cell, key, lease, time.monotonic())
        self._submit(cell, key, found)

    def _why(self, cell: Cell, key: Key, found: Result | Miss) -> str:
        """Why a cell runs: as it was told when its damage was found, which is put aside by now."""
        if told := self.ledger.damage.get(cell.ordinal):
            return told
        if self.selection.forces(cell) and self.selection.allows(cell):
            return "forced"
        return reason(cell, key, self.resolver, self.history, found)

    def _submit(self, cell: Cell, key: Key, found: Result | Miss) -> None:
        store, forced = self.resolver.store, self.selection.forces(cell)
        attempt = self.ledger.attempts.get(cell.ordinal, 1)
        if forced and attempt == 1:
            store.checkpoint_drop(key.digest)
        note = store.checkpoint_note(key.digest) or {}
        why = self._why(cell, key, found)
        why += f"; attempt {attempt}" if attempt > 1 else ""
        results, log = self.ledger.results, self.folder.log(cell.ordinal)
        task = describe(self.resolver, cell, key.digest, results, log, self.options)
        worker = self.executor.submit(cell.ordinal, task)
        self.ledger.schedule.running(cell.ordinal)
        self.ledger.tell(
            events.CellStarted(
                time=time.time(),
                cell=cell.ordinal,
                key=key.digest,
                worker=worker,
                why=why,
                step=note.get("step", 0),
            )
        )
