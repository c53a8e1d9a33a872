"""What every event of a run has."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. `time` is seconds since the epoch."""

    kind: ClassVar[str]
    time: float
