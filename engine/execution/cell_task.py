"""The task of a cell: all that a worker needs, as JSON values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.identity.fingerprint import classes
from engine.identity.resolver import Resolver
from engine.store import Result
from engine.workers import PRELOAD
from pipelines.core.stage import Stage
from pipelines.pipeline import Cell, Wire

TRAINERS = frozenset(
    f"engine.learning.{name}"
    for name in (
        "generative.sampling.activation_maximization",
        "metalearning.inner.task_optimizers",
        "models.linear_heads",
        "training.fast_adam",
        "training.trainer",
    )
)
"""Modules that make optimisers. Of outside code that is seen when it has run."""
OWN = ("engine.", "pipelines.")
"""How names of this project's modules begin; a user's folder `engine` is not found before ours."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is carried out; nothing here can change a result."""

    device: str = "cpu"
    stage_files: tuple[Path, ...] = ()
    checkpoint_seconds: float = 30.0
    fail_fast: bool = False
    accept_code: bool = False


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
        **_isolated(resolver, cell, options),
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


def _isolated(resolver: Resolver, cell: Cell, options: Options) -> dict[str, Any]:
    """Which process the cell runs in, and what is imported there.

    Cells of this project's own code share one: no file of a user's is imported in it.
    """
    outside = reaches_outside(resolver, cell)
    files = options.stage_files if outside else ()
    return {
        "alone": outside,
        "stage_files": [str(path.absolute()) for path in files],
        "preload": _preload(resolver, cell),
    }


def reaches_outside(resolver: Resolver, cell: Cell) -> bool:
    """Whether code that is not of this project runs for a cell: its stage, a kind, an artifact."""
    kinds = [resolver.pipeline.types[cell.type]]
    for wires in cell.inputs.values():
        kinds += [resolver.pipeline.types[resolver.maker(wire)[0]] for wire in wires]
    modules = {module for kind in kinds for module in _modules(kind)}
    return not all(module.startswith(OWN) for module in {*modules, *classes(cell.params)})


def _modules(kind: Stage[..., Any]) -> set[str]:
    """Modules of a stage type: of its function, and of the artifacts that it makes."""
    return {kind.function.__module__, *(made.__module__ for made in kind.outputs.values())}


def _preload(resolver: Resolver, cell: Cell) -> list[str]:
    """Modules of this project that a cell reaches, for the process that the cell's is forked from.

    They bring torch and the like with them; nobody else's module is imported there.
    """
    code = resolver.code(cell)
    files = [Path(file).with_suffix("") for file in code.modules if file.startswith("engine/")]
    names = [".".join(file.parts).removesuffix(".__init__") for file in files]
    names += ["torch"] if "torch" in code.packages else []
    return names if TRAINERS.isdisjoint(names) else [*names, PRELOAD]


def _wired(resolver: Resolver, wire: Wire, results: Mapping[int, Result]) -> dict[str, Any]:
    output = resolver.output(wire, results)
    return {
        "source": [
            wire.source.stage,
            dict(wire.source.axes),
            dict(wire.source.numbers),
            list(wire.source.once),
        ],
        "output": output.plain(),
        "output_name": wire.output,
        "digest": output.digest,
        "maker": list(resolver.maker(wire)),
    }
