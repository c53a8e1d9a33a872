"""Stage types by name: those of `engine.library.stages`, the user's files, and installed packages.

A stage's file is named as the stage, so that names come from a listing of the folder and only the
types that a pipeline uses are imported. Other packages offer theirs as entry points `meta.stages`.
"""

import hashlib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from engine.identity import distributions
from pipelines.core.errors import UsageError
from pipelines.core.stage import Stage
from pipelines.core.text import safe_text

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_STAGES = Path(__file__).parents[1] / "library" / "stages"
_GROUP = "meta.stages"
MODULE_BYTES = 1 << 25
"""Of a Python file that is read."""


class Catalogue(Mapping[str, Stage[..., Any]]):
    """Stage types by name. Built-in and installed ones are imported when they are asked for."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        """Read the names of the built-in types, and import the user's files.

        Args:
            files: Python files that define stage types.

        Raises:
            UsageError: a file is not there, cannot be imported, defines no stage type, or one of
                a name that is taken.
        """
        self._builtin = frozenset(
            path.stem for path in _STAGES.glob("*.py") if not path.stem.startswith("_")
        )
        self._own: dict[str, Stage[..., Any]] = {}
        origins = {path.name: path for path in reversed(files)}
        for path in files:
            if origins[path.name].resolve() != path.resolve():
                raise UsageError(f"two stage files are named {_shown(path)}: rename one of them")
            self._add(path)

    def __getitem__(self, name: str) -> Stage[..., Any]:
        """A stage type.

        Raises:
            KeyError: there is none of that name.
            UsageError: an installed package offers it, and fails to import.
        """
        if name in self._own:
            return self._own[name]
        if name in self._builtin:
            module = import_module(f"engine.library.stages.{name}")
            return _checked(getattr(module, name, None), f"engine/library/stages/{name}.py", name)
        if name in self._installed:
            self._own[name] = self._load(self._installed[name])
            return self._own[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._builtin, *self._own, *self._installed}))

    def __len__(self) -> int:
        return len({*self._builtin, *self._own, *self._installed})

    def __contains__(self, name: object) -> bool:
        # Not by __getitem__, which would import it.
        return name in self._own or name in self._builtin or name in self._installed

    @cached_property
    def _installed(self) -> Mapping[str, "EntryPoint"]:
        """Entry points by name; looked for only when a name is not found otherwise."""
        return distributions.entry_points(_GROUP)

    def _load(self, point: "EntryPoint") -> Stage[..., Any]:
        where = f"the entry point {point.name} = {point.value} of {_GROUP}"
        try:
            found = point.load()
        except (Exception, SystemExit) as error:
            raise UsageError(f"cannot import {where}: {_told(error)}") from error
        return _checked(found, where, point.name)

    def _add(self, path: Path) -> None:
        module = _imported(path)
        found = [value for value in vars(module).values() if isinstance(value, Stage)]
        own = [
            kind
            for kind in found
            if not kind.function.__module__.startswith("engine.library.stages.")
        ]
        if not own:
            raise UsageError(f"{_shown(path)} defines no stage type: decorate a function by @stage")
        for kind in own:
            taken = self._own.get(kind.name)
            if kind.name in self._builtin or taken not in (None, kind):
                raise UsageError(
                    f"{_shown(path)} defines the stage type {kind.name}, which exists already: "
                    "rename the function"
                )
            self._own[kind.name] = kind


def forget(paths: Iterable[Path]) -> None:
    """Let users' files be imported anew by the next catalogue: who has them open saves them."""
    for path in paths:
        sys.modules.pop(_private(path.resolve()), None)


def _private(place: Path) -> str:
    return f"_meta_stages_{place.stem}_{hashlib.sha256(os.fsencode(place)).hexdigest()[:8]}"


def _imported(path: Path) -> ModuleType:
    """A user's file as a module of a private name, with the modules beside it within its reach."""
    place = path.resolve()
    name = _private(place)
    if name in sys.modules:
        return sys.modules[name]
    if not place.is_file():
        raise UsageError(f"there is no stage file {_shown(path)}: --stages takes a Python file")
    if place.stat().st_size > MODULE_BYTES:
        raise UsageError(
            f"{_shown(path)} has more than {MODULE_BYTES:,} bytes: it is no stage file"
        )
    spec = util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise UsageError(f"{_shown(path)} is not a Python file: --stages takes a file named *.py")
    # At the end: a user's random.py or engine/ must not take the place of Python's or ours.
    if str(place.parent) not in sys.path:
        sys.path.append(str(place.parent))
    module = util.module_from_spec(spec)
    # Before it runs: dataclasses and type hints look their module up by name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"cannot import {_shown(path)}: {_told(error)}") from error
    return module


def _checked(found: object, where: str, name: str) -> Stage[..., Any]:
    if isinstance(found, Stage) and found.name == name:
        return found
    raise UsageError(f"{where} does not give a stage type named {name}: decorate {name} by @stage")


def _told(error: BaseException) -> str:
    """An error and its place, in one safe line."""
    what = safe_text("".join(traceback.format_exception_only(error)).strip().splitlines()[-1])
    if isinstance(error, SyntaxError) and error.filename:
        return f"{what} ({safe_text(error.filename)}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{what} ({safe_text(frames[-1].filename)}:{frames[-1].lineno})" if frames else what


def _shown(path: Path) -> str:
    return safe_text(str(path))
