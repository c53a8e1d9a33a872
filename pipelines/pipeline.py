"""Blocks of a file + a catalogue of stage types -> Pipeline: cells in order, or every problem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

from pipelines.checks.facts_check import Meaning
from pipelines.checks.review import review
from pipelines.core.cells import Cell, Pipeline, Retry, Wire
from pipelines.core.stage import Artifact, Stage
from pipelines.core.text import listed, shown, suggestion
from pipelines.expansion.axes import SEED, Row
from pipelines.expansion.expand import Expansion, Limits
from pipelines.expansion.overrides import replaced
from pipelines.expansion.port_inputs import Feed, Feeds, Made
from pipelines.expansion.references import Wanted, check_ports, missing, read_from
from pipelines.expansion.shared_draws import Draws
from pipelines.expansion.topological_sort import drawn, ordered
from pipelines.expansion.values import Draft, Valuation, mentions
from pipelines.schema import habits
from pipelines.schema.schema import Block, File, read_block, read_file, seconds
from pipelines.yaml import source
from pipelines.yaml.problem_report import Report

__all__ = ["Cell", "Pipeline", "Wire", "check"]

Stages = Mapping[str, Stage[..., Any]]


def check(
    text: bytes | str,
    *,
    file: str,
    folder: Folder,
    stages: Stages,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    seeds: int | None = None,
) -> Pipeline:
    """Check a pipeline file's text to the last word.

    Args:
        text: what the file holds.
        file: how places name it.
        folder: where it lies.
        stages: the catalogue; only types that the file uses are looked up.
        overrides: `--set` options, as `a.b=1`.
        seed: root seed in place of the file's.
        seeds: how many, in place of the file's.

    Raises:
        PipelineError: all that is wrong, in file order.
    """
    report = Report(source.read(text, file))
    header, raw = read_file(report)
    if seeds is not None:
        header = header.model_copy(update={"seeds": seeds})
    params = replaced(header.params or {}, overrides, report)
    checker = Checker(header, params, folder, report)
    cells = checker.cells(raw, stages)
    report.stop()
    checker.review()
    for name in checker.valuation.unused():
        message = f"nobody uses `params.{shown(name)}`"
        report.warn(("params", name), message, key=True, code="unused-param")
    return Pipeline(
        name=header.name,
        description=header.description,
        seed=header.seed if seed is None else seed,
        cells=tuple(cells),
        types=checker.types,
        folder=folder,
        text=report.document.text,
        warnings=report.warnings,
    )


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block whose shape is known, and what its `from` refers to."""

    block: Block
    suspect: bool
    wanted: list[Wanted]


