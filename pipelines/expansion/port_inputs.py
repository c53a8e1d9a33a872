"""What the references of a block's ports offer: rows of upstream cells and their axes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipelines.core.cells import Cell, Wire
from pipelines.core.facts import Source
from pipelines.core.stage import Artifact, Port
from pipelines.core.text import shown, suggestion
from pipelines.expansion.axes import SEED, Axis, ClashError, Row, labelled_numbers, merged
from pipelines.expansion.references import Reference, Wanted, resolve
from pipelines.expansion.shared_draws import Draws
from pipelines.expansion.values import Draft
from pipelines.yaml.problem_report import Report
from pipelines.yaml.reader import Path

Space = Mapping[str, Axis]


@dataclass(frozen=True, slots=True)
class Made:
    """A block that became cells: what those that read it need to know."""

    outputs: Mapping[str, type[Artifact]]
    space: Space
    cells: tuple[Cell, ...]


@dataclass(slots=True)
class Feed:
    """What one port can be connected to."""

    port: Port
    path: Path
    rows: list[Row]
    space: Space
    sources: tuple[str, ...]
    """The references, as written."""
    stages: tuple[str, ...]
    """Names of the stages that they refer to."""


@dataclass(slots=True)
class Feeds:
    """Reads the references of one block."""

    draft: Draft
    report: Report
    made: Mapping[str, Made]
    draws: Draws
    found: list[Feed] = field(default_factory=list)

    def read(self, wanted: Iterable[Wanted]) -> bool:
        """Resolve every reference; False where one cannot be, which is reported."""
        ports = self.draft.kind.inputs
        order = {name: index for index, name in enumerate(ports)}
        right = True
        for each in sorted(wanted, key=lambda item: order[item.port]):
            feed = self._feed(each, ports[each.port])
            if feed is None:
                right = False
            else:
                self.found.append(feed)
        return right

    def _feed(self, wanted: Wanted, port: Port) -> Feed | None:
        """The rows that all references of a port offer."""
        several = wanted.several and not port.many
        axis = self._listed(wanted, port) if several else None
        offers = [self._offer(reference, port, axis) for reference in wanted.references]
        kept = [offer for offer in offers if offer]
        if len(kept) < len(offers) or (several and axis is None):
            return None
        rows = {key: row for _, found in kept for key, row in found.items()}
        spaces = [space for space, _ in kept]
        try:
            gathers = port.many and port.name != self.draft.kind.mirrors
            space = merged(spaces) if not gathers else _union(spaces)
        except ClashError as clash:
            self.report.error(wanted.path, clash.message, clash.hint)
            return None
        if axis and not fresh(self.draft.name, axis, space, wanted.path, self.report):
            return None
        sources = tuple(reference.text for reference in wanted.references)
        stages = tuple(reference.stage for reference in wanted.references)
        full = {axis.name: axis, **space} if axis else space
        return Feed(port, wanted.path, list(rows.values()), full, sources, stages)

    def _offer(
        self, reference: Reference, port: Port, axis: Axis | None
    ) -> tuple[Space, dict[tuple[str, int, str], Row]] | None:
        """Axes and rows of one reference."""
        source = self.made.get(reference.stage)
        if source is None:
            return None
        output = resolve(reference, port, self.draft.name, source.outputs, self.report)
        picked = self._picked(reference, source)
        if output is None or picked is None:
            return None
        label = str(reference.label) if axis else ""
        rows: dict[tuple[str, int, str], Row] = {}
        gathers = port.many and port.name != self.draft.kind.mirrors
        once = self.draws.shared(source.cells) if gathers else {}
        for cell, axes in picked[1]:
            numbers = labelled_numbers(cell.axes, source.space)
            label_of = Source(cell.stage, cell.axes, numbers, once.get(cell.ordinal, ()))
            wire = Wire(cell.ordinal, output, label_of)
            own = {axis.name: label, **axes} if axis else axes
            rows[label, cell.ordinal, output] = Row(own, {port.name: (wire,)})
        return picked[0], rows

    def _listed(self, wanted: Wanted, port: Port) -> Axis | None:
        """The axis that several references on a single-valued port make."""
        places = {str(each.label): each.path for each in wanted.references}
        texts = {str(each.label): each.text for each in wanted.references}
        try:
            if len(texts) < len(wanted.references):
                raise ClashError(f"`from.{port.name}` lists one reference twice")
            for label, text in texts.items():
                if label == text and "@" in label:
                    hint = f"give labels: `{port.name}: {{first: {text}, ...}}`"
                    raise ClashError(
                        "a pick in a list on a port of one value needs a label", hint, label
                    )
        except ClashError as clash:
            self.report.error(places.get(str(clash.at), wanted.path), clash.message, clash.hint)
            return None
        return Axis(port.name, texts, self.draft.name, places)

    def _picked(
        self, reference: Reference, source: Made
    ) -> tuple[Space, list[tuple[Cell, Mapping[str, str]]]] | None:
        """The axes and cells of a stage that a reference's picks leave."""
        picks: dict[str, str] = {}
        for name, text in reference.picks:
            axis = source.space.get(name)
            if axis is None:
                hint = suggestion(name, source.space, "its axes") or "it has no axes"
                message = f"`{reference.stage}` has no axis `{shown(name)}`"
                self.report.error(reference.path, message, hint)
                continue
            label = axis.label(text)
            if label is None:
                message = f"the axis `{name}` of `{reference.stage}` has no value `{shown(text)}`"
                hint = suggestion(text, axis.values, "its values")
                self.report.error(reference.path, message, hint)
                continue
            picks[name] = label
        if len(picks) < len(reference.picks):
            return None
        space = {name: axis for name, axis in source.space.items() if name not in picks}
        if not picks:
            return space, [(cell, cell.axes) for cell in source.cells]
        cells: list[tuple[Cell, Mapping[str, str]]] = [
            (cell, {name: label for name, label in cell.axes.items() if name not in picks})
            for cell in source.cells
            if all(cell.axes.get(name) == label for name, label in picks.items())
        ]
        if not cells:
            self.report.error(reference.path, f"no cell of `{reference.stage}` is this one")
            return None
        return space, cells

    def mirror(self, over: str, pool: Sequence[str]) -> bool:
        """Make the port that this type mirrors flow like a single one, without the axis `over`.

        Each of its rows is wired to all candidates that agree with it on the axes not in `pool`.
        """
        feed = next(feed for feed in self.found if feed.port.name == self.draft.kind.mirrors)
        path: Path = (*self.draft.path, "with")
        # Whoever goes down to one seed has no axis to pool, and still means the same.
        pooling = [name for name in pool if name != SEED]
        for place, name in (("over", over), *(("pool", name) for name in pooling)):
            if name not in feed.space:
                hint = suggestion(name, feed.space, "their axes") or "they have no axes"
                message = f"the candidates of `{self.draft.name}` have no axis `{shown(name)}`"
                self.report.error((*path, place), message, hint)
                return False
        pooled: dict[Key, list[Wire]] = {}
        outer: dict[Key, Key] = {}
        for row in feed.rows:
            axes = tuple((name, label) for name, label in row.axes.items() if name != over)
            outer[axes] = key = tuple(pair for pair in axes if pair[0] not in pool)
            pooled.setdefault(key, []).extend(row.wires[feed.port.name])
        wires = {key: tuple(found) for key, found in pooled.items()}
        feed.rows = [Row(dict(axes), {feed.port.name: wires[key]}) for axes, key in outer.items()]
        feed.space = {name: axis for name, axis in feed.space.items() if name != over}
        feed.port = replace(feed.port, many=False)
        return True


Key = tuple[tuple[str, str], ...]


def fresh(stage: str, axis: Axis, space: Space, path: Path, report: Report) -> bool:
    """Whether an axis is new to a stage; reports one that it inherits."""
    if axis.name not in space:
        return True
    owner = space[axis.name].stage
    message = f"`{stage}` inherits the axis `{axis.name}` from `{owner}`"
    report.error(path, message, "give one of the two another name", key=True)
    return False


def _union(spaces: Sequence[Space]) -> Space:
    return {name: axis for space in reversed(spaces) for name, axis in space.items()}
