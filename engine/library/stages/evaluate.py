"""Stage `evaluate`: score a model on datasets, and its forgetting since an earlier state."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from engine import learning
from engine.library.artifacts import Dataset, Model, Scores
from engine.library.datasets import parts
from engine.library.methods.example_counts import loaded
from engine.library.methods.heads import answering, distinct_tasks, said, same_shape
from engine.library.methods.ladder import network, standing
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage


class Evaluate(Params):
    pass


@dataclass(frozen=True, slots=True)
class Judged:
    """The output of `evaluate`."""

    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    model = look.one("model") or Facts()
    before = look.one("before")
    tasks = look.inputs.get("data", ())
    distinct_tasks(look, "data", tasks)
    same_shape(look, model, ("data",))
    if model.headless:
        message = "the model has no head to evaluate"
        look.error("from.model", message, "adapt it first, with `linear_probe` or `finetune`")
    metrics: dict[str, tuple[int, ...]] = {}
    for task in tasks:
        if model.heads and answering(model.heads, task.task, task.classes) is None:
            has = [f"{name} {said(found, task.names)}" for name, found in model.heads.items()]
            wanted = f"{task.task}, classes {said(task.classes, task.names)}"
            look.error(
                "from.data",
                f"the model has no head for {wanted}; it has {', '.join(has)}",
                "evaluate it on a task that it was trained for, or adapt it first",
            )
        metrics |= task.metrics
        if parts.there(task, "test") is False and not task.metrics:
            parts.measured(look, "data", task, "nothing is measured on it")
        if before and parts.there(task, "test") is not False:
            metrics[f"{task.task}/representation_forgetting"] = ()
            if not before.heads or answering(before.heads, task.task, task.classes):
                metrics[f"{task.task}/forgetting"] = ()
                metrics[f"{task.task}/head_forgetting"] = ()
    return {"scores": Facts(metrics=metrics)}


@stage(facts=_facts)
def evaluate(
    run: Run,
    params: Evaluate,
    *,
    model: Model,
    data: tuple[Dataset, ...],
    before: Model | None = None,
) -> Judged:
    """Score a model on each dataset, with the head that has its classes.

    With `before`, an earlier state of the model, forgetting is measured too.
    """
    del params
    metrics: dict[str, float] = {}
    for item in data:
        heads = {name: head.classes for name, head in model.heads.items()}
        head = answering(heads, item.task, item.classes)
        if head is None:
            shown = said(item.classes, dict(zip(item.classes, item.names, strict=False)))
            raise StageError(f"the model has no head for {item.task}, classes {shown}")
        task = loaded(run, item)
        net = network(model, item, run.device)
        found = learning.evaluation.metrics.evaluate_task(net, task, head)
        if before is not None:
            earlier = {name: made.classes for name, made in before.heads.items()}
            start = standing(
                network(before, item, run.device),
                task,
                answering(earlier, item.task, item.classes),
            )
            found |= learning.evaluation.metrics.forgetting(start, standing(net, task, head))
        metrics |= {f"{item.task}/{name}": value for name, value in found.items()}
    finite = {name: value for name, value in metrics.items() if isfinite(value)}
    return Judged(Scores(finite, status="ok" if len(finite) == len(metrics) else "diverged"))
