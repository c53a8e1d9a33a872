"""What is measured while a net trains: curves at given steps, and early stopping."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

Report = Callable[..., None]
Tell = Callable[[str], None]
Measure = Callable[[], dict[str, float]]


class Kept(Protocol):
    """What trains: a net, or the weights that meta-training moves. Its state is tensors by name."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Any) -> Any: ...


def unheard(step: int, **values: float) -> None:
    """A report to nobody, for notebooks."""
    del step, values


def untold(text: str) -> None:
    """Words to nobody, for notebooks."""
    del text


@dataclass(frozen=True, slots=True)
class Patience:
    """When to stop early.

    Attributes:
        measure: the number to watch.
        sign: +1 where small is good, -1 where large is.
        every: steps between looks.
        patience: looks without a better value that end the training.
        restore: go back to the weights of the best look.
    """

    measure: Callable[[], float]
    sign: int
    every: int
    patience: int
    restore: bool


class Watch:
    """Looks at a net at given steps, and says when to stop."""

    def __init__(
        self,
        measure: Measure,
        marks: Iterable[int],
        *,
        patience: Patience | None = None,
        report: Report = unheard,
        tell: Tell = untold,
    ) -> None:
        self._measure = measure
        self._marks = frozenset(marks)
        self._patience = patience
        self._report = report
        self.tell = tell
        """Hears what a person should know at once."""
        self.curves: dict[str, list[tuple[int, float]]] = {}
        """Metric -> (step, value)."""
        self.fault = ""
        """What is wrong with the weights that were measured last, set by who measures them."""
        self.stopped = False
        self.best_step: int | None = None
        self._best = math.inf
        self._without = 0
        self._kept: dict[str, Tensor] = {}

    def looks(self, step: int) -> bool:
        """Whether a step is one of those to look at."""
        return step in self._marks or (
            self._patience is not None and step % self._patience.every == 0
        )

    def look(self, step: int, net: Kept) -> None:
        """Measure now, if this step is one to look at."""
        if step in self._marks:
            values = self.now()
            for name, value in values.items():
                self.curves.setdefault(name, []).append((step, value))
            self._report(step, **values)
        if self._patience and step % self._patience.every == 0:
            self._judge(self._patience, step, net)

    def now(self) -> dict[str, float]:
        """What is measured of the weights as they are, where it is a number."""
        return {name: value for name, value in self._measure().items() if math.isfinite(value)}

    def _judge(self, rule: Patience, step: int, net: Kept) -> None:
        value = rule.sign * rule.measure()
        if value < self._best:
            self._best, self._without, self.best_step = value, 0, step
            if rule.restore:
                self._kept = {name: item.clone() for name, item in net.state_dict().items()}
        else:
            self._without += 1
            self.stopped = self._without >= rule.patience

    def restore(self, net: Kept) -> None:
        """Give a net the best weights seen, where that was asked for."""
        if self._kept:
            net.load_state_dict(self._kept)

    def state_dict(self) -> dict[str, Any]:
        """Everything seen so far."""
        return {
            "curves": {name: list(curve) for name, curve in self.curves.items()},
            "stopped": self.stopped,
            "best": self._best,
            "best_step": self.best_step,
            "without": self._without,
            "kept": self._kept,
            "fault": self.fault,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        self.curves = {name: list(curve) for name, curve in state["curves"].items()}
        self.stopped, self._best = state["stopped"], state["best"]
        self.best_step, self._without = state["best_step"], state["without"]
        self._kept = dict(state["kept"])
        self.fault = state["fault"]
