"""Drives a run: starts cells, takes what they made, answers requests, until all is over.

Single-threaded: signals only set a flag that the loop reads, and requests lie in files until it
looks, so no state changes under it.
"""

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.execution.cell_task import Options
from engine.execution.control_requests import Wishes
from engine.execution.dispatcher import Active, Dispatch
from engine.execution.healing import Healing
from engine.execution.limits import Limits
from engine.execution.outcomes import Ledger
from engine.execution.publisher import Publisher
from engine.execution.relay import relay
from engine.execution.retries import Retries
from engine.execution.scheduler import Schedule
from engine.execution.signals import Interrupts
from engine.identity.resolver import Resolver
from engine.planning.selection import Selection
from engine.rundir import events
from engine.rundir.control import Inbox
from engine.rundir.journal import Journal
from engine.rundir.previous_runs import History
from engine.rundir.run_folder import RunFolder
from engine.store import Damaged
from engine.workers import FINAL, UNASKED, Executor, Message
from pipelines.core.errors import EnvironmentFault, StageError
from pipelines.pipeline import Cell

POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0
STOPPING = "stopping: running cells save their state and end"


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
    _dispatch: Dispatch = field(init=False)
    _publisher: Publisher = field(init=False)
    _healing: Healing = field(init=False)
    _wishes: Wishes = field(init=False)
    _limits: Limits = field(init=False)
    _retries: Retries = field(default_factory=Retries)
    _fault: str = ""
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        cells = self.resolver.pipeline.cells
        schedule = Schedule([cell.needs for cell in cells])
        left_out = frozenset(range(len(cells))) - self.selection.cells
        self._ledger = Ledger(cells, schedule, self.journal, left_out=left_out)
        self._dispatch = Dispatch(
            self.resolver,
            self.selection,
            self.folder,
            self.executor,
            self.options,
            self.history,
            self._ledger,
        )
        self._publisher = Publisher(self.resolver, self.folder.id)
        self._healing = Healing(self.resolver, self.selection, self._ledger, self._dispatch.alone)
        self._limits = Limits(self.executor)
        self._wishes = Wishes(Inbox(self.folder), self._ledger, self.executor)

    def run(self) -> int:
        """Run all cells.

        Returns:
            The exit code: 0, 1 a stage failed, 3 environment, 128 + signal when interrupted, which
            a run is too of which a cell was stopped alone and not tried again.
        """
        code = EnvironmentFault.exit_code
        try:
            code = self._loop()
        except EnvironmentFault as fault:
            self._fault = str(fault)
        finally:
            if self._dispatch.active:
                # Only after a fault. Nobody else may have their keys while they still run.
                self.executor.close()
            for active in self._dispatch.active.values():
                self._release(active)
            self.resolver.store.remember()
            took = round(time.monotonic() - self._began, 3)
            now = time.time()
            self.journal.event(
                events.RunEnded(time=now, code=code, seconds=took, reason=self._fault)
            )
            self.journal.close()
        return code

    def _release(self, active: Active) -> None:
        """Give a key back; where its file cannot be removed, its lock is free, and that is told."""
        try:
            active.lease.release()
        except EnvironmentFault as fault:
            self._fault = self._fault or str(fault)

    def _loop(self) -> int:
        dispatch, stopping = self._dispatch, self.interrupts
        while self._goes_on():
            if not stopping.stopping:
                dispatch.advance()
            elif not dispatch.active:
                return stopping.code
            self._interrupt()
            if dispatch.active or dispatch.elsewhere:
                self.journal.flush()
                for message in self.executor.poll(POLL_SECONDS):
                    if message.kind in FINAL:
                        self._final(message)
                    else:
                        cell = self._dispatch.active[message.cell].cell
                        self._limits.hear(message, cell, self.folder.log(message.cell))
                        relay(message, self.journal)
                self._limits.look()
            elif self._stuck():
                raise RuntimeError("no cell can go on: a defect of meta, please report it")
        if self._ledger.failed:
            return 1
        return 128 + signal.SIGINT if self._ledger.stopped else 0

    def _goes_on(self) -> bool:
        """Whether there is more to do, after what was asked has been done."""
        if self.options.fail_fast and self._ledger.failed and not self.interrupts.stopping:
            self.interrupts.stop(1)
        self._wishes.attend(self._dispatch.active.keys(), stopping=self.interrupts.stopping)
        if self._ledger.schedule.finished and not self.interrupts.stopping:
            self._healing.check_shown()
        return not self._ledger.schedule.finished

    def _stuck(self) -> bool:
        finished = self._ledger.schedule.finished
        return self._dispatch.idle and not (finished or self.interrupts.stopping)

    def _final(self, message: Message) -> None:
        active = self._dispatch.active.pop(message.cell)
        self.journal.close_cell(message.cell)
        self._limits.forget(message.cell)
        alone = self._wishes.withdrawn(message.cell) and not self.interrupts.stopping
        asked = alone or self.interrupts.stopping
        damaged = message.body.get("damaged") if message.kind == "failed" else None
        try:
            if message.kind == "done":
                self._take(active, message)
            elif (asked and message.kind in {"interrupted", "lost"}) or (alone and damaged):
                self._interrupted(message, alone=alone)
            elif damaged:
                digest, reason, changed = damaged
                self._healing.unread(message.cell, digest, reason, changed=changed)
            elif message.kind == "interrupted":
                self._failed(active.cell, {"error": UNASKED})
            else:
                self._failed(active.cell, message.body)
        finally:
            active.lease.release()

    def _failed(self, cell: Cell, failure: Mapping[str, Any]) -> None:
        """A cell failed: it is tried again where the file says so, and over otherwise."""
        error, traceback = failure["error"], failure.get("traceback", "")
        stopping = self.interrupts.stopping
        because = "" if stopping else self._retries.grant(cell, failure)
        if because:
            if failure.get("fault") == "memory":
                self._dispatch.alone.add(cell.ordinal)
            self._ledger.try_again(cell.ordinal, error, traceback, because)
            return
        self._ledger.fail(cell.ordinal, error, traceback)
        if failure.get("code") == EnvironmentFault.exit_code:
            raise EnvironmentFault(error)

    def _take(self, active: Active, message: Message) -> None:
        """Make a result visible, and only then say so."""
        cell, key = active.cell, active.key
        try:
            result = self._publisher.publish(cell, key, message.body)
        except StageError as error:
            self._ledger.fail(cell.ordinal, str(error))
            return
        except Damaged as error:
            self._healing.unread(cell.ordinal, error.digest, error.reason)
            return
        seconds = time.monotonic() - active.began
        self._ledger.finished(cell.ordinal, key.digest, result, seconds)

    def _interrupted(self, message: Message, *, alone: bool) -> None:
        """A cell stopped: alone, or with the run, of which the others are told nothing then."""
        cell, step = message.cell, message.body.get("step", 0)
        if alone:
            self._ledger.stop(cell, step)
        else:
            self._ledger.tell(events.CellInterrupted(time=time.time(), cell=cell, step=step))

    def _interrupt(self) -> None:
        """Pass a request to stop on to the executor: first gently, then not."""
        self.interrupts.look(self.folder)
        if self.interrupts.kill_due(GRACE_SECONDS):
            self.executor.cancel(kill=True)
        elif self.interrupts.fresh():
            self._ledger.tell(events.Note(time=time.time(), text=STOPPING))
            self.executor.cancel(kill=False)
