"""The large effects of `examples/ladder.yaml`, from a run of the file as it is."""

import pytest
from example import Example

from engine.library.artifacts import Scores


def _mean(ladder, row, metric):
    found = ladder.interval(row, metric)
    assert found.n == 5
    return found.mean


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return Example("ladder", tmp_path_factory.mktemp("ladder"))


@pytest.mark.slow
def test_every_cell_of_the_ladder_is_computed(ladder):
    assert ladder.code == 0
    assert len(ladder.keys) == 48


@pytest.mark.slow
@pytest.mark.parametrize("head", ["random", "zero", "probe"])
def test_replay_lowers_forgetting_at_least_by_half(ladder, head):
    without = _mean(ladder, f"tuned@head={head}@replay=0", "low/forgetting")
    with_replay = _mean(ladder, f"tuned@head={head}@replay=0.1", "low/forgetting")
    assert without > 0.08
    assert with_replay <= without / 2


@pytest.mark.slow
def test_linear_probing_forgets_exactly_nothing(ladder):
    for seed in range(5):
        scores = ladder.output(f"probe@seed={seed}", "scores", Scores)
        assert scores.metrics["low/forgetting"] == 0


@pytest.mark.slow
def test_fine_tuning_learns_what_a_probe_cannot(ladder):
    probe = _mean(ladder, "probe", "high/accuracy")
    assert probe > 0.5
    assert _mean(ladder, "tuned@head=zero@replay=0", "high/accuracy") > probe + 0.2


@pytest.mark.slow
def test_a_zero_head_knows_nothing_at_step_0(ladder):
    for seed in range(5):
        scores = ladder.output(f"tuned@head=zero@replay=0@seed={seed}", "scores", Scores)
        assert dict(scores.curves["high/loss"])[0] == pytest.approx(1.6094379, abs=1e-6)
