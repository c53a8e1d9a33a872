"""Results: what a cell computed, published once and whole under its key."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from engine.store import files, fs, names
from engine.store.digest import port_digest, seal, unseal
from engine.store.objects import Damaged, FileRef, Objects, unreadable

RESULT_FORMAT = 1
_SENSELESS = (ValueError, KeyError, TypeError, AttributeError)
"""What decoding raises on bytes that are no manifest."""


@dataclass(frozen=True, slots=True)
class Output:
    """What one output port holds."""

    type: str
    """Name of the artifact's class."""
    format: int
    files: Mapping[str, FileRef]

    def __post_init__(self) -> None:
        # Names of files may become paths: those of a folder that a stage is handed, or a copy's.
        for name in self.files:
            names.file_name(name)

    @property
    def digest(self) -> str:
        """Identity of the content: what the keys of later cells are made of."""
        return port_digest(
            self.type, self.format, {name: ref.sha256 for name, ref in self.files.items()}
        )

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        files = {name: [ref.sha256, ref.bytes] for name, ref in self.files.items()}
        return {"type": self.type, "format": self.format, "files": files}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """From `plain`."""
        files = {name: FileRef(*ref) for name, ref in plain["files"].items()}
        return cls(plain["type"], plain["format"], files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A cell's result: content of its outputs, and how it came about."""

    outputs: Mapping[str, Output]
    scores: Mapping[str, float] = field(default_factory=dict)
    """Final metrics, where it has an output of type Scores."""
    status: str = "ok"
    """`ok` or `diverged`."""
    components: Mapping[str, Any] = field(default_factory=dict)
    """What its key was made of: `Key.components`."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    """`seconds` and the like."""
    curves: FileRef | None = None

    @property
    def digests(self) -> Mapping[str, str]:
        """Output port -> identity of its content."""
        return {port: output.digest for port, output in self.outputs.items()}

    @property
    def files(self) -> list[tuple[str, FileRef]]:
        """All its objects, each with the words for where it is: `model/weights.safetensors`."""
        found = [
            (f"{port}/{name}", ref)
            for port, output in self.outputs.items()
            for name, ref in output.files.items()
        ]
        return found if self.curves is None else [*found, ("its curves", self.curves)]

    def names(self, digest: str) -> bool:
        """Whether an object is one of its."""
        return any(ref.sha256 == digest for _, ref in self.files)

    def damage(self, digest: str, reason: str) -> str:
        """The words for damage of one of its objects: the same in plan, run and show."""
        where = next((where for where, ref in self.files if ref.sha256 == digest), "a file")
        return f"its result was damaged ({where}: object {digest[:12]} {reason})"


@dataclass(frozen=True, slots=True)
class Miss:
    """There is no result to use, and why: "no earlier result", or how it was damaged."""

    reason: str
    damaged: bool = False


class Results:
    """The folder `results/` of a store."""

    def __init__(self, disk: fs.Disk, objects: Objects) -> None:
        self._disk = disk
        self._objects = objects
        self._folder = os.fspath(disk.root / "results")

    def path(self, key: str) -> Path:
        """Where the result of a key lies, or would lie."""
        return Path(self._folder, names.sha256_name(key)[:2], key)

    def publish(self, key: str, result: Result) -> None:
        """Make a result visible. All its objects are in the store already.

        Raises:
            Damaged: an object is not there.
            ValueError: a score is not finite.
            EnvironmentFault: the disk does not take it.
        """
        for _, ref in result.files:
            if fault := self._objects.fault(ref):
                raise Damaged(ref.sha256, fault)
        target = self.path(key)
        if target.is_dir():
            self._objects.quarantine(target, "is no file")
        self._disk.publish(target, [seal(_encoded(key, result))])

    def manifest(self, key: str) -> Result | None:
        """A result as its manifest tells it; None where that is not whole.

        Its objects are not looked at, and nothing is put aside.
        """
        try:
            return result_of(key, files.content(self.path(key)))
        except (OSError, *_SENSELESS):
            return None

    def read(self, key: str) -> Result | Miss:
        """The result of a key, when it is whole.

        That is: its manifest is intact, its objects are there with their sizes, and those that
        were touched after the manifest was written hold what they are named by.

        Raises:
            EnvironmentFault: this process cannot read now.
        """
        try:
            # Not by a Path: there are a thousand of them a run.
            with files.opened(f"{self._folder}/{names.sha256_name(key)[:2]}/{key}") as stream:
                published = os.fstat(stream.fileno()).st_mtime_ns
                data = stream.read()
        except FileNotFoundError:
            return Miss("no earlier result")
        except OSError as error:
            return self._damaged(key, unreadable(self.path(key), error))
        try:
            result = result_of(key, data)
        except _SENSELESS as error:
            return self._damaged(key, str(error))
        for _, ref in result.files:
            if fault := self._objects.fault(ref, published):
                self._objects.quarantine(self._objects.path(ref.sha256), fault)
                return Miss(result.damage(ref.sha256, fault), damaged=True)
        return result

    def _damaged(self, key: str, reason: str) -> Miss:
        self._objects.quarantine(self.path(key), f"its manifest is damaged: {reason}")
        return Miss(f"its result was damaged (its manifest: {reason})", damaged=True)


def result_of(key: str, data: bytes) -> Result:
    """The result in the bytes of a manifest.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is damaged, or that of another key.
    """
    return _decoded(key, unseal(data))


def _encoded(key: str, result: Result) -> dict[str, Any]:
    return {
        "format": RESULT_FORMAT,
        "key": key,
        "outputs": {port: output.plain() for port, output in result.outputs.items()},
        "scores": result.scores,
        "status": result.status,
        "components": result.components,
        "provenance": result.provenance,
        "cost": result.cost,
        "curves": result.curves and [result.curves.sha256, result.curves.bytes],
    }


def _decoded(key: str, data: dict[str, Any]) -> Result:
    if data["format"] != RESULT_FORMAT:
        raise ValueError(f"format {data['format']} instead of {RESULT_FORMAT}")
    if data["key"] != key:
        raise ValueError(f"it belongs to the key {data['key'][:12]}")
    for name in ("scores", "components", "provenance", "cost"):
        if not _is_mapping(data[name], numbers=name in ("scores", "cost")):
            raise ValueError(f"its {name} are of another type")
    if data["status"] not in ("ok", "diverged"):
        raise ValueError(f"its status is {str(data['status'])[:20]}")
    return Result(
        outputs={port: Output.of(output) for port, output in data["outputs"].items()},
        scores=data["scores"],
        status=data["status"],
        components=data["components"],
        provenance=data["provenance"],
        cost=data["cost"],
        curves=data["curves"] and FileRef(*data["curves"]),
    )


def _is_mapping(value: object, *, numbers: bool) -> bool:
    """Whether a value is a mapping, and where that is asked for one to numbers."""
    return isinstance(value, dict) and not (
        numbers and any(not isinstance(it, int | float) for it in value.values())
    )
