"""The escape sequences that we write: colours of a terminal, made of numbers.

Nothing else in this house holds an escape character (`tests/laws/test_laws_terminal.py`); text
in a row is made visible here once more.
"""

from collections.abc import Iterable

from meta_tui.render.images.half_blocks import CUBE, Colour, Depth, Row, Tile, greyish
from pipelines.core.text import safe_text

_ESCAPE = "\x1b["
_USUAL = f"{_ESCAPE}0m"


def ansi(rows: Iterable[Row], depth: Depth) -> list[str]:
    """Rows as text for a terminal, each ending in its usual colours."""
    return ["".join(_tile(tile, depth) for tile in row) + _USUAL for row in rows]


def _tile(tile: Tile, depth: Depth) -> str:
    if tile.text:
        return f"{_USUAL}{safe_text(tile.text)}"
    upper, lower = _coded(tile.upper, depth), _coded(tile.lower, depth)
    return f"{_ESCAPE}38;{upper};48;{lower}m{'▀' * tile.width}"


def _coded(colour: Colour, depth: Depth) -> str:
    """The colour as a terminal takes it."""
    if depth == "full":
        return "2;{:d};{:d};{:d}".format(*colour)
    red, green, blue = (min(range(6), key=lambda k: abs(CUBE[k] - part)) for part in colour)
    if greyish(colour):
        grey = sum(colour) // 3
        ramp = min(23, max(0, round((grey - 8) / 10)))
        # The ramp has neither black nor white; those are in the cube.
        if abs(8 + 10 * ramp - grey) < abs(CUBE[green] - grey):
            return f"5;{232 + ramp}"
        red = blue = green
    return f"5;{16 + 36 * red + 6 * green + blue}"
