"""Drives the schedule with an executor: starts cells, publishes results, writes the journal.

Single-threaded: signals only set a flag that the loop reads, so no state changes under it.
"""

import heapq
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import events
from engine.executors import FINAL, Executor, Message
from engine.history import History
from engine.interrupts import Interrupts
from engine.journal import Journal
from engine.key import Key
from engine.ledger import Ledger
from engine.plan import reason
from engine.relay import relay
from engine.resolve import Resolver
from engine.revision import revision
from engine.runs import RunFolder
from engine.schedule import Schedule
from engine.selection import Selection
from engine.store import FileRef, Lease, Miss, Output, Result
from engine.task import Options, describe
from pipelines.errors import EnvironmentFault
from pipelines.pipeline import Cell

POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0
STOPPING = "stopping: running cells save their state and end"


@dataclass(frozen=True, slots=True)
class _Active:
    """A cell that a worker has."""

    cell: Cell
    key: Key
    lease: Lease
    began: float


@dataclass(slots=True)
class Execution:
    """One run, from its first cell to its last event."""

    resolver: Resolver
    selection: Selection
    folder: RunFolder
    journal: Journal
    executor: Executor
    options: Options
    history: History
    interrupts: Interrupts
    _ledger: Ledger = field(init=False)
    _active: dict[int, _Active] = field(default_factory=dict)
    _queued: list[tuple[int, int, Key]] = field(default_factory=list)
    _elsewhere: dict[int, Key] = field(default_factory=dict)
    """Cells that another run computes now."""
    _fault: str = ""
    _revision: Mapping[str, Any] | None = None
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        cells = self.resolver.pipeline.cells
        schedule = Schedule([cell.needs for cell in cells])
        schedule.leave_out(set(range(len(cells))) - self.selection.cells)
        self._ledger = Ledger(cells, schedule, self.journal)

    def run(self) -> int:
        """Run all cells.

        Returns:
            The exit code: 0, 1 a stage failed, 3 environment, 128 + signal when interrupted.
        """
        code = EnvironmentFault.exit_code
        try:
            code = self._loop()
        except EnvironmentFault as fault:
            self._fault = str(fault)
        finally:
            if self._active:
                # Only after a fault. Nobody else may have their keys while they still run.
                self.executor.cancel(kill=True)
            for active in self._active.values():
                active.lease.release()
            took = round(time.monotonic() - self._began, 3)
            now = time.time()
            self.journal.event(
                events.RunEnded(time=now, code=code, seconds=took, reason=self._fault)
            )
            self.journal.close()
        return code

    def _loop(self) -> int:
        while not self._ledger.schedule.finished:
            if not self.interrupts.stopping:
                self._advance()
            elif not self._active:
                return self.interrupts.code
            self._interrupt()
            if self._active or self._elsewhere:
                self.journal.flush()
                for message in self.executor.poll(POLL_SECONDS):
                    if message.kind in FINAL:
                        self._final(message)
                    else:
                        relay(message, self.journal)
            elif self._stuck():
                raise RuntimeError("no cell can go on: a defect of meta, please report it")
        return 1 if self._ledger.failed else 0

    def _stuck(self) -> bool:
        schedule = self._ledger.schedule
        return not (schedule.finished or schedule.ready or self._queued or self.interrupts.stopping)

    def _advance(self) -> None:
        """Resolve what is ready, and start as much as there are slots for."""
        for ordinal, key in list(self._elsewhere.items()):
            self._look(ordinal, key)
        while (ready := self._ledger.schedule.next()) is not None:
            cell = self.resolver.pipeline.cells[ready]
            key = self.resolver.key(cell, self._ledger.results)
            if self._ledger.lead(ready, key.digest):
                self._look(ready, key)
        while self._queued and self.executor.free > 0:
            _, ordinal, key = heapq.heappop(self._queued)
            self._start(ordinal, key)

    def _look(self, ordinal: int, key: Key) -> None:
        """Serve a cell from the store, or queue it."""
        cell = self.resolver.pipeline.cells[ordinal]
        found = None if self.selection.forces(cell) else self.resolver.store.result(key.digest)
        if isinstance(found, Result):
            self._elsewhere.pop(ordinal, None)
            self._ledger.cached(ordinal, key.digest, found)
        elif not self.selection.allows(cell):
            self._fail(ordinal, "no result in the store, and it may not run")
        elif ordinal not in self._elsewhere:
            rank = self._ledger.schedule.rank(ordinal)
            heapq.heappush(self._queued, (rank, ordinal, key))
        elif self.executor.free > 0:
            self._start(ordinal, key)

    def _start(self, ordinal: int, key: Key) -> None:
        """Lease a key and hand its cell to the executor, or wait for who holds it."""
        store, cell = self.resolver.store, self.resolver.pipeline.cells[ordinal]
        lease = store.lease(key.digest, self.folder.id)
        if lease is None:
            if ordinal not in self._elsewhere:
                owner = store.lease_owner(key.digest)
                self._ledger.tell(events.CellWaiting(time=time.time(), cell=ordinal, owner=owner))
            self._elsewhere[ordinal] = key
            return
        self._elsewhere.pop(ordinal, None)
        found = store.result(key.digest)
        if isinstance(found, Result) and not self.selection.forces(cell):
            # Another run published it between our look and our lease.
            lease.release()
            self._ledger.cached(ordinal, key.digest, found)
            return
        self._active[ordinal] = _Active(cell, key, lease, time.monotonic())
        self._submit(cell, key, found)

    def _submit(self, cell: Cell, key: Key, found: Result | Miss) -> None:
        store, forced = self.resolver.store, self.selection.forces(cell)
        if forced:
            store.checkpoint_drop(key.digest)
        note = store.checkpoint_note(key.digest) or {}
        why = "forced" if forced else reason(cell, key, self.resolver, self.history, found)
        results, log = self._ledger.results, self.folder.log(cell.ordinal)
        task = describe(self.resolver, cell, key.digest, results, log, self.options)
        worker = self.executor.submit(cell.ordinal, task)
        self._ledger.tell(
            events.CellStarted(
                time=time.time(),
                cell=cell.ordinal,
                key=key.digest,
                worker=worker,
                why=why,
                step=note.get("step", 0),
            )
        )

    def _final(self, message: Message) -> None:
        active = self._active.pop(message.cell)
        self.journal.close_cell(message.cell)
        lost = message.kind == "lost" and self.interrupts.stopping
        try:
            if message.kind == "done":
                self._publish(active, message.body)
            elif message.kind == "interrupted" or lost:
                now, step = time.time(), message.body.get("step", 0)
                self._ledger.tell(events.CellInterrupted(time=now, cell=message.cell, step=step))
            else:
                body = message.body
                self._fail(message.cell, body["error"], body.get("traceback", ""))
                if body.get("code") == EnvironmentFault.exit_code:
                    raise EnvironmentFault(body["error"])
        finally:
            active.lease.release()

    def _publish(self, active: _Active, body: Mapping[str, Any]) -> None:
        """Make a result visible, and only then say so."""
        ordinal, key, store = active.cell.ordinal, active.key, self.resolver.store
        code = self.resolver.code(active.cell)
        if changed := self.resolver.fingerprints.unchanged(code):
            what = ", ".join(changed)
            self._fail(ordinal, f"code changed since the run began ({what}); run again")
            return
        result = Result(
            outputs={name: Output.of(output) for name, output in body["outputs"].items()},
            scores=body["scores"],
            status=body["status"],
            components=key.components,
            provenance={**self._origin(), **body["provenance"], "cell": active.cell.name},
            cost=body["cost"],
            curves=FileRef(*body["curves"]) if body["curves"] else None,
        )
        if active.cell.cache == "off":
            store.checkpoint_drop(key.digest)
        else:
            store.put(code.data)
            try:
                store.publish(key.digest, result)
            except ValueError as error:
                self._fail(ordinal, str(error))
                return
        self._ledger.finished(ordinal, key.digest, result, time.monotonic() - active.began)

    def _fail(self, ordinal: int, error: str, traceback: str = "") -> None:
        self._ledger.fail(ordinal, error, traceback)
        if self.options.fail_fast and not self.interrupts.stopping:
            self.interrupts.stop(1)

    def _origin(self) -> Mapping[str, Any]:
        """The state of the person's own repository, asked once, and only when there is a result."""
        if self._revision is None:
            self._revision = revision(self.resolver.pipeline.folder)
        return {"run": self.folder.id, "pipeline": self.resolver.pipeline.name, **self._revision}

    def _interrupt(self) -> None:
        """Pass a request to stop on to the executor: first gently, then not."""
        self.interrupts.look(self.folder)
        if self.interrupts.kill_due(GRACE_SECONDS):
            self.executor.cancel(kill=True)
        elif self.interrupts.fresh():
            self._ledger.tell(events.Note(time=time.time(), text=STOPPING))
            self.executor.cancel(kill=False)
