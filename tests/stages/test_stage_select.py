from dataclasses import replace

import pytest

from engine.library.artifacts import Scores
from engine.library.stages.compare import compare
from engine.library.stages.select import select
from engine.stage_api.channel import Silent
from engine.stage_api.run import Run
from meta_tui.model.table_notes import marks
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Source

# Mean validation loss by rate: 0.1 -> 0.52, 0.3 -> 0.50, 1 -> 0.9; 0.1 lies within one error.
LOSSES = {"0.3": [0.40, 0.50, 0.60], "0.1": [0.45, 0.51, 0.60], "1": [0.8, 0.9, 1.0]}


def _candidates(losses=LOSSES, head="zero"):
    return [
        (
            Source("tuned", {"head": head, "replay": "0", "lr": lr, "seed": str(seed)}),
            Scores({"a/val_loss": loss, "a/val_accuracy": 1 - loss, "a/accuracy": seed / 10}),
        )
        for lr, values in losses.items()
        for seed, loss in enumerate(values)
    ]


def _select(candidates, seed="1", channel=None, **fields):
    run = Run(
        axes={"head": "zero", "replay": "0", "seed": seed},
        sources={"candidates": tuple(source for source, _ in candidates)},
        channel=channel or Silent(),
    )
    params = select.params.model_validate({"over": "lr", "by": "a/val_loss", **fields})
    return select(run, params, candidates=tuple(scores for _, scores in candidates))


def test_the_smallest_value_within_one_standard_error_is_chosen_for_the_whole_pool():
    candidates = _candidates()
    for seed in "012":
        found = _select(candidates, seed, pool=("seed",))
        assert found.scores.chosen == {"lr": "0.1"}
        source, _ = candidates[found.choice.index]
        assert (source.axes["lr"], source.axes["seed"]) == ("0.1", seed)
        assert found.choice.means == pytest.approx({"0.3": 0.5, "0.1": 0.52, "1": 0.9})


def test_the_best_may_be_asked_for():
    assert _select(_candidates(), pool=("seed",), tie="best").choice.label == "0.3"
    by_accuracy = {"by": "a/val_accuracy", "goal": "max", "pool": ("seed",)}
    assert _select(_candidates(), **by_accuracy, tie="best").choice.label == "0.3"
    assert _select(_candidates(), **by_accuracy).choice.label == "0.1"


def test_without_a_pool_each_seed_chooses_for_itself():
    found = _select(_candidates({"0.3": [0.1, 0.9], "0.1": [0.9, 0.1]}), "0")
    assert found.choice.label == "0.3"
    found = _select(_candidates({"0.3": [0.1, 0.9], "0.1": [0.9, 0.1]}), "1")
    assert found.choice.label == "0.1"


def test_candidates_of_other_cells_do_not_count():
    others = _candidates({lr: [loss - 0.4 for loss in found] for lr, found in LOSSES.items()}, "x")
    mixed = [*others, *_candidates()]
    found = _select(mixed, pool=("seed",))
    assert found.choice.means == pytest.approx({"0.3": 0.5, "0.1": 0.52, "1": 0.9})
    assert mixed[found.choice.index][0].axes["head"] == "zero"


def test_a_pick_may_have_taken_an_axis_from_the_choice():
    candidates = [
        (Source(source.stage, {**source.axes, "how": "plain"}), scores)
        for source, scores in _candidates()
    ]
    found = _select(candidates, "2", pool=("seed",))
    source, _ = candidates[found.choice.index]
    assert (source.axes["lr"], source.axes["seed"]) == ("0.1", "2")


def test_a_value_that_diverged_anywhere_in_the_pool_is_out():
    candidates = [
        (source, Scores(scores.metrics, status="diverged"))
        if source.axes["lr"] == "0.1" and source.axes["seed"] == "2"
        else (source, scores)
        for source, scores in _candidates()
    ]
    assert _select(candidates, pool=("seed",)).choice.label == "0.3"
    assert _select(candidates, "2").choice.label == "0.3"


def _with_lost(*lost):
    """The candidates, those of these (rate, seed) diverged."""
    return [
        (source, replace(scores, status="diverged"))
        if (source.axes["lr"], source.axes["seed"]) in lost
        else (source, scores)
        for source, scores in _candidates()
    ]


SEED_0 = [(lr, "0") for lr in LOSSES]


def _row(candidates, **fields):
    """The row of a comparison of what `select` gives for each seed."""
    given = [_select(candidates, seed, **fields).scores for seed in "012"]
    run = Run(sources={"scores": tuple(Source("best", {"seed": seed}) for seed in "012")})
    return compare(run, compare.params(), scores=tuple(given)).table.rows[0]


def test_the_other_seeds_choose_where_a_seed_diverged_at_every_value():
    candidates = _with_lost(*SEED_0)
    for seed in "012":
        found = _select(candidates, seed, pool=("seed",), tie="best")
        assert found.choice.label == "0.3"
        assert found.choice.means == pytest.approx({"0.3": 0.55, "0.1": 0.555, "1": 0.95})
        source, mine = candidates[found.choice.index]
        assert (source.axes["lr"], source.axes["seed"]) == ("0.3", seed)
        assert found.scores.status == mine.status == ("diverged" if seed == "0" else "ok")
    row = _row(candidates, pool=("seed",))
    assert (row.diverged, row.seeds) == (1, ("0", "1", "2"))
    assert marks([row]) == ["[1 of 3 diverged]"]
    assert row.values["a/accuracy"].values == {"1": 0.1, "2": 0.2}


