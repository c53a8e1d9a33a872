"""Checks of meta-training and its evaluation before anything runs. Torch-free."""

from typing import Any

from engine.library.algorithms import Algorithm
from engine.library.algorithms.closed_form import LARGEST
from engine.library.datasets import parts
from engine.library.methods.heads import answering, said
from engine.library.nets import shapes
from pipelines.core.facts import Facts, Look


def algorithm(look: Look, found: Algorithm, tasks: Facts) -> None:
    """Report an algorithm that does not fit the tasks."""
    if tasks.ways is None or tasks.shots is None:
        return
    most = tasks.ways[1]
    if not most and found.kind in {"newton", "protonet"}:
        hint = "take `kind: ridge`, whose closed form answers numbers too"
        look.error(
            "algorithm.kind", f"{found.kind} answers classes, and {tasks.task} has none", hint
        )
        return
    varies = tasks.ways[0] != most and tasks.protocol.get("labels") != "global"
    if varies and found.heads == "learned":
        look.error(
            "algorithm.head",
            f"a learned head has a row for each class, and {tasks.task} has {tasks.ways[0]} to "
            f"{most} of them",
            "say `head: shared` or `head: zero`",
        )
    if found.kind == "newton":
        unknowns = most * most * tasks.shots[1]
        if unknowns > LARGEST:
            look.error(
                "algorithm.kind",
                f"newton would solve for {most} ways x {most * tasks.shots[1]} examples = "
                f"{unknowns} unknowns a task, and its limit is {LARGEST}",
                "take `kind: ridge`, or fewer ways or shots",
            )
    _pooled(look, found.pooled_shots, tasks)


def _pooled(look: Look, shots: int | None, tasks: Facts) -> None:
    """Report examples for support and query together that a class does not have."""
    if shots is None:
        return
    there = sum(tasks.examples.values())
    if shots < 2:  # noqa: PLR2004 (one to learn from, one to look at)
        look.error("algorithm.shots", "support and query need at least 2 examples of a class")
    elif there and shots > there:
        look.error(
            "algorithm.shots",
            f"{shots} examples of each class of {tasks.task}, and one has {there}",
        )


def learned(look: Look, found: Algorithm, learn: str) -> None:
    """Report a choice of what the outer loop moves that the algorithm does not have."""
    if learn == "adapter" and not found.adapters:
        look.error("learn", f"{found.kind} has no adapter here", "say `inner: {kind: lora}`")
    if learn == "head" and found.heads in (None, "zero"):
        look.error("learn", f"{found.kind} has no learned head here", "say `head: learned`")


def start(look: Look, model: Facts | None, tasks: Facts) -> None:
    """Report two starts, or none, or one that cannot take the inputs of the tasks."""
    net = look.params.net
    if net is not None and net.kind == "conv4" and tasks.ways == (0, 0):
        told = f"conv4 takes images, and the inputs of {tasks.task} are numbers"
        look.error("net.kind", told, "say `net: {kind: mlp, hidden: [40, 40]}`")
    given = net.model_dump() if net is not None else model.net if model else {}
    if net is not None:
        shapes.norms(look, net, tasks.shape)
    elif model is not None:
        shapes.takes(look, "tasks", tasks, model)
    inner = getattr(look.params.algorithm, "inner", None)
    shapes.targets(look, "algorithm.inner", inner, given, tasks)
    if look.params.net is None and model is None:
        hint = "say `net: {kind: conv4}`, or connect a pretrained net as `model`"
        look.error("net", "there is no net to train", hint)
    elif look.params.net is not None and model is not None:
        look.error("net", "`net` and `model` are both given", "leave one of them out")


def kept(look: Look, model: Facts | None) -> None:
    """Report old tasks that cannot be retained or replayed."""
    retained, replay = look.inputs.get("retain", ()), look.params.replay
    for old in retained:
        shapes.takes(look, "retain", old, model or Facts())
        if replay:
            parts.need(look, "retain", old, "train", "to replay")
    if retained and model is None:
        hint = "connect the pretrained net as `model`, or leave `retain` out"
        look.error("from.retain", "a net that starts from nothing has nothing to forget", hint)
    if replay and not retained:
        look.error("replay", "nothing to replay", "connect the old task: `retain: STAGE`")
    heads = model.heads if model else {}
    for old in retained if replay and heads else ():
        if answering(heads, old.task, old.classes) is None:
            look.error(
                "replay",
                f"the model has no head for {old.task}, classes {said(old.classes, old.names)}",
                "replay what it was trained on",
            )


def retained(look: Look, model: Facts | None, old: Facts) -> dict[str, tuple[int, ...]]:
    """Metrics of an old task that is retained."""
    if not parts.measured(look, "retain", old, "what is forgotten of it is not measured"):
        return {}
    probed = parts.there(old, "train") is not False
    names = ["representation_forgetting"] if probed else []
    if model and (not model.heads or answering(model.heads, old.task, old.classes)):
        names += ["accuracy", "forgetting", *(["head_forgetting"] if probed else [])]
    return {f"{old.task}/{name}": () for name in names}


