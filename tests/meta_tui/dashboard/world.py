"""A store as a person's own would be: a pipeline in every state, with what its cells left.

The cells are those that the engine makes of the file, so that details show true parameters.
"""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from PIL import Image

from engine.library.artifacts import Gallery, Interval, Picture, Row, Scores, Table
from engine.planning.load import Pipeline, load
from engine.planning.run_request import Request
from engine.rundir import cell_settings, events
from engine.rundir.events import CellInfo, Event, MetricBatch
from engine.rundir.run_folder import RunFolder
from engine.store import Output, Result, Store
from engine.store.location import adopt
from meta_tui.dashboard.state.run_source import Source

STATES = ("empty", "running", "failed", "finished", "thousand")
START, NOW = 10_000.0, 10_103.0
ACCURACY, FORGETTING = "high/accuracy", "low/forgetting"
FILE = """\
version: 1
name: ladder
seeds: {seeds}
max_cells: 2000
stages:
  low: {{uses: dataset, with: {{name: digits, task: low, classes: [0, 1, 2]}}}}
  high: {{uses: dataset, with: {{name: digits, task: high, classes: [5, 6, 7]}}}}
  vae: {{uses: vae, from: {{data: low}}, seeds: 1, with: {{z: 8}}}}
  samples: {{uses: sample, from: {{generator: vae}}, with: {{count: 64}}}}
  backbone: {{uses: pretrain, from: {{data: low}}, with: {{net: {{kind: conv4}}, steps: 200}}}}
  probe: {{uses: linear_probe, from: {{model: backbone, data: high}}}}
  tuned:
    uses: finetune
    from: {{model: backbone, data: high, retain: low}}
    matrix: {{head: [random, zero]{rates}}}
    with: {{lr: {lr}, steps: 150, optimizer: {{kind: sgd, momentum: 0.9}}}}
  result:
    uses: compare
    from: {{scores: [probe, tuned]}}
    with: {{show: [high/accuracy, low/forgetting]}}
"""
FAULTS = {
    "empty": "version: 1\nname: ladder\nstages:\n  low: {uses: dataset, with: {name: digits\n",
    "running": FILE.format(seeds=3, rates="", lr=0.2),
    "failed": FILE.format(seeds=3, rates="", lr=0.2)
    .replace("linear_probe", "linear_prob")
    .replace("steps: 150", "stps: 150")
    .replace("model: backbone, data: high}", "model: backbon, data: high}"),
    "finished": "version: 1\nname: ladder\nstages: {}\n",
    "thousand": FILE.format(seeds=3, rates="", lr=0.2).replace("finetune", "fintune"),
}
"""What the file that is being edited holds, in the world of each state."""


def text_of(state: str) -> str:
    """The pipeline of a run in a state."""
    if state != "thousand":
        return FILE.format(seeds=3, rates="", lr=0.2)
    rates = ", ".join(f"{0.01 * step:.2f}" for step in range(1, 25))
    return FILE.format(seeds=20, rates=f", lr: [{rates}]", lr=0.2).replace("lr: 0.2, ", "")


@cache
def loaded(text: str) -> Pipeline:
    """What the engine makes of a file."""
    return load(Request(file=Path("ladder.yaml"), store=Path("store")), frozen=text)


@cache
def cells_of(text: str) -> tuple[CellInfo, ...]:
    """The cells of a file, as the journal of a run tells them."""
    return tuple(
        CellInfo(
            cell.name, cell.stage, cell.type, dict(cell.axes),
            tuple(sorted({wire.cell for wires in cell.inputs.values() for wire in wires})),
        )
        for cell in loaded(text).cells
    )  # fmt: skip


@cache
def given_of(text: str) -> bytes:
    """What a run of a file stores of its cells."""
    return cell_settings.encode(loaded(text))


@dataclass(frozen=True)
class World:
    """A run with its store, and the file that a person edits beside it."""

    state: str
    folder: RunFolder
    store: Store
    file: Path

    def source(self) -> Source:
        """A reader of the run, at the time at which the world stands still."""
        found = Source(self.folder, self.store, now=lambda: NOW)
        found.asked = Request(file=self.file, store=self.folder.disk.root)
        return found


def key(cell: int) -> str:
    """A key for a cell."""
    return f"{cell + 16:064x}"


def world(place: Path, state: str) -> World:
    """A store with a run in a state, and before it one that is done."""
    store = Store(place / "store")
    adopt(store.root)
    before = text_of("finished").replace("lr: 0.2", "lr: 0.1")
    known = cells_of(before)
    _write(place, "20250101T000000-1a2b", known, _done(known, "1a2b", START - 5000), before)
    text = text_of(state)
    found = cells_of(text)
    told = {
        "empty": lambda: [began(found, "7f3a", START + 102)],
        "running": lambda: list(_running(found)),
        "failed": lambda: list(_failed(found)),
        "finished": lambda: _done(found, "7f3a", START),
        "thousand": lambda: list(_thousand(found)),
    }[state]()
    folder = _write(place, "20250102T000000-7f3a", found, told, text)
    _publish(store, found, told)
    file = place / "ladder.yaml"
    file.write_text(FAULTS[state], encoding="utf-8")
    return World(state, folder, store, file.relative_to(place))