def test_a_value_of_which_more_diverged_is_out_for_the_pool():
    candidates = _with_lost(*SEED_0, ("0.3", "1"))
    assert set(_select(candidates, pool=("seed",)).choice.means) == {"0.1", "1"}
    # Each value diverged for another seed: all are compared.
    candidates = _with_lost(("0.3", "0"), ("0.1", "1"), ("1", "2"))
    assert set(_select(candidates, pool=("seed",)).choice.means) == set(LOSSES)


def test_without_a_pool_a_seed_of_which_all_diverged_is_a_diverged_result():
    candidates, channel = _with_lost(*SEED_0), Told()
    found = _select(candidates, "0", channel=channel)
    assert (found.scores.status, found.scores.chosen) == ("diverged", {})
    source, mine = candidates[found.choice.index]
    assert (source.axes["lr"], source.axes["seed"]) == ("0.1", "0")
    assert found.scores == mine
    assert not found.choice.means
    assert not found.choice.edge
    assert channel.said == ["every candidate diverged: the result at lr=0.1 is passed on"]
    row = _row(candidates)
    assert (row.diverged, row.values["a/accuracy"].n) == (1, 2)
    assert row.chosen == {"lr": "0.3/0.1"}


def test_a_pool_of_which_all_diverged_is_a_diverged_result_too():
    every = [(lr, seed) for lr in LOSSES for seed in "012"]
    row = _row(_with_lost(*every), pool=("seed",))
    assert (row.diverged, row.values["a/accuracy"].mean, row.chosen) == (3, None, {})


def test_candidates_without_the_metric_are_an_error():
    bare = [(source, Scores({"b/val_loss": 0.1})) for source, _ in _candidates()]
    for pool in ((), ("seed",)):
        with pytest.raises(StageError, match="no candidate has a value of `a/val_loss`"):
            _select(bare, pool=pool)


def test_a_choice_at_the_end_of_the_grid_is_told():
    channel = Silent()
    assert _select(_candidates(), pool=("seed",), channel=channel).choice.edge
    assert "lr=0.1 ends the grid 0.1, 0.3, 1" in channel.notes[0]
    channel = Silent()
    assert not _select(_candidates(), pool=("seed",), tie="best", channel=channel).choice.edge
    assert not channel.notes


def test_choosing_by_test_scores_is_an_error(look):
    facts = Facts(metrics={"a/accuracy": (), "a/val_loss": (), "b/forgetting": ()})
    for by in ("a/accuracy", "b/forgetting", "a/shifted_accuracy"):
        _, faults = look(select, {"over": "lr", "by": by}, candidates=(facts,))
        assert [(severity, place) for severity, place, *_ in faults] == [("error", "by")]
    _, faults = look(select, {"over": "lr", "by": "a/val_los"}, candidates=(facts,))
    assert "a/val_loss" in faults[0][3]
    assert not look(select, {"over": "lr", "by": "a/val_loss"}, candidates=(facts,))[1]


def test_what_was_measured_on_tasks_given_for_validation_may_choose(look):
    metrics = {"val/accuracy": (), "test/accuracy": ()}
    facts = Facts(metrics=metrics, validation=frozenset({"val/accuracy"}))
    fields = {"over": "lr", "by": "val/accuracy", "goal": "max"}
    assert not look(select, fields, candidates=(facts, facts))[1]
    _, faults = look(select, {**fields, "by": "test/accuracy"}, candidates=(facts, facts))
    ((severity, place, _, hint),) = faults
    assert (severity, place) == ("error", "by")
    assert "val/accuracy" in hint


def test_a_metric_that_one_candidate_measures_on_test_tasks_may_not_choose(look):
    facts = Facts(metrics={"val/accuracy": ()}, validation=frozenset({"val/accuracy"}))
    fields = {"over": "lr", "by": "val/accuracy", "goal": "max"}
    _, faults = look(select, fields, candidates=(facts, Facts(metrics={"val/accuracy": ()})))
    assert [place for _, place, *_ in faults] == ["by"]
    _, faults = look(select, fields, candidates=(Facts(),))
    assert [place for _, place, *_ in faults] == ["by"]


def test_values_by_task_go_on_with_the_choice():
    candidates = [
        (source, Scores(scores.metrics, each={"a/accuracy": (0.1, 0.2)}))
        for source, scores in _candidates()
    ]
    assert _select(candidates).scores.each == {"a/accuracy": (0.1, 0.2)}


class Told(Silent):
    """A channel that keeps what it is told."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


def _labelled(losses, numbers):
    return [
        (Source("tuned", {"lr": label, "seed": str(seed)}, {"lr": numbers[label]}),
         Scores({"a/val_loss": loss}))
        for label, values in losses.items()
        for seed, loss in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize("order", [["big", "small"], ["small", "big"]])
@pytest.mark.parametrize("tie", ["smallest_within_1se", "best"])
def test_labelled_numbers_are_ordered_as_numbers(order, tie):
    """Swapping the labels in the file changes nothing; 0.5 in float32 is 0.5."""
    losses = {"big": [0.4, 0.5, 0.6], "small": [0.4, 0.5, 0.6 + 1e-8]}
    given = _labelled({label: losses[label] for label in order}, {"big": 0.0101, "small": 0.01})
    for cells in (given, given[::-1]):
        assert _select(cells, pool=("seed",), tie=tie).choice.label == "small"


def test_labels_that_look_like_other_numbers_do_not_mislead():
    losses = {"1": [0.4, 0.5, 0.6], "2": [0.4, 0.5, 0.6], "3": [0.4, 0.5, 0.6]}
    notes = Told()
    numbers = {"1": 30.0, "2": 10.0, "3": 20.0}
    found = _select(_labelled(losses, numbers), pool=("seed",), channel=notes)
    assert (found.choice.label, found.choice.edge) == ("2", True)
    assert "lr=2 ends the grid 2, 3, 1" in notes.said[0]
