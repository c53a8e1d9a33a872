"""Which failures are tried again: `retry` of the pipeline file, by the class of the failure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.errors import EnvironmentFault
from pipelines.pipeline import Cell

WORDS = {"lost": "its process was lost", "memory": "out of memory", "error": "an error"}


@dataclass(slots=True)
class Retries:
    """Counts the further attempts of each cell of a run."""

    _given: Counter[tuple[int, str]] = field(default_factory=Counter)

    def grant(self, cell: Cell, failure: Mapping[str, Any]) -> str:
        """Why a cell that failed is tried again; nothing where it is not.

        Args:
            cell: the cell.
            failure: body of its last message.
        """
        fault = str(failure.get("fault", "error"))
        most = getattr(cell.retry, fault)
        if (
            failure.get("code") == EnvironmentFault.exit_code
            or self._given[cell.ordinal, fault] >= most
        ):
            return ""
        self._given[cell.ordinal, fault] += 1
        return f"retry {self._given[cell.ordinal, fault]} of {most} after {WORDS[fault]}"
