"""The task of a cell: all that a worker needs, as JSON values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.resolve import Resolver
from engine.store import Result
from pipelines.pipeline import Cell, Wire


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is carried out; nothing here can change a result."""

    device: str = "cpu"
    stage_files: tuple[Path, ...] = ()
    checkpoint_seconds: float = 30.0
    fail_fast: bool = False


def describe(
    resolver: Resolver,
    cell: Cell,
    key: str,
    results: Mapping[int, Result],
    log: Path,
    options: Options,
) -> dict[str, Any]:
    """The task of a cell: all that a worker needs, as JSON values."""
    kind = resolver.pipeline.types[cell.type]
    mirrored = cell.inputs[kind.mirrors] if kind.mirrors is not None else ()
    return {
        "name": cell.name,
        "type": cell.type,
        "key": key,
        "stage_files": [str(path.absolute()) for path in options.stage_files],
        "params": json.loads(cell.params.model_dump_json()),
        "seeds": [resolver.pipeline.seed, cell.seed or 0],
        "axes": dict(cell.axes),
        "folder": str(resolver.pipeline.folder.absolute()),
        "device": options.device,
        "threads": cell.threads,
        "interval_seconds": options.checkpoint_seconds,
        "store": str(resolver.store.root.absolute()),
        "log": str(log.absolute()),
        "packages": dict(resolver.code(cell).packages),
        "own_files": dict(resolver.own_files(cell)),
        "files": {digest: str(path.absolute()) for digest, path in resolver.files.items()},
        "inputs": {
            port: [_wired(resolver, wire, results) for wire in wires]
            for port, wires in cell.inputs.items()
        },
        "mirror": [
            {name: output.plain() for name, output in results[wire.cell].outputs.items()}
            for wire in mirrored
        ],
    }


def _wired(resolver: Resolver, wire: Wire, results: Mapping[int, Result]) -> dict[str, Any]:
    output = resolver.output(wire, results)
    return {
        "source": [wire.source.stage, dict(wire.source.axes)],
        "output": output.plain(),
        "output_name": wire.output,
        "digest": output.digest,
        "maker": list(resolver.maker(wire)),
    }
