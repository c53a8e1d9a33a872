"""The figures of `examples/few_shot.yaml`, from a run of the file as it is: ten minutes."""

import pytest
from example import Example, needs

ACCURACY = "test/accuracy"
LEARNERS = ("ridge", "maml", "anil", "reptile")
BASELINES = [
    f"base@learner={learner}@method={method}"
    for learner in ("untrained", "pretrained")
    for method in ("ridge", "tuned", "prototype")
]

pytestmark = [pytest.mark.slow, needs("omniglot")]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return Example("few_shot", tmp_path_factory.mktemp("few_shot"))


def _judged(few, learner, bn="query"):
    return few.interval(f"judged@learner={learner}@bn_stats={bn}", ACCURACY)


@pytest.mark.parametrize(("learner", "least"), [("ridge", 0.94), ("maml", 0.92)])
def test_learners_reach_their_figures_on_the_vinyals_split(few, learner, least):
    found = _judged(few, learner)
    assert (found.n, found.over) == (600, "tasks")
    assert found.mean >= least


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("baseline", BASELINES)
def test_every_learner_beats_every_baseline_that_had_no_more_data(few, learner, baseline):
    assert _judged(few, learner).low > few.interval(baseline, ACCURACY).high


@pytest.mark.parametrize("learner", LEARNERS)
def test_statistics_of_the_queries_are_worth_points_and_said_to_be_transductive(few, learner):
    query, support = _judged(few, learner), _judged(few, learner, "support")
    assert query.mean > support.mean


def test_an_untrained_net_is_the_floor(few):
    for baseline in BASELINES[:3]:
        assert 0.2 < few.interval(baseline, ACCURACY).mean < 0.45
