"""Evaluation during training: metric curves at given steps, and early stopping."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

Report = Callable[..., None]
Tell = Callable[[str], None]
Measure = Callable[[], dict[str, float]]


class Kept(Protocol):
    """A net, or meta-parameters, in training; its state is tensors by name."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Any) -> Any: ...


def unheard(step: int, **values: float) -> None:
    """Discard a report; the default in notebooks."""
    del step, values


def untold(text: str) -> None:
    """Discard a message; the default in notebooks."""
    del text


@dataclass(frozen=True, slots=True)
class Patience:
    """Options of early stopping.

    Attributes:
        measure: returns the monitored metric.
        sign: +1 if lower is better, -1 if higher is better.
        every: steps between evaluations.
        patience: evaluations without improvement after which training stops.
        restore: restore the weights of the best evaluation at the end.
    """

    measure: Callable[[], float]
    sign: int
    every: int
    patience: int
    restore: bool


class Watch:
    """Evaluates a net at given steps, and tells when to stop early."""

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
        """Called with a message for the user."""
        self.curves: dict[str, list[tuple[int, float]]] = {}
        """Metric -> (step, value)."""
        self.fault = ""
        """Problem with the weights of the last evaluation, set by `measure`; empty if none."""
        self.stopped = False
        self.best_step: int | None = None
        self._best = math.inf
        self._without = 0
        self._kept: dict[str, Tensor] = {}

    def looks(self, step: int) -> bool:
        """Return whether a step is to be evaluated."""
        return step in self._marks or (
            self._patience is not None and step % self._patience.every == 0
        )

    def look(self, step: int, net: Kept) -> None:
        """Evaluate the net, if the step is one to evaluate."""
        if step in self._marks:
            values = self.now()
            for name, value in values.items():
                self.curves.setdefault(name, []).append((step, value))
            self._report(step, **values)
        if self._patience and step % self._patience.every == 0:
            self._check_patience(self._patience, step, net)

    def now(self) -> dict[str, float]:
        """Return the finite metrics of the current weights."""
        return {name: value for name, value in self._measure().items() if math.isfinite(value)}

    def _check_patience(self, rule: Patience, step: int, net: Kept) -> None:
        value = rule.sign * rule.measure()
        if value < self._best:
            self._best, self._without, self.best_step = value, 0, step
            if rule.restore:
                self._kept = {name: item.clone() for name, item in net.state_dict().items()}
        else:
            self._without += 1
            self.stopped = self._without >= rule.patience

    def restore(self, net: Kept) -> None:
        """Load the best weights into a net, if early stopping restores them."""
        if self._kept:
            net.load_state_dict(self._kept)

    def state_dict(self) -> dict[str, Any]:
        """Return curves and the state of early stopping."""
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
        """Restore a state of `state_dict`."""
        self.curves = {name: list(curve) for name, curve in state["curves"].items()}
        self.stopped, self._best = state["stopped"], state["best"]
        self.best_step, self._without = state["best_step"], state["without"]
        self._kept = dict(state["kept"])
        self.fault = state["fault"]
