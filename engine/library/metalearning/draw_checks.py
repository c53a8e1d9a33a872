"""Sampling units of the tasks of a family, for confidence intervals over tasks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.library.artifacts import TaskFamily, Units
from engine.library.comparison.intervals import FEWEST_DRAWS, scarce, seldom
from engine.library.datasets import omniglot
from pipelines.core.text import numbered, these

if TYPE_CHECKING:
    from engine.learning.metalearning.loop.evaluation import Judging


def units(families: Mapping[str, TaskFamily], found: Mapping[str, "Judging"]) -> dict[str, Units]:
    """Task label -> what the tasks were drawn from; absent where every task is a new one.

    Args:
        families: `test` and `validate`.
        found: their judging, under the same names.
    """
    every = {family.task: _of(family, found[name].members) for name, family in families.items()}
    return {task: known for task, known in every.items() if known is not None}


def _of(family: TaskFamily, members: Sequence[tuple[int, ...]]) -> Units | None:
    """What tasks were drawn from: those of a table, or classes; None where each is a new one.

    Args:
        family: of the tasks.
        members: see `engine.learning.metalearning.tasks.streams.Family.members`.
    """
    if family.kind == "table":
        return Units("tasks", len(family.draws["tasks"]), tuple(members))
    if family.data is None:
        return None
    names = omniglot.drawn_once(family.data.name, family.data.classes)
    return Units("classes", len(set(names)), tuple(tuple(names[i] for i in m) for m in members))


def notes(drawn: Units | None) -> list[str]:
    """What a reader must know of the draws: of how many tasks or classes they are."""
    if drawn is None:
        return []
    few = seldom(len(drawn.members), drawn.most)
    if len(drawn.members) <= drawn.count and not few:
        return []
    told = f"{numbered(len(drawn.members), 'draws')} of {numbered(drawn.count, drawn.kind)}"
    if scarce(drawn.count, drawn.most):
        tell = "tells" if drawn.count == 1 else "tell"
        told += f": {these(drawn.count, drawn.kind)} only, which {tell} nothing of others"
    elif few:
        told += f": these {drawn.kind} only, as an interval over these needs {FEWEST_DRAWS} draws"
    return [told]