def _write(
    place: Path, name: str, cells: tuple[CellInfo, ...], told: list[Event], text: str
) -> RunFolder:
    folder = RunFolder(place / "store" / "runs" / name)
    for part in ("metrics", "logs"):
        (folder.path / part).mkdir(parents=True)
    folder.events.write_text("".join(events.encode(event) + "\n" for event in told))
    folder.pipeline.write_text(text, encoding="utf-8")
    file, store = place / "ladder.yaml", place / "store"
    request = Request(file=file, store=store)
    folder.request.write_bytes(request.encode())
    folder.given.write_bytes(given_of(text))
    started = {event.cell for event in told if isinstance(event, events.CellStarted)}
    over = {event.cell for event in told if isinstance(event, events.CellFinished)}
    for cell in sorted(started):
        total = {"pretrain": 200, "finetune": 150, "vae": 60, "linear_probe": 40}
        whole = total.get(cells[cell].type, 0)
        points = whole if cell in over else whole * (5 + cell % 3) // 10
        batches = "".join(
            events.encode_batch(each) + "\n" for each in _batches(cell, points, whole)
        )
        folder.metrics(cell).write_text(batches, encoding="utf-8")
        folder.log(cell).write_text("".join(_said(cells[cell], points)), encoding="utf-8")
    return folder


def _batches(cell: int, points: int, total: int) -> Iterator[MetricBatch]:
    speed = 40 + 7 * (cell % 5)
    for step in range(1, points + 1):
        loss = 2.3 * math.exp(-step / speed) + 0.05 * math.sin(step * (cell + 1))
        values = {"loss": (loss,), "accuracy": (1 - math.exp(-step / speed / 1.5),)}
        yield MetricBatch("train", step, total, step * 0.3, (step,), values)


def _said(cell: CellInfo, points: int) -> Iterator[str]:
    yield f"12:01:00 {cell.stage}: {points} steps on cpu, 1 thread\n"
    for step in range(10, points + 1, 10):
        loss = 2.3 * math.exp(-step / 50)
        yield f"12:0{1 + step * 3 // 600}:{step * 3 // 10 % 60:02} step {step}, loss {loss:.4f}\n"


def began(cells: tuple[CellInfo, ...], run: str, time: float) -> Event:
    """The first event of a run."""
    return events.RunStarted(
        time=time, run=run, name="ladder", cells=cells, pid=7, host="box", device="cpu"
    )


def _score(cells: tuple[CellInfo, ...], cell: int) -> dict[str, float]:
    kind = cells[cell].type
    if kind == "pretrain":
        return {"low/accuracy": 0.981, "low/val_loss": 0.0712}
    if kind in {"linear_probe", "finetune"}:
        return {ACCURACY: 0.78 + 0.02 * (cell % 6), FORGETTING: 0.03 * (cell % 4)}
    return {}


def _start(cell: int, time: float, why: str = "no earlier result") -> Event:
    return events.CellStarted(time=time, cell=cell, key=key(cell), worker=cell % 2, why=why)


def _finish(cells: tuple[CellInfo, ...], cell: int, time: float, seconds: float) -> Event:
    scores = _score(cells, cell)
    return events.CellFinished(time=time, cell=cell, key=key(cell), seconds=seconds, scores=scores)


def _of(cells: tuple[CellInfo, ...], *stages: str) -> list[int]:
    return [at for at, cell in enumerate(cells) if cell.stage in stages]


def _running(cells: tuple[CellInfo, ...]) -> Iterator[Event]:
    yield began(cells, "7f3a", START)
    for cell in _of(cells, "low", "high"):
        yield events.CellCached(time=START, cell=cell, key=key(cell))
    for place, cell in enumerate(_of(cells, "vae", "samples", "backbone", "probe")):
        yield _start(cell, START + 8 * place)
        yield _finish(cells, cell, START + 8 * place + 7, 7.0)
    tuned = _of(cells, "tuned")
    for cell in tuned[:2]:
        yield _start(cell, START + 72, "params.lr 0.1 → 0.2")
    yield events.Note(time=START + 73, text="no replay: `low` may be forgotten", cell=tuned[0])
    yield events.CellCheckpointed(time=START + 90, cell=tuned[0], step=60)
    yield events.CellWaiting(time=START + 74, cell=tuned[3], owner="run 11aa (pid 4123)")


