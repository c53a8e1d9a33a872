"""Every request to a cell in every state: what is done, and what is refused with which words."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.execution.control_requests import Wishes
from engine.execution.outcomes import Ledger
from engine.execution.scheduler import Schedule
from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.control import Asked, Wish
from engine.rundir.events import CellCached, CellFailed, CellInterrupted, CellSkipped, Event

CELLS = (
    "taken", "asked", "done", "failed", "stopped",
    "skipped", "waiting", "left_out", "later", "twin",
)  # fmt: skip
NEEDS = [frozenset(needed) for needed in ((), (), (), (), (), (3,), (0,), (), (4,), ())]
RUNNING = (0, 1)


@dataclass
class Cell:
    """As much of a cell as a ledger wants to know."""

    ordinal: int
    name: str


@dataclass
class Told:
    """A journal and an executor that only keep what they are told."""

    events: list[Event] = field(default_factory=list)
    orders: list[tuple[int | None, bool]] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def cancel(self, *, kill: bool, cell: int | None = None) -> None:
        self.orders.append((cell, kill))


@dataclass
class Pile:
    """Requests that are there already."""

    asked: list[Asked]

    def look(self, *, at_once: bool = False) -> list[Asked]:
        del at_once
        found, self.asked = self.asked, []
        return found


def desk() -> tuple[Wishes, Told]:
    """A run with a cell in every state."""
    told = Told()
    cells: Any = tuple(Cell(ordinal, name) for ordinal, name in enumerate(CELLS))
    journal: Any = told
    ledger = Ledger(cells, Schedule(NEEDS), journal, left_out=frozenset({7}))
    result: Any = None
    while (cell := ledger.schedule.next()) is not None:
        ledger.lead(cell, f"key of {min(cell, 8) % 8}")
    ledger.cached(2, "key of 2", result)
    ledger.fail(3, "broken")
    ledger.stop(4, 17)
    pile: Any = Pile([])
    wishes = Wishes(pile, ledger, journal)
    tell(wishes, "cancel", "asked")
    told.events.clear()
    told.orders.clear()
    return wishes, told


def tell(wishes: Wishes, do: Any, cell: str, *, stopping: bool = False) -> None:
    pile: Any = wishes.inbox
    pile.asked = [Asked("0001-ab", Wish(version=1, do=do, cell=cell, by="pid 7 on box"))]
    wishes.attend(RUNNING, stopping=stopping)


TRIED = "only what failed or was stopped can be tried"
STOPPED = "only a running cell can be stopped"
REFUSED = {
    ("retry", "taken"): f"taken is running; {TRIED}",
    ("retry", "asked"): f"asked is running; {TRIED}",
    ("retry", "done"): f"done is done; {TRIED}",
    ("retry", "skipped"): f"skipped is skipped because of failed; {TRIED}",
    ("retry", "later"): f"later is skipped because of stopped; {TRIED}",
    ("retry", "waiting"): f"waiting is waiting; {TRIED}",
    ("retry", "twin"): f"twin waits for the same work of taken; {TRIED}",
    ("retry", "left_out"): f"left_out is no part of this run; {TRIED}",
    ("cancel", "asked"): "asked was asked to stop already",
} | {
    (do, cell): f"{cell} {words}; {STOPPED}"
    for do in ("cancel", "kill")
    for cell, words in {
        "done": "is done", "failed": "is failed", "stopped": "is stopped", "waiting": "is waiting",
        "skipped": "is skipped because of failed", "left_out": "is no part of this run",
        "later": "is skipped because of stopped", "twin": "waits for the same work of taken",
    }.items()
}  # fmt: skip


def test_all_requests_to_all_states_are_looked_at_below():
    done = {("retry", "failed"), ("retry", "stopped"), ("cancel", "taken"), ("kill", "taken"),
            ("kill", "asked")}  # fmt: skip
    every = {(do, cell) for do in ("retry", "cancel", "kill") for cell in CELLS}
    assert done | set(REFUSED) == every
    assert not done & set(REFUSED)


@pytest.mark.parametrize(("do", "cell"), REFUSED)
def test_what_cannot_be_done_is_refused_with_why_and_changes_nothing(do, cell):
    wishes, told = desk()
    tell(wishes, do, cell)
    (refused,) = told.events
    assert isinstance(refused, RequestRefused)
    assert (refused.cell, refused.request) == (CELLS.index(cell), "0001-ab")
    assert refused.text == REFUSED[do, cell]
    assert told.orders == []
    assert wishes.ledger.failed == {3}
    assert wishes.ledger.stopped == {4}
    assert wishes.ledger.schedule.next() is None


@pytest.mark.parametrize(("cell", "user"), [("failed", 5), ("stopped", 8)])
def test_what_ended_without_a_result_waits_again_with_what_it_kept_from_running(cell, user):
    wishes, told = desk()
    tell(wishes, "retry", cell)
    (retried,) = told.events
    assert isinstance(retried, CellRetried)
    assert (retried.cell, retried.attempt, retried.revived) == (CELLS.index(cell), 2, (user,))
    assert (retried.request, retried.by) == ("0001-ab", "pid 7 on box")
    assert wishes.ledger.schedule.next() == CELLS.index(cell)
    tell(wishes, "retry", cell)
    assert isinstance(told.events[-1], RequestRefused)
    assert told.events[-1].text == f"{cell} is waiting; {TRIED}"
    wishes.ledger.fail(CELLS.index(cell), "broken again")
    tell(wishes, "retry", cell)
    assert isinstance(told.events[-1], CellRetried)
    assert told.events[-1].attempt == 3


@pytest.mark.parametrize(("do", "cell"), [("cancel", 0), ("kill", 0), ("kill", 1)])
def test_a_running_cell_is_asked_to_stop_or_killed_alone(do, cell):
    wishes, told = desk()
    tell(wishes, do, CELLS[cell])
    (cancelled,) = told.events
    assert isinstance(cancelled, CellCancelled)
    assert (cancelled.cell, cancelled.by) == (cell, "pid 7 on box")
    assert told.orders == [(cell, do == "kill")]
    assert wishes.withdrawn(cell)
    assert not wishes.withdrawn(cell)


@pytest.mark.parametrize("do", ["retry", "cancel", "kill"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_run_that_stops_refuses_everything(do, cell):
    wishes, told = desk()
    tell(wishes, do, cell, stopping=True)
    (refused,) = told.events
    assert isinstance(refused, RequestRefused)
    assert refused.text == "the run is stopping: the same `meta run` goes on from there"
    assert told.orders == []


def test_an_unknown_cell_and_what_is_no_request_are_refused():
    wishes, told = desk()
    tell(wishes, "retry", "nobody\x1b[2J")
    pile: Any = wishes.inbox
    pile.asked = [Asked("x", "it is no file")]
    wishes.attend(RUNNING, stopping=False)
    assert [(event.cell, event.text) for event in told.events] == [
        (None, "the run has no cell nobody\\x1b[2J"), (None, "it is no file"),
    ]  # fmt: skip


def twins() -> tuple[Ledger, Told]:
    """A cell, two others of the same work that wait for it, and a user of each."""
    told = Told()
    cells: Any = tuple(Cell(ordinal, name) for ordinal, name in enumerate("abcdef"))
    journal: Any = told
    needs = [frozenset(needed) for needed in ((), (), (), (0,), (1,), (0, 2))]
    ledger = Ledger(cells, Schedule(needs), journal)
    for _ in range(3):
        ledger.lead(ledger.schedule.next(), "one key")
    return ledger, told


@pytest.mark.parametrize("asked", [0, 1, 2])
@pytest.mark.parametrize("end", ["fail", "stop"])
def test_cells_of_the_same_work_end_and_are_tried_again_together(asked, end):
    ledger, told = twins()
    if end == "fail":
        ledger.fail(0, "broken")
    else:
        ledger.stop(0, 9)
    kind = CellFailed if end == "fail" else CellInterrupted
    assert sorted(e.cell for e in told.events if isinstance(e, kind)) == [0, 1, 2]
    because = {e.because for e in told.events if isinstance(e, CellSkipped)}
    assert because == {"failed" if end == "fail" else "cancelled"}
    told.events.clear()
    ledger.retry(asked, "r", "me")
    assert {event.cell for event in told.events} == {0, 1, 2}
    assert told.events[0].cell == asked
    assert told.events[0].revived == (3, 4, 5)
    assert {event.revived for event in told.events[1:]} == {()}
    order = [ledger.schedule.next() for _ in range(3)]
    assert [cell for cell in order if ledger.lead(cell, "one key")] == [0]
    result: Any = None
    ledger.cached(0, "one key", result)
    assert sorted(e.cell for e in told.events if isinstance(e, CellCached)) == [0, 1, 2]
    assert {ledger.schedule.next() for _ in range(3)} == {3, 4, 5}


def test_what_stays_skipped_names_the_cell_that_still_keeps_it():
    told = Told()
    cells: Any = tuple(Cell(ordinal, name) for ordinal, name in enumerate("abc"))
    journal: Any = told
    schedule = Schedule([frozenset(), frozenset(), frozenset({0, 1})])
    ledger = Ledger(cells, schedule, journal)
    assert {schedule.next(), schedule.next()} == {0, 1}
    ledger.fail(0, "broken")
    ledger.stop(1, 0)
    ledger.retry(0, "r", "me")
    assert isinstance(told.events[-1], CellSkipped)
    assert (told.events[-1].cell, told.events[-1].culprit) == (2, 1)
    assert told.events[-1].because == "cancelled"
