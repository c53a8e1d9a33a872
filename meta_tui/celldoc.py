"""What can be told of one cell: its parameters, what it read, what it made.

Read from the store and from the pipeline as its run froze it. Every string is safe to show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from engine.request import Request
from engine.runs import RunFolder
from engine.session import load
from engine.store import Result, Store
from meta_tui.results import Missing, result
from meta_tui.view import CellView, RunView, State
from pipelines.errors import MetaError
from pipelines.pipeline import Pipeline
from pipelines.text import safe_text, shown

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter; `default` is empty where the file has to give a value."""

    name: str
    value: str
    default: str = ""
    changed: bool = False
    """The value is another than the default."""


@dataclass(frozen=True, slots=True)
class Given:
    """A cell whose result is read, and the port for it; `port` is empty where it is not known."""

    port: str
    cell: int


@dataclass(frozen=True, slots=True)
class Made:
    """What an output port holds: files with their bytes."""

    port: str
    type: str
    files: tuple[tuple[str, int], ...]
    digest: str


@dataclass(frozen=True, slots=True)
class CellDoc:
    """What stands in the detail of a cell, beside its view."""

    settings: tuple[Setting, ...] = ()
    given: tuple[Given, ...] = ()
    made: tuple[Made, ...] = ()
    missing: str = ""
    """Why there is no result."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """Who computed the result, where, with what."""
    note: str = ""
    """Why defaults and ports are not known."""


def frozen(folder: RunFolder) -> Pipeline | Missing:
    """The pipeline of a run as it was then, by the stage types of now. Takes up to some seconds."""
    try:
        request = Request.decode(folder.request.read_bytes())
        return load(request, frozen=folder.pipeline.read_text(encoding="utf-8"))
    except MetaError as error:
        told = safe_text(str(error).partition("\n")[0], limit=_LONGEST)
    except OSError as error:
        told = error.strerror or "it is not there"
    except (ValueError, TypeError, KeyError) as error:
        told = safe_text(str(error), limit=_LONGEST)
    return Missing(f"the run's own pipeline cannot be read: {told}")


def celldoc(
    cell: CellView, view: RunView, store: Store, pipeline: Pipeline | Missing | None
) -> CellDoc:
    """All that is known of a cell; `pipeline` is None while it is being read."""
    found = result(cell, store)
    kept = found if isinstance(found, Result) else None
    settings: tuple[Setting, ...] = ()
    given = tuple(Given("", need) for need in cell.needs if need < len(view.cells))
    if isinstance(pipeline, Pipeline):
        own = next((item for item in pipeline.cells if item.name == cell.name), None)
        if own is not None:
            settings = tuple(_settings(own.params))
            wires = [(port, wire) for port, wires in own.inputs.items() for wire in wires]
            given = tuple(Given(safe_text(port), wire.cell) for port, wire in wires)
    elif kept is not None:
        settings = tuple(_recorded(kept.components.get("params", {})))
    return CellDoc(
        settings=settings,
        given=tuple(item for item in given if 0 <= item.cell < len(view.cells)),
        made=tuple(_made(kept)) if kept else (),
        missing=_missing(cell, found) if isinstance(found, Missing) else "",
        origin=_origin(kept) if kept else {},
        note=pipeline.reason if isinstance(pipeline, Missing) else "",
    )


def _missing(cell: CellView, found: Missing) -> str:
    if not cell.state.over:
        return "none yet"
    if cell.state in {State.DONE, State.CACHED}:
        return found.reason.removeprefix(f"{cell.name}: ")
    return f"none: it {_BECAME[cell.state]}" if cell.state in _BECAME else found.reason


_BECAME = {
    State.FAILED: "failed", State.SKIPPED: "was skipped", State.STOPPED: "was stopped",
}  # fmt: skip


def _settings(model: BaseModel, prefix: str = "", usual: object = None) -> Iterator[Setting]:
    """The fields of a value, those of values inside it by their path."""
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        default = info.get_default(call_default_factory=True, validated_data={})
        if name == "kind":
            if not prefix:
                continue  # It chooses the type, which stands above.
            default = getattr(usual, "kind", None)
        if isinstance(value, BaseModel):
            yield from _settings(value, f"{prefix}{name}.", default)
        elif info.is_required() and name != "kind":
            yield Setting(prefix + name, _written(value))
        else:
            changed = value != default
            yield Setting(prefix + name, _written(value), _written(default), changed)


def _recorded(params: Mapping[str, Any]) -> Iterator[Setting]:
    """Parameters as the key of a result holds them, without their defaults."""
    for name, value in params.items():
        if not name.startswith("~"):
            yield Setting(safe_text(name, limit=_LONGEST), _written(value))


def _written(value: object) -> str:
    if value is None:
        return "null"
    plain = value.model_dump() if isinstance(value, BaseModel) else value
    return shown(plain, _LONGEST)


def _made(kept: Result) -> Iterator[Made]:
    for port, output in kept.outputs.items():
        files = tuple((safe_text(name), ref.bytes) for name, ref in output.files.items())
        yield Made(safe_text(port), safe_text(output.type), files, output.digest)


def _origin(kept: Result) -> Mapping[str, str]:
    """What of a result's provenance a person asks for."""
    told = kept.provenance
    packages = told.get("packages", {})
    revision = str(told.get("revision", ""))[:12]
    dirty = " with changes" if revision and told.get("dirty") else ""
    peak = kept.cost.get("peak_bytes", 0)
    found = {
        "run": told.get("run", ""),
        "host": told.get("host", ""),
        "device": told.get("device", ""),
        "cpu": told.get("cpu", ""),
        "revision": f"{revision}{dirty}",
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "memory": f"{peak / 1e6:.0f} MB at most" if peak else "",
    }
    return {name: safe_text(str(value), limit=_LONGEST) for name, value in found.items() if value}
