"""Builds the stream of tasks of a described family."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from engine.learning.data import device_data as data
from engine.learning.metalearning.tasks import tables
from engine.learning.metalearning.tasks.batches import CrossEntropy, Loss, SquaredError
from engine.learning.metalearning.tasks.episodes import Episodes, Pool, Range
from engine.learning.metalearning.tasks.streams import Family, LinearFunctions, Sinusoids

Span = tuple[int, int]


class Described(Protocol):
    """See `engine.library.artifacts.TaskFamily`."""

    @property
    def kind(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def ways(self) -> Span: ...
    @property
    def shots(self) -> Span: ...
    @property
    def queries(self) -> Span: ...
    @property
    def loss(self) -> Mapping[str, Any]: ...
    @property
    def test_loss(self) -> Mapping[str, Any]: ...
    @property
    def labels(self) -> Any: ...
    @property
    def stream(self) -> int: ...
    @property
    def data(self) -> Any: ...
    @property
    def draws(self) -> Mapping[str, Any]: ...
    @property
    def files(self) -> Mapping[str, str]: ...


def stream_seed(stream: int, learner: int | None = None) -> int:
    """Return the seed of a stream of tasks.

    Args:
        stream: of the family.
        learner: seed of the training run; None in evaluation, where all runs see the same tasks.
    """
    digest = hashlib.sha256(f"{stream}/{learner}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def pooled(family: Described, shots: int) -> tuple[Span, Span]:
    """Split `shots` examples of each class into shots and queries, half each.

    Args:
        family: limits the queries to its own number.
        shots: at least 2.
    """
    queries = min(family.queries[1], shots // 2)
    return (shots - queries, shots - queries), (queries, queries)


def sampler(
    family: Described,
    files: Mapping[str, Path],
    device: str,
    seed: int,
    *,
    shots: int | None = None,
) -> Family:
    """Build the stream of a family.

    Args:
        family: description of the tasks.
        files: sha256 of an outside file's uncompressed content -> path.
        device: of the examples.
        seed: see `stream_seed`.
        shots: examples of each class, support and query together, instead of the family's own.

    Raises:
        ValueError: the data has too few classes or examples.
    """
    sizes = pooled(family, shots) if shots else (family.shots, family.queries)
    make = _KINDS[family.kind]
    return make(family, files, device, seed, *sizes)


def _classified(
    family: Described, files: Mapping[str, Path], device: str, seed: int, shots: Span, queries: Span
) -> Family:
    return Episodes(
        pool(family, files, device),
        seed,
        Range(*family.ways),
        Range(*shots),
        Range(*queries),
        family.labels,
        loss(family.loss),
        loss(family.test_loss),
    )


def pool(family: Described, files: Mapping[str, Path], device: str) -> Pool:
    """Return the classes of a family with all their examples, of every split."""
    task = data.load(family.data, files, device)
    parts = [part for name, part in task.parts.items() if name != "shifted"]
    x, y = torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])
    return Pool.of(x, y, range(len(task.classes)), scaling=parts[0].scaling)


def _sinusoid(
    family: Described, files: Mapping[str, Path], device: str, seed: int, shots: Span, queries: Span
) -> Family:
    del files
    low, high = family.draws["x"]
    return Sinusoids(
        seed,
        shots[1],
        queries[1],
        tuple(family.draws["amplitude"]),
        tuple(family.draws["phase"]),
        low,
        high,
        loss(family.loss),
        loss(family.test_loss),
        device=device,
    )


def _linear(
    family: Described, files: Mapping[str, Path], device: str, seed: int, shots: Span, queries: Span
) -> Family:
    del files
    return LinearFunctions(
        seed,
        family.draws["inputs"],
        shots[1],
        queries[1],
        family.draws["noise"],
        loss(family.loss),
        loss(family.test_loss),
        device=device,
    )


def _table(
    family: Described, files: Mapping[str, Path], device: str, seed: int, shots: Span, queries: Span
) -> Family:
    x, y, members = tables.of(family.draws, family.files, files, device)
    losses = loss(family.loss), loss(family.test_loss)
    return tables.Tables(x, y, members, seed, shots[1], queries[1], *losses)


def loss(described: Mapping[str, Any]) -> Loss:
    """Build a loss from its description."""
    if described["kind"] == "cross_entropy":
        return CrossEntropy(described["smoothing"])
    return SquaredError()


Maker = Callable[[Described, Mapping[str, Path], str, int, Span, Span], Family]
_KINDS: Mapping[str, Maker] = {
    "classified": _classified,
    "sinusoid": _sinusoid,
    "linear": _linear,
    "table": _table,
}