def _failed(cells: tuple[CellInfo, ...]) -> Iterator[Event]:
    late = events.CellWaiting | events.CellCheckpointed
    yield from (event for event in _running(cells) if not isinstance(event, late))
    tuned = _of(cells, "tuned")
    yield events.CellCheckpointed(time=START + 78, cell=tuned[0], step=60)
    traceback = '  File "finetune.py", line 61, in finetune\n    loss = step(batch)\nStageError'
    yield events.CellFailed(
        time=START + 80, cell=tuned[0],
        error="loss is not finite at step 75: lower `lr` (0.2), or clip", traceback=traceback,
    )  # fmt: skip
    yield _finish(cells, tuned[1], START + 85, 13.0)
    for cell in tuned[2:]:
        yield _start(cell, START + 85, "params.lr 0.1 → 0.2")
        yield _finish(cells, cell, START + 92, 6.5)
    yield events.CellSkipped(time=START + 92, cell=len(cells) - 1, culprit=tuned[0])
    yield events.RunEnded(time=START + 93, code=1, seconds=93.0)


def _done(cells: tuple[CellInfo, ...], run: str, time: float) -> list[Event]:
    told: list[Event] = [began(cells, run, time)]
    for cell in range(len(cells)):
        told += [_start(cell, time + 4 * cell), _finish(cells, cell, time + 4 * cell + 3, 3.5)]
    return [*told, events.RunEnded(time=time + 80, code=0, seconds=80.0)]


def _thousand(cells: tuple[CellInfo, ...]) -> Iterator[Event]:
    yield began(cells, "7f3a", START)
    for cell in _of(cells, "low", "high"):
        yield events.CellCached(time=START, cell=cell, key=key(cell))
    for cell in _of(cells, "vae", "samples", "backbone", "probe"):
        yield events.CellFinished(
            time=START + 20, cell=cell, key=key(cell), seconds=7.0, scores=_score(cells, cell)
        )
    tuned = _of(cells, "tuned")
    for place, cell in enumerate(tuned[:400]):
        if place % 97 == 50:
            yield events.CellFailed(
                time=START + 60, cell=cell, error="loss is not finite at step 9"
            )
        else:
            yield events.CellFinished(
                time=START + 60, cell=cell, key=key(cell), seconds=0.7, scores=_score(cells, cell)
            )
    for cell in tuned[400:402]:
        yield _start(cell, START + 90)


def picture(shade: int, columns: int = 96, rows: int = 64) -> bytes:
    """A PNG of a grid of rings, as samples are shown."""
    image = Image.new("L", (columns, rows))
    for x in range(columns):
        for y in range(rows):
            far = math.hypot(x % 16 - 7.5, y % 16 - 7.5)
            image.putpixel((x, y), max(0, 255 - int(60 * abs(far - 2 - shade))))
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()


def put(store: Store, key: str, artifact: Table | Gallery | Scores, curves: bytes = b"") -> None:
    """Publish a result of one output."""
    with store.scratch() as folder:
        artifact.write(folder)
        files = {path.name: store.put(path) for path in folder.iterdir()}
    output = Output(type(artifact).__name__, artifact.format, files)
    kept = store.put(curves) if curves else None
    store.publish(key, Result(outputs={"out": output}, curves=kept))


def _publish(store: Store, cells: tuple[CellInfo, ...], told: list[Event]) -> None:
    """Results of what finished: a gallery, scores, a table."""
    over = [event.cell for event in told if isinstance(event, events.CellFinished)]
    for cell in over[:60]:
        kind = cells[cell].type
        if kind == "sample":
            pictures = tuple(
                Picture(f"epoch-{epoch}", f"64 draws from the prior after epoch {epoch} of 60, "
                        "decoder mean, no noise added", picture(epoch // 20))
                for epoch in (1, 20, 40, 60)
            )  # fmt: skip
            put(store, key(cell), Gallery(pictures))
        elif kind == "pretrain":
            put(store, key(cell), Scores({"low/accuracy": 0.981}, notes=("in eval mode",)))
        elif kind in {"linear_probe", "finetune"}:
            curve = tuple(
                (step, 0.5 + 0.03 * step - 0.001 * step * (cell % 3)) for step in range(9)
            )
            found = _score(cells, cell)
            put(store, key(cell), Scores(found, curves={ACCURACY: curve}))
    if len(cells) - 1 in over:
        put(store, key(len(cells) - 1), table())


def _interval(centre: float, wobble: int) -> Interval:
    values = {str(seed): centre + 0.01 * (seed * wobble % 5) for seed in range(6)}
    mean = sum(values.values()) / len(values)
    return Interval(mean, mean - 0.013, mean + 0.013, len(values), values)


def table() -> Table:
    """What the comparison of the ladder tells."""
    rows = [Row("probe", "probe", {}, {ACCURACY: _interval(0.78, 1), FORGETTING: _interval(0, 0)})]
    rows += [
        Row(f"tuned@head={head}", "tuned", {"head": head},
            {ACCURACY: _interval(0.84 + 0.03 * at, at + 2), FORGETTING: _interval(0.1 * at, at)})
        for at, head in enumerate(("random", "zero"))
    ]  # fmt: skip
    rows = [replace(row, seeds=tuple(map(str, range(6)))) for row in rows]
    return Table(
        (ACCURACY, FORGETTING), tuple(rows), spans="± seeds (n=6)", notes=("scenario: task",)
    )
