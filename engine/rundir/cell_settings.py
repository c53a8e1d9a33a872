"""What the cells of a run were given: parameters beside their defaults, and what they read.

Written as data into the run's folder when it begins (`cells.json`), so that whoever looks at the
run needs neither the pipeline nor the code of its stages: looking at a run runs nothing.

    {"version": 1, "settings": [[[name, value, default, changed], ...], ...],
     "cells": {cell: [number of its settings, [[port, cell], ...]]}}
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from engine.rundir.run_folder import RunFolder
from engine.store import files, names
from pipelines.core.text import safe_text, shown
from pipelines.pipeline import Pipeline

LONGEST = 200
"""Characters of a value; more would fill the screen."""
_VERSION = 1


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
class CellGiven:
    """What one cell was given. Every string is safe to show."""

    settings: tuple[Setting, ...]
    given: tuple[Given, ...]


def encode(pipeline: Pipeline) -> bytes:
    """What all cells of a pipeline are given, as JSON."""
    settings: list[list[list[object]]] = []
    place: dict[int, int] = {}
    cells: dict[str, list[object]] = {}
    for cell in pipeline.cells:
        # Cells that differ only in axes and seed share one params object.
        if id(cell.params) not in place:
            place[id(cell.params)] = len(settings)
            told = _settings(cell.params)
            settings.append([[it.name, it.value, it.default, it.changed] for it in told])
        wires = [[port, wire.cell] for port, wires in cell.inputs.items() for wire in wires]
        cells[cell.name] = [place[id(cell.params)], wires]
    data = {"version": _VERSION, "settings": settings, "cells": cells}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def read(folder: RunFolder) -> Mapping[str, CellGiven]:
    """What the cells of a run were given, by their names.

    Raises:
        OSError: the file is not there or cannot be read.
        ValueError: it is not what `encode` writes.
    """
    try:
        data = json.loads(files.content(folder.given))
        if data["version"] != _VERSION:
            raise ValueError(f"version {str(data['version'])[:20]} is not known")
        settings = [tuple(_setting(*told) for told in lot) for lot in data["settings"]]
        return {
            name: CellGiven(
                settings[names.ordinal(number)],
                tuple(Given(_safe(port), names.ordinal(cell)) for port, cell in wires),
            )
            for name, (number, wires) in data["cells"].items()
        }
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is damaged ({type(error).__name__})") from error


def _setting(name: str, value: str, default: str, changed: bool) -> Setting:  # noqa: FBT001
    return Setting(_safe(name), _safe(value), _safe(default), changed is True)


def _safe(text: str) -> str:
    return safe_text(text, limit=LONGEST)


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
            yield Setting(prefix + name, written(value))
        else:
            changed = value != default
            yield Setting(prefix + name, written(value), written(default), changed)


def written(value: object) -> str:
    """A parameter's value as YAML writes it, short and safe to show."""
    if value is None:
        return "null"
    plain = value.model_dump() if isinstance(value, BaseModel) else value
    return shown(plain, LONGEST)
