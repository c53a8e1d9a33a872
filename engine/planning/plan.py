"""What a run would do, cell by cell, and why. Takes no lock, imports no torch, changes nothing.

Five states: `hit` (its result is there), `run`, `resume` (from a checkpoint), `pending` (runs
unless what it needs comes out unchanged) and `blocked` (it may not run).
"""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from engine.identity.fingerprint import explain
from engine.identity.key import Key, difference
from engine.identity.resolver import Resolver
from engine.planning.accepted import find_accepted
from engine.planning.selection import Selection
from engine.rundir.previous_runs import History
from engine.store import Damaged, Miss, Result
from pipelines.core import reading
from pipelines.pipeline import Cell, Pipeline

CHANGES_TOLD = 3
STAGES_TOLD = 3

State = Literal["hit", "run", "resume", "pending", "blocked"]


@dataclass(frozen=True, slots=True)
class CellPlan:
    """What would happen to one cell."""

    cell: int
    name: str
    state: State
    why: str
    key: str = ""
    """Empty while it depends on results that are not there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do."""

    cells: tuple[CellPlan, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """State -> number of cells."""
        found: dict[str, int] = {}
        for cell in self.cells:
            found[cell.state] = found.get(cell.state, 0) + 1
        return found


def plan(
    resolver: Resolver, selection: Selection, history: History, *, accept_code: bool = False
) -> Plan:
    """What a run of these cells would do.

    What a cell that runs would read is verified, as the run will: damage there makes its makers
    run. So nothing is a hit here that the run finds damaged.
    """
    # Each time around something was found damaged that counted as a hit.
    for _ in range(len(resolver.pipeline.cells) + 1):
        planned, damaged = _planned(resolver, selection, history, accept_code=accept_code)
        if not damaged:
            break
    return Plan(tuple(planned.values()))


def _planned(
    resolver: Resolver, selection: Selection, history: History, *, accept_code: bool
) -> tuple[dict[int, CellPlan], bool]:
    """The plan by what the store is known to hold, and whether that was found to be damaged."""
    results: dict[int, Result] = {}
    planned: dict[int, CellPlan] = {}
    damaged = False
    for cell in resolver.pipeline.cells:
        if cell.ordinal not in selection.cells:
            continue
        found = _waits(cell, resolver.pipeline, planned, selection)
        if found is None:
            found = _decide(cell, resolver, selection, history, results, accept_code=accept_code)
            if found.state in {"run", "resume"}:
                damaged |= not _can_read(cell, resolver, results)
        planned[cell.ordinal] = found
    return planned, damaged


def _can_read(cell: Cell, resolver: Resolver, results: Mapping[int, Result]) -> bool:
    """Whether all that a cell would read is whole; the store knows from then on what is not."""
    try:
        for wires in cell.inputs.values():
            for wire in wires:
                resolver.store.files(resolver.output(wire, results))
    except Damaged:
        return False
    return True


def _waits(
    cell: Cell, pipeline: Pipeline, planned: Mapping[int, CellPlan], selection: Selection
) -> CellPlan | None:
    """The plan of a cell whose needs are not all there yet."""
    open_needs = [need for need in sorted(cell.needs) if planned[need].state != "hit"]
    if not open_needs:
        return None
    stages = {pipeline.cells[need].stage for need in open_needs}
    names, come = _names(stages), "come" if len(stages) > 1 else "comes"
    if cell.ordinal not in selection.only:
        return CellPlan(cell.ordinal, cell.name, "blocked", f"not asked for, and needs {names}")
    if any(planned[need].state == "blocked" for need in open_needs):
        return CellPlan(cell.ordinal, cell.name, "blocked", f"needs {names}")
    if cell.ordinal in selection.forced:
        return CellPlan(cell.ordinal, cell.name, "run", "forced, after what it needs")
    return CellPlan(cell.ordinal, cell.name, "pending", f"runs unless {names} {come} out unchanged")


def _decide(
    cell: Cell,
    resolver: Resolver,
    selection: Selection,
    history: History,
    results: dict[int, Result],
    *,
    accept_code: bool,
) -> CellPlan:
    key = resolver.key(cell, results)
    found = resolver.result(key)
    forced = selection.forces(cell)
    why = "cached"
    if accept_code and isinstance(found, Miss) and not (found.damaged or forced):
        found = find_accepted(cell, key, resolver, history) or found
        why = "cached, of earlier code that is accepted"
    if isinstance(found, Result) and not forced:
        results[cell.ordinal] = found
        return CellPlan(cell.ordinal, cell.name, "hit", why, key.digest)
    if not selection.allows(cell):
        why = selection.refusal(cell, reason(cell, key, resolver, history, found))
        return CellPlan(cell.ordinal, cell.name, "blocked", why, key.digest)
    note = resolver.store.checkpoint_note(key.digest)
    if note is not None and not forced:
        why = f"from its checkpoint at step {note.get('step', 0)}"
        return CellPlan(cell.ordinal, cell.name, "resume", why, key.digest)
    why = "forced" if forced else reason(cell, key, resolver, history, found)
    return CellPlan(cell.ordinal, cell.name, "run", why, key.digest)


def reason(cell: Cell, key: Key, resolver: Resolver, history: History, found: Result | Miss) -> str:
    """Why a cell has no usable result: what differs from its last one, or what is damaged."""

    def code(old: str, _new: str) -> str:
        try:
            before = reading.decoded(resolver.store.read_object(old))
        except (Damaged, OSError, ValueError):
            return "code changed"
        return explain(before, json.loads(resolver.code(cell).data))

    if isinstance(found, Miss) and found.damaged:
        return found.reason
    before = history.components(cell.name)
    try:
        changes = difference(before, key.components, code) if before is not None else []
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its earlier result cannot be compared with"
    if changes:
        return "; ".join(changes[:CHANGES_TOLD])
    return found.reason if isinstance(found, Miss) else "no earlier result"


def _names(stages: Set[str]) -> str:
    shown = sorted(stages)
    more = f" and {len(shown) - STAGES_TOLD} more" if len(shown) > STAGES_TOLD else ""
    return ", ".join(shown[:STAGES_TOLD]) + more
