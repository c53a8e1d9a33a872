"""Results: what a cell computed, published once and whole under its key."""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from engine import machine
from engine.key import port_digest
from engine.store import files, fs, names
from engine.store.objects import FileRef, Objects
from engine.store.seal import seal, unseal

RESULT_FORMAT = 1
NO_FILE = "its manifest is a link or no file"


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


@dataclass(frozen=True, slots=True)
class Miss:
    """There is no result to use, and why: "no earlier result", or what is damaged."""

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
            ValueError: an object is not there, or a score is not finite.
            EnvironmentFault: the disk does not take it.
        """
        for where, ref in _refs(result):
            fault = self._objects.fault(ref)
            if fault:
                raise ValueError(f"cannot publish {key[:12]}: {where} {fault}")
        self._disk.publish(self.path(key), [seal(_encoded(key, result))])

    def read(self, key: str) -> Result | Miss:
        """The result of a key, when it is whole: manifest intact, objects there with their size."""
        try:
            # Not by a Path: there are a thousand of them a run.
            data = files.content(f"{self._folder}/{names.sha256_name(key)[:2]}/{key}")
        except FileNotFoundError:
            return Miss("no earlier result")
        except OSError as error:
            return self._unreadable(key, error)
        try:
            result = result_of(key, data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told = self._objects.quarantine(self.path(key), f"its manifest is damaged: {error}")
            return Miss(f"the earlier result is not usable: {told}", damaged=True)
        for where, ref in _refs(result):
            fault = self._objects.fault(ref)
            if fault:
                path = self._objects.path(ref.sha256)
                told = self._objects.quarantine(path, fault) if path.exists() else fault
                return Miss(f"the earlier result is not usable: {where} {told}", damaged=True)
        return result

    def _unreadable(self, key: str, error: OSError) -> Miss:
        """Why a manifest cannot be read; what is no file is put aside, a link as a link."""
        path = self.path(key)
        if error.errno in machine.BARRED:
            raise machine.unreadable(path, error) from error
        told = f"the earlier result cannot be read ({error.strerror})"
        if error.errno in (errno.ELOOP, errno.EINVAL):
            told = f"the earlier result is not usable: {self._objects.quarantine(path, NO_FILE)}"
        return Miss(told, damaged=True)


def result_of(key: str, data: bytes) -> Result:
    """The result in the bytes of a manifest.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is damaged, or that of another key.
    """
    return _decoded(key, unseal(data))


def _refs(result: Result) -> list[tuple[str, FileRef]]:
    found = [
        (f"{port}/{name}", ref)
        for port, output in result.outputs.items()
        for name, ref in output.files.items()
    ]
    return found if result.curves is None else [*found, ("its curves", result.curves)]


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
    return Result(
        outputs={port: Output.of(output) for port, output in data["outputs"].items()},
        scores=data["scores"],
        status=data["status"],
        components=data["components"],
        provenance=data["provenance"],
        cost=data["cost"],
        curves=data["curves"] and FileRef(*data["curves"]),
    )
