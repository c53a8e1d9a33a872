"""Registry of stage types: built-in ones, those of the user's files and of installed packages.

The file of a built-in stage has the stage's name, so that only the stage types that a pipeline
uses are imported. Installed packages provide stage types as entry points of `meta.stages`.
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
"""Largest stage file that is imported."""


class Catalogue(Mapping[str, Stage[..., Any]]):
    """Stage types by name. Built-in and installed ones are imported on first access."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        """List the built-in stage types and import the user's files.

        Args:
            files: Python files that define stage types.

        Raises:
            UsageError: a file does not exist, cannot be imported, defines no stage type, or
                defines one whose name is already used.
        """
        self._builtin = frozenset(
            path.stem for path in _STAGES.glob("*.py") if not path.stem.startswith("_")
        )
        self._own: dict[str, Stage[..., Any]] = {}
        origins = {path.name: path for path in reversed(files)}
        for path in files:
            if origins[path.name].resolve() != path.resolve():
                raise UsageError(f"two stage files are named {_safe(path)}: rename one of them")
            self._add(path)

    def __getitem__(self, name: str) -> Stage[..., Any]:
        """Return a stage type, importing it if needed.

        Raises:
            KeyError: no stage type has this name.
            UsageError: the installed package that provides it cannot be imported.
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
        # Mapping's own method calls __getitem__, which would import the stage type.
        return name in self._own or name in self._builtin or name in self._installed

    @cached_property
    def _installed(self) -> Mapping[str, "EntryPoint"]:
        """Entry points by name; read only for names that are neither built in nor in files."""
        return distributions.entry_points(_GROUP)

    def _load(self, point: "EntryPoint") -> Stage[..., Any]:
        where = f"the entry point {point.name} = {point.value} of {_GROUP}"
        try:
            value = point.load()
        except (Exception, SystemExit) as error:
            raise UsageError(f"cannot import {where}: {_describe(error)}") from error
        return _checked(value, where, point.name)

    def _add(self, path: Path) -> None:
        module = _imported(path)
        stages = [value for value in vars(module).values() if isinstance(value, Stage)]
        own = [
            kind
            for kind in stages
            if not kind.function.__module__.startswith("engine.library.stages.")
        ]
        if not own:
            raise UsageError(
                f"{_safe(path)} defines no stage type: decorate a function with @stage"
            )
        for kind in own:
            known = self._own.get(kind.name)
            if kind.name in self._builtin or known not in (None, kind):
                raise UsageError(
                    f"{_safe(path)} defines the stage type {kind.name}, which already exists: "
                    "rename the function"
                )
            self._own[kind.name] = kind


def forget(paths: Iterable[Path]) -> None:
    """Remove users' files from `sys.modules`, so that the next catalogue imports them again."""
    for path in paths:
        sys.modules.pop(_module_name(path.resolve()), None)


def _module_name(path: Path) -> str:
    return f"_meta_stages_{path.stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


def _imported(path: Path) -> ModuleType:
    """Import a user's file under a private module name; it can import modules of its folder."""
    resolved = path.resolve()
    name = _module_name(resolved)
    if name in sys.modules:
        return sys.modules[name]
    if not resolved.is_file():
        raise UsageError(f"there is no stage file {_safe(path)}: --stages takes a Python file")
    if resolved.stat().st_size > MODULE_BYTES:
        raise UsageError(
            f"{_safe(path)} is larger than {MODULE_BYTES:,} bytes, the limit of a stage file"
        )
    spec = util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise UsageError(f"{_safe(path)} is not a Python file: --stages takes a file named *.py")
    # Appended, so that a user's random.py or engine/ does not shadow Python's or ours.
    if str(resolved.parent) not in sys.path:
        sys.path.append(str(resolved.parent))
    module = util.module_from_spec(spec)
    # Registered before it runs, because dataclasses and type hints look up their module by name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"cannot import {_safe(path)}: {_describe(error)}") from error
    return module


def _checked(value: object, where: str, name: str) -> Stage[..., Any]:
    if isinstance(value, Stage) and value.name == name:
        return value
    raise UsageError(
        f"{where} does not define a stage type named {name}: decorate {name} with @stage"
    )


def _describe(error: BaseException) -> str:
    """Return an error with its file and line, as one safe line."""
    text = safe_text("".join(traceback.format_exception_only(error)).strip().splitlines()[-1])
    if isinstance(error, SyntaxError) and error.filename:
        return f"{text} ({safe_text(error.filename)}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{text} ({safe_text(frames[-1].filename)}:{frames[-1].lineno})" if frames else text


def _safe(path: Path) -> str:
    return safe_text(str(path))
