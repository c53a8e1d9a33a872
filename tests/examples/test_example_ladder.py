"""The large effects of `examples/ladder.yaml`, from a run of the file as it is."""

from pathlib import Path

import pytest

from engine import launch
from engine.artifacts import Scores, Table
from engine.events import CellFinished, RunStarted
from engine.request import Request
from engine.store import Result, Store

EXAMPLE = Path(__file__).parents[2] / "examples" / "ladder.yaml"


class Ladder:
    def __init__(self, folder):
        self.store = Store(folder / ".meta")
        told = []
        self.code = launch.run(Request(file=EXAMPLE, store=folder / ".meta"), told.append)
        (names,) = ([cell.name for cell in e.cells] for e in told if isinstance(e, RunStarted))
        self.keys = {names[e.cell]: e.key for e in told if isinstance(e, CellFinished)}

    def output(self, cell, name, kind):
        result = self.store.result(self.keys[cell])
        assert isinstance(result, Result)
        return kind.read(self.store.files(result.outputs[name]))

    def mean(self, row, metric):
        (found,) = (
            item for item in self.output("result", "table", Table).rows if item.label == row
        )
        assert found.values[metric].n == 5
        return found.values[metric].mean


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return Ladder(tmp_path_factory.mktemp("ladder"))


@pytest.mark.slow
def test_every_cell_of_the_ladder_is_computed(ladder):
    assert ladder.code == 0
    assert len(ladder.keys) == 48


@pytest.mark.slow
@pytest.mark.parametrize("head", ["random", "zero", "probe"])
def test_replay_lowers_forgetting_at_least_by_half(ladder, head):
    without = ladder.mean(f"tuned@head={head}@replay=0", "low/forgetting")
    with_replay = ladder.mean(f"tuned@head={head}@replay=0.1", "low/forgetting")
    assert without > 0.08
    assert with_replay <= without / 2


@pytest.mark.slow
def test_linear_probing_forgets_exactly_nothing(ladder):
    for seed in range(5):
        scores = ladder.output(f"probe@seed={seed}", "scores", Scores)
        assert scores.metrics["low/forgetting"] == 0


@pytest.mark.slow
def test_fine_tuning_learns_what_a_probe_cannot(ladder):
    probe = ladder.mean("probe", "high/accuracy")
    assert probe > 0.5
    assert ladder.mean("tuned@head=zero@replay=0", "high/accuracy") > probe + 0.2


@pytest.mark.slow
def test_a_zero_head_knows_nothing_at_step_0(ladder):
    for seed in range(5):
        scores = ladder.output(f"tuned@head=zero@replay=0@seed={seed}", "scores", Scores)
        assert dict(scores.curves["high/loss"])[0] == pytest.approx(1.6094379, abs=1e-6)
