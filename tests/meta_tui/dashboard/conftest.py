"""What every test of the dashboard shares: a short wait after each key, and CSS parsed once.

Textual's pilot waits after each key until the process used no CPU for 20 ms, and on a busy machine
much longer. Here it waits once as long, and then until its event loop has nothing left to do.
"""

import asyncio
import selectors
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.parse import parse

SOON, NAPS = 0.02, 50
"""A timer that is due in so many seconds is waited for, as a paint may be held back so long; and
how often that is done, for one that comes again and again."""


class IdleTold(selectors.DefaultSelector):
    """Tells who waits in `idle` as soon as the event loop would sleep for longer than `SOON`."""

    waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]]
    naps = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.waiting and timeout != 0:
            self.naps += 1
        if self.waiting and (timeout is None or timeout > SOON or self.naps > NAPS):
            self.naps = 0
            for future in self.waiting.pop(asyncio.get_running_loop(), []):
                if not future.done():
                    future.set_result(None)
                    timeout = 0
        return super().select(timeout)


async def idle(*_: float) -> None:
    """Wait until the event loop has nothing to do at once; in place of Textual's wait by time."""
    await asyncio.sleep(SOON)  # A paint that is held back may not have its timer yet.
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    IdleTold.waiting.setdefault(loop, []).append(future)
    await future


class Remembered:
    """Textual's parser of CSS; what one dashboard has parsed the next need not parse again."""

    def __init__(self, parse: Callable[..., Iterable[RuleSet]]) -> None:
        self._parse = parse
        self._found: dict[tuple[object, ...], list[RuleSet]] = {}
        self._variables: tuple[object, str] = (None, "")

    def __call__(self, *text: object, **given: Any) -> list[RuleSet]:
        variables = given.pop("variable_tokens")
        if variables is not self._variables[0]:
            self._variables = (variables, repr(variables))
        asked = (*text, *given.values(), self._variables[1])
        if asked not in self._found:
            self._found[asked] = list(self._parse(*text, variable_tokens=variables, **given))
        return self._found[asked]


PARSED = Remembered(parse)


@pytest.fixture(autouse=True, scope="module")
def no_clock() -> Iterator[None]:
    """Event loops that tell when they are idle, a pilot that listens, and no animations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IdleTold, "waiting", {}, raising=False)
        patch.setattr(selectors, "DefaultSelector", IdleTold)
        patch.setattr("textual.pilot.wait_for_idle", idle)
        patch.setattr("textual.app.wait_for_idle", idle)
        patch.setattr("textual.css.stylesheet.parse", PARSED)
        patch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none")
        yield
