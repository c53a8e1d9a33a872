"""One cell from task to published objects: what a worker does, wherever it runs."""

import contextlib
import json
import math
import platform
import random
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from engine import learning
from engine.learning.data.unreadable import UnreadableError
from engine.stage_api.catalogue import Catalogue
from engine.stage_api.channel import Channel
from engine.stage_api.run import Interrupted, Run
from engine.stage_api.scores import Choice, Scores
from engine.store import Changed, Damaged, FileRef, Output, Store, fs
from engine.workers import UNASKED, Task
from engine.workers.bounds import Bounds
from engine.workers.device import processor
from pipelines.core.errors import EnvironmentFault, StageError
from pipelines.core.facts import Source
from pipelines.core.stage import Artifact, Stage
from pipelines.core.text import is_unicode, safe_text

LARGEST_SCORE = 1e300
"""Sums, differences and intervals of such numbers are still finite."""
_SHOWN_BITS = 2000


@dataclass(frozen=True, slots=True)
class Partial:
    """The scratch of one key in a store, for `Run`."""

    store: Store
    key: str

    def save(self, writer: Callable[[Path], None], step: int) -> None:
        """Keep what `writer` puts into a folder, atomically."""
        self.store.checkpoint_save(self.key, writer, {"step": step})

    def load(self) -> Path | None:
        """The newest intact folder."""
        return self.store.checkpoint_load(self.key)


def perform(task: Task, channel: Channel) -> dict[str, Any]:
    """Run a cell and put its outputs into the store.

    Returns:
        The body of a `done` message: outputs, scores, status, curves, cost, provenance.

    Raises:
        Interrupted: the channel asked to stop; a checkpoint was saved.
        MetaError: the stage cannot do what it was asked, or stopped though nobody asked.
        EnvironmentFault: there is no room in the store for what it writes, by whatever library.
    """
    bounds = Bounds.now()
    try:
        with fs.room(Path(task["store"]), anywhere=True):
            return _performed(task, channel, bounds)
    except Interrupted as stop:
        if channel.stopping:
            raise
        raise StageError(UNASKED) from stop
    except EnvironmentFault as fault:
        if own := bounds.refused(fault.number):
            raise StageError(own) from fault
        raise


def _performed(task: Task, channel: Channel, bounds: Bounds) -> dict[str, Any]:
    began = time.monotonic()
    store = Store(Path(task["store"]))
    catalogue = Catalogue([Path(file) for file in task["stage_files"]])
    stage = catalogue[task["type"]]
    run = _run(task, channel, store)
    _prepare(task["packages"], run)
    params = stage.params.model_validate_json(json.dumps(task["params"]))
    files = _files(task, store)
    try:
        inputs = _inputs(task, stage, catalogue, files)
        returned = stage.function(run, params, **inputs)
    except BaseException as error:
        # A stage may read its files late: what they were damaged into meanwhile is no fault of the
        # stage. Where that cannot be seen, for want of descriptors, say, its own error is told.
        with contextlib.suppress(EnvironmentFault):
            if not bounds.moved():
                _verify(task, store)
        if isinstance(error, UnreadableError):
            raise StageError(safe_text(error.seen_from(run.folder))) from error
        raise
    bounds.check()
    _verify(task, store)
    run.close()
    made = _made(stage, returned)
    outputs = _mirrored(task, stage, made)
    for name, artifact in made.items():
        outputs[_name(task, stage, name)] = _publish(artifact, store, bounds)
    scores = next((item for item in made.values() if isinstance(item, Scores)), None)
    curves = store.put(json.dumps(run.curves).encode()) if run.curves else None
    return {
        "outputs": {name: output.plain() for name, output in outputs.items()},
        "scores": dict(scores.metrics) if scores else {},
        "status": scores.status if scores else "ok",
        "curves": [curves.sha256, curves.bytes] if curves else None,
        "cost": _cost(time.monotonic() - began),
        "provenance": _provenance(task),
    }


