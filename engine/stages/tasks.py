"""Families of tasks for meta-learning: few-shot episodes from classes, or regression."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from engine import learning
from engine.artifacts import Dataset, TaskFamily
from engine.families import (
    REGRESSION,
    CrossEntropy,
    Episode,
    Interval,
    Loss,
    Span,
    SquaredError,
    span,
)
from engine.run import Run
from pipelines.errors import StageError
from pipelines.stage import Facts, Look, Params, stage


class Tasks(Params):
    kind: Literal["classified", "sinusoid", "linear"] = "classified"
    """`classified`: each task has some classes of the data; `sinusoid`: y = a sin(x - b);
    `linear`: y = w · x, with w and x standard normal."""
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,40}$")] | None = None
    """Label under which its metrics appear, as `test` in `test/accuracy`; by default that of the
    data, or the kind."""
    episode: Episode
    """How many classes a task has, and how many examples to learn from."""
    queries: PositiveInt | Span = 15
    """Examples to judge what was learned, of each class where there are classes; or a range."""
    count: PositiveInt | None = None
    """How many tasks there are, always the same ones; an endless stream by default."""
    labels: Literal["shuffled", "global"] = "shuffled"
    """`shuffled`: each task numbers its classes anew; `global`: an output means one class of the
    data in all tasks, and those that a task lacks are masked."""
    loss: Loss | None = None
    """What is minimised on the examples to learn from: cross-entropy for classes, else squared
    error by default."""
    test_loss: Loss | None = None
    """What is counted on the queries; `loss` by default."""
    part: Literal["all", "train", "val", "test"] = "all"
    """Examples of the data to draw from. Few-shot learning holds out classes, not examples, so all
    by default."""
    stream: NonNegativeInt = 0
    """Another number gives other tasks of the same family."""
    amplitude: Interval | None = None
    """Of a sinusoid; 0.1 to 5 by default."""
    phase: Interval | None = None
    """Of a sinusoid; 0 to π by default."""
    x: Interval | None = None
    """Inputs of a sinusoid; -5 to 5 by default."""
    inputs: PositiveInt | None = None
    """Dimensions of the inputs of a linear function; 3 by default."""
    noise: NonNegativeFloat | None = None
    """Standard deviation of what is added to a linear function; 0 by default."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The output of `tasks`."""

    tasks: TaskFamily


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Tasks = look.params
    data = look.one("data")
    _of_its_kind(look, params)
    if params.kind == "classified":
        _classified(look, params, data)
    else:
        _regression(look, params, data)
    data = data or Facts()
    label = params.task or data.task or params.kind
    names = ("accuracy", "loss") if params.kind == "classified" else ("loss",)
    sources = ((origin, part) for origin, part in data.sources if params.part in ("all", part))
    facts = Facts(
        task=label,
        classes=data.classes,
        sources=frozenset(sources),
        metrics={f"{label}/{name}": () for name in names},
        ways=span(params.episode.ways),
        shots=span(params.episode.shots),
        examples=data.examples,
        protocol={
            "labels": params.labels,
            "queries": span(params.queries),
            "count": params.count,
        },
    )
    return {"tasks": facts}


def _of_its_kind(look: Look, params: Tasks) -> None:
    """Report parameters and losses of another kind."""
    for kind, fields in REGRESSION.items():
        for name in fields:
            if kind != params.kind and getattr(params, name) is not None:
                look.error(name, f"`{name}` is of `kind: {kind}`, not of {params.kind}")
    right = "cross_entropy" if params.kind == "classified" else "squared_error"
    for name in ("loss", "test_loss"):
        found = getattr(params, name)
        if found and found.kind != right:
            look.error(name, f"{params.kind} tasks have no {found.kind}", f"`kind: {right}`")


def _regression(look: Look, params: Tasks, data: Facts | None) -> None:
    if data is not None:
        look.error("from.data", f"`kind: {params.kind}` draws its own data", "leave out `data`")
    if params.episode.ways is not None:
        look.error("episode.ways", f"{params.kind} tasks have no classes", "leave out `ways`")
    for place, value in {"episode.shots": params.episode.shots, "queries": params.queries}.items():
        if isinstance(value, Span):
            look.error(place, f"{params.kind} tasks have a fixed size", "give one number")
    for name, other in {"labels": "shuffled", "part": "all"}.items():
        if getattr(params, name) != other:
            look.error(name, f"`{name}` is of classes, and {params.kind} tasks have none")


def _classified(look: Look, params: Tasks, data: Facts | None) -> None:
    if data is None:
        hint = "connect a dataset as `data`, or choose `kind: sinusoid` or `kind: linear`"
        look.error("", "classified tasks are drawn from a dataset, and there is none", hint)
        return
    ways = params.episode.ways
    if ways is None or span(ways)[0] < 2:  # noqa: PLR2004 (a choice)
        look.error("episode", "a task needs at least two classes", "as `ways: 5`")
    elif data.classes and span(ways)[1] > len(data.classes):
        look.error(
            "episode.ways",
            f"{span(ways)[1]} ways, and {data.task} has {len(data.classes)} classes",
        )
    if data.examples:
        there = sum(n for part, n in data.examples.items() if params.part in ("all", part))
        if lacking := _lacking(params, there):
            look.error("episode.shots", f"{lacking} of {data.task} has {there}")


def _lacking(params: Tasks, there: int) -> str:
    shots, queries = span(params.episode.shots)[1], span(params.queries)[1]
    if shots + queries <= there:
        return ""
    needed = f"{shots} shots and {queries} queries need {shots + queries} examples of each class"
    return f"{needed}, and one"


@stage(facts=_facts)
def tasks(run: Run, params: Tasks, *, data: Dataset | None) -> Drawn:
    """Describe a stream of tasks, from which learners and judges draw by number.

    With `count`, the tasks are the same for every learner and seed.
    """
    if data is not None:
        kept = {
            name: part if params.part in ("all", name) else replace(part, indices=())
            for name, part in data.parts.items()
        }
        data = replace(data, parts=kept)
        _enough(run, params, data)
    draws = {
        name: _plain(getattr(params, name), usual)
        for name, usual in REGRESSION.get(params.kind, {}).items()
    }
    usual = CrossEntropy() if params.kind == "classified" else SquaredError()
    loss = params.loss or usual
    family = TaskFamily(
        kind=params.kind,
        task=params.task or (data.task if data else params.kind),
        ways=span(params.episode.ways),
        shots=span(params.episode.shots),
        queries=span(params.queries),
        loss=loss.model_dump(),
        test_loss=(params.test_loss or loss).model_dump(),
        labels=params.labels,
        count=params.count,
        stream=params.stream,
        data=data,
        draws=draws,
    )
    return Drawn(family)


def _plain(value: Any, usual: Any) -> Any:
    if value is None:
        return usual
    return [value.min, value.max] if isinstance(value, Interval) else value


def _enough(run: Run, params: Tasks, data: Dataset) -> None:
    """Refuse a dataset of which not everything was known before the run."""
    if data.augment.get("quarters"):
        raise StageError(
            f"`rotations: augment` of {data.task} is for training by batches; "
            "for tasks say `rotations: classes`"
        )
    if span(params.episode.ways)[1] > len(data.classes):
        raise StageError(f"`ways` is above the {len(data.classes)} classes of {data.task}")
    counts: Counter[int] = Counter()
    for part in data.parts.values():
        labels = learning.files.labels(run.files, data.files, part.labels)
        counts.update(labels[list(part.indices)].tolist())
    there = min(counts[label] for label in data.classes)
    if lacking := _lacking(params, there):
        raise StageError(f"{lacking} of {data.task} has {there}")
