"""Matching of heads to tasks, and facts of adaptation stages. Torch-free."""

from collections.abc import Iterable, Mapping, Sequence

from engine.library.datasets import parts
from pipelines.core.facts import Facts, Look
from pipelines.core.lineage import Held

_NUMBERS = 1_000_000
"""Labels above were made of names."""


def answering(heads: Mapping[str, Sequence[int]], task: str, classes: Sequence[int]) -> str | None:
    """Return the head with a task's classes, in the same order; None if there is none.

    Args:
        heads: task -> classes.
        task: preferred name where several heads fit.
        classes: of the task.
    """
    fitting = [name for name, found in heads.items() if tuple(found) == tuple(classes)]
    if task in fitting:
        return task
    return fitting[0] if fitting else None


def said(classes: Sequence[int], names: Mapping[int, str] | None = None) -> str:
    """Return classes as text for a message, by name if they have names.

    Args:
        classes: numbers; those of a folder's classes are made of names and say nothing.
        names: of classes.
    """
    if names and all(label in names for label in classes):
        return f"[{', '.join(names[label] for label in classes)}]"
    if max(classes, default=0) > _NUMBERS:
        return f"of {len(classes)} names"
    return str(list(classes))


def adaptation(look: Look, curve: Iterable[int] = (), *, keeps: bool = True) -> Mapping[str, Facts]:
    """Return facts of a stage with the ports model, data, retain: a model with a new head, scores.

    Args:
        look: of the stage.
        curve: steps at which metrics are recorded while it trains.
        keeps: old heads are kept, so that forgetting is defined.
    """
    model, data = look.one("model") or Facts(), look.one("data") or Facts()
    retained = look.inputs.get("retain", ())
    parts.need(look, "data", data, "train", "to adapt to")
    distinct_tasks(look, "retain", [data, *retained])
    same_shape(look, model, ("data", "retain", "replay"))
    steps = tuple(curve)
    others = {name: found for name, found in model.heads.items() if name != data.task}
    metrics = {name: () if "/val_" in name else steps for name in data.metrics}
    for old in retained:
        if not parts.measured(look, "retain", old, "what is forgotten of it is not measured"):
            continue
        reprobed = parts.there(old, "train") is not False
        if reprobed:
            metrics[f"{old.task}/representation_forgetting"] = ()
        # A model of which nothing is known may have the head.
        if keeps and (not model.heads or answering(others, old.task, old.classes)):
            metrics |= {f"{old.task}/accuracy": steps, f"{old.task}/forgetting": steps}
            if reprobed:
                metrics[f"{old.task}/head_forgetting"] = ()
    heads = (others if keeps else {}) | ({data.task: data.classes} if data.task else {})
    sources = model.sources | data.learned | replayed(look)
    return {
        "model": Facts(
            heads=heads,
            shape=model.shape or data.shape,
            sources=sources,
            net=model.net,
            chosen=model.chosen,
        ),
        "scores": Facts(metrics=metrics, sources=sources),
    }


def replayed(look: Look) -> frozenset[Held]:
    """Return the examples that are replayed."""
    if not getattr(look.params, "replay", 0):
        return frozenset()
    old = look.inputs.get("replay") or look.inputs.get("retain", ())
    return frozenset().union(*(facts.learned for facts in old))


def same_shape(look: Look, model: Facts, ports: Iterable[str]) -> None:
    """Report datasets whose images a model cannot take."""
    for port in ports:
        for data in look.inputs.get(port, ()):
            if model.shape and data.shape and model.shape != data.shape:
                theirs = f"{data.task} has images of {sized(data.shape)}"
                told = f"{theirs}, and the model takes {sized(model.shape)}"
                look.error(f"from.{port}", told, "pretrain on images of the same shape")


def sized(shape: Sequence[int]) -> str:
    """Return a shape as text: `1x28x28`."""
    return "x".join(map(str, shape))


def distinct_tasks(look: Look, port: str, tasks: Sequence[Facts]) -> None:
    """Report two different datasets under one label."""
    seen: dict[str, Facts] = {}
    for facts in tasks:
        if facts.task and facts.task in seen:
            look.error(
                f"from.{port}",
                f"two datasets are labelled {facts.task!r}, so their metrics would be mixed up",
                "give one of them another label: `task: NAME` in its dataset stage",
            )
        seen[facts.task] = facts
