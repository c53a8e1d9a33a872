"""Base classes of meta-learning algorithms: parameters in YAML, which build the algorithm."""

from abc import abstractmethod
from typing import Literal

from pydantic import PositiveInt

from engine import learning
from pipelines.core.stage import Params

HeadStart = Literal["learned", "shared", "zero"]


class Algorithm(Params):
    """Parameters of a meta-learning algorithm."""

    kind: str
    """Name of the algorithm."""

    @property
    def heads(self) -> HeadStart | None:
        """Initial head of a task; None if it is fitted in closed form."""
        return None

    @property
    def trained_steps(self) -> int | None:
        """Number of inner steps in training; None for algorithms without inner steps."""
        return None

    @property
    def adapters(self) -> bool:
        """Whether it has adapters (LoRA) that the outer loop can move."""
        return False

    @property
    def pooled_shots(self) -> int | None:
        """Examples per class for training, instead of those of the tasks; None if unset."""
        return None

    @abstractmethod
    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """Build the algorithm, with `seed` for its random numbers."""


class Stepwise(Algorithm):
    """Algorithm whose inner loop takes gradient steps, including the head."""

    steps: PositiveInt = 5
    """Number of inner steps."""
    head: HeadStart = "learned"
    """Initial head: learned, with one row per class; `shared`, one learned row for all classes (so
    that the number of classes may vary); or zero."""

    @property
    def heads(self) -> HeadStart | None:
        """See `Algorithm`."""
        return self.head

    @property
    def trained_steps(self) -> int | None:
        """See `Algorithm`."""
        return self.steps
