"""What a runner answers to requests (`engine.rundir.control`), as events that name the request."""

from dataclasses import dataclass
from typing import ClassVar

from engine.rundir.event_base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCancelled(Event):
    """Somebody asked that this cell alone stops; `CellInterrupted` follows when it has."""

    kind: ClassVar[str] = "cell_cancelled"
    cell: int
    request: str
    """Name of the request (`engine.rundir.control`)."""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRetried(Event):
    """A cell that failed or was stopped waits for another attempt.

    Because somebody asked, by a request; or because its file says so, by `because`.
    """

    kind: ClassVar[str] = "cell_retried"
    cell: int
    request: str
    attempt: int
    """2 for the first time."""
    by: str = ""
    because: str = ""
    """"retry 1 of 2 after out of memory"."""
    revived: tuple[int, ...] = ()
    """Cells that were skipped and wait again, because nothing else keeps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Event):
    """What somebody asked through the run's folder was not done."""

    kind: ClassVar[str] = "request_refused"
    cell: int | None
    """None where it names no cell of the run."""
    request: str
    text: str
    """Why, and what to do instead."""
