"""Stage `pretrain`: train a net from scratch."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field, PositiveInt

from engine import learning
from engine.library.artifacts import Dataset, Head, Model, Scores
from engine.library.datasets import parts
from engine.library.methods.example_counts import loaded
from engine.library.methods.method import Learned
from engine.library.nets import shapes
from engine.library.nets.kinds import Conv4, Net
from engine.library.optimizers import Training
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage

STEPS = 500
"""Default number of updates, if neither `steps` nor `epochs` is given."""
LOOKS = 5
"""Number of validations during training."""


class Pretrain(Training):
    steps: PositiveInt | None = None
    """Number of updates; 500 by default. Instead of `epochs`."""
    net: Net = Field(default=Conv4())
    """The backbone."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """The outputs of `pretrain`."""

    model: Model
    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    data = look.one("data") or Facts()
    parts.need(look, "data", data, "train", "to train on")
    parts.batch(look, look.params.batch, data)
    shapes.norms(look, look.params.net, data.shape, look.params.batch)
    heads = {data.task: data.classes} if data.task else {}
    marks = tuple(_marks(look.params.steps)) if look.params.steps else ()
    metrics = {name: marks if "/val_" in name else () for name in data.metrics}
    return {
        "model": Facts(
            heads=heads, shape=data.shape, sources=data.learned, net=look.params.net.model_dump()
        ),
        "scores": Facts(metrics=metrics, sources=data.learned),
    }


@stage(draws=True, facts=_facts)
def pretrain(run: Run, params: Pretrain, *, data: Dataset) -> Pretrained:
    """Train a backbone and a head for the dataset's task from random weights."""
    fields = params.net.model_dump()
    task = loaded(run, data, needs=("train",))
    net = learning.models.backbones.build(fields, task.shape, run.seed("init")).to(run.device)
    head = learning.models.linear_heads.random(net.width, len(task.classes), run.seed("head"))
    net.heads[task.name] = head.module().to(run.device)
    steps = params.total(len(task.parts["train"]), params.batch, otherwise=STEPS)
    seeds = learning.training.replay.Seeds(
        run.seed("order"), run.seed("augment"), run.seed("replay")
    )
    trainer = learning.training.trainer.Trainer(
        net,
        learning.training.replay.Mixture(task, (), batch=params.batch, replayed=0, seeds=seeds),
        params.recipe(steps),
        learning.training.monitor.Watch(
            lambda: _validation(net, task), _marks(steps), report=run.report, tell=run.note
        ),
        run.report,
    )
    learning.training.trainer.fit(trainer, run.steps)
    judged = learning.evaluation.metrics.evaluate_task(net, task, task.name)
    (digest,) = run.digests.get("data", ("",))
    weights = learning.training.weights.portable(net.state_dict())
    made = {task.name: Head(data.classes, digest, "pretrain")}
    return Pretrained(
        Model(fields, data.shape, made, weights),
        Learned.by(trainer).scores({f"{task.name}/{k}": v for k, v in judged.items()}),
    )


def _marks(steps: int) -> list[int]:
    return sorted({round(steps * look / LOOKS) for look in range(1, LOOKS + 1)} - {0})


def _validation(
    net: "learning.models.backbones.Network", task: "learning.data.device_data.Task"
) -> dict[str, float]:
    if "val" not in task.parts:
        return {}
    accuracy, loss = learning.evaluation.metrics.score_head(net, task.name, task.parts["val"])
    return {f"{task.name}/val_accuracy": accuracy, f"{task.name}/val_loss": loss}
