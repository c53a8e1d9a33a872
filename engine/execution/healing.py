"""Damaged results of a run: from an object whose bytes are wrong to the cells that made it.

A hit looks at sizes and times; bytes are verified when they are read (by a worker) or shown (the
tables that a run prints). So damage may turn up when its cell counts as done. Then the cell is
computed again in the same run, once, and once more for each time that a reader which changes what
it reads is found out; what needs it and has not begun waits, what has finished stays.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from engine.execution.outcomes import Ledger
from engine.execution.scheduler import CellState
from engine.identity.resolver import Resolver, find_damage
from engine.planning.selection import Selection
from engine.store import Result


@dataclass(slots=True)
class Healing:
    """Sends cells whose results are damaged back to be computed again."""

    resolver: Resolver
    selection: Selection
    ledger: Ledger
    alone: set[int]
    """Cells that start when nothing runs, with nothing beside them: the dispatcher's."""
    _returns: dict[int, int] = field(default_factory=dict)
    """Running cell -> how often it came back although nothing that it reads was to be healed."""
    _changers: dict[int, set[int]] = field(default_factory=dict)
    """Maker -> cells that read its result, which had been whole, when it changed."""
    _suspects: set[int] = field(default_factory=set)
    """Cells of which several read a result when it changed: which did it shows one by one."""

    def unread(self, reader: int, digest: str, reason: str, *, changed: bool = False) -> None:
        """A running cell found an object damaged: its makers are healed, and it waits for them.

        Args:
            reader: the cell.
            digest: the object.
            reason: what is wrong with it.
            changed: it was whole when the cell began. Once may be chance; a cell while which it
                happens again has changed it, and fails.
        """
        why = self._confirmed(digest, reason)
        makers = self._makers(digest) if why else []
        damage = {cell: result.damage(digest, why) for cell, result in makers}
        if changed and self._has_changed(reader, damage):
            self._blame(reader, damage, f"object {digest[:12]} {reason}")
            return
        if reader in self._suspects:
            self.alone.add(reader)
        if makers:
            self._heal(damage, reader)
        elif not self._is_being_healed(digest):
            self._returns[reader] = self._returns.get(reader, 0) + 1
            if self._returns[reader] > 1:
                self.ledger.fail(reader, f"object {digest[:12]} {reason}, twice; check the disk")
                return
        needs = self.resolver.pipeline.cells[reader].needs
        awaited = [self.ledger.cells[need].name for need in sorted(needs)
                   if self.ledger.schedule.state(need) is not CellState.DONE]  # fmt: skip
        self.ledger.put_back(
            reader, f"{', '.join(awaited)}, computed again" if awaited else "what it read"
        )

    def _has_changed(self, reader: int, makers: Collection[int]) -> bool:
        """Whether a cell is known to change results that it reads, after they changed once more.

        It is where that happened to it before, and no other reader runs that can have done it.
        What a reader did does not count as the one time that a maker may heal.
        """
        schedule = self.ledger.schedule
        near = {user for cell in makers for user in schedule.users(cell)}
        readers = {reader, *near.intersection(schedule.cells_in(CellState.RUNNING))}
        before = any(reader in self._changers.get(cell, ()) for cell in makers)
        for cell in makers:
            schedule.excuse_damage(cell)
            self._changers.setdefault(cell, set()).update(readers)
        if len(readers) > 1:
            self._suspects |= readers
        return before and len(readers) == 1

    def _blame(self, reader: int, damage: Mapping[int, str], why: str) -> None:
        """Fail a cell that changes what it reads; its makers are healed for their other readers."""
        told = f"it changed the result of {self._names(damage)} that it reads"
        hint = "open the files that an artifact is read from for reading only"
        self.ledger.fail(reader, f"{told} ({why}, twice, each time while it ran): {hint}")
        schedule = self.ledger.schedule
        if any(not schedule.state(user).final for it in damage for user in schedule.users(it)):
            self._heal(damage, reader)

    def _cause(self, maker: int) -> str:
        """What is to be looked at where a result is damaged again."""
        readers = self._changers.get(maker)
        return f"it changed while {self._names(readers)} read it" if readers else "check the disk"

    def _names(self, cells: Iterable[int]) -> str:
        return ", ".join(self.ledger.cells[cell].name for cell in sorted(cells))

    def check_shown(self) -> None:
        """Verify what the run prints at its end; what is damaged is healed."""
        for cell, result in sorted(self.ledger.results.items()):
            if damaged := find_damage(self.resolver.store, result):
                makers = dict(self._makers(damaged.digest)) or {cell: result}
                self._heal(
                    {it: made.damage(damaged.digest, damaged.reason) for it, made in makers.items()}
                )

    def _heal(self, damage: Mapping[int, str], reader: int | None = None) -> None:
        """Heal the cells that may, and fail the others: first all that wait, then what skips."""
        schedule, cells = self.ledger.schedule, self.resolver.pipeline.cells
        able = {
            cell
            for cell in damage
            if self.selection.allows(cells[cell]) and schedule.may_heal(cell)
        }
        self.ledger.heal({cell: why for cell, why in damage.items() if cell in able}, reader)
        for cell, why in damage.items():
            if cell in able:
                continue
            self.ledger.tell_damaged(cell, why, reader)
            if self.selection.allows(cells[cell]):
                self.ledger.fail(cell, f"{why}, after it was computed again: {self._cause(cell)}")
            else:
                self.ledger.fail(cell, self.selection.refusal(cells[cell], why))

    def _confirmed(self, digest: str, reason: str) -> str:
        """How an object is damaged; empty where it is whole, healed by somebody meanwhile."""
        return reason if self.resolver.store.objects.damage(digest) else ""

    def _makers(self, digest: str) -> list[tuple[int, Result]]:
        """Cells that are done and whose results name an object."""
        return [
            (cell, result)
            for cell, result in sorted(self.ledger.results.items())
            if result.names(digest)
        ]

    def _is_being_healed(self, digest: str) -> bool:
        return any(result.names(digest) for result in self.ledger.replaced.values())
