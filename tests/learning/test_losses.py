import math

import pytest
import torch

from engine.learning.training.loss_log import READ_EVERY, Losses


class Heard:
    def __init__(self):
        self.values = []

    def __call__(self, step, **values):
        self.values.append((step, values["loss"]))


def _train(losses, steps):
    for step in steps:
        losses.add(torch.tensor(float(step)))
        losses.read(step)


def test_every_loss_is_reported_once_with_its_step():
    heard = Heard()
    _train(Losses(heard, 53), range(1, 54))
    assert heard.values == [(step, float(step)) for step in range(1, 54)]


def test_losses_are_read_when_due_or_asked_for():
    heard = Heard()
    losses = Losses(heard, 100)
    _train(losses, range(1, READ_EVERY))
    assert heard.values == []
    losses.read(READ_EVERY - 1, now=True)
    assert len(heard.values) == READ_EVERY - 1


def test_what_was_not_read_survives_a_stop():
    heard, again = Heard(), Heard()
    before, after = Losses(heard, 30), Losses(again, 30)
    _train(before, range(1, 26))
    after.load_state_dict(before.state_dict(), torch.device("cpu"))
    _train(after, range(26, 31))
    assert again.values == [(step, float(step)) for step in range(21, 31)]


def test_a_loss_that_is_no_number_is_divergence_and_survives_a_stop():
    for lost in (math.nan, math.inf):
        losses, after = Losses(Heard(), 2), Losses(Heard(), 2)
        losses.add(torch.tensor(lost))
        losses.read(1)
        assert not losses.diverged, "nobody waited for the device yet"
        losses.add(torch.tensor(0.0))
        losses.read(2)
        assert losses.diverged
        after.load_state_dict(losses.state_dict(), torch.device("cpu"))
        assert after.diverged


def _told(losses, constant, **more):
    """What was told of losses, one after another, and what they were in the end."""
    told = []
    found = Losses(lambda step, **_: None, len(losses), constant=constant, tell=told.append, **more)
    for step, value in enumerate(losses, 1):
        found.add(torch.tensor(float(value)))
        found.read(step)
    return found, told


def test_a_loss_a_thousand_times_its_start_is_divergence_and_told_once_when_it_is_seen():
    found, told = _told([2.0] * 30 + [2001.0] * 90, 1.0)
    assert (found.diverged, found.exploded, found.lost) == (True, True, False)
    assert len(told) == 1
    assert "at step 33 the loss is 2e+03, over 1000 times the 2 " in told[0]


@pytest.mark.parametrize(
    ("losses", "constant"),
    [
        ([2.0] * 30 + [1999.0] * 30, 1.0),
        # The start is far below what a constant answer gets: a task of little amplitude.
        ([0.001] + [0.9] * 60, 1.0),
        ([0.001] + [999.0] * 60, 1.0),
        # Two bad batches of five, and one that is very bad.
        (([1.0] * 3 + [1e9] * 2) * 12, 1.0),
        # It came back.
        ([1.0] * 20 + [1e5] * 20 + [0.5] * 20, 1.0),
        # May be negative: nothing is known of its scale.
        ([1e-6] + [1e6] * 60, None),
        ([-5.0] * 20 + [5e4] * 20, None),
    ],
)
def test_no_false_alarm(losses, constant):
    assert not _told(losses, constant)[0].diverged


def test_what_exploded_and_came_back_was_told():
    found, told = _told([1.0] * 20 + [1e5] * 20 + [0.5] * 20, 1.0)
    assert not found.diverged
    assert len(told) == 1


def test_a_loss_that_is_no_number_is_told_at_once():
    found, told = _told([1.0] * 7 + [math.nan] * 20, None)
    assert found.lost
    assert told == ["diverged: the loss is not finite at step 8; lower `lr`"]


def test_divergence_is_the_same_after_a_stop_anywhere():
    values = [1.0] * 18 + [1e5] * 14 + [1.0] * 2 + [1e6] * 6
    whole, told = _told(values, 1.0)
    for stop in range(1, len(values)):
        again, said = [], []
        for part in (range(1, stop + 1), range(stop + 1, len(values) + 1)):
            losses = Losses(lambda step, **_: None, len(values), constant=1.0, tell=said.append)
            if again:
                losses.load_state_dict(again[-1], torch.device("cpu"))
            for step in part:
                losses.add(torch.tensor(values[step - 1]))
                losses.read(step)
            again.append(losses.state_dict())
        assert again[-1] == whole.state_dict()
        assert said == told


def test_a_start_that_has_exploded_is_no_measure_where_it_comes_after_adaptation():
    losses = [1.7e8, 1e5, 3e4, *[2000.0] * 40]
    assert not _told(losses, 1.0)[0].diverged
    found, told = _told(losses, 1.0, start=False)
    assert found.diverged
    assert "at step 1 the loss is 1.7e+08" in told[0]
