"""What every test shares: work counted without a clock, and Hypothesis without one."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A deadline, and the check that data comes fast enough, judge by the clock of a busy machine.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

# What runs in the background, or under nohup, has been told to ignore these; tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass(slots=True)
class StepCount:
    """Lines of Python that ran: work, told without a clock."""

    steps: int = 0

    def on_event(self, _frame: FrameType, event: str, _value: Any) -> Any:
        self.steps += event == "line"
        return self.on_event

    @contextmanager
    def counting(self) -> Iterator["StepCount"]:
        """Count the lines that this thread runs in functions called inside the block."""
        self.steps = 0
        before = sys.gettrace()
        sys.settrace(self.on_event)
        try:
            yield self
        finally:
            sys.settrace(before)


@pytest.fixture
def work() -> StepCount:
    return StepCount()
