import math

import torch

from engine.learning.losses import READ_EVERY, Losses


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
