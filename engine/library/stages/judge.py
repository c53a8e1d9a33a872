"""Stage `judge`: train evaluation classifiers, which score generated images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from engine import learning
from engine.library.artifacts import Dataset, Scores
from engine.library.artifacts import Judge as Panel
from engine.library.datasets import parts
from engine.library.methods.example_counts import loaded
from engine.library.nets import shapes
from engine.library.nets.kinds import Conv4, Net
from engine.library.optimizers import Share, Training
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage

STEPS = 500
"""Of each net, where a file gives neither steps nor epochs."""
_PARTS = {"train": "to train on", "test": "to measure its accuracy"}


class Judge(Training):
    steps: PositiveInt | None = None
    """Number of updates of each classifier; 500 by default. Instead of `epochs`."""
    net: Net = Field(default=Conv4(width=64, norm="batch", downsample="stride"))
    """Backbone of each classifier; distances are computed in its features."""
    batch: PositiveInt = 128
    """Batch size."""
    lr: PositiveFloat = 0.003
    """Peak learning rate."""
    warmup: Share = 0.1
    """Fraction of the steps in which the learning rate rises linearly from 0."""
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    """Learning rate after the warm-up: constant, or cosine or linear decay to 0."""


@dataclass(frozen=True, slots=True)
class Appointed:
    """The outputs of `judge`."""

    judge: Panel
    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    data = look.one("data") or Facts()
    for part, why in _PARTS.items():
        parts.need(look, "data", data, part, why)
    parts.batch(look, look.params.batch, data)
    shapes.norms(look, look.params.net, data.shape, look.params.batch)
    if len(data.classes) == 1:
        message = f"{data.task} has one class, and a judge needs two or more"
        look.error("from.data", message, "connect a dataset of two classes or more")
    names = ("judge_accuracy", "second_accuracy", "junk_accuracy", "junk_rejected")
    metrics = {f"{data.task}/{name}": () for name in names} if data.task else {}
    known = Facts(
        task=data.task, collection=data.collection, shape=data.shape, classes=data.classes,
        names=data.names, sources=data.learned,
    )  # fmt: skip
    return {"judge": known, "scores": Facts(metrics=metrics, sources=data.learned)}


@stage(draws=True, facts=_facts)
def judge(run: Run, params: Judge, *, data: Dataset) -> Appointed:
    """Train three evaluation classifiers on real images, to score samples with.

    `plain` and `second` differ only in their seed: distances are measured in the features of each,
    and a result that holds with only one of them is not reliable. `junk` has an additional class
    for corrupted images (noise, blends, shuffled patches, blurs, splices, plain greys, scribbles);
    slightly soft edges are not counted as corrupted. It tells whether a sample shows anything at
    all. A judge is not a model: it cannot be attacked, adapted or sampled from, and it has seeds
    of its own.
    """
    fields = params.net.model_dump()
    task = loaded(run, data)
    if len(data.classes) < 2 or not _PARTS.keys() <= task.parts.keys():  # noqa: PLR2004
        raise StageError(f"{data.task}: a judge needs two classes, and training and test images")
    seeds = {
        "init": run.seed("init"), "head": run.seed("head"), "order": run.seed("order"),
        "augment": run.seed("augment"), "noise": run.seed("noise"),
    }  # fmt: skip
    lessons = learning.generative.judging.classifiers.lessons(task, data.name, seeds)
    trained = {name: _trained(run, params, name, lesson) for name, lesson in lessons.items()}
    right = {
        name: learning.generative.judging.classifiers.accuracy(net, lessons[name])
        for name, net in trained.items()
    }
    rejected = learning.generative.judging.classifiers.rejected(trained["junk"], lessons["junk"])
    weights = {
        f"{name}.{key}": item
        for name, net in trained.items()
        for key, item in learning.training.weights.portable(net.state_dict()).items()
    }
    named = {"plain": "judge_accuracy", "second": "second_accuracy", "junk": "junk_accuracy"}
    metrics = {f"{data.task}/{named[name]}": share for name, share in right.items()}
    metrics[f"{data.task}/junk_rejected"] = sum(rejected.values()) / len(rejected)
    kinds = ", ".join(f"{kind} {share:.2f}" for kind, share in rejected.items())
    return Appointed(
        Panel(fields, data.name, data.task, data.shape, data.classes, right, weights),
        Scores(metrics, notes=(f"corrupted test images classified as junk: {kinds}",)),
    )


def _trained(
    run: Run, params: Judge, name: str, lesson: "learning.generative.judging.classifiers.Lesson"
) -> "learning.models.backbones.Network":
    steps = params.total(len(lesson.task.parts["train"]), params.batch, otherwise=STEPS)
    trainer = learning.generative.judging.classifiers.trainer(
        params.net.model_dump(), lesson, params.recipe(steps), params.batch, run.report
    )
    learning.training.trainer.fit(trainer, lambda _, total, of: run.steps(name, total, of))
    if trainer.diverged:
        raise StageError(f"the judge `{name}` diverged: lower `lr`")
    return trainer.net
