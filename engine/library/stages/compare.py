"""One table: rows over seeds with intervals, and which differences are real."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.library.artifacts import Row, Scores, Table
from engine.library.artifacts.table import drawn_once
from engine.library.comparison import metric_ref, plots, rows
from engine.library.comparison.contrasts import caveats, contrasts
from engine.library.comparison.metric_ref import headlines, measures
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look, Source
from pipelines.core.stage import Params, stage
from pipelines.core.text import listed, suggestion


class Compare(Params):
    show: tuple[str, ...] = ()
    """Metrics, `task/metric`, or points of their curves, `task/metric@step=10`, `@best`, `@last`.
    `task/metric@ways=10` is a metric of its own: of the tasks with so many classes.
    By default those of the plot, or accuracies and forgetting, or all where
    there are none of these."""
    baseline: str | None = None
    """Row that every other is compared with, `stage@axis=value`."""
    contrasts: tuple[tuple[str, str], ...] = ()
    """Pairs of rows to compare, left - right. With those of `baseline` they are one Holm family
    for each metric."""
    plot: plots.Plot | None = None
    """A plot beside the table."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The output of `compare`."""

    table: Table


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Compare = look.params
    inputs, sources = look.inputs.get("scores", ()), look.sources.get("scores", ())
    for place, text in enumerate(params.show):
        metric_ref.check(look, f"show.{place}", text, inputs)
    known = rows.named(sources)
    if len(sources) < len(inputs):
        return {"table": Facts()}  # Some rows could not be made, which is told where they are.
    if params.baseline is not None:
        _check_row(look, "baseline", params.baseline, known)
    for place, pair in enumerate(params.contrasts):
        for side, text in enumerate(pair):
            _check_row(look, f"contrasts.{place}.{side}", text, known)
    for text, name in zip(plots.texts(params.plot), ("x", "y"), strict=False):
        place_of = "plot.y" if isinstance(params.plot, plots.Line) else f"plot.{name}"
        metric_ref.check(look, place_of, text, inputs)
    _check_axis(look, params, known)
    _check_draws(look, sources)
    exams = {
        str(rows.without_seed(source)): facts for source, facts in zip(sources, inputs, strict=True)
    }
    _check_exams(look, params, known, exams)
    return {"table": Facts()}


def _check_row(look: Look, place: str, text: str, known: list[Source]) -> None:
    found = rows.matching(text, known)
    if not found:
        look.error(place, f"no row is `{text}`", suggestion(text, known, "rows"))
    elif len(found) > 1:
        look.error(place, f"`{text}` is {len(found)} rows", f"say which: {listed(found, 'or')}")


def _check_draws(look: Look, sources: tuple[Source, ...]) -> None:
    """Advise where the seeds of a row share a draw upstream."""
    seeds = Counter(str(rows.without_seed(source)) for source in sources)
    several = (source for source in sources if seeds[str(rows.without_seed(source))] > 1)
    for name, once in dict.fromkeys((source.stage, source.once) for source in several):
        if once:
            told = f"the seeds of `{name}` share {drawn_once(once)}: no difference has a verdict"
            hint = f"let {listed(once)} have the axis `seed`: no `seeds: 1`, no pick of one"
            look.advise("drawn-once", "from.scores", told, hint)


def _check_exams(
    look: Look, params: Compare, known: list[Source], exams: Mapping[str, Facts]
) -> None:
    """Advise where two rows that are compared were judged on other draws of tasks.

    Args:
        look: where to report.
        params: of the stage.
        known: the rows.
        exams: row -> facts of one of its cells.
    """
    found = {text: rows.matching(text, known) for text in _compared(params)}
    pick = {text: str(match[0]) for text, match in found.items() if len(match) == 1}
    pairs = [(pick[a], pick[b]) for a, b in params.contrasts if a in pick and b in pick]
    if params.baseline in pick:
        pairs += [(str(row), pick[params.baseline]) for row in known]
    for left, right in dict.fromkeys(pairs):
        here, there = exams[left], exams[right]
        draws = [facts.protocol.get("exam") for facts in (here, there)]
        if None not in draws and draws[0] != draws[1] and here.metrics.keys() & there.metrics:
            told = f"`{left}` and `{right}` are judged on other draws of tasks: nothing is tested"
            hint = "judge both on one stage of tasks"
            look.advise("other-tasks", "from.scores", told, hint)
            return


