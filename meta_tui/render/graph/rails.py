"""What reads whose results, as rails at the left of a list: the narrow form of the graph.

✓        source
│ ✓      target
│ ✓      few
├─│─✓    backbone    backbone reads source; few, whose rail it passes over, is not its input
├─┼─┼─✓  probe       probe reads source, few and backbone, which others read too
▶─┴─╯ │  tuned       tuned is the last to read them
·─────╯  result
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meta_tui.model.stage_summary import StageView


@dataclass(frozen=True, slots=True)
class Rail:
    """What stands at the left of a stage, and of the lines of its cells.

    Attributes:
        before: left of its sign.
        after: right of its sign.
        below: beside its cells.
    """

    before: str
    after: str
    below: str


def rails(stages: Sequence[StageView]) -> list[Rail]:
    """The rails of stages in an order in which each comes after all that it needs.

    All texts of one place have one width: two columns for each rail but the last.
    """
    last = {need: at for at, stage in enumerate(stages) for need in stage.needs}
    lanes: list[str] = []
    drawn: list[tuple[str, int, str]] = []
    for at, stage in enumerate(stages):
        owners = list(lanes)
        used = {lane for lane, owner in enumerate(owners) if owner and owner in stage.needs}
        ending = {lane for lane in used if last[owners[lane]] <= at}
        lanes = ["" if lane in ending else owner for lane, owner in enumerate(lanes)]
        own = _free(lanes, ending, drawn[-1][1] if drawn else -1)
        lanes += [""] * (own + 1 - len(lanes))
        row = _row(owners, used, ending, own)
        lanes[own] = stage.name if last.get(stage.name, -1) > at else ""
        drawn.append((row, own, _passing(lanes)))
    columns = max((len(row) for row, *_ in drawn), default=0)
    return [
        Rail(row[: 2 * own], row[2 * own + 1 :].ljust(columns - 2 * own - 1), below.ljust(columns))
        for row, own, below in drawn
    ]


def _free(lanes: Sequence[str], ending: set[int], above: int) -> int:
    """Where the sign of a stage stands: on a rail that ends with it, or on the first free one.

    Not right under the sign `above`, from which it would seem to come.
    """
    if ending:
        return min(ending)
    free = (lane for lane, owner in enumerate(lanes) if not owner and lane != above)
    return next(free, len(lanes))


def _row(owners: Sequence[str], used: set[int], ending: set[int], own: int) -> str:
    first, last = min([own, *used]), max([own, *used])
    row = ""
    for lane in range(max(len(owners), own + 1)):
        between = first < lane < last
        taken = lane < len(owners) and bool(owners[lane])
        if lane == own:
            row += "*"
        elif lane in used:
            row += _joint(lane, first, last, ends=lane in ending)
        else:
            row += "│" if taken else "─" if between else " "
        row += "─" if first <= lane < last else " "
    return row[:-1]


def _joint(lane: int, first: int, last: int, *, ends: bool) -> str:
    joints: Mapping[bool, str] = {True: "╰┴╯", False: "├┼┤"}
    return joints[ends][0 if lane == first else 2 if lane == last else 1]


def _passing(lanes: Sequence[str]) -> str:
    return " ".join("│" if owner else " " for owner in lanes)
