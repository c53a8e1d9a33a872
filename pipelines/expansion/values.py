"""Parameters of cells: substituted, set by axes, validated as JSON once for each distinct value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipelines.core.stage import Params, Stage
from pipelines.core.text import shown, suggestion
from pipelines.expansion.axes import Axis, Labels, Row, crossed, declared
from pipelines.expansion.substitute import Filled, Scope, Substitution
from pipelines.schema.repair import spelled
from pipelines.schema.schema import Block, Resources, check_name
from pipelines.schema.type_lookup import names
from pipelines.schema.validation_messages import Fault, Subject, explain
from pipelines.yaml.problem_report import Report
from pipelines.yaml.reader import Path

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Draft:
    """A block and its stage type, on the way to cells."""

    name: str
    block: Block
    kind: Stage[..., Any]
    suspect: bool
    """Some of its keys were refused: what seems missing may only be misspelt."""
    own: dict[str, Axis] = field(default_factory=dict)
    """The axes of its matrix."""
    lost: set[str] = field(default_factory=set)
    """Axes that are wrong, which is reported."""
    uses_seed: bool = False

    @property
    def path(self) -> Path:
        """Where the block stands."""
        return ("stages", self.name)


@dataclass(frozen=True, slots=True)
class Values:
    """What one combination of a block's own axes (and seed) comes to."""

    params: Params
    threads: int
    filled: Filled
    """The raw parameters, which know where each part of them stands in the file."""