def _compared(params: Compare) -> list[str]:
    """The rows that are named to be compared."""
    return [*([params.baseline] if params.baseline else []), *sum(params.contrasts, ())]


def _check_axis(look: Look, params: Compare, known: list[Source]) -> None:
    plot = params.plot
    if isinstance(plot, plots.Line) and plots.over_axis(plot, known):
        place, axis = "plot.x", plot.x
    elif isinstance(plot, plots.Frontier) and plot.along is not None:
        place, axis = "plot.along", plot.along
    else:
        return
    having = [row for row in known if axis in row.axes]
    if not having:
        axes = dict.fromkeys(name for row in known for name in row.axes)
        look.error(place, f"no row has an axis `{axis}`", suggestion(axis, axes, "axes"))
    elif place == "plot.x" and any(row.number(axis) is None for row in having):
        look.error(place, f"the values of `{axis}` are no numbers", "plot it as a table instead")


@stage(facts=_facts)
def compare(run: Run, params: Compare, *, scores: tuple[Scores, ...]) -> Compared:
    """Put scores side by side: a row for each stage and its axes, an interval over its seeds.

    Differences are paired on the seed; their interval is shown, and from five pairs on a p value
    adjusted by Holm and a verdict. A pair with a diverged cell is dropped and counted, and a row
    with diverged cells wins no verdict. A row of one cell without a seed is one draw: against a
    row of several seeds the difference of means is shown, without an interval, a p or a verdict.
    Where something upstream was drawn once for all seeds of a row (one backbone, one subset), the
    interval spans what came after it, and a difference has no p and no verdict either. Where two
    rows were judged on other draws of tasks, there is only the difference of their means.

    A row of one learner that was judged on many tasks has an interval over what these were drawn
    from: tasks, or the classes of episodes. With fewer than ten of these, or than twice the ways,
    the range over them is told instead. Two such rows are paired on the task, without a p: these
    two learners are compared, not their methods. Every interval says what it spans; those over
    seeds and over tasks are never pooled.
    """
    found = rows.groups(run.sources["scores"], scores)
    shown = measures(params.show or plots.texts(params.plot) or headlines(scores))
    table_rows = tuple(group.row(shown) for group in found)
    by_label = {row.label: row for row in table_rows}
    named = rows.named(run.sources["scores"])
    pick = {text: by_label[str(rows.matching(text, named)[0])] for text in _compared(params)}
    metrics = tuple(item.text for item in shown)
    best = [item.text for item in shown if item.end == "best"]
    differences = contrasts(_pairs(params, pick, table_rows), metrics)
    notes = [f"{text}: the best of a test curve flatters" for text in best]
    notes += caveats(differences)
    return Compared(
        Table(
            metrics=metrics,
            rows=table_rows,
            contrasts=differences,
            baseline=pick[params.baseline].label if params.baseline else "",
            spans=_spans(table_rows, max(len(group.cells) for group in found)),
            plot=plots.points(params.plot, found),
            notes=tuple(notes),
        )
    )


def _spans(table_rows: tuple[Row, ...], most: int) -> str:
    """What the intervals of the table span, each kind with the n that most of it have."""
    tasks = Counter(
        interval.spans
        for row in table_rows
        for interval in row.values.values()
        if interval.over != "seeds"
    )
    told = [f"± seeds (n={most})"] if most > 1 else []
    told += [text for text, _ in tasks.most_common(1)]
    lone = "one seed" if any(row.seeds != ("",) for row in table_rows) else "one run"
    return "; ".join(told) or lone


def _pairs(params: Compare, pick: Mapping[str, Row], every: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Rows to compare: each with the baseline, and then the contrasts."""
    pairs = [(pick[left], pick[right]) for left, right in params.contrasts]
    base = pick.get(params.baseline or "")
    return pairs if base is None else [*((row, base) for row in every if row is not base), *pairs]
