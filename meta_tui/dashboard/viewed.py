"""A store as a screen reads it: what may not be read is told in its place and ends no dashboard."""

from engine.store import Miss, Result, Store
from pipelines.core.errors import EnvironmentFault


class Viewed(Store):
    """A store that is only read, by somebody who may lose the right to while they look."""

    def result(self, key: str) -> Result | Miss:
        """The whole result of a key, or why there is none or why it may not be read."""
        try:
            return super().result(key)
        except EnvironmentFault as fault:
            return Miss(str(fault))
