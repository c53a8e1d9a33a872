"""What stands in the box of a stage."""

import pytest

from engine.rundir import events
from meta_tui.model.run_reducer import RunView, fold, fold_batch
from meta_tui.model.stage_summary import stages
from meta_tui.render.graph.boxes import Boxes
from meta_tui.render.text.spans import plain
from meta_tui.render.text.symbols import UNICODE


def half_done(name, cells):
    """A stage of so many cells: the first done, the second at a quarter."""
    infos = tuple(
        events.CellInfo(f"{name}@seed={n}", name, "t", {"seed": str(n)}, ()) for n in range(cells)
    )
    view = fold(
        RunView(),
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
    )
    for event in (
        events.CellFinished(time=5, cell=0, key="ab" * 32, seconds=5.0),
        events.CellStarted(time=5, cell=1, key="ab" * 32, worker=1, why="new"),
    ):
        view = fold(view, event)
    view = fold_batch(view, 1, events.MetricBatch("train", 25, 100, 1.0))
    (stage,) = stages(view)
    return stage


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (18, "▶ tuned    42% 1/3"),
        (15, "▶ tuned 42% 1/3"),
        (14, "▶ tuned    1/3"),
        (9, "▶ tu… 1/3"),
    ],
)
def test_a_share_gives_way_to_the_name(columns, shown):
    boxes = Boxes(opened=(), tall=False, now=10.0, signs=UNICODE)
    (head,) = boxes.head(half_done("tuned", 3), columns)
    assert plain([head]) == shown
