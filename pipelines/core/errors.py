"""Every error that a person can cause, and the exit code that it ends the program with.

MetaError                    the root; never raised itself
├── PipelineError        2   a pipeline file is wrong: all its problems at once, each at its place
├── UsageError           2   a command line is wrong, or names what does not exist
├── StageError           1   a stage could not do what its parameters ask with the inputs it got
├── EnvironmentFault     3   the machine: disk full, no such device, store not writable
└── MissingFiles         2   a stage's outside files are not where its parameters say
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from pipelines.core.text import safe_text, width

_SHOWN, _BEFORE = 120, 60
MOST_TOLD = 100
"""Problems of a file that are told; nobody mends more at once."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a pipeline file. `line` and `column` count from 1; `text` is the whole line."""

    file: str
    line: int
    column: int
    text: str = ""
    width: int = 1

    def __str__(self) -> str:
        return f"{safe_text(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file: what, where, and how to mend it."""

    message: str
    mark: Mark | None = None
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    code: str = ""
    """Name of the kind of warning, see `pipelines.core.codes`; empty where it has none."""

    def render(self) -> str:
        """The problem as lines: place and message, the source line with a caret, the hint."""
        place = f"{self.mark}: " if self.mark else ""
        lines = [f"{place}{self.severity}: {self.message}"]
        if self.mark and self.mark.text:
            lines += [f"    {line}" for line in _excerpt(self.mark)]
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)


def _excerpt(mark: Mark) -> tuple[str, str]:
    """The marked line, cut to what a screen holds, and its caret line."""
    start = max(0, mark.column - 1 - _BEFORE) if len(mark.text) > _SHOWN else 0
    stop = mark.column - 1
    head, tail = mark.text[start:stop], mark.text[stop : start + _SHOWN]
    before = ("…" if start else "") + safe_text(head)
    after = safe_text(tail) + ("…" if len(mark.text) > start + _SHOWN else "")
    caret = "^" * max(1, width(safe_text(tail[: mark.width])))
    return before + after, " " * width(before) + caret


class MetaError(Exception):
    """Ends the program with `exit_code` and its message, never with a traceback."""

    exit_code: ClassVar[int] = 1


class PipelineError(MetaError):
    """A pipeline file is wrong; `problems` holds every fault found, in file order."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = _first(tuple(problems))
        super().__init__("\n".join(problem.render() for problem in self.problems))


def _first(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems; of very many the first, and how many more there are."""
    if len(problems) <= MOST_TOLD + 1:
        return problems
    more = f"and {len(problems) - MOST_TOLD:,} more problems"
    return (*problems[:MOST_TOLD], Problem(more))


class UsageError(MetaError):
    """A command asks for something that does not exist or cannot be."""

    exit_code: ClassVar[int] = 2


class StageError(MetaError):
    """A stage cannot do what it was asked; the message says what to change."""


class EnvironmentFault(MetaError):  # noqa: N818  (named for what it is: the machine's fault)
    """The machine cannot serve: disk full, no such device, store not writable.

    `number` is the errno of what was refused, 0 where there is none.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, told: str, number: int = 0) -> None:
        self.number = number
        super().__init__(told)


class MissingFiles(MetaError):  # noqa: N818  (named for what it is)
    """Outside files are not where the parameters say. `hint` tells how to get them.

    `place` is the parameter that says where they are (`root`), or that asks for them. `others` are
    (message, hint) of further faults at the same place.
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        message: str,
        hint: str = "",
        place: str = "",
        others: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.place = place
        self.others = tuple(others)