class Valuation:
    """Computes `Values` of the blocks of one file."""

    def __init__(self, report: Report, params: Mapping[str, Any]) -> None:
        self.report = report
        self.substitution = Substitution(report)
        self.scope = self.substitution.params(params)
        self._models: dict[tuple[type, str], BaseModel | list[Fault]] = {}
        self._values: dict[tuple[str, ...], Values | None] = {}

    def axes(self, draft: Draft) -> bool:
        """Read the block's matrix into `draft.own`; False after reporting what is wrong."""
        path: Path = (*draft.path, "matrix")
        right = True
        for name, raw in (draft.block.matrix or {}).items():
            check_name(name, (*path, name), "axis", self.report)
            filled = self.substitution.fill(raw, (*path, name), self.scope)
            axis = self._axis(draft, name, filled) if filled.knows(()) else None
            sets = self._sets(draft, name)
            if axis is None or not sets:
                right = False
                draft.lost.add(name)
            else:
                draft.own[name] = axis
        return right

    def _axis(self, draft: Draft, name: str, filled: Filled) -> Axis | None:
        if name == "seed":
            hint = "write `seeds: 3` for an axis `seed` of 0, 1, 2"
            path = (*draft.path, "matrix", name)
            self.report.error(path, "`seed` is the axis that `seeds` gives", hint, key=True)
            return None
        axis = declared(name, filled.value, draft.name, ())
        if not isinstance(axis, Axis):
            for clash in axis:
                at = () if clash.at is None else (clash.at,)
                key = isinstance(clash.at, str)
                self.report.error(filled.place(at), clash.message, clash.hint, key=key)
            return None
        places = {label: filled.place(place) for label, place in axis.places.items()}
        return Axis(name, axis.values, draft.name, places)

    def _sets(self, draft: Draft, name: str) -> bool:
        """Whether an axis sets a parameter that nothing else sets, or is used by `$matrix.x`."""
        path: Path = (*draft.path, "matrix", name)
        fields = names(draft.kind.params)
        if name in fields:
            if name not in (draft.block.with_ or {}):
                return True
            hint = "leave one of them out"
            self.report.error(path, f"`{name}` is set by `with` too", hint, key=True)
            return False
        if draft.suspect or mentions((draft.block.with_, draft.block.resources), f"$matrix.{name}"):
            return True
        hint = suggestion(name, fields, "parameters")
        message = f"nobody uses the axis `{shown(name)}`: `{draft.kind.name}` has no such parameter"
        self.report.error(
            path, f"{message}, and no value is `$matrix.{shown(name)}`", hint, key=True
        )
        return False

    def values(self, draft: Draft, axes: Labels, seed: int) -> Values | None:
        """The values of a cell with these labels; None after reporting what is wrong with them."""
        key = (
            draft.name,
            *(axes[name] for name in draft.own),
            str(seed) if draft.uses_seed else "",
        )
        if key not in self._values:
            self._values[key] = self._compute(draft, axes, seed)
        return self._values[key]

    def alone(self, draft: Draft, limit: int) -> bool:
        """Check the parameters of a block whose inputs are wrong, so that all is told at once.

        False where nobody knows which cells there would be.
        """
        rows = crossed([Row({}, {})], draft.own.values(), limit)
        if len(rows) > limit or draft.block.exclude:
            return False
        for row in rows:
            self.values(draft, row.axes, 0)
        return True

    def _compute(self, draft: Draft, axes: Labels, seed: int) -> Values | None:
        scope = self._scope(draft, axes, seed)
        block = draft.block
        filled = self.substitution.fill(block.with_ or {}, (*draft.path, "with"), scope)
        needs = self.substitution.fill(block.resources or {}, (*draft.path, "resources"), scope)
        resources = self._model(Resources, draft, needs, Subject("`resources`", "key"))
        fields = names(draft.kind.params)
        for name, axis in draft.own.items():
            if name in fields:
                filled.value = {**filled.value, name: axis.values[axes[name]]}
                filled.origins[name,] = axis.places[axes[name]]
        of = Subject(f"`{draft.kind.name}`", "parameter")
        params = self._model(draft.kind.params, draft, filled, of)
        if params is None or resources is None:
            return None
        return Values(params, resources.threads, filled)

    def _scope(self, draft: Draft, axes: Labels, seed: int) -> Scope:
        if not draft.own and not draft.lost and not draft.uses_seed:
            return self.scope
        matrix = dict.fromkeys(draft.lost) | {
            name: axis.values[axes[name]] for name, axis in draft.own.items()
        }
        places: dict[Path, Path] = {
            ("matrix", name): axis.places[axes[name]] for name, axis in draft.own.items()
        }
        root = {**self.scope.values, "matrix": matrix, "seed": seed}
        bad = self.scope.bad | {("matrix", name) for name in draft.lost}
        return Scope(root, {**self.scope.places, **places}, bad)

    def _model(self, model: type[Model], draft: Draft, filled: Filled, of: Subject) -> Model | None:
        """The validated value, remembered by its text; faults are reported where they stand."""
        value = spelled(model, filled.value)
        text = json.dumps(value, allow_nan=False)
        found = self._models.get((model, text))
        if found is None:
            try:
                found = model.model_validate_json(text)
            except ValidationError as error:
                found = explain(model, value, error, of)
            self._models[model, text] = found
        for fault in found if isinstance(found, list) else ():
            if filled.knows(fault.path) or fault.missing:
                self._tell(fault, draft, filled)
        return found if isinstance(found, model) and filled.knows(()) else None

    def _tell(self, fault: Fault, draft: Draft, filled: Filled) -> None:
        if fault.missing and draft.suspect:
            return
        place = filled.place(fault.path)
        if fault.missing and draft.block.with_ is None:
            place = draft.path
        inner = place[:2] != draft.path
        where = f" (stage `{draft.name}`)" if inner else ""
        self.report.error(place, f"{fault.message}{where}", fault.hint, key=fault.key)

    def unused(self) -> list[str]:
        """The file's params that nothing refers to."""
        data = self.scope.values["params"]
        return [name for name in data if ("params", name) not in self.substitution.used]


def mentions(value: Any, text: str) -> bool:
    """Whether a reference such as `$seed` stands in a raw value."""
    if isinstance(value, str):
        at = value.find(text)
        return at >= 0 and not value[at + len(text) : at + len(text) + 1].isidentifier()
    if isinstance(value, dict):
        return any(mentions(item, text) for item in value.values())
    return isinstance(value, list | tuple) and any(mentions(item, text) for item in value)
