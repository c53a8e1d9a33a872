"""Requests to a live run: what somebody asks of one of its cells, through the run's folder.

A request is a file `control/<time>-<random>.json` in the folder of the run, published whole:

    {"version": 1, "do": "retry", "cell": "tuned@seed=0", "by": "pid 4123 on box"}

`do` is `retry` (a cell that failed or was stopped), `cancel` (a running cell stops after a
checkpoint) or `kill` (it stops now). The runner reads every file once, in the order of the names,
and answers in the journal with an event that names the file: `CellRetried`, `CellCancelled` or
`RequestRefused`. It changes and removes nothing in there. Whatever else lies there is refused.
"""

import os
import platform
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.rundir.run_folder import RunFolder
from pipelines.core.errors import UsageError
from pipelines.core.text import safe_text

LOOK_SECONDS = 0.2
MOST_BYTES = 4096
MOST_AT_ONCE = 32
"""Requests that are read in one look; the next look goes on."""

Deed = Literal["retry", "cancel", "kill"]


class Wish(BaseModel):
    """A request, as its file says it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    version: int = Field(ge=1, le=1)
    do: Deed
    cell: str = Field(min_length=1, max_length=1000)
    """Whole name of a cell."""
    by: str = Field("", max_length=200)
    """Who asks, for those who read the journal."""


class Asked(NamedTuple):
    """A request as it was found: its name, and what it asks or why it cannot be read."""

    name: str
    wish: Wish | str


def ask(folder: RunFolder, do: Deed, cell: str) -> str:
    """Ask the runner of a live run for something; returns the name by which it will answer.

    Raises:
        UsageError: nobody would answer.
        EnvironmentFault: the disk does not take it.
    """
    if not folder.alive():
        raise UsageError(f"run {folder.id} does not run: the same `meta run` goes on from there")
    wish = Wish(version=1, do=do, cell=cell, by=f"pid {os.getpid()} on {platform.node()}"[:200])
    # Names in the order of asking; two that ask at once get two names.
    name = f"{time.time_ns():020}-{secrets.token_hex(4)}"
    folder.disk.publish(_place(folder) / f"{name}.json", [wish.model_dump_json().encode()])
    return name


@dataclass(slots=True)
class Inbox:
    """What a runner has been asked, each request once."""

    folder: RunFolder
    clock: Callable[[], float] = time.monotonic
    _due: float = float("-inf")
    _seen: set[str] = field(default_factory=set)

    def look(self, *, at_once: bool = False) -> list[Asked]:
        """New requests, in the order of their names; looks a few times a second.

        Args:
            at_once: look though it is not yet time: there is no next look.
        """
        if self.clock() < self._due and not at_once:
            return []
        self._due = self.clock() + LOOK_SECONDS
        place = _place(self.folder)
        try:
            names = [path.name for path in place.iterdir() if path.name not in self._seen]
        except FileNotFoundError:
            return []
        except OSError as error:
            return self._once(place.name, f"it cannot be read: {error.strerror}")
        found: list[Asked] = []
        for name in sorted(names)[:MOST_AT_ONCE]:
            found += self._once(name, _read(place / name))
        return found

    def _once(self, name: str, wish: Wish | str) -> list[Asked]:
        if name in self._seen:
            return []
        self._seen.add(name)
        return [Asked(safe_text(name.removesuffix(".json"), limit=100), wish)]


def _place(folder: RunFolder) -> Path:
    return folder.path / "control"


def _read(path: Path) -> Wish | str:
    """The request in a file, or what is wrong with it; anything may lie there."""
    try:
        # Neither follows a link nor waits for somebody at the other end of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "it is no file"
            data = os.read(descriptor, MOST_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if len(data) > MOST_BYTES:
        return f"it is longer than {MOST_BYTES} bytes"
    try:
        return Wish.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        return safe_text(f"it is no request: {where and f'{where}: '}{first['msg']}", limit=300)
