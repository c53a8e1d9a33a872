"""Another baseline than the pipeline's: the differences are those that it would have computed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.library.artifacts import Scores, Table
from engine.library.artifacts.table import ONE_EACH
from engine.library.comparison.rebase import CHOSEN, against
from engine.library.stages.compare import compare
from engine.stage_api.run import Run
from pipelines.core.facts import Source

RNG = np.random.default_rng(0)
SEEDS = 6
TASKS = 40


def seeded(stage, centre, *, lost=()):
    """Scores of a stage over seeds, of which some diverged."""
    values = centre + RNG.normal(0, 0.02, SEEDS)
    return [
        (
            Source(stage, {"seed": str(seed)}),
            Scores(
                {"a/accuracy": float(value), "b/loss": float(1 - value)},
                status="diverged" if seed in lost else "ok",
            ),
        )
        for seed, value in enumerate(values)
    ]


def learner(stage, values, family="f"):
    """Scores of one learner, judged on tasks."""
    each = tuple(map(float, values))
    mean = float(np.mean(each))
    return [
        (Source(stage, {}), Scores({"a/accuracy": mean}, each={"a/accuracy": each}, family=family))
    ]


def made(given, **fields) -> Table:
    run = Run(sources={"scores": tuple(source for source, _ in given)})
    params = compare.params.model_validate_json(json.dumps(fields))
    return compare(run, params, scores=tuple(scores for _, scores in given)).table


@pytest.fixture
def several():
    return [
        *seeded("low", 0.5), *seeded("high", 0.9, lost=(2,)), *seeded("same", 0.5, lost=(2, 4)),
        (Source("alone", {}), Scores({"a/accuracy": 0.7, "b/loss": 0.3})),
        *seeded("gone", 0.4, lost=range(SEEDS)),
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["low", "high", "same", "alone", "gone"])
def test_differences_are_those_that_the_pipeline_would_have_computed(several, label, tmp_path):
    """Also from the file, and whatever the pipeline's own baseline was."""
    asked = {"show": ["a/accuracy", "b/loss"]}
    made(several, **asked, baseline="low").write(tmp_path)
    read = Table.read({"table.json": tmp_path / "table.json"})
    found, wanted = against(read, label), made(several, **asked, baseline=label)
    assert found.contrasts == wanted.contrasts
    assert len(found.contrasts) == 8
    assert found.baseline == wanted.baseline
    assert found.rows == wanted.rows


def test_a_seed_that_both_rows_lost_is_counted_as_dropped(several):
    found = {
        c.left: c.difference for c in against(made(several, show=["a/accuracy"]), "high").contrasts
    }
    assert (found["same"].n, found["same"].dropped) == (SEEDS - 2, 2)


def test_learners_are_paired_on_the_task_where_they_were_judged_on_the_same(tmp_path):
    hard = RNG.normal(0.5, 0.1, TASKS)
    given = [
        *learner("one", hard),
        *learner("two", hard + RNG.normal(0.01, 0.02, TASKS)),
        *learner("else", hard, family="another"),
    ]
    made(given, baseline="one").write(tmp_path)
    found = against(Table.read({"table.json": tmp_path / "table.json"}), "two")
    wanted = made(given, baseline="two")
    assert found.contrasts == wanted.contrasts
    one, other = found.contrasts
    assert (one.difference.over, one.difference.n) == ("tasks", TASKS)
    assert (other.difference.over, other.difference.n) == ("pairs", 1)
    assert [note for note in found.notes if ONE_EACH in note] == list(wanted.notes)


def test_the_reader_is_told_that_the_baseline_was_chosen_afterwards(several):
    table = made(several, baseline="low", show=["a/accuracy"])
    assert not any(CHOSEN in note for note in table.notes)
    assert f"the baseline high {CHOSEN}" in against(table, "high").notes


def test_an_older_table_is_paired_on_the_seeds_that_it_has(several):
    table = made(several, show=["a/accuracy"])
    rows = tuple(replace(row, seeds=(), each={}, family="") for row in table.rows)
    found = {c.left: c.difference for c in against(replace(table, rows=rows), "low").contrasts}
    wanted = {c.left: c.difference for c in against(table, "low").contrasts}
    assert found["high"].values == wanted["high"].values
    assert found["alone"].values == wanted["alone"].values
    assert found["gone"].n == 0


def test_an_older_table_over_tasks_says_what_it_lacks():
    hard = RNG.normal(0.5, 0.1, TASKS)
    table = made([*learner("one", hard), *learner("two", hard + 0.1)])
    rows = tuple(replace(row, each={}) for row in table.rows)
    told = "run again to pair on tasks"
    assert any(told in note for note in against(replace(table, rows=rows), "one").notes)
    assert not any(told in note for note in against(table, "one").notes)


def test_a_row_that_is_none_is_an_error(several):
    with pytest.raises(KeyError):
        against(made(several), "nobody")
