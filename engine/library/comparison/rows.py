"""Rows of a comparison: the cells of a stage that differ only in their seed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.library.artifacts import Interval, Row, Scores, Units
from engine.library.artifacts.table import drawn_once
from engine.library.comparison.intervals import Judged, judged, over_seeds
from engine.library.comparison.metric_ref import Measure
from pipelines.core.facts import Source, as_number

SEED = "seed"
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]\d+)?")
_LISTED = 5
"""Numbers that a note lists one by one."""


@dataclass(slots=True)
class Group:
    """A row in the making.

    Attributes:
        stage: block of the file.
        axes: axis -> label, without the seed.
        cells: seed label (empty for a cell without one) -> scores.
        numbers: see `Source.numbers`.
        shared: stages upstream that were drawn once for all seeds, see `Source.once`.
    """

    stage: str
    axes: Mapping[str, str]
    cells: dict[str, Scores] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    shared: tuple[str, ...] = ()

    @property
    def once(self) -> tuple[str, ...]:
        """What was drawn once for its several seeds; of one cell everything was."""
        return self.shared if len(self.cells) > 1 else ()

    def number(self, axis: str) -> float | None:
        """The value of an axis where it is a number, whatever its label is."""
        return Source(self.stage, self.axes, self.numbers).number(axis)

    @property
    def label(self) -> str:
        """`tuned@head=zero@replay=0.1`."""
        return str(Source(self.stage, self.axes))

    @property
    def diverged(self) -> list[str]:
        """Seeds whose cells diverged."""
        return [seed for seed, scores in self.cells.items() if scores.status != "ok"]

    def values(self, measure: Measure) -> dict[str, float]:
        """Seed -> value, of the cells that did not diverge and have one."""
        return {
            seed: value
            for seed, scores in self.cells.items()
            if scores.status == "ok" and (value := measure.value(scores)) is not None
        }

    @property
    def learner(self) -> Scores | None:
        """The scores of a row that is one learner; None for any other.

        A row of several seeds stays one where all but one diverged: what its interval spans does
        not depend on what came out.
        """
        if len(self.cells) != 1 or self.diverged:
            return None
        return next(iter(self.cells.values()))

    def judged(self, measure: Measure) -> Judged | None:
        """The measure on each task, of a row that is one learner."""
        return judged(self.learner, measure.text) if self.learner else None

    @property
    def family(self) -> str:
        """Digest of the tasks that its one learner was judged on."""
        return "".join(scores.family for scores in self.cells.values())

    def interval(self, measure: Measure) -> Interval:
        """Over seeds, or over the tasks of one learner where its value on each was kept."""
        found = self.values(measure)
        if by_task := self.judged(measure):
            return by_task.interval(found)
        return over_seeds(found, len(self.cells) - len(found))

    def row(self, shown: Iterable[Measure]) -> Row:
        """The row with an interval for each measure that applies to it."""
        values: dict[str, Interval] = {}
        each: dict[str, tuple[float, ...]] = {}
        by_class: dict[str, tuple[tuple[float, ...], ...]] = {}
        for measure in shown:
            found = self.interval(measure)
            if found.n or self.diverged:
                values[measure.text] = found
            if self.learner and self.judged(measure):
                each[measure.text] = self.learner.each[measure.text]
                if measure.text in self.learner.by_class:
                    by_class[measure.text] = self.learner.by_class[measure.text]
        chosen: dict[str, list[str]] = {}
        for scores in self.cells.values():
            for axis, label in scores.chosen.items():
                if label not in chosen.setdefault(axis, []):
                    chosen[axis].append(label)
        notes = [note for scores in self.cells.values() for note in scores.notes]
        if self.once:
            notes.append(f"{drawn_once(self.once)} for all seeds: ± seeds spans what came after")
        return Row(
            label=self.label,
            stage=self.stage,
            axes=dict(self.axes),
            values=values,
            chosen={axis: "/".join(labels) for axis, labels in chosen.items()},
            notes=without_repeats(notes),
            seeds=tuple(self.cells),
            each=each,
            family=self.family if each else "",
            by_class=by_class,
            units=self._units(each),
            diverged=len(self.diverged),
            once=self.once,
            exams={seed: s.family for seed, s in self.cells.items() if s.family},
            numbers=dict(self.numbers),
        )

    def _units(self, each: Iterable[str]) -> Mapping[str, Units]:
        """What the tasks of some metrics were drawn from."""
        tasks = {metric.partition("@")[0].rpartition("/")[0] for metric in each}
        known = self.learner.units if self.learner else {}
        return {task: units for task, units in known.items() if task in tasks}


def groups(sources: Sequence[Source], scores: Sequence[Scores]) -> list[Group]:
    """Rows in the order in which their first cells come."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], Group] = {}
    for source, item in zip(sources, scores, strict=True):
        row = without_seed(source)
        key = (row.stage, frozenset(row.axes.items()))
        new = Group(row.stage, row.axes, numbers=row.numbers, shared=source.once)
        group = found.setdefault(key, new)
        group.cells[source.axes.get(SEED, "")] = item
    return list(found.values())


def matching(text: str, rows: Iterable[Source]) -> list[Source]:
    """The rows that a name fits: `tuned@head=zero` fits every row of `tuned` with that head."""
    stage, *picks = text.split("@")
    wanted = dict(pick.partition("=")[::2] for pick in picks)
    fitting = [
        row
        for row in rows
        if row.stage == stage and all(_means(row, a, label) for a, label in wanted.items())
    ]
    exact = [row for row in fitting if len(row.axes) == len(wanted)]
    return exact or fitting


def _means(row: Source, axis: str, label: str) -> bool:
    """Whether a row has this label on an axis, or the number that it is the text of."""
    own = row.axes.get(axis)
    if own is None or own == label:
        return own == label
    number = as_number(label)
    return number is not None and row.number(axis) == number


def named(sources: Iterable[Source]) -> list[Source]:
    """The rows that sources give, without their seeds, each once."""
    found: dict[str, Source] = {}
    for source in sources:
        row = without_seed(source)
        found.setdefault(str(row), row)
    return list(found.values())


def without_seed(source: Source) -> Source:
    """The row of a cell."""
    axes = {axis: label for axis, label in source.axes.items() if axis != SEED}
    return Source(source.stage, axes, source.numbers)


def without_repeats(notes: Iterable[str]) -> tuple[str, ...]:
    """The notes of a row's seeds, those told once that differ only in their numbers.

    `headline at step 3, chosen on val` and `headline at step 5, chosen on val` are
    `headline at step 3/5, chosen on val`.
    """
    found: dict[tuple[str, ...], list[list[str]]] = {}
    for note in dict.fromkeys(notes):
        found.setdefault(tuple(_NUMBER.split(note)), []).append(_NUMBER.findall(note))
    told = []
    for texts, numbers in found.items():
        places = [_joined(place) for place in zip(*numbers, strict=True)]
        pairs = zip(texts, [*places, ""], strict=True)
        told.append("".join(text + number for text, number in pairs))
    return tuple(told)


def _joined(numbers: Sequence[str]) -> str:
    kept = sorted(set(numbers), key=float)
    return "/".join(kept) if len(kept) <= _LISTED else f"{kept[0]} to {kept[-1]}"