def _prepare(packages: Mapping[str, str], run: Run) -> None:
    """Set the global state of what the stage's code reaches; nothing else is loaded for it."""
    seed = run.seed("noise")
    random.seed(seed)
    if "numpy" in packages or "torch" in packages:
        learning.training.global_rng.prepare(seed)
    if "torch" in packages:
        learning.training.kernels.prepare(seed, threads=run.threads)


def _cost(seconds: float) -> dict[str, float]:
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": round(seconds, 4), "peak_bytes": kibibytes * 1024}


def _provenance(task: Task) -> dict[str, Any]:
    return {
        "host": platform.node(),
        "machine": platform.machine(),
        "cpu": _cpu(task["packages"]),
        "device": task["device"],
        "threads": task["threads"],
        "packages": task["packages"],
    }


def _cpu(packages: Mapping[str, str]) -> str:
    """The processor, and for a stage that reaches torch the instruction set of its kernels."""
    if "torch" not in packages:
        return processor()
    return f"{processor()}, {learning.training.kernels.instruction_set()}"


def _run(task: Task, channel: Channel, store: Store) -> Run:
    wires = task["inputs"]
    return Run(
        device=task["device"],
        folder=Path(task["folder"]),
        axes=task["axes"],
        sources={
            port: tuple(_source(*item["source"]) for item in items) for port, items in wires.items()
        },
        digests={port: tuple(item["digest"] for item in items) for port, items in wires.items()},
        inputs=task["own_files"],
        files={digest: Path(path) for digest, path in task["files"].items()},
        seeds=tuple(task["seeds"]),
        channel=channel,
        scratch=Partial(store, task["key"]),
        interval_seconds=task["interval_seconds"],
        threads=task["threads"],
    )


def _source(stage: str, axes: dict[str, str], numbers: dict[str, float], once: list[str]) -> Source:
    return Source(stage, axes, numbers, tuple(once))


def _files(task: Task, store: Store) -> dict[str, list[dict[str, Path]]]:
    """The verified files of every artifact that a cell is given, by port.

    Raises:
        Damaged: one is not what it was.
    """
    return {
        port: [store.files(Output.of(item["output"])) for item in items]
        for port, items in task["inputs"].items()
    }


def _inputs(
    task: Task,
    stage: Stage[..., Any],
    catalogue: Mapping[str, Stage[..., Any]],
    files: Mapping[str, list[dict[str, Path]]],
) -> dict[str, Any]:
    """The artifacts of every port, read from their files."""
    found: dict[str, Any] = {}
    for name, port in stage.inputs.items():
        items = zip(task["inputs"].get(name, []), files.get(name, []), strict=True)
        artifacts = tuple(
            catalogue[item["maker"][0]].outputs[item["maker"][1]].read(paths)
            for item, paths in items
        )
        if port.many:
            found[name] = artifacts
        else:
            found[name] = artifacts[0] if artifacts else None
    return found


def _verify(task: Task, store: Store) -> None:
    """Look that all files that a cell was given are still what they were when it began.

    Raises:
        Changed: one is not.
    """
    try:
        _files(task, store)
    except Damaged as damaged:
        raise Changed(damaged.digest, damaged.reason) from damaged


def _made(stage: Stage[..., Any], returned: Any) -> dict[str, Artifact]:
    """The artifacts that a stage returned, checked against its signature."""
    made: dict[str, Artifact] = {}
    expected = stage.outputs
    names = [item.name for item in fields(returned)] if is_dataclass(returned) else []
    if names != [*expected] or isinstance(returned, type):
        raise StageError(
            f"stage type {stage.name} returned {type(returned).__name__}, not the dataclass of its "
            f"signature with {', '.join(expected)}"
        )
    for item in fields(returned):
        value = getattr(returned, item.name)
        if not isinstance(value, expected[item.name]):
            raise StageError(
                f"stage type {stage.name} promises {expected[item.name].__name__} as "
                f"`{item.name}` and returned {type(value).__name__}"
            )
        if isinstance(value, Scores):
            check_scores(value)
        made[item.name] = value
    return made


