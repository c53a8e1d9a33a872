"""What is drawn of a learner is what it answers."""

import pytest
import torch

from engine.learning.metalearning.algorithms import base
from engine.learning.metalearning.algorithms.maml import Maml
from engine.learning.metalearning.algorithms.ridge import Ridge
from engine.learning.metalearning.loop import function_fits
from engine.learning.metalearning.loop.evaluation import Learner
from engine.learning.metalearning.nets import stacked, task_heads
from engine.learning.metalearning.tasks import streams
from engine.learning.metalearning.tasks.batches import Examples
from engine.learning.models import backbones

SINES = streams.Sinusoids(seed=5, shots=6, queries=4)
NUMBERS = [0, 3, 8]


def learner(kind, family=SINES):
    network = backbones.build({"kind": "mlp", "hidden": [16]}, (1,), seed=2)
    theta = stacked.theta_of(network)
    if isinstance(kind, Maml):
        theta |= task_heads.theta_of("learned", 16, 1, 0)
    theta |= kind.start(theta, 0)
    return Learner(kind, stacked.StackedNet.of(network), theta, {})


def test_the_scene_spans_the_inputs_and_knows_the_true_functions():
    scene = function_fits.scene(SINES, NUMBERS, 50)
    every = scene.batch.pooled.x
    assert (scene.x[0], scene.x[-1]) == (every.min(), every.max())
    torch.testing.assert_close(scene.truth, SINES.truth(NUMBERS, scene.x[None, :, None])[..., 0])
    assert scene.truth.shape == (3, 50)


def test_a_family_whose_functions_are_not_known_is_shown_without_them():
    class Measured:
        def batch(self, numbers):
            return SINES.batch(numbers)

    assert function_fits.scene(Measured(), NUMBERS, 50).truth is None


@pytest.mark.parametrize("family", [streams.LinearFunctions(seed=0, inputs=2)])
def test_functions_of_several_numbers_are_refused(family):
    with pytest.raises(ValueError, match="regression with one input and one output"):
        function_fits.scene(family, NUMBERS, 50)


def test_curves_and_errors_are_those_of_the_adapted_nets():
    maml = Maml(steps=1, lr=0.05)
    who, scene = learner(maml), function_fits.scene(SINES, NUMBERS, 9)
    found = function_fits.fits(who, scene, (0, 3))
    assert list(found.curves) == list(found.errors) == [0, 3]
    curve = base.curve(maml, who.net, who.theta, scene.batch, (0, 3))
    for step in (0, 3):
        assert found.errors[step] == pytest.approx(curve[step].losses.tolist(), rel=1e-5)
    assert found.errors[3] != pytest.approx(found.errors[0])
    # The points looked at are asked of the same weights, one after the other.
    weights = list(maml.walk(who.net, who.theta, scene.batch, 3, {}))[3]
    y = scene.batch.query.y
    for place in (0, 4, 8):
        x = scene.x[place].expand(3, y.shape[1], 1)
        alone = base.predict(who.net, weights, with_queries(scene.batch, x))
        drawn = [curve[place] for curve in found.curves[3]]
        assert drawn == pytest.approx(alone[:, 0, 0].tolist(), rel=1e-4, abs=1e-6)


def with_queries(batch, x):
    fields = {name: getattr(batch, name) for name in batch.__slots__}
    return type(batch)(**{**fields, "query": Examples(x, batch.query.y)})


def test_a_closed_form_has_one_fit_whatever_steps_are_asked_for():
    for marks in ((0, 1, 10), (0,)):
        found = function_fits.fits(learner(Ridge()), function_fits.scene(SINES, NUMBERS, 9), marks)
        assert list(found.curves) == [None]
    before = function_fits.fits(
        learner(Maml(steps=1, lr=0.1)), function_fits.scene(SINES, NUMBERS, 9), (0,)
    )
    assert list(before.curves) == [0]


def test_padding_is_no_point():
    kept = torch.tensor([[True, True, False], [True, True, True]])
    x = torch.arange(6.0).reshape(2, 3, 1)
    found = function_fits.points(Examples(x, -x, kept))
    assert found == [([0.0, 1.0], [-0.0, -1.0]), ([3.0, 4.0, 5.0], [-3.0, -4.0, -5.0])]
    assert function_fits.points(Examples(x, -x))[0] == ([0.0, 1.0, 2.0], [-0.0, -1.0, -2.0])
