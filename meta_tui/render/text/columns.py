"""Blocks of lines laid out beside each other where there is room, else below each other."""

from collections.abc import Sequence

from meta_tui.render.text.spans import Line, Span, line, plain
from pipelines.core.text import width

_GAP = 3
Block = Sequence[Line]


def beside(blocks: Sequence[Block], columns: int, rows: int) -> list[Line]:
    """The blocks in their order, in as few columns of blocks as have at most so many rows.

    What does not fit even so is as many rows as it is: a pane scrolls.
    """
    fewest = stacked(blocks)
    for count in range(1, len(blocks) + 1):
        laid = _laid(blocks, count)
        if sum(map(_width, laid)) + _GAP * (len(laid) - 1) > columns:
            break
        shown = _joined(laid)
        if len(shown) < len(fewest):
            fewest = shown
        if len(fewest) <= rows:
            break
    return fewest


def stacked(blocks: Sequence[Block]) -> list[Line]:
    """The blocks below each other, with an empty line between."""
    rows: list[Line] = []
    for block in blocks:
        rows += [(), *block] if rows else block
    return rows


def _laid(blocks: Sequence[Block], count: int) -> list[list[Line]]:
    """The blocks in so many columns of about the same height."""
    share = -(-sum(len(block) + 1 for block in blocks) // count)
    found: list[list[Block]] = [[]]
    for block in blocks:
        taken = sum(len(one) + 1 for one in found[-1])
        # A column may be a little over its share: else the last would take all that is left.
        if found[-1] and len(found) < count and taken + len(block) / 2 > share:
            found.append([])
        found[-1].append(block)
    return [stacked(column) for column in found]


def _joined(laid: Sequence[list[Line]]) -> list[Line]:
    sizes = [_width(column) for column in laid]
    rows: list[Line] = []
    for at in range(max(map(len, laid), default=0)):
        spans: list[Span] = []
        for column, size in zip(laid, sizes, strict=True):
            row = column[at] if at < len(column) else ()
            blank = size - sum(width(span.text) for span in row) + _GAP
            spans += [*row, Span(" " * blank)]
        rows.append(line(*spans[:-1]))
    return rows


def _width(column: Sequence[Line]) -> int:
    return max((width(text) for text in plain(column).split("\n")), default=0)
