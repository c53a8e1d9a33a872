"""States by sign and word, never by colour alone; and what else has an ASCII twin."""

from collections.abc import Mapping
from dataclasses import dataclass

from meta_tui.model.run_reducer import State
from meta_tui.render.text.spans import Span, Style


@dataclass(frozen=True, slots=True)
class Signs:
    """A set of characters to draw with."""

    states: Mapping[State, str]
    full: str
    empty: str
    point: str
    bar: str
    rail: str
    opened: str
    closed: str
    rising: str
    falling: str
    before: str
    after: str
    """More lies at this side."""
    shades: str
    """From the least to the most."""
    braille: bool


UNICODE = Signs(
    states={
        State.DONE: "✓", State.CACHED: "≡", State.RUNNING: "▶", State.WAITING: "·",
        State.FAILED: "✗", State.SKIPPED: "⊘", State.STOPPED: "‖",
    },
    full="█", empty="░", point="●", bar="━", rail="·", opened="▾", closed="▸",
    rising="▲", falling="▼", before="◂", after="▸",
    shades=" ░▒▓█", braille=True,
)  # fmt: skip
ASCII = Signs(
    states={
        State.DONE: "+", State.CACHED: "=", State.RUNNING: ">", State.WAITING: ".",
        State.FAILED: "x", State.SKIPPED: "/", State.STOPPED: "|",
    },
    full="#", empty="-", point="o", bar="=", rail=".", opened="v", closed=">",
    rising="^", falling="v", before="<", after=">",
    shades=" .:*#", braille=False,
)  # fmt: skip

STYLES: Mapping[State, Style] = {
    State.DONE: "good", State.CACHED: "cached", State.RUNNING: "busy", State.WAITING: "dim",
    State.FAILED: "bad", State.SKIPPED: "warn", State.STOPPED: "warn",
}  # fmt: skip


def state_span(state: State, signs: Signs = UNICODE, *, word: bool = True) -> Span:
    """`✓ done`, or the sign alone where the word stands beside it anyway."""
    sign = signs.states[state]
    return Span(f"{sign} {state.value}" if word else sign, STYLES[state])
