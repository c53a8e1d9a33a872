"""What can be told of one cell: its parameters, what it read, what it made.

Read from the store and from what the run stored of its cells when it began: neither the pipeline
nor code that the run names is loaded. Every string is safe to show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.rundir.cell_settings import LONGEST, CellGiven, Given, Setting, read, written
from engine.rundir.run_folder import RunFolder
from engine.store import Result, Store
from meta_tui.model.run_reducer import CellView, RunView, State
from meta_tui.readers.results import Missing, result
from pipelines.core.text import safe_text


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


Cells = Mapping[str, CellGiven]


def stored(folder: RunFolder) -> Cells | Missing:
    """What a run stored of its cells when it began, by their names. Runs no code of theirs."""
    try:
        return read(folder)
    except FileNotFoundError:
        return Missing("defaults are not known: this run stored no parameters of its cells")
    except OSError as error:
        told = error.strerror or str(error)
    except ValueError as error:
        told = str(error)
    return Missing(f"defaults are not known: cells.json of the run: {_safe(told)}")


def _safe(text: str) -> str:
    return safe_text(text, limit=LONGEST)


def celldoc(cell: CellView, view: RunView, store: Store, cells: Cells | Missing | None) -> CellDoc:
    """All that is known of a cell; `cells` is None while it is being read."""
    found = result(cell, store)
    kept = found if isinstance(found, Result) else None
    settings: tuple[Setting, ...] = ()
    given = tuple(Given("", need) for need in cell.needs if need < len(view.cells))
    own = None if cells is None or isinstance(cells, Missing) else cells.get(cell.name)
    if own is not None:
        settings, given = own.settings, own.given
    elif kept is not None:
        settings = tuple(_recorded(kept.components.get("params", {})))
    return CellDoc(
        settings=settings,
        given=tuple(item for item in given if 0 <= item.cell < len(view.cells)),
        made=tuple(_made(kept)) if kept else (),
        missing=_missing(cell, found) if isinstance(found, Missing) else "",
        origin=_origin(kept) if kept else {},
        note=cells.reason if isinstance(cells, Missing) else "",
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


def _recorded(params: Mapping[str, Any]) -> Iterator[Setting]:
    """Parameters as the key of a result holds them, without their defaults."""
    for name, value in params.items():
        if not name.startswith("~"):
            yield Setting(safe_text(name, limit=LONGEST), written(value))


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
    return {name: safe_text(str(value), limit=LONGEST) for name, value in found.items() if value}
