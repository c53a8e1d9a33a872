"""Warnings of meta-learning results that are biased by evaluating on training or validation data.

They are given before anything runs, each with a code that docs/warnings.md explains.
"""

from typing import Any

from engine.library.comparison.intervals import scarce
from pipelines.checks.leakage_warnings import tests_alone
from pipelines.core.facts import Facts, Look
from pipelines.core.lineage import ANOTHER_STREAM, generated, learned_from, listed, shared
from pipelines.core.text import numbered, these


def judged(look: Look, learner: Facts, tasks: Facts) -> None:
    """Advise where tasks are drawn from classes, or are tasks, that the learner learned from.

    Of a test part alone the same is told as leakage.
    """
    names = shared(learner.sources, tasks.sources, by_classes=True)
    if not names or (tests_alone(tasks) and _known_to_be(learner)):
        return
    who = look.sources["learner"][0].stage if look.sources.get("learner") else "the learner"
    what = "classes" if tasks.ways and tasks.ways[1] else "tasks"
    told = f"`{who}` learned from {what} that `{tasks.task}` draws from ({listed(names)})"
    hint = f"judge it on {what} that it has never seen: those of the test part"
    look.advise("judged-on-training", "from.tasks", told, hint)


def _known_to_be(learner: Facts) -> bool:
    """Whether the general check of leakage sees it: it takes what has no task for a model."""
    return not (learner.task or learner.classes)


def chosen(look: Look, headline: Any, tasks: Facts, validate: Facts | None) -> None:
    """Advise where the step is chosen on what is reported."""
    if validate is None:
        return
    names = shared(validate.sources, tasks.sources, by_classes=True)
    if names:
        how = "chosen" if headline == "chosen_on_validate" else "validated"
        told = f"`{tasks.task}` is reported, and {how} on the same as `{validate.task}`"
        other = "validate on the validation part"
        hint = ANOTHER_STREAM if generated(tasks.sources) else other
        look.advise("chosen-on-the-exam", "from.validate", f"{told} ({listed(names)})", hint)


def unlike(look: Look, port: str, tasks: Facts, validate: Facts | None) -> None:
    """Advise where learning is stopped by what is learned from."""
    if validate is None:
        return
    names = shared(learned_from(tasks.sources), validate.sources, by_classes=True)
    if names:
        told = f"`{validate.task}` validates on what is learned from ({listed(names)})"
        hint = "validate on the validation part"
        look.advise("judged-on-training", f"from.{port}", told, hint)


def units_of(look: Look, port: str, one: Facts, other: Facts | None) -> None:
    """Advise where tables are in other units, or have their columns in another order."""
    if other is None:
        return
    mine, theirs = one.protocol.get("scaling"), other.protocol.get("scaling")
    if None in (mine, theirs):
        return
    if one.protocol.get("columns") != other.protocol.get("columns"):
        told = f"the columns of {other.task} are {_columns(other)}, and {_columns(one)} are learned"
        hint = "name the same `inputs` and `targets`, in one order"
        look.advise("scaling-differs", f"from.{port}", told, hint)
    elif mine != theirs:
        both = bool(mine) and bool(theirs)
        how = "by another table's rows" if both else "of one and not of the other"
        told = (
            f"numbers of {other.task} are in other units than those that are learned: scaled {how}"
        )
        hint = "give both the same `scaling`, and one file with a column `part`"
        look.advise("scaling-differs", f"from.{port}", told, hint)


def _columns(facts: Facts) -> str:
    inputs, targets = facts.protocol["columns"]
    return f"{', '.join(inputs)} -> {', '.join(targets)}"


def draws(look: Look, tasks: Facts, count: int) -> None:
    """Advise where more tasks are drawn than were drawn independently.

    That is from a table more than it has; of classes any number is drawn, unless these are so few
    that they tell nothing of others.
    """
    units = tasks.protocol.get("units")
    if units is None or count <= units[1]:
        return
    kind, there = units
    few = scarce(there, tasks.ways[1] if tasks.ways and kind == "classes" else 1)
    told = f"{numbered(count, 'draws')} of {numbered(there, kind)} of {tasks.task}"
    if few:
        hint = f"{these(there, kind)} only: no interval over others is told; judge on more of them"
        look.advise("few-units", "from.tasks", told, hint)
    elif kind == "tasks":
        spanned = f"the interval spans the {numbered(there, kind)}"
        hint = f"{spanned}: more draws of them tell little of others"
        look.advise("few-units", "from.tasks", told, hint)
