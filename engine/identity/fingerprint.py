"""The code of a stage: a digest of every file of this project, and the user's, that it reaches.

From the stage's file through imports and through `learning.a.b`, without running anything. A file
that only names a union (`engine.library.methods`) is not followed: of a union picked by `kind` the
class that was picked counts. Packages from elsewhere count by name and version. The engine itself
stops
it: language, store, journal and plan change no result but through `KEY_FORMAT`.

A stale hit would be a bug, an extra run is a cost: where the text leaves open what is reached, as
with a bare use of the lazy door, everything behind it counts.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.identity.file_memo import Memo
from engine.identity.module_finder import Modules, Place
from engine.identity.source_digest import ALL, Reading
from engine.store.digest import canonical, sha256
from pipelines.core import reading
from pipelines.core.stage import Params, Stage

FINGERPRINT_FORMAT = 2
"""Raised when the same code gets another digest, as when modules of this program move."""
WHOLE = "!"
"""Ends the name of a module that is reached by who knows which name: even a file that only passes
names on counts then."""
MODULE_BYTES = 1 << 25
"""Of a Python file."""
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_LEARNING = "engine.learning"
_TOLD = 3
_DEEPEST = 32
_TEXTS = 512
"""That are remembered, of some ten kilobytes each."""


@dataclass(frozen=True)
class Code:
    """All code that a stage reaches.

    Attributes:
        modules: file, as a person would name it (`engine/learning/models/linear_heads.py`) ->
            digest.
        packages: name of an installed package, and `python` -> version.
    """

    modules: Mapping[str, str]
    packages: Mapping[str, str]

    @cached_property
    def data(self) -> bytes:
        """As canonical JSON. Kept as an object of a store, it lies there under `digest`."""
        return canonical(
            {"format": FINGERPRINT_FORMAT, "modules": self.modules, "packages": self.packages}
        )

    @cached_property
    def digest(self) -> str:
        """What enters a key."""
        return sha256(self.data)


class Fingerprints:
    """Fingerprints of stages with their parameters; each file is read once as long as it stays."""

    def __init__(self, store_root: Path | None) -> None:
        self._memo = Memo(store_root, "code", f"{FINGERPRINT_FORMAT} {_PYTHON}")
        self._modules = Modules(self._memo)
        self._codes: dict[frozenset[str], Code] = {}
        self._paths: dict[str, Path] = {}
        self._edges: dict[str, frozenset[str]] = {}

    def of(self, stage: Stage[..., Any], params: Params) -> Code:
        """The code that a stage reaches with these parameters."""
        roots = frozenset({stage.function.__module__, *(classes(params))})
        if roots not in self._codes:
            self._codes[roots] = self._code(roots)
            self._memo.save()
        return self._codes[roots]

    def unchanged(self, code: Code) -> list[str]:
        """Files that are no longer what they were when `of` read them; none is well.

        Args:
            code: made by this object.
        """
        return [
            name
            for name, digest in code.modules.items()
            if not self._paths[name].exists() or self._read(self._paths[name]).digest != digest
        ]

    def _code(self, roots: Iterable[str]) -> Code:
        modules: dict[str, str] = {}
        packages = {"python": _PYTHON}
        seen: set[str] = set()
        waiting = list(roots)
        while waiting:
            marked = waiting.pop()
            if marked in seen:
                continue
            seen.add(marked)
            name = marked.removesuffix(WHOLE)
            place = self._modules.find(name)
            if place is None:
                continue
            if place.package:
                packages[place.package] = place.version
                continue
            reading = self._read(place.path)
            if reading.union and name == marked:
                continue
            self._paths[place.shown] = place.path
            modules[place.shown] = reading.digest
            if not place.text_only:
                waiting += self._edges_of(name, place, reading) - seen
        return Code(dict(sorted(modules.items())), dict(sorted(packages.items())))

    def _edges_of(self, name: str, place: Place, reading: Reading) -> frozenset[str]:
        """What a module reaches directly: worked out once, as stages share most of their code."""
        if name not in self._edges:
            self._edges[name] = frozenset(self._reached(name, place, reading))
        return self._edges[name]

    def _reached(self, name: str, place: Place, reading: Reading) -> Iterator[str]:
        for reference in reading.references:
            if reference == ALL:
                # It imports by a computed name. The lazy door does, and is followed by its users.
                if not reading.lazy:
                    yield from self._below(_LEARNING)
            else:
                yield from self._resolved(_absolute(reference, name, place), depth=0)

    def _resolved(self, dotted: str, depth: int) -> Iterator[str]:
        """Modules that a dotted name needs: each package on the way, and the last."""
        parts = dotted.split(".")
        module, used = "", 0
        for count in range(1, len(parts) + 1):
            prefix = ".".join(parts[:count])
            if self._modules.find(prefix) is not None:
                yield prefix
            elif not self._modules.is_folder(prefix):
                break
            module, used = prefix, count
        rest = parts[used:]
        if not module or not rest:
            return
        if module == "engine" and rest == [ALL]:
            yield from self._below(_LEARNING)
        yield from self._through(module, rest, depth)

    def _through(self, module: str, rest: list[str], depth: int) -> Iterator[str]:
        """What a name in a module stands for, where the module only passes it on."""
        place = self._modules.find(module)
        if place is None or place.package:
            return
        reading = self._read(place.path)
        if rest == [ALL] and reading.lazy:
            yield from self._below(module)
        passed = reading.exports.get(rest[0])
        if passed is not None and depth < _DEEPEST:
            target = ".".join([_absolute(passed, module, place), *rest[1:]])
            if target != ".".join([module, *rest]):
                yield from self._resolved(target, depth + 1)

    def _below(self, package: str) -> Iterator[str]:
        for name in (package, *self._modules.below(package)):
            yield name + WHOLE

    def _read(self, path: Path) -> Reading:
        return Reading.from_json(self._memo.value(path, _reading, valid=Reading.is_json))


def explain(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What differs between two fingerprints, from the JSON of `Code.data`."""
    if old["format"] != new["format"]:
        return "new program version; `--accept-code` keeps earlier results"
    words = []
    for name in sorted({*old["modules"], *new["modules"]}):
        before, after = old["modules"].get(name), new["modules"].get(name)
        if before != after:
            how = "added" if before is None else "removed" if after is None else "changed"
            words.append(f"{name} {how}")
    for name in sorted({*old["packages"], *new["packages"]}):
        before, after = old["packages"].get(name, "none"), new["packages"].get(name, "none")
        if before != after:
            words.append(f"{name} {before} → {after}")
    more = f" and {len(words) - _TOLD} more" if len(words) > _TOLD else ""
    return f"code: {', '.join(words[:_TOLD])}{more}"


def _reading(path: Path) -> list[Any]:
    return _parsed(reading.content(path, MODULE_BYTES)).to_json()


@lru_cache(maxsize=_TEXTS)
def _parsed(text: bytes) -> Reading:
    """What a text says: a file that was written a moment ago is in no memo, and read each time."""
    return Reading.of(text)


def _absolute(reference: str, module: str, place: Place) -> str:
    """A dotted name, relative to the module that uses it, from the top."""
    name = reference.lstrip(".")
    level = len(reference) - len(name)
    if not level:
        return reference
    package = module.split(".") if place.is_package else module.split(".")[:-1]
    base = package[: len(package) - (level - 1)]
    return ".".join([*base, name])


def classes(value: Any) -> Iterator[str]:
    """Modules of the classes of all parameters in a value."""
    if isinstance(value, BaseModel):
        yield type(value).__module__
        for name in type(value).model_fields:
            yield from classes(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from classes(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from classes(item)
