"""Gathers every problem of a file, each at its place, so that all are told at once."""

from typing import Literal, NoReturn

from pipelines.core.errors import PipelineError, Problem
from pipelines.yaml.reader import Path
from pipelines.yaml.source import Document

_TOLD = 100


class Report:
    """The problems found so far in one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.overridden: dict[Path, str] = {}
        """Values that the command line replaced: path -> the option as written."""
        self._found: dict[Problem, None] = dict.fromkeys(document.problems)

    def error(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Report an error at the value of a path, or at its key."""
        self._add(path, message, hint, key=key, warning=False)

    def warn(
        self, path: Path, message: str, hint: str = "", *, key: bool = False, code: str = ""
    ) -> None:
        """Report a warning at the value of a path, or at its key; `code` names its kind."""
        self._add(path, message, hint, key=key, warning=True, code=code)

    def placeless(self, message: str, hint: str = "") -> None:
        """Report an error of the command line, which has no place in the file."""
        self._found[Problem(message, None, hint)] = None

    def _add(
        self, path: Path, message: str, hint: str, *, key: bool, warning: bool, code: str = ""
    ) -> None:
        severity: Literal["error", "warning"] = "warning" if warning else "error"
        for end in range(len(path) + 1) if self.overridden else ():
            if option := self.overridden.get(path[:end]):
                problem = Problem(f"{option}: {message}", None, hint, severity, code)
                self._found[problem] = None
                return
        if not key and self.document.unreadable(path):
            return
        mark = self.document.mark(path, key=key)
        self._found[Problem(message, mark, hint, severity, code)] = None

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings, in file order."""
        return tuple(sorted((p for p in self._found if p.severity == "warning"), key=_place))

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The errors, in file order; of very many, the first."""
        found = sorted((p for p in self._found if p.severity == "error"), key=_place)
        if len(found) > _TOLD:
            found = [*found[:_TOLD], Problem(f"and {len(found) - _TOLD} more errors")]
        return tuple(found)

    def stop(self) -> None:
        """End here if there is any error.

        Raises:
            PipelineError: every error.
        """
        if self.errors:
            self.refuse()

    def refuse(self) -> NoReturn:
        """End here.

        Raises:
            PipelineError: every error.
        """
        raise PipelineError(self.errors)


def _place(problem: Problem) -> tuple[int, int]:
    return (problem.mark.line, problem.mark.column) if problem.mark else (0, 0)
