"""Builds adaptable nets from a learner, or from a model and a method."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from engine import learning
from engine.learning.data.unreadable import UnreadableError
from engine.library.algorithms import Algorithm, AnyAlgorithm
from engine.library.artifacts import Learner, Model, TaskFamily
from engine.library.methods.method import FewShot
from engine.stage_api.run import Run
from pipelines.core.errors import StageError

if TYPE_CHECKING:
    from torch import Tensor

RUNNING, STATE = "running.", "state."
_ALGORITHM: TypeAdapter[Algorithm] = TypeAdapter(AnyAlgorithm)


def algorithm_of(fields: Mapping[str, Any]) -> Algorithm:
    """The value that `Learner.algorithm` describes."""
    return _ALGORITHM.validate_json(json.dumps(dict(fields)))


def stream(
    run: Run, family: TaskFamily, *, learner: int | None = None, shots: int | None = None
) -> "learning.metalearning.tasks.streams.Family":
    """The tasks of a family on the run's device.

    Args:
        run: of the stage.
        family: what to draw.
        learner: seed of who learns from them; None where all are judged on the same ones.
        shots: see `learning.metalearning.tasks.factory.sampler`.

    Raises:
        StageError: the data has too few classes or examples for them.
    """
    seed = learning.metalearning.tasks.factory.stream_seed(family.stream, learner)
    try:
        return learning.metalearning.tasks.factory.sampler(
            family, run.files, run.device, seed, shots=shots
        )
    except UnreadableError:
        raise
    except ValueError as error:
        raise StageError(f"{family.task}: {error}") from error


def backbone(source: Learner | Model, shape: tuple[int, ...], device: str) -> Any:
    """The net of a learner or model on a device, ready to see inputs of a shape.

    Raises:
        StageError: it was made for another shape.
    """
    if isinstance(source, Model) and source.shape is None:
        return learning.models.backbones.build(source.net, shape, source.seed or 0).to(device)
    if tuple(source.shape or ()) != tuple(shape):
        raise StageError(
            f"it takes inputs of shape {tuple(source.shape or ())}, and those of the tasks have "
            f"{tuple(shape)}; train it on inputs of the same shape"
        )
    if isinstance(source, Model):
        outputs = {task: len(head.classes) for task, head in source.heads.items()}
        return learning.models.backbones.restore(source.net, shape, source.weights, outputs).to(
            device
        )
    return learning.models.backbones.build(source.net, shape, 0).to(device)


def ready(
    run: Run,
    source: Learner | Model,
    method: FewShot | None,
    first: "learning.metalearning.tasks.batches.TaskBatch",
    bn_stats: str,
) -> "learning.metalearning.loop.evaluation.Learner":
    """All that adapts to a task.

    Args:
        run: of the stage.
        source: weights to adapt from.
        method: how to adapt them; None for a learner's own way.
        first: any tasks, to know their shape by.
        bn_stats: where batch norm takes its statistics.

    Raises:
        StageError: they do not fit the tasks.
    """
    shape = tuple(first.support.x.shape[2:])
    network = backbone(source, shape, run.device)
    theta, state, running = _held(source, network, run.device)
    # The same for all that is judged, so that no stage that judges draws.
    seed = learning.metalearning.tasks.factory.stream_seed(0)
    algorithm = _way(source, method, seed)
    if method is not None:
        # A method draws its adapters anew: those of a learner were learned for its own inner loop.
        theta = {n: item for n, item in theta.items() if n.startswith(("backbone.", "head."))}
        state = {}
    statistics: Any = bn_stats
    net = learning.metalearning.nets.stacked.StackedNet.of(
        network, bn=statistics, running=running or None
    )
    try:
        if method is not None:
            theta |= algorithm.start(theta, seed)
        # What does not fit is told by the first task, before any is judged.
        next(iter(algorithm.walk(net, theta, first.tasks(0, 1), 0, state)))
    except ValueError as error:
        raise StageError(str(error)) from error
    return learning.metalearning.loop.evaluation.Learner(algorithm, net, theta, state)


def _way(
    source: Learner | Model, method: FewShot | None, seed: int
) -> "learning.metalearning.algorithms.base.Algorithm":
    """The method, or a learner's own algorithm."""
    if method is not None:
        return method.few_shot(seed)
    if not isinstance(source, Learner):
        raise StageError("a model has no way of its own to adapt: give a `method`")
    return algorithm_of(source.algorithm).build(seed)


def _held(
    source: Learner | Model, network: "learning.models.backbones.Network", device: str
) -> tuple[dict[str, "Tensor"], dict[str, "Tensor"], dict[str, tuple["Tensor", "Tensor"]]]:
    """Theta, what an algorithm carries from training, and the moments of batch norms."""
    if isinstance(source, Model):
        return learning.metalearning.nets.stacked.theta_of(network), {}, {}
    held = {name: item.to(device) for name, item in source.weights.items()}
    theta = {n: item for n, item in held.items() if not n.startswith((RUNNING, STATE))}
    state = {n.removeprefix(STATE): item for n, item in held.items() if n.startswith(STATE)}
    return theta, state, moments(held)


def packed(found: Mapping[str, tuple["Tensor", "Tensor"]]) -> dict[str, "Tensor"]:
    """Moments of batch norms by the names that a learner's weights have for them."""
    weights = {}
    for layer, (mean, variance) in found.items():
        weights[f"{RUNNING}{layer}.mean"] = mean
        weights[f"{RUNNING}{layer}.variance"] = variance
    return weights


def moments(weights: Mapping[str, "Tensor"]) -> dict[str, tuple["Tensor", "Tensor"]]:
    """What `packed` packed."""
    layers = [
        name.removeprefix(RUNNING).removesuffix(".mean")
        for name in weights
        if name.startswith(RUNNING) and name.endswith(".mean")
    ]
    return {
        layer: (weights[f"{RUNNING}{layer}.mean"], weights[f"{RUNNING}{layer}.variance"])
        for layer in layers
    }
