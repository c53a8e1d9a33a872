"""What is known of each cell's outputs before anything runs, and faults of meaning found so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as Folder

from pipelines.advice import leaks
from pipelines.axes import Row
from pipelines.cells import Cell, Wire
from pipelines.errors import MissingFiles
from pipelines.facts import Facts, Look
from pipelines.reader import Path
from pipelines.report import Report
from pipelines.stage import Params
from pipelines.values import Draft, Values

_SILENCE = "silence with `allow: [{}]`"


@dataclass(slots=True)
class Meaning:
    """Asks stage types for facts and files, and reports what they find wrong."""

    report: Report
    folder: Folder
    doubtful: set[str] = field(default_factory=set)
    """Stages whose facts have errors, or depend on such: more of them would mislead."""
    _files: set[tuple[str, str]] = field(default_factory=set)
    _gathered: dict[int, tuple[tuple[Wire, ...], tuple[Facts, ...]]] = field(default_factory=dict)

    def doubt(self, draft: Draft, sources: Iterable[str]) -> None:
        """Doubt a stage that reads a doubtful one."""
        if not self.doubtful.isdisjoint(sources):
            self.doubtful.add(draft.name)

    def facts(
        self,
        draft: Draft,
        values: Values,
        row: Row,
        cells: Sequence[Cell],
        outputs: Iterable[str],
    ) -> Mapping[str, Facts]:
        """Facts of a new cell's outputs."""
        kind, inputs = draft.kind, row.wires
        base = {output: Facts() for output in outputs}
        if kind.mirrors is not None:
            base.update(cells[inputs[kind.mirrors][0].cell].facts)
        if draft.name in self.doubtful:
            return base
        look = Look(
            values.params,
            {port: self._facts(wires, cells) for port, wires in inputs.items()},
            {port: tuple(wire.source for wire in wires) for port, wires in inputs.items()},
            row.axes,
            self.folder,
        )
        base.update(kind.facts(look) if kind.facts else {})
        for severity, place, message, hint in look.faults:
            self._tell(draft, values, severity, place, message, hint)
        if "leakage" not in draft.block.allow:
            for port, message in leaks(look):
                path: Path = (*draft.path, "from", port)
                self.report.warn(path, message, _SILENCE.format("leakage"), key=True)
        return base

    def _facts(self, wires: tuple[Wire, ...], cells: Sequence[Cell]) -> tuple[Facts, ...]:
        """Facts of a port's inputs; cells that share their wires share the answer."""
        known = self._gathered.get(id(wires))
        if known is None:
            found = tuple(cells[wire.cell].facts.get(wire.output, Facts()) for wire in wires)
            known = self._gathered[id(wires)] = (wires, found)
        return known[1]

    def _tell(
        self, draft: Draft, values: Values, severity: str, place: str, message: str, hint: str
    ) -> None:
        path = self._path(draft, values, place)
        if severity == "error":
            self.doubtful.add(draft.name)
            self.report.error(path, message, hint)
        elif "meaning" not in draft.block.allow:
            self.report.warn(path, message, hint or _SILENCE.format("meaning"))

    def _path(self, draft: Draft, values: Values, place: str) -> Path:
        """Where `lr`, `net.width`, `contrasts.0` or `from.retain` stands in the file."""
        steps = [int(step) if step.isdecimal() else step for step in place.split(".") if step]
        if steps[:1] == ["from"]:
            return (*draft.path, *steps)
        steps = steps[1:] if steps[:1] == ["with"] else steps
        return values.filled.place(tuple(steps)) if steps else draft.path

    def files(self, draft: Draft, values: Values) -> None:
        """Report outside files that are not where a stage's parameters say; asked once for each."""
        params: Params = values.params
        if type(params).files is Params.files:
            return
        key = (draft.kind.name, params.model_dump_json())
        if key in self._files:
            return
        self._files.add(key)
        try:
            params.files(self.folder)
        except MissingFiles as error:
            self.doubtful.add(draft.name)
            if error.place:
                path = self._path(draft, values, error.place)
                self.report.error(path, str(error), error.hint)
                return
            path = (*draft.path, "with") if draft.block.with_ is not None else draft.path
            self.report.error(path, str(error), error.hint, key=True)
