"""What is known of each cell's outputs before anything runs, and faults of meaning found so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as Folder

from pipelines.checks.leakage_warnings import choices, leaks
from pipelines.core.cells import Cell, Wire
from pipelines.core.errors import MissingFiles
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params
from pipelines.core.text import shown
from pipelines.expansion.axes import Row
from pipelines.expansion.values import Draft, Values
from pipelines.yaml.problem_report import Report
from pipelines.yaml.reader import Path

UNKNOWN = Facts(known=False)


@dataclass(slots=True)
class Meaning:
    """Asks stage types for facts and files, and reports what they find wrong.

    Every cell is asked, so that all faults are told at once. Of a cell with a fault nothing is
    known, so that no stage that reads it is told of what follows from it.
    """

    report: Report
    folder: Folder
    _files: dict[tuple[str, str], MissingFiles | None] = field(default_factory=dict)
    _gathered: dict[int, tuple[tuple[Wire, ...], tuple[Facts, ...]]] = field(default_factory=dict)

    def facts(
        self,
        draft: Draft,
        values: Values,
        row: Row,
        cells: Sequence[Cell],
        outputs: Iterable[str],
        unknown: Iterable[str] = (),
    ) -> Mapping[str, Facts]:
        """Facts of a cell's outputs, after reporting what is wrong with it.

        Args:
            draft: its block.
            values: its parameters.
            row: its axes and wires.
            cells: those that the wires refer to.
            outputs: names of its output ports.
            unknown: ports that are connected to what could not be made.
        """
        kind, inputs = draft.kind, row.wires
        base = {output: Facts() for output in outputs}
        if kind.mirrors is not None and kind.mirrors in inputs:
            base.update(_merged([cells[wire.cell].facts for wire in inputs[kind.mirrors]]))
        given = {port: self._facts(wires, cells) for port, wires in inputs.items()}
        given |= dict.fromkeys(unknown, (UNKNOWN,))
        sources = {port: tuple(wire.source for wire in wires) for port, wires in inputs.items()}
        look = Look(values.params, given, sources, row.axes, self.folder)
        if self._lacks_files(draft, values):
            return dict.fromkeys(base, UNKNOWN)
        base.update(kind.facts(look) if kind.facts else {})
        if look.chosen:
            base = {n: replace(f, chosen=f.chosen | look.chosen) for n, f in base.items()}
        self._tell(draft, values, look)
        faulty = any(severity == "error" for severity, *_ in look.faults)
        if faulty or not all(facts.known for found in given.values() for facts in found):
            return dict.fromkeys(base, UNKNOWN)
        return base

    def _facts(self, wires: tuple[Wire, ...], cells: Sequence[Cell]) -> tuple[Facts, ...]:
        """Facts of a port's inputs; cells that share their wires share the answer."""
        known = self._gathered.get(id(wires))
        if known is None:
            found = tuple(cells[wire.cell].facts.get(wire.output, Facts()) for wire in wires)
            known = self._gathered[id(wires)] = (wires, found)
        return known[1]

    def _tell(self, draft: Draft, values: Values, look: Look) -> None:
        for severity, place, message, hint in look.faults:
            path = self._path(draft, values, place)
            if severity == "error":
                self.report.error(path, message, hint)
            else:
                self._warn(draft, "meaning", path, message, hint)
        for told in (*look.advice, *choices(look)):
            path = self._path(draft, values, told.place)
            self._warn(draft, told.code, path, told.message, told.hint)
        for port, message in leaks(look):
            path = (*draft.path, "from", port)
            self._warn(draft, "leakage", path, message, "", key=True)

    def _warn(
        self, draft: Draft, code: str, path: Path, message: str, hint: str, *, key: bool = False
    ) -> None:
        if code not in draft.block.allow:
            silence = f"silence with `allow: [{code}]`"
            hint = f"{hint}; {silence}" if hint else silence
            self.report.warn(path, message, hint, key=key, code=code)

    def _path(self, draft: Draft, values: Values, place: str) -> Path:
        """Where `lr`, `net.width`, `contrasts.0` or `from.retain` stands in the file."""
        steps = [int(step) if step.isdecimal() else step for step in place.split(".") if step]
        if steps[:1] == ["from"]:
            return (*draft.path, *steps)
        steps = steps[1:] if steps[:1] == ["with"] else steps
        return values.filled.place(tuple(steps)) if steps else draft.path

    def _lacks_files(self, draft: Draft, values: Values) -> bool:
        """Report outside files that are not where a cell's parameters say."""
        params: Params = values.params
        if type(params).files is Params.files:
            return False
        key = (draft.kind.name, params.model_dump_json())
        if key not in self._files:
            self._files[key] = _missing(params, self.folder)
        error = self._files[key]
        if error is None:
            return False
        if error.place:
            path = self._path(draft, values, error.place)
        else:
            path = (*draft.path, "with") if draft.block.with_ is not None else draft.path
        for message, hint in ((str(error), error.hint), *error.others):
            self.report.error(path, message, hint, key=not error.place)
        return True


def _merged(candidates: Sequence[Mapping[str, Facts]]) -> dict[str, Facts]:
    """Facts of a choice among cells: those of the first, made from what any was made from."""
    first = dict(candidates[0])
    others = [facts for facts in candidates[1:] if facts is not candidates[0]]
    for name, facts in first.items():
        every = [facts, *(found[name] for found in others if name in found)]
        first[name] = replace(
            facts,
            known=all(item.known for item in every),
            sources=frozenset().union(*(item.sources for item in every)),
            chosen=frozenset().union(*(item.chosen for item in every)),
        )
    return first


def _missing(params: Params, folder: Folder) -> MissingFiles | None:
    """What the outside files of some parameters lack, if anything."""
    try:
        params.files(folder)
    except MissingFiles as error:
        return error
    except (OSError, ValueError) as error:
        return _unreadable(params, error)
    return None


def _unreadable(params: Params, error: OSError | ValueError) -> MissingFiles:
    """A path that no system takes (too long, a NUL in it), or that may not be looked at."""
    path = str(getattr(error, "filename", None) or "")
    reason = getattr(error, "strerror", None) or str(error)
    texts = {name: value for name, value in params if isinstance(value, str) and value}
    place = next((name for name, value in texts.items() if value in path or "\0" in value), "")
    return MissingFiles(f"cannot read {shown(path or texts.get(place, ''))}: {reason}", "", place)
