from engine.library.artifacts import Scores, Units
from meta_tui.render.runs.scores import numbers

METRICS = {"test/accuracy": 0.5, "test/loss": 0.3}
EACH = {"test/accuracy": (0.4, 0.6) * 300}


def test_a_learner_has_an_interval_over_its_tasks_where_they_were_kept():
    assert numbers(Scores(METRICS, each=EACH, chosen={"lr": "0.1"}, notes=("in eval mode",))) == [
        "  test/accuracy  0.500 ± 0.008 tasks (n=600, one learner)",
        "  test/loss      0.300",
        "  chosen lr=0.1",
        "  in eval mode",
    ]


def test_what_diverged_has_no_interval_and_one_task_neither():
    assert numbers(Scores(METRICS, each=EACH, status="diverged")) == [
        "  test/accuracy  0.500",
        "  test/loss      0.300",
        "  diverged: no statistic uses these numbers",
    ]
    assert numbers(Scores({"t/a": 0.5}, each={"t/a": (0.5,)})) == ["  t/a  0.500"]
    assert not numbers(Scores({}))


def test_tasks_that_all_went_the_same_way_have_an_interval_of_no_width():
    assert numbers(Scores({"t/a": 1.0}, each={"t/a": (1.0, 1.0)})) == [
        "  t/a  1.000 ± 0.000 tasks (n=2, one learner)"
    ]


def test_scores_from_outside_are_made_safe():
    evil = "\x1b[31m"
    told = numbers(Scores({evil: 0.5}, notes=(evil,), chosen={"lr": evil}))
    assert all(line.isprintable() for line in told)


def test_draws_of_few_tasks_have_the_range_of_these():
    units = Units("tasks", 2, tuple((i % 2,) for i in range(600)))
    assert numbers(Scores(METRICS, each=EACH, units={"test": units}))[0] == (
        "  test/accuracy  0.500 (0.400 to 0.600), "
        "least to most of these tasks only (n=2, 600 draws, one learner)"
    )


def test_draws_of_many_tasks_span_the_tasks():
    units = Units("tasks", 30, tuple((i % 30,) for i in range(600)))
    told = numbers(Scores(METRICS, each=EACH, units={"test": units}))[0]
    assert told.endswith(" tasks (n=30, 600 draws, one learner)")
    # Each task gives 0.4, or each gives 0.6: half a width of 2.05 times 0.1017 / sqrt(30).
    assert "0.500 ± 0.038 tasks" in told
