"""The global state of a process in which several cells run, one after another.

It is recorded when the process starts and compared before each cell: whoever finds it changed takes
a new process, so that no cell computes with what an earlier one left behind. What is set anew for
every cell (random states, threads, log) is not part of it.
"""

import decimal
import gc
import locale
import logging
import os
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import is_
from pathlib import Path
from types import ModuleType
from typing import Any

from engine import learning

_OURS = ("engine.", "pipelines.")
_LIBRARIES = frozenset({
    "builtins", "collections", "functools", "hashlib", "io", "itertools", "json", "math", "numpy",
    "numpy.fft", "numpy.linalg", "numpy.random", "operator", "os", "os.path", "pathlib", "random",
    "scipy.optimize", "scipy.special", "scipy.stats", "statistics", "struct", "time", "torch",
    "torch.autograd", "torch.func", "torch.linalg", "torch.nn", "torch.nn.functional",
    "torch.nn.init", "torch.optim", "torch.optim.lr_scheduler", "torch.random", "torch.special",
})  # fmt: skip
"""Modules outside of this project whose names and classes may not be patched."""
_CLASSES = ("engine.", "pipelines.", "torch.nn.", "torch.optim.", "numpy.")
_VOLATILE = frozenset({"_", "__warningregistry__", "exc_info", "last_exc", "last_traceback"})
_LIMITS = tuple(name for name in dir(resource) if name.startswith("RLIMIT_"))


@dataclass(frozen=True, slots=True)
class Names:
    """What the names of a module or class stand for, compared by identity."""

    label: str
    space: Mapping[str, Any]
    names: tuple[str, ...]
    values: tuple[Any, ...]
    size: int = 0
    """How many names a class has; 0 for a module, where one more changes nothing."""

    @classmethod
    def of(cls, label: str, space: Mapping[str, Any], *, closed: bool = False) -> "Names":
        """As they are now; a closed space may not get more of them: they hide what is inherited."""
        kept = {
            name: value for name, value in space.items()
            if name not in _VOLATILE and not name.startswith("__pydantic_")
        }  # fmt: skip
        return cls(label, space, tuple(kept), tuple(kept.values()), len(space) if closed else 0)

    def changed(self) -> str:
        """The first that stands for something else by now."""
        now = tuple(map(self.space.get, self.names))
        if all(map(is_, now, self.values)):
            return self._added() if self.size not in (0, len(self.space)) else ""
        name = next(
            name
            for name, new, old in zip(self.names, now, self.values, strict=True)
            if new is not old
        )
        return f"{self.label}.{name} was replaced"

    def _added(self) -> str:
        added = [name for name in {*self.space} - {*self.names} if not name.startswith("_")]
        return f"{self.label}.{min(added)} was added" if added else ""


@dataclass(frozen=True, slots=True)
class State:
    """The state as it was when it was recorded."""

    settings: Mapping[str, Any]
    modules: Names
    patched: tuple[Names, ...]

    @classmethod
    def record(cls) -> "State":
        """The state of this process now."""
        modules = dict(sys.modules)
        guarded = {
            name: module for name, module in modules.items()
            if isinstance(module, ModuleType) and (name.startswith(_OURS) or name in _LIBRARIES)
        }  # fmt: skip
        spaces = [Names.of(name, vars(module)) for name, module in guarded.items()]
        spaces += [
            Names.of(f"{kind.__module__}.{kind.__qualname__}", vars(kind), closed=True)
            for kind in _classes(guarded.values())
        ]
        return cls(_settings(), Names.of("sys.modules", sys.modules), tuple(spaces))

    def changed(self) -> str:
        """What is not as it was: the first thing that is found; nothing where all is well."""
        now = _settings()
        for name in {**self.settings, **now}:
            if now.get(name) != self.settings.get(name):
                return f"{name}: {_short(self.settings.get(name))} → {_short(now.get(name))}"
        for names in (self.modules, *self.patched):
            if told := names.changed():
                return told
        return ""


def _classes(modules: Iterable[ModuleType]) -> list[type]:
    """Classes that the guarded modules hold, each once."""
    found: dict[int, type] = {}
    for module in modules:
        for value in list(vars(module).values()):
            home = f"{value.__module__}." if isinstance(value, type) else ""
            if home == "torch." or home.startswith(_CLASSES):
                found[id(value)] = value
    return list(found.values())


def _settings() -> dict[str, Any]:
    found = {
        "working directory": _folder(),
        "umask": _umask(),
        "locale": locale.setlocale(locale.LC_ALL),
        "time zone": time.tzname,
        "signal handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "blocked signals": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "cores": os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
        "threads": [thread.name for thread in threading.enumerate()],
        "sys.path": list(sys.path),
        "sys.meta_path": list(sys.meta_path),
        "sys.path_hooks": list(sys.path_hooks),
        "sys.argv": list(sys.argv),
        "sys.stdout and the like": (
            sys.stdin, sys.stdout, sys.stderr, sys.excepthook, sys.unraisablehook, sys.displayhook,
            threading.excepthook,
        ),
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "digits of integers": sys.get_int_max_str_digits(),
        "tracing": (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())
        if hasattr(threading, "gettrace") else (sys.gettrace(), sys.getprofile()),
        "garbage collector": (gc.isenabled(), gc.get_threshold(), len(gc.callbacks)),
        "warnings filters": list(warnings.filters),
        "decimal context": repr(decimal.getcontext()),
        "logging": (
            logging.root.level, logging.root.manager.disable, list(logging.root.handlers),
            logging.getLoggerClass(),
        ),
    }  # fmt: skip
    found |= {f"environment variable {name}": os.environ[name] for name in os.environ}
    if "torch" in sys.modules:
        found |= learning.global_flags.read()
    return found


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError as error:
        return str(error.strerror)


def _umask() -> int:
    """It can only be read by setting it; only one thread runs here."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004