def check_scores(scores: Scores) -> None:
    """A score is a finite number of Python: one that is not has no place in a table.

    Raises:
        StageError: names the score, and says what it is.
    """
    if scores.status not in ("ok", "diverged"):
        raise StageError(f"scores are `ok` or `diverged`, not {safe_text(str(scores.status))}")
    for name, value in scores.metrics.items():
        _check_score(name, value)
    if scores.status == "ok":
        points = ((name, v) for name, curve in scores.curves.items() for _, v in curve)
        each = ((name, v) for name, values in scores.each.items() for v in values)
        for name, value in (*scores.metrics.items(), *points, *each):
            # Other kinds of values, and what is not finite, are told where they are written.
            if isinstance(value, int | float) and LARGEST_SCORE < abs(value) < math.inf:
                raise StageError(
                    f"the score `{safe_text(name, limit=100)}` is {_short(value)}, and statistics "
                    f"are made of scores up to {LARGEST_SCORE:g}: has it diverged? say so by the "
                    'status "diverged", or give it another unit'
                )


def _check_name(name: str, what: str) -> None:
    """Look that a name can be kept: files and messages are UTF-8.

    Raises:
        StageError: it cannot.
    """
    if not is_unicode(name):
        raise StageError(
            f"{what} is `{safe_text(name, limit=100)}`, which is not Unicode text: give it another"
        )


def _check_score(name: object, value: object) -> None:
    if not isinstance(name, str):
        kind = safe_text(type(name).__name__)
        raise StageError(f"the name of a score is of type {kind}: write text, as `task/accuracy`")
    _check_name(name, "the name of a score")
    told = f"the score `{safe_text(name, limit=100)}` is"
    if not isinstance(value, int | float) or isinstance(value, bool):
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        hint = "leave out one that does not apply" if value is None else "write `float(x)`"
        raise StageError(
            f"{told} {_short(value)} of type {safe_text(kind, limit=100)}: a score is a number of "
            f"Python; {hint}"
        )
    if not (isinstance(value, int) or math.isfinite(value)):
        raise StageError(
            f"{told} {value}: a score is a finite number; leave out one that does not apply, and "
            'tell a training that left the numbers by the status "diverged"'
        )
    if abs(value) > sys.float_info.max:
        raise StageError(f"{told} a whole number that no float can hold; give it another unit")


def _short(value: object) -> str:
    """A value as its own code shows it, cut."""
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        return "a whole number of very many digits"
    return safe_text(str(value), limit=100)


def _mirrored(
    task: Task, stage: Stage[..., Any], made: Mapping[str, Artifact]
) -> dict[str, Output]:
    """For a type that mirrors its input: all outputs of the candidate that it chose."""
    if stage.mirrors is None:
        return {}
    choice = next(value for value in made.values() if isinstance(value, Choice))
    chosen = task["mirror"][choice.index]
    return {name: Output.of(output) for name, output in chosen.items()}


def _name(task: Task, stage: Stage[..., Any], name: str) -> str:
    """An output's name: for a mirror, scores take the place of those that it judged by."""
    if stage.mirrors is not None and issubclass(stage.outputs[name], Scores):
        return str(task["inputs"][stage.mirrors][0]["output_name"])
    return name


def _publish(artifact: Artifact, store: Store, bounds: Bounds) -> Output:
    with store.scratch() as folder:
        with fs.room(store.root):
            artifact.write(folder)
        bounds.check()
        kind = type(artifact).__name__
        if not folder.is_dir():
            raise StageError(f"{kind} removed the folder that it was to write into")
        paths = sorted(folder.iterdir())
        for path in paths:
            _check_name(path.name, f"the name of a file that {kind} wrote")
            # A link would bring in a file that the stage did not make.
            if path.is_symlink() or not path.is_file():
                name = safe_text(path.name, limit=100)
                raise StageError(f"{kind} wrote `{name}`, which is no plain file")
        refs: dict[str, FileRef] = {path.name: store.put(path) for path in paths}
    return Output(kind, type(artifact).format, refs)
