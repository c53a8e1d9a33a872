"""What a stage is handed: its seed, device, files, reports, and resume written once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pipelines.stage import Source


class Trainer(Protocol):
    """What `Run.steps` saves and restores: everything that the next step depends on.

    The state is a tree of dicts, lists, tensors, numbers, strings, booleans and None. The global
    random states of torch, numpy and python are saved beside it.
    """

    def state_dict(self) -> dict[str, Any]:
        """The state between two steps."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""


class Run(Protocol):
    """The hand of the engine inside a stage."""

    device: str
    """`cpu` or `cuda:0`."""
    folder: Path
    """Where the pipeline file lies."""
    axes: Mapping[str, str]
    """Axis -> label of this cell."""
    sources: Mapping[str, tuple[Source, ...]]
    """Input port -> labels of what is connected, in the order of the artifacts."""
    digests: Mapping[str, tuple[str, ...]]
    """Input port -> content digests of the artifacts, in the same order."""
    files: Mapping[str, Path]
    """sha256 of an outside file's uncompressed content -> where it lies now."""

    def seed(self, purpose: str) -> int:
        """sha256(root seed, seed axis, purpose) as an integer below 2**63.

        `purpose` is one of subset, init, order, augment, replay, head, tasks, noise. It never
        depends on the stage's name or type, so that methods of one seed are paired.
        """

    def steps(self, name: str, total: int, trainer: Trainer) -> Iterator[int]:
        """Yield the steps that remain, 1-based, of a loop of `total`.

        Restores a checkpoint of this very computation, saves at intervals of wall time and on a
        request to stop; a finished loop restores its end and yields nothing.
        """

    def report(self, step: int, **values: float) -> None:
        """Points of the cell's live curves. Names are series: `loss`, `accuracy`."""

    def note(self, text: str) -> None:
        """Something that a person who reads the numbers should know."""