def alike(look: Look, port: str, one: Facts, other: Facts) -> None:
    """Report tasks of another kind than those of `tasks`."""
    if _other_kind(one, other):
        look.error(f"from.{port}", f"`tasks` are {_kind(one)}, `{port}` {_kind(other)}")
        return
    here, there = one.protocol.get("inputs"), other.protocol.get("inputs")
    if None not in (here, there) and here != there:
        told = f"`tasks` have {here} inputs, `{port}` {there}"
        look.error(f"from.{port}", told, "`inputs` of both must be as many")
    elif one.shape and other.shape and one.shape != other.shape:
        sizes = ["x".join(map(str, facts.shape)) for facts in (one, other)]
        told = f"inputs of `tasks` have the shape {sizes[0]}, those of `{port}` {sizes[1]}"
        look.error(f"from.{port}", told, "take inputs of the same shape")
    numbers(look, port, one.protocol.get("targets"), other)


def numbers(look: Look, port: str, targets: int | None, tasks: Facts) -> None:
    """Report tasks that ask for another number of targets than is learned."""
    theirs = tasks.protocol.get("targets")
    if None not in (targets, theirs) and targets != theirs:
        message = f"the learner has {targets} outputs, and {tasks.task} has {theirs} targets"
        look.error(f"from.{port}", message, "use the same number of `targets` for both")


def kinds(look: Look, learner: Facts, tasks: Facts) -> bool:
    """Report a learner of classes on tasks of regression, or the reverse; whether they agree."""
    if not learner.protocol or not _other_kind(learner, tasks):
        return True
    message = f"the learner was trained on tasks {_kind(learner)}, and these are {_kind(tasks)}"
    look.error("from.tasks", message, "evaluate it on tasks of the same kind")
    return False


def _other_kind(one: Facts, other: Facts) -> bool:
    """Whether one has classes and the other has none."""
    return bool(one.ways and other.ways and bool(one.ways[1]) != bool(other.ways[1]))


def stopping(look: Look, validate: Facts | None) -> None:
    """Report early stopping that has nothing to look at."""
    stop, budget = look.params.stop, look.params.budget.tasks
    if stop is None:
        return
    if validate is None:
        hint = "connect validation tasks: `validate: STAGE`"
        look.error("stop", "early stopping needs validation tasks", hint)
    elif stop.by == "accuracy" and validate.ways == (0, 0):
        message = f"{validate.task} has no classes, and so no accuracy"
        look.error("stop.by", message, "set `by: loss`")
    elif stop.every > budget:
        message = f"the first evaluation is after {stop.every} tasks, and the budget is {budget}"
        look.error("stop.every", message, "use a smaller `every`, or leave `stop` out")


def as_tested(look: Look, learner: Facts, tasks: Facts, curve: tuple[int, ...]) -> None:
    """Advise where a learner is judged otherwise than it was trained.

    Not where the papers do so too: a curve that goes on after the trained steps, training on more
    ways or, by Reptile, on more shots than are judged.
    """
    how: Any = learner.protocol
    if not how or not tasks.ways or not learner.ways or not learner.shots or not tasks.shots:
        return
    steps = how.get("steps")
    if steps and steps not in curve:
        look.warn(
            "curve",
            f"the learner was trained for {steps} {'step' if steps == 1 else 'steps'}, and the "
            "curve has no point there",
            f"add {steps} to `curve`",
        )
    head = how.get("head")
    if tasks.ways[1] > learner.ways[1] and head != "learned":
        look.warn(
            "from.tasks",
            f"tasks of up to {tasks.ways[1]} classes, and the learner was trained on at most "
            f"{learner.ways[1]}",
        )
    if how.get("pooled"):
        return
    each = "a class" if tasks.ways[1] else "each"
    if tasks.shots[0] < learner.shots[0] or tasks.shots[1] > learner.shots[1]:
        look.warn(
            "from.tasks",
            f"{each} of these tasks has {_shots(tasks.shots)}, and the learner was trained with "
            f"{_span(learner.shots)}",
            "train as it is tested, or read the figure as one of transfer",
        )


def answers(tasks: Facts) -> int | None:
    """Outputs of a learned head for these tasks; None where they vary or are unknown."""
    if tasks.ways is None:
        return None
    if tasks.protocol.get("labels") == "global":
        return len(tasks.classes) or None
    return tasks.ways[1] if tasks.ways[0] == tasks.ways[1] else None


def outputs(look: Look, port: str, head: int | None, tasks: Facts) -> None:
    """Report tasks that a learned head does not fit; its outputs are None where it has none."""
    if head is None or tasks.ways is None:
        return
    theirs = answers(tasks)
    varies = tasks.ways[0] != tasks.ways[1] and tasks.protocol.get("labels") != "global"
    if head != theirs if theirs is not None else varies:
        look.error(
            f"from.{port}",
            f"the learned head answers {head} classes, and these tasks have "
            f"{theirs if theirs is not None else _span(tasks.ways)}",
            "train with `head: shared` or `head: zero`, or take tasks of as many classes",
        )


def _kind(found: Facts) -> str:
    return "of classes" if found.ways and found.ways[1] else "of regression"


def _shots(found: tuple[int, int]) -> str:
    return "1 shot" if found == (1, 1) else f"{_span(found)} shots"


def _span(found: tuple[int, int]) -> str:
    return str(found[0]) if found[0] == found[1] else f"{found[0]} to {found[1]}"
