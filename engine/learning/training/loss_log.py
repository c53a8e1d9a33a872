"""The losses of a training loop: read from the device now and then, reported, kept over a stop."""

import math
from statistics import median
from typing import Any

import torch
from torch import Tensor

from engine.learning.training.monitor import Report, Tell, untold

READ_EVERY = 20
"""Steps between reads of the losses: each read waits for the device."""
SMOOTHED = 5
"""Losses whose median is the smoothed loss: one bad batch of five does not move it."""
EXPLODED = 1000.0
"""Divergence is a smoothed loss of so many times its start or a constant answer's, the larger."""


class Losses:
    """Losses of the last steps, and whether training diverged."""

    def __init__(
        self,
        report: Report,
        last: int,
        *,
        constant: float | None = None,
        start: bool = True,
        tell: Tell = untold,
    ) -> None:
        """None yet.

        Args:
            report: hears each of them once it is read.
            last: step of the loop, after which none is left unread.
            constant: loss of the best constant answer; None where a loss may be negative or its
                scale changes on the way, so that only a loss that is no number is divergence.
            start: the first loss counts too, where it is larger. Not where a net has already been
                adapted when it is judged first: then the start may be an explosion itself.
            tell: hears at once when training diverges.
        """
        self.lost = False
        """A loss was infinite or undefined."""
        self.exploded = False
        """The smoothed loss is far above its start and a constant answer's."""
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
        """Training diverged: `lost`, or `exploded`."""
        return self.lost or self.exploded

    def add(self, loss: Tensor) -> None:
        """The loss of the next step, still on its device."""
        self._unread.append(loss.detach())

    def read(self, step: int, *, now: bool = False) -> None:
        """After a step, counted from 1: read those that are due, or all that there are `now`."""
        if not (now or step % READ_EVERY == 0 or step == self._last):
            return
        values = torch.stack(self._unread).tolist()
        first = step - len(values) + 1
        for place, value in enumerate(values):
            self._report(first + place, loss=value)
            self._judge(first + place, value)
        self._unread = []

    def _judge(self, step: int, value: float) -> None:
        """Whether training has diverged by this step; what explodes may come back."""
        if self.lost:
            return
        if not math.isfinite(value):
            self.lost = True
            self._tell(f"diverged: the loss is no number at step {step}; take a lower `lr`")
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
                f"the {limit / EXPLODED:.3g} of a constant answer or of its start; "
                "take a lower `lr`, or say `clip: 10`"
            )

    def state_dict(self) -> dict[str, Any]:
        """What was not read yet, and whether training diverged."""
        return {
            "unread": list(self._unread),
            "lost": self.lost,
            "exploded": self.exploded,
            "first": self._first,
            "recent": list(self._recent),
            "told": self._told,
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Go back there, with the losses on a device."""
        self._unread = [loss.to(device) for loss in state["unread"]]
        self.lost, self.exploded = state["lost"], state["exploded"]
        self._first, self._recent = state["first"], list(state["recent"])
        self._told = state["told"]
