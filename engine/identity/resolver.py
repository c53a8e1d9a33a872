"""From a cell and the results that it reads to its key, and from its key to a result.

`plan` asks without running, `execute` asks as results appear; both ask here, so that they can
never disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.identity.fingerprint import Code, Fingerprints
from engine.identity.input_files import Inputs
from engine.identity.key import Key, cell_key
from engine.store import Damaged, Miss, Output, Result, Store
from pipelines.pipeline import Cell, Pipeline, Wire

SHOWN_TYPE = "Table"
"""Type of the outputs that a run prints at its end."""


@dataclass(slots=True)
class Resolver:
    """Keys of the cells of one pipeline, against one store."""

    pipeline: Pipeline
    store: Store
    fingerprints: Fingerprints
    inputs: Inputs
    files: dict[str, Path] = field(default_factory=dict)
    """sha256 of an outside file -> where it lies; grows as cells are resolved."""
    _params: dict[int, tuple[Mapping[str, str], Code]] = field(default_factory=dict)

    def key(self, cell: Cell, results: Mapping[int, Result]) -> Key:
        """The identity of what a cell would compute, given the results of all that it needs."""
        kind = self.pipeline.types[cell.type]
        own_files, code = self.own_files(cell), self.code(cell)
        ports: dict[str, Any] = {}
        for port, wires in cell.inputs.items():
            digests = [self.output(wire, results).digest for wire in wires]
            if kind.inputs[port].many:
                sources = [wire.source for wire in wires]
                ports[port] = list(zip(sources, digests, strict=True))
            else:
                ports[port] = digests[0]
        mirror = None
        if kind.mirrors is not None:
            passed = [
                {name: output.digest for name, output in results[wire.cell].outputs.items()}
                for wire in cell.inputs[kind.mirrors]
            ]
            mirror = {"axes": dict(cell.axes), "outputs": passed}
        return cell_key(
            type=cell.type,
            params=cell.params,
            code=code.digest,
            env={"threads": cell.threads},
            seed=(self.pipeline.seed, cell.seed) if cell.seed is not None else None,
            inputs=ports,
            files=own_files,
            mirror=mirror,
        )

    def result(self, key: Key) -> Result | Miss:
        """The result of a key. What a run prints of it at its end is verified, not only looked at.

        Raises:
            EnvironmentFault: this process cannot read now.
        """
        found = self.store.result(key.digest)
        if isinstance(found, Result) and (damaged := find_damage(self.store, found)):
            return Miss(found.damage(damaged.digest, damaged.reason), damaged=True)
        return found

    def output(self, wire: Wire, results: Mapping[int, Result]) -> Output:
        """The published output at the other end of a connection."""
        return results[wire.cell].outputs[wire.output]

    def code(self, cell: Cell) -> Code:
        """Fingerprint of all code that a cell reaches."""
        return self._resolved(cell)[1]

    def own_files(self, cell: Cell) -> Mapping[str, str]:
        """Logical name -> sha256 of the outside files that a cell reads itself."""
        return self._resolved(cell)[0]

    def maker(self, wire: Wire) -> tuple[str, str]:
        """Stage type and output port that say which class an output is."""
        cell = self.pipeline.cells[wire.cell]
        kind = self.pipeline.types[cell.type]
        if kind.mirrors is None or wire.output in kind.outputs:
            return cell.type, wire.output
        return self.maker(Wire(cell.inputs[kind.mirrors][0].cell, wire.output, wire.source))

    def _resolved(self, cell: Cell) -> tuple[Mapping[str, str], Code]:
        # Cells that differ only in axes and seed share one params object.
        found = self._params.get(id(cell.params))
        if found is None:
            paths = cell.params.files(self.pipeline.folder)
            digests = {name: self.inputs.digest(path) for name, path in paths.items()}
            self.files.update({digests[name]: path for name, path in paths.items()})
            kind = self.pipeline.types[cell.type]
            found = digests, self.fingerprints.of(kind, cell.params)
            self._params[id(cell.params)] = found
        return found


def find_damage(store: Store, result: Result) -> Damaged | None:
    """The first damaged object of what a run prints of a result at its end."""
    for output in result.outputs.values():
        if output.type == SHOWN_TYPE:
            try:
                store.files(output)
            except Damaged as error:
                return error
    return None


def resolver(pipeline: Pipeline, store: Path, *, readonly: bool = False) -> Resolver:
    """A resolver against the store at a path, which need not exist yet."""
    kept = store if store.exists() else None
    held = Store(store, readonly=readonly)
    return Resolver(pipeline, held, Fingerprints(kept), Inputs(kept))
