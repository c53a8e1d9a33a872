"""Stage `tasks`: families of tasks for meta-learning, few-shot classification or regression."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from engine import learning
from engine.library.artifacts import Dataset, TaskFamily
from engine.library.datasets import omniglot, parts, task_table
from engine.library.datasets.task_params import (
    OWNERS,
    REGRESSION,
    CrossEntropy,
    Span,
    SquaredError,
    Tasks,
    generated,
    plain,
    span,
)
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage
from pipelines.core.text import safe_text

TURNED = "`rotations: augment` of {} is for training by batches; for tasks say `rotations: classes`"


@dataclass(frozen=True, slots=True)
class Drawn:
    """The output of `tasks`."""

    tasks: TaskFamily


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Tasks = look.params
    data, known = look.one("data"), Facts()
    _of_its_kind(look, params)
    if params.kind == "classified":
        _classified(look, params, data)
        known = data or known
    else:
        _regression(look, params, data)
    inputs = {"sinusoid": 1, "linear": params.inputs or REGRESSION["linear"]["inputs"]}
    targets: int | None = None if params.kind == "classified" else 1
    if params.kind == task_table.NAME:
        known, inputs[params.kind] = _table(look, params)
        targets = len(params.targets or task_table.TARGETS)
    numbers = inputs.get(params.kind)
    columns, scaling = _scaled(look, params) if params.kind == task_table.NAME else (None, None)
    label = params.task or known.task or params.kind
    names = ("accuracy", "loss") if params.kind == "classified" else ("loss",)
    sources = (held for held in known.sources if params.part in ("all", held[1]))
    facts = Facts(
        task=label,
        classes=known.classes,
        sources=frozenset(sources) | generated(params),
        metrics={f"{label}/{name}": () for name in names},
        ways=span(params.episode.ways),
        shots=span(params.episode.shots),
        shape=(numbers,) if isinstance(numbers, int) else known.shape,
        examples={k: n for k, n in known.examples.items() if params.part in ("all", k)},
        protocol={
            "labels": params.labels,
            "count": params.count,
            "inputs": numbers,
            "targets": targets,
            "units": _units(params, known),
            "columns": columns,
            "scaling": scaling,
            "drawn": (params.model_dump_json(), known.sources),
        },
    )
    return {"tasks": facts}


def _units(params: Tasks, known: Facts) -> tuple[str, int] | None:
    """What tasks are drawn from and how many of these there are; None if unknown or endless."""
    if params.kind == task_table.NAME and known.sources:
        return "tasks", len(known.sources)
    if params.kind != "classified" or not known.classes:
        return None
    return "classes", len(set(omniglot.drawn_once(known.collection, known.classes)))


def _of_its_kind(look: Look, params: Tasks) -> None:
    """Report parameters and losses of another kind."""
    for name, kinds in OWNERS.items():
        if params.kind not in kinds and getattr(params, name) is not None:
            owners = " and ".join(f"`kind: {kind}`" for kind in kinds)
            look.error(name, f"`{name}` is of {owners}, not of {params.kind}")
    wanted = tuple if params.kind == task_table.NAME else int
    if params.kind in OWNERS["inputs"] and not isinstance(params.inputs, wanted | None):
        what = "names of columns" if wanted is tuple else "a number of dimensions"
        look.error("inputs", f"`inputs` of {params.kind} tasks is {what}")
    right = "cross_entropy" if params.kind == "classified" else "squared_error"
    for name in ("loss", "test_loss"):
        found = getattr(params, name)
        if found and found.kind != right:
            look.error(name, f"{params.kind} tasks have no {found.kind}", f"`kind: {right}`")


def _table(look: Look, params: Tasks) -> tuple[Facts, int | None]:
    """What is known of a table, and how many inputs it has."""
    if params.file is None:
        look.error("file", "there is no table to draw from", f"`file: FILE`: {task_table.GET}")
    if look.faults or params.file is None:
        return Facts(), None
    shown = safe_text(params.file)
    try:
        sheet = task_table.known(look.folder / params.file, params.choice)
    except learning.data.csv_tasks.SheetError as error:
        look.error(error.place, f"{shown}: {safe_text(str(error))}", safe_text(error.hint))
        return Facts(), None
    except OSError as error:
        look.error("file", f"cannot read {shown}: {error.strerror}", task_table.GET)
        return Facts(), None
    tasks = params.choice.tasks(sheet)
    if not tasks:
        told = f"the {params.part} part has none of the {len(sheet.rows)} tasks of {shown}"
        look.error("part", told, "a column `part` divides them otherwise")
        return Facts(), None
    if lacking := task_table.lacking(sheet, tasks, *_sizes(params)):
        look.error("episode.shots", f"{shown}: {lacking}")
    for name in sheet.counters:
        told = f"{shown}: the column `{safe_text(name)}` counts the rows, as a row index does"
        look.warn("file", told, "leave it out by naming the columns to learn from: `inputs: [x]`")
    # Of `all` no task is one of the test part: whoever learns from them has seen them all.
    name = safe_text(params.file)
    sources = (
        (f"{name}/{safe_text(task)}", params.part, task_table.identity(sheet, task), 0, 1)
        for task in tasks
    )
    return Facts(sources=frozenset(sources)), len(sheet.inputs)


def _scaled(look: Look, params: Tasks) -> tuple[Any, Any]:
    """Names of a table's columns, and the units of its numbers; None where nobody knows."""
    if params.file is None or any(severity == "error" for severity, *_ in look.faults):
        return None, None
    sheet = task_table.known(look.folder / params.file, params.choice)
    scale = task_table.standard(sheet) if params.scaling == "standard" else {}
    return (sheet.inputs, sheet.targets), scale


