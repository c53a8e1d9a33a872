"""Losses of a training loop: read in batches from the device, reported, checked for divergence."""

import math
from statistics import median
from typing import Any

import torch
from torch import Tensor

from engine.learning.training.monitor import Report, Tell, untold

READ_EVERY = 20
"""Steps between reads of the losses; each read synchronizes with the device."""
SMOOTHED = 5
"""Number of losses in the median that is the smoothed loss."""
EXPLODED = 1000.0
"""Factor over max(first loss, loss of a constant prediction) at which training has diverged."""


class Losses:
    """Log of losses that detects divergence."""

    def __init__(
        self,
        report: Report,
        last: int,
        *,
        constant: float | None = None,
        start: bool = True,
        tell: Tell = untold,
    ) -> None:
        """Start an empty log.

        Args:
            report: called with step and loss, once the loss is read.
            last: last step of the loop, after which all losses are read.
            constant: loss of the best constant prediction; None where the loss may be negative or
                its scale changes, so that only a loss that is not finite is divergence.
            start: whether the first loss counts in the limit. Not where the first loss is that of
                an adapted net, which may have diverged itself.
            tell: called with a message when training diverges.
        """
        self.lost = False
        """Whether a loss was infinite or NaN."""
        self.exploded = False
        """Whether the smoothed loss is above `EXPLODED` times its limit; see `EXPLODED`."""
        self._report = report
        self._last = last
        self._constant = constant
        self._start = start
        self._tell = tell
        self._first: float | None = None
        self._recent: list[float] = []
        self._told = False
        self._unread: list[Tensor] = []

    @property
    def diverged(self) -> bool:
        """Whether training diverged: `lost` or `exploded`."""
        return self.lost or self.exploded

    def add(self, loss: Tensor) -> None:
        """Add the loss () of the next step, still on its device."""
        self._unread.append(loss.detach())

    def read(self, step: int, *, now: bool = False) -> None:
        """Read the losses after a step (counted from 1), if they are due or `now` is set."""
        if not (now or step % READ_EVERY == 0 or step == self._last):
            return
        values = torch.stack(self._unread).tolist()
        first = step - len(values) + 1
        for index, value in enumerate(values):
            self._report(first + index, loss=value)
            self._check(first + index, value)
        self._unread = []

    def _check(self, step: int, value: float) -> None:
        """Check a loss for divergence; an exploded loss may recover."""
        if self.lost:
            return
        if not math.isfinite(value):
            self.lost = True
            self._tell(f"diverged: the loss is not finite at step {step}; lower `lr`")
            return
        if self._first is None:
            self._first = value if self._start else 0.0
        self._recent = [*self._recent, value][-SMOOTHED:]
        if self._constant is None:
            return
        limit = EXPLODED * max(self._first, self._constant)
        self.exploded = median(self._recent) > limit
        if self.exploded and not self._told:
            self._told = True
            self._tell(
                f"diverging: at step {step} the loss is {value:.3g}, over {EXPLODED:.0f} times "
                f"the {limit / EXPLODED:.3g} of a constant prediction or of the first step; "
                "lower `lr`, or set `clip: 10`"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the losses not read yet, and the state of the divergence check."""
        return {
            "unread": list(self._unread),
            "lost": self.lost,
            "exploded": self.exploded,
            "first": self._first,
            "recent": list(self._recent),
            "told": self._told,
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Restore a state of `state_dict`, with the losses on a device."""
        self._unread = [loss.to(device) for loss in state["unread"]]
        self.lost, self.exploded = state["lost"], state["exploded"]
        self._first, self._recent = state["first"], list(state["recent"])
        self._told = state["told"]