class Checker:
    """Goes through the blocks of one file in topological order and makes their cells."""

    def __init__(
        self, header: File, params: Mapping[str, Any], folder: Folder, report: Report
    ) -> None:
        self.header = header
        self.report = report
        self.valuation = Valuation(report, params)
        self.meaning = Meaning(report, folder)
        self.types: dict[str, Stage[..., Any]] = {}
        self.kinds = habits.Kinds({})
        self.made: dict[str, Made] = {}
        self.parsed: dict[str, Parsed] = {}
        self.done: list[Cell] = []
        self.draws = Draws(self.done, self.types)

    def cells(self, raw: Mapping[str, Any], stages: Stages) -> list[Cell]:
        """The cells of all blocks that are right; every fault is reported."""
        self.kinds = habits.Kinds(stages)
        parsed = self.parsed
        for name, block in raw.items():

            def as_from(value: Any, block: Any = block) -> str:
                return habits.as_from(value, block, raw, stages)

            shape, suspect = read_block(name, block, self.report, as_from)
            if shape is not None:
                wanted = read_from(name, shape, raw, self.report)
                parsed[name] = Parsed(shape, suspect, wanted)
        for name in self._order(parsed):
            self._block(name, parsed[name], stages)
        return self.done

    def review(self) -> None:
        """Report what only shows in the whole file, once nothing is wrong with it."""
        blocks = {name: (found.block, found.wanted) for name, found in self.parsed.items()}
        outputs = {name: made.outputs for name, made in self.made.items()}
        review(blocks, outputs, self.types, self.done, self.report)

    def _order(self, parsed: Mapping[str, Parsed]) -> list[str]:
        """Names of blocks, each after all it reads; those in a circle are reported."""
        needs = {
            name: {ref.stage for each in block.wanted for ref in each.references} & parsed.keys()
            for name, block in parsed.items()
        }
        order, circles = ordered(needs)
        for circle in circles:
            path = ("stages", circle[0], "from")
            message = f"stages feed each other in a circle: {drawn(circle)}"
            self.report.error(path, message, key=True)
        inside = {name for circle in circles for name in circle}
        return [*order, *(name for name in parsed if name in inside)]

    def _block(self, name: str, parsed: Parsed, stages: Stages) -> None:
        """Check one block, and make its cells where all that it needs is right."""
        kind = self._kind(name, parsed.block, stages)
        if kind is None:
            return
        draft = Draft(name, parsed.block, kind, parsed.suspect)
        draft.uses_seed = mentions((parsed.block.with_, parsed.block.resources), "$seed")
        wanted = check_ports(name, kind, parsed.wanted, self.report)
        complete = len(wanted) == len(parsed.block.from_ or {})
        if complete and not parsed.suspect:
            complete = not missing(name, kind, parsed.block, self.report)
        feeds = Feeds(draft, self.report, self.made, self.draws)
        complete = feeds.read(wanted) and complete
        if not self.valuation.axes(draft):
            draft.suspect = True  # a parameter that seems missing may be one of the axes
            self.valuation.alone(draft, self.header.max_cells)
            return
        rows = self._rows(draft, feeds) if complete and not parsed.suspect else None
        if rows is None:
            self._alone(draft, feeds)
            return
        self._make(draft, rows[0], rows[1])

    def _alone(self, draft: Draft, feeds: Feeds) -> None:
        """Check what can be of a block that cannot be connected: parameters, and their meaning."""
        own = self.valuation.alone(draft, self.header.max_cells)
        if draft.suspect or draft.kind.facts is None or draft.kind.mirrors is not None:
            return
        feeds.found = [feed for feed in feeds.found if not feed.port.many]
        expansion = Expansion(draft, feeds.found, self.report)
        rows = expansion.rows(self._limits()) if own else None
        there = {feed.port.name for feed in feeds.found}
        given = draft.block.from_ or {}
        unknown = [
            port.name
            for port in draft.kind.inputs.values()
            if port.name not in there and (port.name in given or not port.optional)
        ]
        for row in rows or ():
            values = self.valuation.values(draft, row.axes, _seed(row))
            if values is not None:
                self.meaning.facts(draft, values, row, self.done, (), unknown)

    def _kind(self, name: str, block: Block, stages: Stages) -> Stage[..., Any] | None:
        if block.uses not in self.types:
            try:
                self.types[block.uses] = stages[block.uses]
            except KeyError:
                hint = self.kinds.as_stage(block.uses)
                hint = hint or suggestion(block.uses, stages, "stage types")
                message = f"there is no stage type `{shown(block.uses)}`"
                self.report.error(("stages", name, "uses"), message, hint)
                return None
        return self.types[block.uses]

    def _rows(self, draft: Draft, feeds: Feeds) -> tuple[list[Row], Expansion] | None:
        if draft.kind.mirrors is not None and not self._mirror(draft, feeds):
            return None
        expansion = Expansion(draft, feeds.found, self.report)
        rows = expansion.rows(self._limits())
        return None if rows is None else (rows, expansion)

    def _limits(self) -> Limits:
        most = self.header.max_cells
        return Limits(self.header.seeds, most - len(self.done), most)

    def _mirror(self, draft: Draft, feeds: Feeds) -> bool:
        """Reduce the candidates' axes as the parameters `over` and `pool` say."""
        labels = {name: next(iter(axis.values)) for name, axis in draft.own.items()}
        for name in ("over", "pool"):
            if name in draft.own:
                path = (*draft.path, "matrix", name)
                self.report.error(path, f"`{name}` cannot be an axis", key=True)
                return False
        values = self.valuation.values(draft, labels, 0)
        if values is None:
            return False
        chosen: Any = values.params
        return feeds.mirror(chosen.over, chosen.pool)

    def _outputs(self, draft: Draft, feeds: Sequence[Feed]) -> Mapping[str, type[Artifact]] | None:
        """Output ports of a block: those of its candidates for a type that mirrors them."""
        if draft.kind.mirrors is None:
            return draft.kind.outputs
        feed = next(feed for feed in feeds if feed.port.name == draft.kind.mirrors)
        found = [self.made[stage].outputs for stage in feed.stages]
        if all(outputs == found[0] for outputs in found):
            return found[0]
        message = f"the candidates of `{draft.name}` have different outputs: {listed(feed.sources)}"
        self.report.error(feed.path, message, "choose among cells of one stage type", key=True)
        return None

    def _make(self, draft: Draft, rows: Sequence[Row], expansion: Expansion) -> None:
        """Make a block's cells, if all their parameters are right; those that are, are checked."""
        outputs = self._outputs(draft, expansion.feeds)
        valued = [self.valuation.values(draft, row.axes, _seed(row)) for row in rows]
        first = len(self.done)
        for row, values in zip(rows, valued, strict=True):
            if values is None:
                continue
            facts = self.meaning.facts(draft, values, row, self.done, outputs or ())
            cell = Cell(
                ordinal=len(self.done),
                stage=draft.name,
                type=draft.block.uses,
                axes=row.axes,
                params=values.params,
                seed=_seed(row) if draft.kind.draws else None,
                inputs=row.wires,
                facts=facts,
                threads=values.threads,
                cache=draft.block.cache or self.header.cache,
                timeout=seconds(draft.block.timeout),
                stall=seconds(draft.block.stall),
                retry=_retry(draft.block),
            )
            self.done.append(cell)
        if outputs is None or None in valued:
            del self.done[first:]
            return
        self.draws.outputs[draft.name] = outputs
        self.made[draft.name] = Made(outputs, expansion.space, tuple(self.done[first:]))


def _retry(block: Block) -> Retry:
    if block.retry is None or isinstance(block.retry, int):
        return Retry(*[block.retry or 0] * 3)
    return Retry(block.retry.lost, block.retry.memory, block.retry.error)


def _seed(row: Row) -> int:
    return int(row.axes.get(SEED, "0"))
