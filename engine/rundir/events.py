"""What happens in a run, as frozen values, and their JSON-lines codec.

`events.jsonl` in a run's folder is the truth of the run: a reader folds it into what it shows.
Metrics are not events: they lie in `metrics/<ordinal>.jsonl`, one `MetricBatch` a line.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.event_base import Event
from engine.store import names
from engine.store.json_shapes import wrong_field
from pipelines.core import reading

__all__ = [
    "KINDS", "CellCached", "CellCheckpointed", "CellDamaged", "CellFailed", "CellFinished",
    "CellInfo", "CellInterrupted", "CellSkipped", "CellStarted", "CellWaiting", "Event",
    "MetricBatch", "Note", "RunEnded", "RunStarted", "decode", "decode_batch", "encode",
    "encode_batch",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class CellInfo:
    """A cell as a reader needs it; its ordinal is its position in `RunStarted.cells`."""

    name: str
    stage: str
    type: str
    axes: Mapping[str, str]
    needs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """First event of a run."""

    kind: ClassVar[str] = "run_started"
    run: str
    name: str
    """Name of the pipeline."""
    cells: tuple[CellInfo, ...]
    pid: int
    host: str
    device: str
    """`cpu`, or the GPU's name."""
    gpu: str = ""
    """Number of the GPU on its machine, as `nvidia-smi` counts; empty on the CPU."""
    continues: str = ""
    """Id of the run before of the same pipeline, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCached(Event):
    """A cell's result was there already."""

    kind: ClassVar[str] = "cell_cached"
    cell: int
    key: str
    same_as: int | None = None
    """Cell of this run that computed the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted(Event):
    """A worker began on a cell.

    `why` says why it runs: "no earlier result", "params.lr 0.1 → 0.2".
    """

    kind: ClassVar[str] = "cell_started"
    cell: int
    key: str
    worker: int
    why: str
    step: int = 0
    """Step of the checkpoint from which it goes on; 0 from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellWaiting(Event):
    """Another run computes this cell now, or what it was reading is computed again."""

    kind: ClassVar[str] = "cell_waiting"
    cell: int
    owner: str
    """What it waits for: "run 7f3a (pid 4123)"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDamaged(Event):
    """A cell's result cannot be used, because its bytes are damaged.

    The cell is computed again; `CellFailed` follows at once where that may not be.
    """

    kind: ClassVar[str] = "cell_damaged"
    cell: int
    why: str
    """"its result was damaged (model/weights.safetensors: object 0a1b2c3d4e5f has other bytes)"."""
    reader: int | None = None
    """The cell that was reading it; None where the runner found it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCheckpointed(Event):
    """A cell's state was saved: a kill now loses nothing before `step`."""

    kind: ClassVar[str] = "cell_checkpointed"
    cell: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinished(Event):
    """A cell's result was published."""

    kind: ClassVar[str] = "cell_finished"
    cell: int
    key: str
    seconds: float
    scores: Mapping[str, float] = field(default_factory=dict)
    """Final metrics, where it has an output of type Scores."""
    status: str = "ok"
    """`ok` or `diverged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailed(Event):
    """A cell failed; cells that need it are skipped, the others go on."""

    kind: ClassVar[str] = "cell_failed"
    cell: int
    error: str
    """One line, safe to show."""
    traceback: str = ""
    """The rest, safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSkipped(Event):
    """A cell did not run because `culprit`, a cell that it needs, has no result."""

    kind: ClassVar[str] = "cell_skipped"
    cell: int
    culprit: int
    because: str = "failed"
    """What became of the culprit: `failed` or `cancelled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellInterrupted(Event):
    """A cell stopped on request after a checkpoint at `step` (0: nothing to save)."""

    kind: ClassVar[str] = "cell_interrupted"
    cell: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Event):
    """Something that a person should know; `cell` None means the whole run."""

    kind: ClassVar[str] = "note"
    text: str
    cell: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """Last event of a run."""

    kind: ClassVar[str] = "run_ended"
    code: int
    """Exit code: 0 ok, 1 a stage failed, 3 environment, 130 interrupted, ..."""
    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """Some points of a running cell, by columns.

    `steps`, each list in `values` and nothing else have one length. `step` and `total` are the
    cell's progress in `loop`; a batch with no points only tells progress.
    """

    loop: str
    step: int
    total: int
    seconds: float
    """Since the cell started."""
    steps: tuple[int, ...] = ()
    values: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    """Series name -> values; None where the series has none at that step, or it is not finite."""


KINDS: Mapping[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        RunStarted, CellCached, CellStarted, CellWaiting, CellDamaged, CellCheckpointed,
        CellFinished, CellFailed, CellSkipped, CellInterrupted, CellCancelled, CellRetried,
        RequestRefused, Note, RunEnded,
    )
}  # fmt: skip


def encode(event: Event) -> str:
    """One line of JSON, without the newline."""
    return json.dumps({"kind": event.kind, **dataclasses.asdict(event)}, ensure_ascii=False)


def decode(line: str | bytes) -> Event | None:
    """The event of a line; None for a kind that this version does not know.

    Raises:
        ValueError: the line is torn or is not an event.
    """
    data = reading.decoded(line)
    if not isinstance(data, dict):
        raise ValueError("an event is a JSON object")
    kind = KINDS.get(str(data.pop("kind", "")))
    if kind is None:
        return None
    _check(kind, data)
    try:
        if kind is RunStarted:
            data["cells"] = tuple(map(_cell, data["cells"]))
            if wrong := wrong_field(kind, data):
                raise TypeError(f"`{wrong}` is of another type")
        if kind is CellRetried:
            data["revived"] = tuple(data["revived"])
        return kind(**data)
    except (TypeError, KeyError) as error:
        raise ValueError(f"no {kind.kind} event: {error}") from error


def _check(kind: type[Event], data: Mapping[str, Any]) -> None:
    """Refuse what an event cannot say: values of other types, keys that are none, no such cells.

    A key becomes a path in the store, and the number of a cell one in the folder of the run.
    """
    wrong = "" if kind is RunStarted else wrong_field(kind, data)
    if wrong:
        raise ValueError(f"no {kind.kind} event: `{wrong}` is of another type")
    if "key" in data:
        names.sha256_name(data["key"])
    for name in ("cell", "culprit", "same_as"):
        if data.get(name) is not None:
            names.ordinal(data[name])


def _cell(data: Any) -> CellInfo:
    if not isinstance(data, dict) or wrong_field(CellInfo, data):
        raise TypeError("a cell is of another shape")
    return CellInfo(**{**data, "needs": tuple(map(names.ordinal, data["needs"]))})


def encode_batch(batch: MetricBatch) -> str:
    """One line of JSON, without the newline."""
    return json.dumps(dataclasses.asdict(batch))


def decode_batch(line: str | bytes) -> MetricBatch:
    """The batch of a line.

    Raises:
        ValueError: the line is torn or is not a batch.
    """
    data: dict[str, Any] = reading.decoded(line)
    try:
        data["steps"] = tuple(data["steps"])
        data["values"] = {name: tuple(column) for name, column in data["values"].items()}
        return MetricBatch(**data)
    except (TypeError, KeyError) as error:
        raise ValueError(str(error)) from error
