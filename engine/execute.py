"""Drives the schedule with an executor: starts cells, publishes results, writes the journal.

Single-threaded: signals only set a flag that the loop reads, so no state changes under it.
"""

import heapq
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import events
from engine.events import MetricBatch
from engine.executors import Executor, Message
from engine.history import History
from engine.interrupts import Interrupts
from engine.journal import Journal
from engine.key import Key
from engine.plan import Selection, reason
from engine.resolve import Resolver, describe
from engine.runs import RunFolder
from engine.schedule import Schedule
from engine.store import FileRef, Lease, Output, Result
from pipelines.errors import EnvironmentFault
from pipelines.pipeline import Cell

POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is carried out; nothing here can change a result."""

    device: str = "cpu"
    stage_files: tuple[Path, ...] = ()
    checkpoint_seconds: float = 30.0
    fail_fast: bool = False


@dataclass(slots=True)
class _Active:
    """A cell that a worker has."""

    cell: Cell
    key: Key
    lease: Lease
    began: float


@dataclass(slots=True)
class Execution:
    """One run, from its first event to its last."""

    resolver: Resolver
    selection: Selection
    folder: RunFolder
    journal: Journal
    executor: Executor
    options: Options
    history: History
    interrupts: Interrupts
    provenance: Mapping[str, Any] = field(default_factory=dict)
    results: dict[int, Result] = field(default_factory=dict)
    _schedule: Schedule = field(init=False)
    _active: dict[int, _Active] = field(default_factory=dict)
    _by_key: dict[str, int] = field(default_factory=dict)
    _queued: list[tuple[int, int, Key]] = field(default_factory=list)
    _leased_elsewhere: dict[int, Key] = field(default_factory=dict)
    _followers: dict[int, list[int]] = field(default_factory=dict)
    _failed: set[int] = field(default_factory=set)
    _fault: str = ""
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        cells = self.resolver.pipeline.cells
        self._schedule = Schedule([cell.needs for cell in cells])
        self._schedule.leave_out(set(range(len(cells))) - self.selection.cells)

    def run(self) -> int:
        """Run all cells.

        Returns:
            The exit code: 0, 1 a stage failed, 3 environment, 128 + signal when interrupted.
        """
        code = 3
        try:
            code = self._loop()
        except EnvironmentFault as fault:
            self._fault = str(fault)
        finally:
            for active in self._active.values():
                active.lease.release()
            seconds = round(time.monotonic() - self._began, 3)
            self.journal.event(
                events.RunEnded(time=time.time(), code=code, seconds=seconds, reason=self._fault)
            )
            self.journal.close()
        return code

    def _loop(self) -> int:
        while not self._schedule.finished:
            if not self.interrupts.stopping:
                self._advance()
            elif not self._active:
                return self.interrupts.code
            self._interrupt()
            if self._active or self._leased_elsewhere:
                self.journal.flush()
                for message in self.executor.poll(POLL_SECONDS):
                    self._receive(message)
        return 1 if self._failed else 0

    def _advance(self) -> None:
        """Resolve what is ready, and start as much as there are slots for."""
        for ordinal, key in list(self._leased_elsewhere.items()):
            self._look(ordinal, key)
        while (ordinal := self._schedule.next()) is not None:
            cell = self.resolver.pipeline.cells[ordinal]
            self._look(ordinal, self.resolver.key(cell, self.results))
        while self._queued and self.executor.free > 0:
            _, ordinal, key = heapq.heappop(self._queued)
            self._start(ordinal, key)

    def _look(self, ordinal: int, key: Key) -> None:
        """Serve a cell from the store, join one that computes the same, or queue it."""
        cell = self.resolver.pipeline.cells[ordinal]
        same = self._by_key.get(key.digest)
        if same is not None and same != ordinal:
            if same in self.results:
                self._cached(ordinal, key, self.results[same], same)
            elif same in self._failed:
                self._fail(ordinal, f"the same work failed as {self._name(same)}")
            else:
                self._followers.setdefault(same, []).append(ordinal)
            return
        forced = ordinal in self.selection.forced or cell.cache in ("refresh", "off")
        found = None if forced else self.resolver.store.result(key.digest)
        if isinstance(found, Result):
            self._leased_elsewhere.pop(ordinal, None)
            self._cached(ordinal, key, found, None)
        elif ordinal not in self.selection.only or cell.cache == "require":
            self._fail(ordinal, "no result in the store, and it was not asked for")
        elif ordinal in self._leased_elsewhere:
            self._start(ordinal, key)
        else:
            self._by_key[key.digest] = ordinal
            heapq.heappush(self._queued, (self._schedule.rank(ordinal), ordinal, key))

    def _start(self, ordinal: int, key: Key) -> None:
        """Lease a key and hand its cell to the executor, or wait for who holds it."""
        if self.executor.free == 0:
            return
        store, cell = self.resolver.store, self.resolver.pipeline.cells[ordinal]
        lease = store.lease(key.digest, f"run {self.folder.id}")
        if lease is None:
            if ordinal not in self._leased_elsewhere:
                owner = store.lease_owner(key.digest)
                self._tell(events.CellWaiting(time=time.time(), cell=ordinal, owner=owner))
            self._leased_elsewhere[ordinal] = key
            return
        self._leased_elsewhere.pop(ordinal, None)
        found = store.result(key.digest)
        forced = ordinal in self.selection.forced or cell.cache in ("refresh", "off")
        if isinstance(found, Result) and not forced:
            # Another run published it between our look and our lease.
            lease.release()
            self._cached(ordinal, key, found, None)
            return
        why = "forced" if forced else reason(cell, key.components, self.history, found)
        task = describe(
            self.resolver, cell, key.digest, self.results,
            device=self.options.device,
            log=self.folder.log(ordinal),
            stage_files=self.options.stage_files,
            interval_seconds=self.options.checkpoint_seconds,
        )  # fmt: skip
        self._active[ordinal] = _Active(cell, key, lease, time.monotonic())
        worker = self.executor.submit(ordinal, task)
        self._tell(
            events.CellStarted(
                time=time.time(), cell=ordinal, key=key.digest, worker=worker, why=why
            )
        )

    def _receive(self, message: Message) -> None:
        body = message.body
        if message.kind == "metrics":
            steps = tuple(body["steps"])
            values = {name: tuple(column) for name, column in body["values"].items()}
            self.journal.batch(
                message.cell, MetricBatch(**{**body, "steps": steps, "values": values})
            )
        elif message.kind == "note":
            self._tell(events.Note(time=time.time(), text=body["text"], cell=message.cell))
        elif message.kind == "checkpointed":
            self._tell(
                events.CellCheckpointed(time=time.time(), cell=message.cell, step=body["step"])
            )
        else:
            self._final(message)

    def _final(self, message: Message) -> None:
        active = self._active.pop(message.cell)
        self.journal.close_cell(message.cell)
        try:
            if message.kind == "done":
                self._publish(active, message.body)
            elif message.kind == "interrupted":
                self._tell(
                    events.CellInterrupted(
                        time=time.time(), cell=message.cell, step=message.body["step"]
                    )
                )
            elif self.interrupts.stopping and message.kind == "lost":
                self._tell(events.CellInterrupted(time=time.time(), cell=message.cell, step=0))
            else:
                self._failure(active, message.body)
        finally:
            active.lease.release()

    def _publish(self, active: _Active, body: Mapping[str, Any]) -> None:
        """Make a result visible, and only then say so."""
        ordinal, store = active.cell.ordinal, self.resolver.store
        changed = self.resolver.fingerprints.unchanged(self.resolver.code(active.cell))
        if changed:
            what = ", ".join(changed)
            self._fail(ordinal, f"code changed since the run began ({what}); run again")
            return
        result = Result(
            outputs={name: Output.from_json(output) for name, output in body["outputs"].items()},
            scores=body["scores"],
            status=body["status"],
            components=active.key.components,
            provenance={**self.provenance, **body["provenance"], "cell": active.cell.name},
            cost=body["cost"],
            curves=FileRef.from_json(body["curves"]) if body["curves"] else None,
        )
        if active.cell.cache != "off":
            store.publish(active.key.digest, result)
        store.checkpoint_drop(active.key.digest)
        self._tell(
            events.CellFinished(
                time=time.time(),
                cell=ordinal,
                key=active.key.digest,
                seconds=round(time.monotonic() - active.began, 3),
                scores=result.scores,
                status=result.status,
            )
        )
        self._done(ordinal, active.key, result)

    def _done(self, ordinal: int, key: Key, result: Result) -> None:
        self.results[ordinal] = result
        self._schedule.done(ordinal)
        for follower in self._followers.pop(ordinal, ()):
            self._cached(follower, key, result, ordinal)

    def _cached(self, ordinal: int, key: Key, result: Result, same_as: int | None) -> None:
        self._by_key.setdefault(key.digest, ordinal)
        self._tell(
            events.CellCached(time=time.time(), cell=ordinal, key=key.digest, same_as=same_as)
        )
        self._done(ordinal, key, result)

    def _failure(self, active: _Active, body: Mapping[str, Any]) -> None:
        if body.get("code") == EnvironmentFault.exit_code:
            self._fault = body["error"]
        self._fail(active.cell.ordinal, body["error"], body.get("traceback", ""))
        if self._fault:
            raise EnvironmentFault(self._fault)

    def _fail(self, ordinal: int, error: str, traceback: str = "") -> None:
        self._failed.add(ordinal)
        now = time.time()
        self._tell(events.CellFailed(time=now, cell=ordinal, error=error, traceback=traceback))
        for skipped in self._schedule.failed(ordinal):
            self._tell(events.CellSkipped(time=now, cell=skipped, culprit=ordinal))
        for follower in self._followers.pop(ordinal, ()):
            self._fail(follower, f"the same work failed as {self._name(ordinal)}")
        if self.options.fail_fast:
            self.interrupts.stop(1)

    def _interrupt(self) -> None:
        """Pass a request to stop on to the executor: first gently, then not."""
        self.interrupts.look(self.folder)
        if self.interrupts.kill_due(GRACE_SECONDS):
            self.executor.cancel(kill=True)
        elif self.interrupts.fresh():
            self._tell(
                events.Note(time=time.time(), text="stopping: cells save their state and end")
            )
            self.executor.cancel(kill=False)

    def _tell(self, event: events.Event) -> None:
        self.journal.event(event)

    def _name(self, ordinal: int) -> str:
        return self.resolver.pipeline.cells[ordinal].name
