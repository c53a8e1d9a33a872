"""Makes what a worker computed a result of the store, after one more look at its code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.execution.git_revision import revision
from engine.identity.key import Key
from engine.identity.resolver import Resolver
from engine.store import FileRef, Output, Result
from pipelines.core.errors import StageError
from pipelines.pipeline import Cell


@dataclass(slots=True)
class Publisher:
    """Publishes the results of one run, named `run`."""

    resolver: Resolver
    run: str
    _revision: Mapping[str, Any] | None = None

    def publish(self, cell: Cell, key: Key, body: Mapping[str, Any]) -> Result:
        """The result of a cell, from the last message of its worker; readers see it from now on.

        Raises:
            Damaged: one of its objects is not there any more.
            StageError: its code changed meanwhile, or it cannot be a result.
        """
        store, code = self.resolver.store, self.resolver.code(cell)
        if changed := self.resolver.fingerprints.unchanged(code):
            what = ", ".join(changed)
            raise StageError(f"code changed since the run began ({what}); run again")
        result = Result(
            outputs={name: Output.of(output) for name, output in body["outputs"].items()},
            scores=body["scores"],
            status=body["status"],
            components=key.components,
            provenance={**self._origin(), **body["provenance"], "cell": cell.name},
            cost=body["cost"],
            curves=FileRef(*body["curves"]) if body["curves"] else None,
        )
        if cell.cache == "off":
            store.checkpoint_drop(key.digest)
            return result
        store.put(code.data)
        try:
            store.publish(key.digest, result)
        except ValueError as error:
            raise StageError(str(error)) from error
        return result

    def _origin(self) -> Mapping[str, Any]:
        """The state of the person's own repository, asked once, and only when there is a result."""
        if self._revision is None:
            self._revision = revision(self.resolver.pipeline.folder)
        return {"run": self.run, "pipeline": self.resolver.pipeline.name, **self._revision}