def _sizes(params: Tasks) -> tuple[int, int]:
    return span(params.episode.shots)[1], span(params.queries)[1]


def _regression(look: Look, params: Tasks, data: Facts | None) -> None:
    if data is not None:
        look.error("from.data", f"`kind: {params.kind}` draws its own data", "leave out `data`")
    if params.episode.ways is not None:
        look.error("episode.ways", f"{params.kind} tasks have no classes", "leave out `ways`")
    for place, value in {"episode.shots": params.episode.shots, "queries": params.queries}.items():
        if isinstance(value, Span):
            look.error(place, f"{params.kind} tasks have a fixed size", "give one number")
    for name, other in {"labels": "shuffled", "part": "all"}.items():
        if name == "part" and params.kind == task_table.NAME:
            continue
        if getattr(params, name) != other:
            look.error(name, f"`{name}` is of classes, and {params.kind} tasks have none")


def _classified(look: Look, params: Tasks, data: Facts | None) -> None:
    if data is None:
        hint = "connect a dataset as `data`, or choose `kind: sinusoid` or `kind: linear`"
        look.error("", "classified tasks are drawn from a dataset, and there is none", hint)
        return
    if data.turned:
        look.error("from.data", TURNED.format(data.task), "say `rotations: classes`")
    ways = params.episode.ways
    if ways is None or span(ways)[0] < 2:  # noqa: PLR2004 (a choice)
        look.error("episode", "a task needs at least two classes", "as `ways: 5`")
    elif data.classes and span(ways)[1] > len(data.classes):
        look.error(
            "episode.ways",
            f"{span(ways)[1]} ways, and {data.task} has {len(data.classes)} classes",
            f"take {len(data.classes)} or fewer",
        )
    if params.part != "all":
        parts.need(look, "data", data, params.part, f"for `part: {params.part}`")
    if data.examples and (params.part == "all" or parts.there(data, params.part)):
        there = sum(n for part, n in data.examples.items() if params.part in ("all", part))
        if lacking := _lacking(params, there):
            hint = "take fewer shots or queries"
            look.error("episode.shots", f"{lacking} of {data.task} has {there}", hint)


def _lacking(params: Tasks, there: int) -> str:
    shots, queries = span(params.episode.shots)[1], span(params.queries)[1]
    if shots + queries <= there:
        return ""
    needed = f"{shots} shots and {queries} queries need {shots + queries} examples of each class"
    return f"{needed}, and one"


@stage(facts=_facts)
def tasks(run: Run, params: Tasks, *, data: Dataset | None) -> Drawn:
    """Describe a stream of tasks for meta-training and evaluation, which are sampled by number.

    With `count`, the tasks are the same for every learner and seed. Tasks of a table are sampled in
    passes: each pass has every task once, with other rows.
    """
    if data is not None:
        kept = {
            name: part if params.part in ("all", name) else replace(part, indices=())
            for name, part in data.parts.items()
        }
        data = replace(data, parts=kept)
        _enough(run, params, data)
    draws = {
        name: plain(getattr(params, name), usual)
        for name, usual in REGRESSION.get(params.kind, {}).items()
    }
    if params.kind == task_table.NAME:
        draws = _columns(run, params)
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
        files=dict(run.inputs),
    )
    return Drawn(family)


def _columns(run: Run, params: Tasks) -> dict[str, Any]:
    """What of a table is drawn from."""
    digest = run.inputs[task_table.NAME]
    try:
        sheet = params.choice.read(
            BytesIO(learning.data.image_files.content(run.files[digest], digest))
        )
    except ValueError as error:
        raise StageError(safe_text(f"{params.file}: {error}")) from error
    tasks = params.choice.tasks(sheet)
    if not tasks or task_table.lacking(sheet, tasks, *_sizes(params)):
        raise StageError(f"the {params.part} part of {params.file} has too few tasks or rows")
    scale = task_table.standard(sheet) if params.scaling == "standard" else {}
    columns = {"inputs": list(sheet.inputs), "targets": list(sheet.targets)}
    return {**columns, "tasks": list(tasks), **scale}


def _enough(run: Run, params: Tasks, data: Dataset) -> None:
    """Refuse a dataset of which not everything was known before the run."""
    if data.augment.get("quarters"):
        raise StageError(TURNED.format(data.task))
    if span(params.episode.ways)[1] > len(data.classes):
        raise StageError(f"`ways` is above the {len(data.classes)} classes of {data.task}")
    counts: Counter[int] = Counter()
    for part in data.parts.values():
        labels = learning.data.image_files.labels(run.files, data.files, part.labels)
        counts.update(labels[list(part.indices)].tolist())
    there = min(counts[label] for label in data.classes)
    if lacking := _lacking(params, there):
        raise StageError(f"{lacking} of {data.task} has {there}")
