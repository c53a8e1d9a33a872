"""What a meta-learning algorithm is: a value in YAML that is also the code."""

from abc import abstractmethod
from typing import Literal

from pydantic import PositiveInt

from engine import learning
from pipelines.core.stage import Params

HeadStart = Literal["learned", "shared", "zero"]


class Algorithm(Params):
    """A way to learn from many tasks how to learn the next one."""

    kind: str
    """Name of the algorithm."""

    @property
    def heads(self) -> HeadStart | None:
        """Where a task's head starts; None where it is fitted in closed form."""
        return None

    @property
    def trained_steps(self) -> int | None:
        """Inner steps in training; None where it has none."""
        return None

    @property
    def adapters(self) -> bool:
        """Whether it has adapters (LoRA) that the outer loop can move."""
        return False

    @property
    def pooled_shots(self) -> int | None:
        """Examples of each class that training takes instead of the tasks' own; None for those."""
        return None

    @abstractmethod
    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """The code, drawing what it draws from `seed`."""


class Stepwise(Algorithm):
    """An algorithm that takes gradient steps inside, head included."""

    steps: PositiveInt = 5
    """Inner steps."""
    head: HeadStart = "learned"
    """Where heads start: learned for each class, one learned row for every class (so that the
    number of classes may vary), or at 0."""

    @property
    def heads(self) -> HeadStart | None:
        """See `Algorithm`."""
        return self.head

    @property
    def trained_steps(self) -> int | None:
        """See `Algorithm`."""
        return self.steps
