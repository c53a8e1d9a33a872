import math

import pytest
import torch
from torch.nn import functional

from engine.learning.data import device_data
from engine.learning.metalearning.algorithms import base, maml, ridge
from engine.learning.metalearning.loop import evaluation, replay, trainer
from engine.learning.metalearning.nets import stacked, task_heads
from engine.learning.metalearning.tasks import factory, streams
from engine.learning.models import backbones
from engine.learning.training import replay as mixture
from engine.learning.training.monitor import Watch, unheard
from engine.learning.training.trainer import Recipe

NET = {"kind": "mlp", "hidden": [6, 6]}


def _theta(method, seed=0):
    network = backbones.build(NET, (1,), seed)
    weights = stacked.theta_of(network) | task_heads.theta_of("learned", 6, 1, 3)
    return stacked.StackedNet.of(network), trainer.Theta(
        base.tracked(weights | method.start(weights, 0))
    )


def _trainer(
    method=None,
    *,
    tasks=12,
    meta_batch=5,
    family=None,
    clip=None,
    schedule="constant",
    report=unheard,
    **plan,
):
    method = method or maml.Maml(steps=1, lr=0.01)
    net, theta = _theta(method)
    recipe = Recipe(-(-tasks // meta_batch), 0.1, {"kind": "sgd"}, schedule=schedule, clip=clip)
    return trainer.MetaTrainer(
        method, net, theta, family or streams.Sinusoids(0),
        trainer.Plan(tasks, meta_batch, recipe, **plan), Watch(dict, ()), report=report,
    )  # fmt: skip


class Recording:
    def __init__(self):
        self.seen = []

    def batch(self, numbers):
        self.seen.append(list(numbers))
        return streams.Sinusoids(0).batch(numbers)


@pytest.mark.parametrize("meta_batch", [1, 5, 12, 20])
def test_every_task_of_the_budget_is_seen_once_in_order(meta_batch):
    family = Recording()
    training = _trainer(family=family, meta_batch=meta_batch)
    for step in range(1, training.plan.recipe.steps + 1):
        training.step(step)
    assert [number for batch in family.seen for number in batch] == list(range(12))
    assert all(len(batch) == meta_batch for batch in family.seen[:-1])


def test_one_step_descends_the_mean_over_tasks():
    method = maml.Maml(steps=1, lr=0.01)
    net, theta = _theta(method)
    batch = streams.Sinusoids(0).batch(range(5))
    wanted = {
        name: theta.weights[name].detach() - 0.1 * gradient
        for name, gradient in method.meta_gradient(net, theta.weights, batch, {}).gradient.items()
    }
    training = _trainer(method)
    training.step(1)
    for name, item in training.theta.weights.items():
        assert torch.allclose(item, wanted[name], atol=1e-7), name


def test_the_meta_gradient_is_clipped_as_a_whole():
    free, held = _trainer(tasks=5), _trainer(tasks=5, clip=1e-3)
    start = {n: item.detach().clone() for n, item in free.theta.weights.items()}
    for training in (free, held):
        training.step(1)
    steps = [
        torch.cat([(training.theta.weights[n].detach() - start[n]).flatten() for n in start])
        for training in (free, held)
    ]
    assert float(steps[1].norm()) == pytest.approx(1e-4, rel=1e-3)
    assert torch.allclose(steps[0] / steps[0].norm(), steps[1] / steps[1].norm(), atol=1e-3)


def test_the_faster_way_is_chosen_once_and_kept():
    training = _trainer(compute="fastest")
    training.step(1)
    assert training.implementation in {"stacked", "looped"}
    other = "looped" if training.implementation == "stacked" else "stacked"
    state = training.state_dict() | {"implementation": other}
    again = _trainer(compute="fastest")
    again.load_state_dict(state)
    again.step(2)
    assert again.implementation == other


def test_both_ways_compute_the_same():
    one, other = _trainer(compute="stacked"), _trainer(compute="looped")
    for step in (1, 2):
        one.step(step)
        other.step(step)
    for name, item in one.theta.weights.items():
        assert torch.allclose(item, other.theta.weights[name], atol=1e-5), name


def test_the_best_weights_come_back_into_the_same_leaves():
    training = _trainer()
    leaves = dict(training.theta.weights)
    state = {name: item.clone() for name, item in training.theta.state_dict().items()}
    training.step(1)
    training.theta.load_state_dict(state)
    assert all(training.theta.weights[name] is item for name, item in leaves.items())
    assert all(torch.equal(item, state[f"theta.{name}"]) for name, item in leaves.items())


def test_learners_of_one_stream_differ_and_judges_agree():
    seeds = {factory.stream_seed(0, learner) for learner in (None, 0, 1)}
    seeds |= {factory.stream_seed(1, learner) for learner in (None, 0, 1)}
    assert len(seeds) == 6
    assert factory.stream_seed(3) == factory.stream_seed(3)


def test_a_chunk_of_tasks_is_bounded():
    def chunk(shots, queries):
        return evaluation.chunk(streams.Sinusoids(0, shots=shots, queries=queries).batch([0]))

    assert chunk(900, 200) == 1
    assert chunk(1, 1) == 50
    assert chunk(30, 50) == 12


def test_judging_in_chunks_is_judging_at_once():
    method = ridge.Ridge()
    net, theta = _theta(method)
    who = evaluation.Learner(method, net, theta.weights, {})
    found = []
    for size in (3, 7, 10):
        whole = evaluation.Judging(who, streams.Sinusoids(1), 10, size, (0,))
        for step in range(1, whole.steps + 1):
            whole.step(step)
        found.append(whole.values("loss", 0))
        assert len(found[-1]) == 10
    assert found[0] == pytest.approx(found[1], rel=1e-4)
    assert found[0] == pytest.approx(found[2], rel=1e-4)
    mean = evaluation.evaluate(who, streams.Sinusoids(1), 10, 3, 0).means()
    assert mean == {"loss": pytest.approx(sum(found[0]) / 10)}


@pytest.mark.parametrize(
    ("mark", "loss", "start", "exploded"),
    [
        (5, 998 * 1.1, True, 0),  # log 3 = 1.0986
        (5, 1001 * 1.1, True, 1),
        (5, 1001 * 1.1, False, 1),  # the start of classes always counts, and here it is small
        (5, math.inf, True, 1),
        (0, 1001 * 1.1, True, 0),  # nothing was adapted
        (0, math.nan, True, 1),
    ],
)
def test_classes_explode_by_their_start_and_a_constant_answer(mark, loss, start, exploded):
    found = _judged(mark, [1.0, loss], [1.0, 0.5], ways=torch.tensor([3, 3]))
    assert found.exploded(mark, start=start) == exploded
    large = _judged(mark, [1.0, loss], [1.0, 5.0], ways=torch.tensor([3, 3]))
    assert large.exploded(mark, start=start) == (0 if math.isfinite(loss) else exploded)


@pytest.mark.parametrize(
    ("mark", "loss", "start", "exploded"),
    [
        (5, 3999.0, True, 0),  # the variance of -2, 2 is 4, and its start 40
        (5, 4001.0, True, 0),
        (5, 4001.0, False, 1),  # theta was meta-trained, so the start may be an explosion
        (5, 40001.0, True, 1),
        (0, 4001.0, True, 1),
    ],
)
def test_numbers_explode_by_a_constant_answer_and_the_start_of_what_was_not_meta_trained(
    mark, loss, start, exploded
):
    targets = torch.tensor([[-2.0], [2.0]])
    found = _judged(mark, [1.0, loss], [1.0, 40.0], targets=targets)
    assert found.exploded(mark, start=start) == exploded


def _judged(mark, losses, starts, **more):
    """Two tasks that were judged after so many steps."""
    method = ridge.Ridge()
    net, theta = _theta(method)
    who = evaluation.Learner(method, net, theta.weights, {})
    found = evaluation.Judging(who, streams.Sinusoids(1), 2, 2, (mark,))
    held = {f"loss {mark}": torch.tensor(losses), "start": torch.tensor(starts), **more}
    found.load_state_dict({name: [values] for name, values in held.items()})
    return found


def _old(n=12):
    draws = torch.Generator().manual_seed(0)
    x = torch.randint(0, 16, (n, 1, 1, 4), generator=draws, dtype=torch.uint8)
    y = torch.arange(n) % 2
    part = device_data.Examples(x, y, device_data.SCALINGS["digits"])
    return device_data.Task("old", (0, 1), (1, 1, 4), {"train": part}), part


@pytest.fixture
def replaying():
    """A net with an old head, theta, and the rehearsal of a task whose batch is all of it."""
    task, part = _old()
    network = backbones.build(NET, (1, 1, 4), 0)
    network.heads["old"] = torch.nn.Linear(6, 2)
    held = {n: item.detach().clone().requires_grad_() for n, item in network.state_dict().items()}
    old = [mixture.Old(task, "old")]
    return held, part, replay.Rehearsal(network, old, share=0.25, order=1, replay=2), network


def test_replay_has_its_share_of_the_gradient(replaying):
    theta, part, rehearsed, network = replaying
    meta = {name: torch.randn_like(item) for name, item in theta.items()}
    found = rehearsed.mixed(theta, meta, 36)  # a quarter of 48 is 12: the whole old task
    network.load_state_dict(theta)
    loss = functional.cross_entropy(network(part.pictures(slice(None)), "old"), part.y)
    grads = torch.autograd.grad(loss, list(network.parameters()))
    for (name, _), old in zip(network.named_parameters(), grads, strict=True):
        assert torch.allclose(found[name], 0.75 * meta[name] + 0.25 * old, atol=1e-6), name


def test_replay_moves_only_what_is_learned(replaying):
    theta, _, rehearsed, _ = replaying
    some = {n: torch.zeros_like(item) for n, item in theta.items() if n.startswith("heads.")}
    found = rehearsed.mixed(theta, some, 36)
    assert found.keys() == some.keys()
    assert all(float(item.abs().sum()) > 0 for item in found.values())


@pytest.mark.parametrize(
    ("share", "examples", "drawn"),
    [(0.1, [120] * 3, [13, 26, 40]), (0.5, [40], [40]), (0.01, [5] * 20, [0] * 19 + [1]),
     (0.2, [2, 1, 1, 5, 3], [0, 0, 1, 2, 3]), (0.3, [7] * 5, [3, 6, 9, 12, 15])],
)  # fmt: skip
def test_the_share_is_one_of_all_examples_exactly_on_average(replaying, share, examples, drawn):
    theta, _, rehearsed, _ = replaying
    rehearsed.share = share
    zero = {name: torch.zeros_like(item) for name, item in theta.items()}
    found = []
    for new in examples:
        rehearsed.mixed(theta, zero, new)
        found.append(rehearsed.drawn)
    assert found == drawn


def test_an_old_image_weighs_as_much_as_a_new_example_however_many_there_are(replaying):
    theta, part, rehearsed, network = replaying
    rehearsed.share = 0.2
    zero = {name: torch.zeros_like(item) for name, item in theta.items()}
    # 1 old image beside 6 new examples, then 2: 0.2 of all is 1.5 beside 6.
    seen = [rehearsed.mixed(theta, zero, 6) for _ in range(2)]
    network.load_state_dict(theta)
    network.double()
    order = device_data.Batches(len(part), 1, "cpu").take(3)
    for found, index in zip(seen, (order[:1], order[1:]), strict=True):
        pictures = part.pictures(index).double()
        loss = functional.cross_entropy(network(pictures, "old"), part.y[index], reduction="sum")
        grads = torch.autograd.grad(loss * 0.8 / 6, list(network.parameters()))
        for (name, _), old in zip(network.named_parameters(), grads, strict=True):
            torch.testing.assert_close(found[name].double(), old, atol=1e-6, rtol=1e-5)


def test_a_step_without_an_old_image_keeps_the_weight_of_the_new_ones(replaying):
    theta, _, rehearsed, _ = replaying
    rehearsed.share = 0.01
    meta = {name: torch.randn_like(item) for name, item in theta.items()}
    found = rehearsed.mixed(theta, meta, 5)
    assert all(torch.allclose(found[name], 0.99 * meta[name]) for name in meta)


def test_statistics_are_averaged_over_the_batches():
    network = backbones.build({"kind": "conv4", "width": 3, "norm": "batch"}, (1, 4, 4), 0)
    net = stacked.StackedNet.of(network)
    theta = stacked.theta_of(network)

    class Images:
        def batch(self, numbers):
            from engine.learning.metalearning.tasks.batches import CrossEntropy, Examples, TaskBatch

            draws = torch.Generator().manual_seed(numbers[0])
            x = torch.randn(len(numbers), 4, 1, 4, 4, generator=draws) * (1 + numbers[0])
            y = torch.arange(4).expand(len(numbers), 4) % 2
            loss = CrossEntropy()
            return TaskBatch(Examples(x, y), Examples(x, y), 2, loss, loss, None, tuple(numbers))

    batches = [range(2), range(2, 4)]
    found = trainer.calibrated(net, theta, Images(), batches)
    apart = [
        stacked.seen(net, {n: item[None] for n, item in theta.items()}, Images().batch(numbers))
        for numbers in batches
    ]
    for layer, (mean, variance) in found.items():
        assert torch.allclose(mean, (apart[0][layer][0] + apart[1][layer][0]) / 2)
        assert torch.allclose(variance, (apart[0][layer][1] + apart[1][layer][1]) / 2)
    assert len(found) == 4


def test_the_rate_follows_its_schedule():
    """Of two steps by a falling line, the second goes half as far as without."""
    moved = {}
    for schedule in ("constant", "linear"):
        training = _trainer(tasks=10, schedule=schedule)
        training.step(1)
        between = {n: item.detach().clone() for n, item in training.theta.weights.items()}
        training.step(2)
        moved[schedule] = torch.cat(
            [(training.theta.weights[n].detach() - between[n]).flatten() for n in between]
        )
    assert torch.allclose(moved["linear"], moved["constant"] / 2, rtol=1e-3, atol=1e-8)


def test_old_tasks_take_turns_with_what_is_left_over_and_go_on_where_they_were():
    """Three images for two tasks: one of them has two, the other one the next time."""
    network = backbones.build(NET, (1, 1, 4), 0)
    task, part = _old()
    olds = [mixture.Old(task, name) for name in ("old", "older")]
    for name in ("old", "older"):
        network.heads[name] = torch.nn.Linear(6, 2)
    theta = {n: item.detach().clone().requires_grad_() for n, item in network.state_dict().items()}
    zero = {name: torch.zeros_like(item) for name, item in theta.items()}

    def begun():
        return replay.Rehearsal(network, olds, share=0.5, order=1, replay=2)

    straight, stopped = begun(), begun()
    first = [straight.mixed(theta, zero, 3) for _ in range(2)]
    stopped.mixed(theta, zero, 3)
    again = begun()
    again.load_state_dict(stopped.state_dict())
    resumed = again.mixed(theta, zero, 3)
    assert all(torch.equal(first[1][name], resumed[name]) for name in theta)
    assert len(part) == 12


def test_losses_that_were_not_read_before_a_stop_are_reported_after_it():
    heard, again = [], []

    def into(found):
        return lambda step, **values: found.append((step, values["loss"]))

    whole = _trainer(tasks=60, report=into(heard))
    for step in range(1, 13):
        whole.step(step)
    first, second = _trainer(tasks=60), _trainer(tasks=60, report=into(again))
    for step in range(1, 6):
        first.step(step)
    second.load_state_dict(first.state_dict())
    for step in range(6, 13):
        second.step(step)
    assert [step for step, _ in again] == list(range(1, 13))
    assert again == heard
