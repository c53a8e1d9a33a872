"""From a key to the paint that answers it, while a run writes."""

import random
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.dashboard_terminal import Grid, Terminal

_LEAST, _MOST = 0.2, 0.6
"""Seconds between keys: long enough for an answer, and at every place of the polls."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is typed, and what on the screen is another thing once it is answered."""

    typed: bytes
    seen: Callable[[Grid], object]


def _panes(grid: Grid) -> object:
    return "curves" in grid.line(1)


def _screen(grid: Grid) -> object:
    return "stages" in grid.line(1)


def _asking(grid: Grid) -> object:
    """A line to type in lies under the log."""
    return grid.line(-2)[0] != "╰"


def _focus(grid: Grid) -> object:
    """The borders of the stages and of the curves."""
    return grid.styles[5][0], grid.styles[5][46]


def _sought(grid: Grid) -> object:
    found = re.search(r"/ ([95]+):", grid.text)
    return found and found[1]


def _cursor(grid: Grid) -> object:
    """The row of the stages that looks different from the one above it."""
    looks = [grid.styles[row][8] for row in range(2, 25)]
    return next((row for row, look in enumerate(looks) if look != looks[row - 1] and row), 0)


def _selected(grid: Grid) -> object:
    """The stage that the pane of curves tells of."""
    return grid.line(2)[47:60]


KEYS: Mapping[str, Key] = {
    "j": Key(b"j", _cursor),
    "k": Key(b"k", _cursor),
    "j, until its curves and log are there": Key(b"j", _selected),
    "k, until its curves and log are there": Key(b"k", _selected),
    "y": Key(b"y", lambda grid: grid.text.count("log-y")),
    "z": Key(b"z", _panes),
    "d": Key(b"d", _panes),
    "tab": Key(b"\t", _focus),
    "2": Key(b"2", _screen),
    "1": Key(b"1", _screen),
    "/": Key(b"/", _asking),
    "9": Key(b"9", _sought),
    "5": Key(b"5", _sought),
    "enter": Key(b"\r", _asking),
}
_FULL = ["j, until its curves and log are there", "k, until its curves and log are there"]
_ROUND = [*"jjkk", *_FULL, *"yyzzdd21", "tab", "tab", *"/95", "enter", "tab"]
"""Comes back to where it began: the focus on the stages, all panes shown."""


def pressed(terminal: Terminal, rounds: int) -> Mapping[str, list[float | None]]:
    """Seconds to the answer of each key, by key; None for one that was not answered."""
    draw = random.Random(0)
    typed: list[tuple[str, float]] = []
    terminal.press(b"k")
    terminal.drain(1.0)
    for name in _ROUND * rounds:
        typed.append((name, terminal.press(KEYS[name].typed)))
        terminal.drain(draw.uniform(_LEAST, _MOST))
    return _answers(terminal, typed)


def _answers(
    terminal: Terminal, typed: list[tuple[str, float]]
) -> Mapping[str, list[float | None]]:
    shown = [
        (at, {name: key.seen(grid) for name, key in KEYS.items()})
        for at, grid in terminal.frames()
    ]  # fmt: skip
    times = [at for at, _ in shown]
    ends = [at for _, at in typed[1:]] + [float("inf")]
    found: dict[str, list[float | None]] = defaultdict(list)
    for (name, pressed_at), end in zip(typed, ends, strict=True):
        first = bisect_left(times, pressed_at)
        before = shown[first - 1][1][name]
        later = shown[first : bisect_left(times, end)]
        answers = (at - pressed_at for at, facts in later if facts[name] != before)
        found[name].append(next(answers, None))
    return found
