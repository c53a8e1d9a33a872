"""Adaptation of a model by a method, with metrics before and after."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine import learning
from engine.library.artifacts import Dataset, Head, Model, Scores
from engine.library.methods.example_counts import loaded
from engine.library.methods.heads import answering
from engine.library.methods.method import Lesson, Method
from engine.stage_api.run import Run
from pipelines.core.errors import StageError


@dataclass(frozen=True, slots=True)
class Adapted:
    """Adapted model, and its scores on the new and the retained tasks."""

    model: Model
    scores: Scores


@dataclass(frozen=True, slots=True)
class Old:
    """Retained task, its head, and its metrics before adaptation."""

    task: "learning.data.device_data.Task"
    head: str | None
    before: Mapping[str, float]


def network(model: Model, data: Dataset, device: str) -> "learning.models.backbones.Network":
    """Build the net of a model for the images of a dataset.

    Raises:
        StageError: its images have another shape.
    """
    if model.shape is None and model.seed is not None:
        return learning.models.backbones.build(model.net, data.shape, model.seed).to(device)
    shape = model.shape or data.shape
    if shape != data.shape:
        raise StageError(
            f"the model takes images of shape {shape}, {data.task} has {data.shape}; "
            "pretrain on images of the same shape"
        )
    outputs = {task: len(head.classes) for task, head in model.heads.items()}
    return learning.models.backbones.restore(model.net, shape, model.weights, outputs).to(device)


def standing(
    net: "learning.models.backbones.Network",
    task: "learning.data.device_data.Task",
    head: str | None,
) -> dict[str, float]:
    """Return baseline metrics on a task: `accuracy` of its head, `reprobed` of a new linear one."""
    found: dict[str, float] = {}
    if head is not None and head in net.heads and "test" in task.parts:
        found["accuracy"] = learning.evaluation.metrics.score_head(net, head, task.parts["test"])[0]
    reprobed = learning.evaluation.metrics.reprobe(net, task)
    return found if reprobed is None else {**found, "reprobed": reprobed}


def adapt(
    run: Run,
    method: Method,
    *,
    model: Model,
    data: Dataset,
    retain: tuple[Dataset, ...] = (),
    replay: Dataset | None = None,
) -> Adapted:
    """Adapt a model to a dataset, and measure what it learned and forgot.

    Args:
        run: of the stage.
        method: how.
        model: the start.
        data: the new task.
        retain: old tasks: forgetting is measured on them, and replay draws from them.
        replay: what replay draws from instead.
    """
    net = network(model, data, run.device)
    # A head of the new task's name is replaced, so it answers no old task afterwards.
    classes = {name: head.classes for name, head in model.heads.items()}
    heads = {name: found for name, found in classes.items() if name != data.task}
    olds = [remembered(run, net, heads, item) for item in retain]
    task = loaded(run, data, needs=("train",))
    sources = [remembered(run, net, heads, replay, judge=False)] if replay else olds
    lesson = Lesson(
        task=task,
        replay=replayed(sources),
        measure=lambda: _moment(net, task, olds),
        others=tuple(heads),
        kept=answering(classes, data.task, data.classes),
    )
    learned = method.adapt(run, net, lesson)
    judged = learning.evaluation.metrics.evaluate_task(net, task, task.name)
    metrics = {f"{data.task}/{name}": value for name, value in judged.items()}
    for old in olds:
        metrics |= afterwards(net, old)
    made = Head(data.classes, run.digests.get("data", ("",))[0], method.kind)
    return Adapted(_model(model, data, net, made), learned.scores(metrics))


def replayed(olds: Iterable[Old]) -> tuple["learning.training.replay.Old", ...]:
    """Return the retained tasks that can be replayed: those with a head and training images."""
    return tuple(
        learning.training.replay.Old(old.task, old.head)
        for old in olds
        if old.head and "train" in old.task.parts
    )


def remembered(
    run: Run,
    net: "learning.models.backbones.Network",
    heads: Mapping[str, tuple[int, ...]],
    data: Dataset,
    *,
    judge: bool = True,
) -> Old:
    """Load a retained task and measure the net on it.

    Args:
        run: of the stage.
        net: before it is adapted.
        heads: its heads that are kept: task -> classes.
        data: the task.
        judge: measure it, for `afterwards`.
    """
    task = loaded(run, data)
    head = answering(heads, data.task, data.classes)
    return Old(task, head, standing(net, task, head) if judge else {})


def _moment(
    net: "learning.models.backbones.Network",
    task: "learning.data.device_data.Task",
    olds: list[Old],
) -> dict[str, float]:
    """The metrics that curves show."""
    found: dict[str, float] = {}
    for part, prefix in {"test": "", "shifted": "shifted_"}.items():
        if part in task.parts:
            accuracy, loss = learning.evaluation.metrics.score_head(
                net, task.name, task.parts[part]
            )
            found[f"{task.name}/{prefix}accuracy"] = accuracy
            if not prefix:
                found[f"{task.name}/loss"] = loss
    for old in olds:
        if old.head is not None and old.head in net.heads and "test" in old.task.parts:
            accuracy, _ = learning.evaluation.metrics.score_head(
                net, old.head, old.task.parts["test"]
            )
            found[f"{old.task.name}/accuracy"] = accuracy
            found[f"{old.task.name}/forgetting"] = old.before["accuracy"] - accuracy
    return found


def afterwards(net: "learning.models.backbones.Network", old: Old) -> dict[str, float]:
    """Return the metrics of a retained task after adaptation."""
    after = standing(net, old.task, old.head)
    found = dict(learning.evaluation.metrics.forgetting(old.before, after))
    if "accuracy" in after:
        found["accuracy"] = after["accuracy"]
    return {f"{old.task.name}/{name}": value for name, value in found.items()}


def _model(
    start: Model, data: Dataset, net: "learning.models.backbones.Network", made: Head
) -> Model:
    kept = {name: head for name, head in start.heads.items() if name in net.heads}
    weights = learning.training.weights.portable(net.state_dict())
    return Model(start.net, data.shape, {**kept, data.task: made}, weights)
