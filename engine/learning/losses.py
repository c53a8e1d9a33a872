"""The losses of a training loop: read from the device now and then, reported, kept over a stop."""

import math
from typing import Any

import torch
from torch import Tensor

from engine.learning.watch import Report

READ_EVERY = 20
"""Steps between reads of the losses: each read waits for the device."""


class Losses:
    """Losses of the last steps."""

    def __init__(self, report: Report, last: int) -> None:
        """None yet.

        Args:
            report: hears each of them once it is read.
            last: step of the loop, after which none is left unread.
        """
        self.diverged = False
        """A loss was infinite or undefined."""
        self._report = report
        self._last = last
        self._unread: list[Tensor] = []

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
        self._unread = []
        self.diverged = not all(math.isfinite(value) for value in values)

    def state_dict(self) -> dict[str, Any]:
        """What was not read yet, and whether training diverged."""
        return {"unread": list(self._unread), "diverged": self.diverged}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Go back there, with the losses on a device."""
        self._unread = [loss.to(device) for loss in state["unread"]]
        self.diverged = state["diverged"]
