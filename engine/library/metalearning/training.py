"""Meta-training of one stage: where theta starts, what moves, what is kept beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine import learning
from engine.library.algorithms import Algorithm
from engine.library.artifacts import Dataset, Head, Learner, Model, TaskFamily
from engine.library.metalearning.adaptation import backbone, moments, packed
from engine.library.methods.ladder import Old, afterwards, remembered, replayed
from engine.library.methods.method import NOTHING_TO_REPLAY
from engine.stage_api.run import Run
from pipelines.core.errors import StageError

LEARN: Mapping[str, tuple[str, ...]] = {
    "all": ("backbone.", "head.", "lora.", "rates.", "fit.", "heads."),
    "base": ("backbone.", "rates.", "fit.", "heads."),
    "adapter": ("lora.", "rates.", "fit."),
    "head": ("head.", "rates.", "fit."),
}
"""What the outer loop moves -> beginnings of names in theta. Rates and what a closed form fits by
belong to the algorithm, so they are always learned; old heads where the backbone is."""
CALIBRATION = 10
"""Batches of tasks that the running statistics of batch norm are taken from."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What meta-training begins with.

    Attributes:
        network: backbone and old heads, whose weights are the start.
        net: the same for many tasks at once.
        theta: what moves, and what does not.
        shape: of the inputs.
        outputs: of a task's head.
        olds: retained tasks.
    """

    network: "learning.models.backbones.Network"
    net: "learning.metalearning.nets.stacked.StackedNet"
    theta: "learning.metalearning.loop.trainer.Theta"
    shape: tuple[int, ...]
    outputs: int
    olds: tuple[Old, ...]


def begin(
    run: Run,
    params: Any,
    algorithm: "learning.metalearning.algorithms.base.Algorithm",
    first: "learning.metalearning.tasks.batches.TaskBatch",
    model: Model | None,
    retain: tuple[Dataset, ...],
) -> Begun:
    """The net, from a model or at random, and theta.

    Raises:
        StageError: the net does not fit the tasks, or the targets of an adapter no layer.
    """
    shape = tuple(first.support.x.shape[2:])
    if model is None:
        network = learning.models.backbones.build(params.net.model_dump(), shape, run.seed("init"))
        network = network.to(run.device)
    else:
        network = backbone(model, shape, run.device)
    olds = tuple(_retained(run, network, model, item) for item in retain) if model else ()
    value: Algorithm = params.algorithm
    weights = learning.metalearning.nets.stacked.theta_of(network)
    if value.heads is not None:
        drawn = learning.metalearning.nets.task_heads.theta_of(
            value.heads, network.width, first.outputs, run.seed("head")
        )
        weights |= {name: item.to(run.device) for name, item in drawn.items()}
    try:
        weights |= algorithm.start(weights, run.seed("head"))
        net = learning.metalearning.nets.stacked.StackedNet.of(network, bn=params.bn_stats)
    except ValueError as error:
        raise StageError(str(error)) from error
    if params.replay:
        held = network.state_dict()
        weights |= {n: item.clone() for n, item in held.items() if n.startswith("heads.")}
    theta = learning.metalearning.loop.trainer.Theta(
        learning.metalearning.algorithms.base.tracked(weights, LEARN[params.learn])
    )
    return Begun(network, net, theta, shape, first.outputs, olds)


def fitting(
    algorithm: "learning.metalearning.algorithms.base.Algorithm",
    begun: Begun,
    first: "learning.metalearning.tasks.batches.TaskBatch",
    task: str,
) -> None:
    """Refuse validation tasks that the net or its head does not fit, before anything is learned.

    Raises:
        StageError: says which.
    """
    shape = tuple(first.support.x.shape[2:])
    if begun.shape != shape:
        raise StageError(
            f"it learns from inputs of shape {begun.shape}, and those of {task} have {shape}; "
            "validate on inputs of the same shape"
        )
    try:
        weights = learning.metalearning.tasks.batches.detached(begun.theta.weights)
        next(iter(algorithm.walk(begun.net, weights, first.tasks(0, 1), 0, begun.theta.state)))
    except ValueError as error:
        raise StageError(f"{task}: {error}") from error


def _retained(
    run: Run, network: "learning.models.backbones.Network", model: Model, data: Dataset
) -> Old:
    if model.shape is not None and tuple(model.shape) != data.shape:
        raise StageError(
            f"the model takes images of shape {tuple(model.shape)}, and those of {data.task} have "
            f"{data.shape}; retain images of the same shape"
        )
    return remembered(run, network, {name: h.classes for name, h in model.heads.items()}, data)


def rehearsal(
    run: Run, params: Any, begun: Begun
) -> "learning.metalearning.loop.replay.Rehearsal | None":
    """Replay of the retained tasks, where it was asked for and the backbone moves."""
    if not params.replay:
        return None
    if params.learn in {"adapter", "head"}:
        run.note(f"`replay` does nothing: `learn: {params.learn}` leaves the backbone as it is")
        return None
    old = replayed(begun.olds)
    if not old:
        raise StageError(NOTHING_TO_REPLAY)
    return learning.metalearning.loop.replay.Rehearsal(
        begun.network,
        old,
        share=params.replay,
        order=run.seed("replay"),
        replay=run.seed("augment"),
    )


def learner_of(
    params: Any,
    begun: Begun,
    family: "learning.metalearning.tasks.streams.Family",
    tasks: TaskFamily,
    net: Mapping[str, Any],
    trainer: "learning.metalearning.loop.trainer.MetaTrainer",
) -> Learner:
    """What was learned, with the running statistics of its final weights."""
    theta, state = begun.theta.weights, begun.theta.state
    size = trainer.plan.meta_batch
    batches = [range(first * size, (first + 1) * size) for first in range(CALIBRATION)]
    found = learning.metalearning.loop.trainer.calibrated(begun.net, theta, family, batches)
    own = {name: item for name, item in theta.items() if not name.startswith("heads.")}
    carried = {f"state.{name}": item for name, item in state.items()}
    value: Algorithm = params.algorithm
    return Learner(
        algorithm=value.model_dump(mode="json"),
        net=net,
        shape=begun.shape,
        outputs=begun.outputs,
        trained={
            "ways": list(tasks.ways),
            "shots": list(tasks.shots),
            "queries": list(tasks.queries),
            "labels": tasks.labels,
            "bn_stats": params.bn_stats,
            "tasks": params.budget.tasks,
            "examples": trainer.examples,
            "compute": trainer.implementation,
            **({"diverged": True} if trainer.diverged else {}),
        },
        weights=learning.training.weights.portable(own | packed(found) | carried),
    )


def model_of(
    learner: Learner, begun: Begun, start: Model | None, tasks: TaskFamily, digest: str
) -> Model:
    """The backbone as an ordinary model, with its old heads.

    It also has the head of tasks whose outputs mean one class always.
    """
    network = begun.network
    heads = dict(start.heads) if start else {}
    held = network.state_dict()
    for name, item in begun.theta.weights.items():
        if name in held:
            held[name] = item.detach()
    for layer, (mean, variance) in moments(learner.weights).items():
        held |= {f"{layer}.running_mean": mean, f"{layer}.running_var": variance}
    network.load_state_dict(held)
    weights = learning.training.weights.portable(network.state_dict())
    answers = learner.weights.get("head.bias", ())
    if tasks.labels == "global" and tasks.data and len(answers) == len(tasks.data.classes):
        heads[tasks.task] = Head(tasks.data.classes, digest, "meta_train")
        for side in ("weight", "bias"):
            weights[f"heads.{tasks.task}.{side}"] = learner.weights[f"head.{side}"]
    return Model(learner.net, learner.shape, heads, weights)


def forgotten(begun: Begun) -> dict[str, float]:
    """What became of the retained tasks; the network has the new weights."""
    found: dict[str, float] = {}
    for old in begun.olds:
        found |= afterwards(begun.network, old)
    return found
