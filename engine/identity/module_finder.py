"""Where a module's file lies and whose it is, without importing it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import util
from importlib.machinery import ModuleSpec
from pathlib import Path

from engine.identity import distributions
from engine.identity.file_memo import Memo

_ENGINE = Path(__file__).parents[1]
_STOPS = frozenset({"pipelines", "meta_tui"})
_INSTALLED = {"site-packages", "dist-packages"}
FOLLOWED = frozenset({"library", "learning", "run", "artifacts"})
"""What stages are made of; `run` and `artifacts` pass names on to stage files that import them from
where they lay before. Each file of `stage_api`, which all stages read, counts by its own text. All
else in the engine runs stages and is no part of them."""
TEXT_ONLY = "stage_api"


@dataclass(frozen=True, slots=True)
class Place:
    """A module: a file of this project or the user's, or a package from elsewhere.

    Attributes:
        path: the file; unset for a package from elsewhere.
        shown: the file as a person would name it.
        is_package: the file is an `__init__.py`.
        text_only: counts by its own text; what it imports does not.
        package: name of the distribution, for a package from elsewhere.
        version: its full version.
    """

    path: Path = Path()
    shown: str = ""
    is_package: bool = False
    text_only: bool = False
    package: str = ""
    version: str = ""


class Modules:
    """Finds modules by name, as Python would; each is looked for once."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._found: dict[str, Place | None] = {}
        self._tops: dict[str, ModuleSpec | None] = {}

    def find(self, name: str) -> Place | None:
        """A module; None when it is none, belongs to Python, or stops a fingerprint."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def is_folder(self, name: str) -> bool:
        """Whether it is a package without a file of its own, whose modules may be reached."""
        folder = self._folder(name)
        return folder is not None and folder.is_dir()

    def below(self, package: str) -> Iterator[str]:
        """All modules of a package, at any depth."""
        folder = self._folder(package)
        for path in sorted(folder.rglob("*.py")) if folder else ():
            parts = path.relative_to(folder).with_suffix("").parts if folder else ()
            yield ".".join([package, *(part for part in parts if part != "__init__")])

    def _find(self, name: str) -> Place | None:
        top = name.partition(".")[0]
        if top == "engine":
            return self._engine(name)
        spec = self._top(top)
        if spec is None:
            return None
        if _is_installed(spec):
            return self._package(top, spec) if name == top else None
        return self._own(name, spec)

    def _engine(self, name: str) -> Place | None:
        parts = name.split(".")
        if len(parts) > 1 and parts[1] not in {*FOLLOWED, TEXT_ONLY}:
            return None
        return _file(name, _ENGINE.joinpath(*parts[1:]), _ENGINE.parent)

    def _own(self, name: str, spec: ModuleSpec) -> Place | None:
        """A module of the user's: beside a stage file, on PYTHONPATH, or installed editable."""
        _, _, rest = name.partition(".")
        if spec.submodule_search_locations is None:
            path = Path(spec.origin or "")
            return None if rest or not path.is_file() else Place(path, path.name)
        folder = Path(next(iter(spec.submodule_search_locations)))
        return _file(name, folder.joinpath(*rest.split(".")) if rest else folder, folder.parent)

    def _folder(self, name: str) -> Path | None:
        top, _, rest = name.partition(".")
        if top == "engine":
            return _ENGINE.joinpath(*rest.split(".")) if rest else _ENGINE
        spec = self._top(top)
        if spec is None or not spec.submodule_search_locations or _is_installed(spec):
            return None
        folder = Path(next(iter(spec.submodule_search_locations)))
        return folder.joinpath(*rest.split(".")) if rest else folder

    def _top(self, top: str) -> ModuleSpec | None:
        """Where a top-level name leads; None for Python's own and for what stops a fingerprint."""
        if top not in self._tops:
            own = top in sys.stdlib_module_names or top in _STOPS or not top
            self._tops[top] = None if own else _spec(top)
        return self._tops[top]

    def _package(self, top: str, spec: ModuleSpec) -> Place:
        if spec.has_location and spec.origin:
            # A new version writes this file anew, so what it says of the version stays true.
            name, version = self._memo.value(
                Path(spec.origin), lambda _: distributions.distribution(top), valid=_is_pair
            )
        else:
            name, version = distributions.distribution(top)
        return Place(package=name, version=version)


def _is_pair(value: object) -> bool:
    """Whether it is a name and a version."""
    match value:
        case [str(), str()]:
            return True
    return False


def _spec(top: str) -> ModuleSpec | None:
    loaded = sys.modules.get(top)
    if loaded is None:
        return util.find_spec(top)
    if loaded.__spec__ is None and getattr(loaded, "__file__", None):
        return util.spec_from_file_location(top, loaded.__file__)  # A script: __main__.
    return loaded.__spec__


def _is_installed(spec: ModuleSpec) -> bool:
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
    return any(_INSTALLED & set(Path(place).parts) for place in places if place)


def _file(name: str, path: Path, home: Path) -> Place | None:
    """The module at a path without its suffix."""
    for candidate, is_package in ((path / "__init__.py", True), (path.with_suffix(".py"), False)):
        if candidate.is_file():
            shown = candidate.relative_to(home).as_posix()
            return Place(candidate, shown, is_package, text_only=_is_text_only(name))
    return None


def _is_text_only(name: str) -> bool:
    """Whether a module counts by its own text, without what it imports."""
    return name == "engine" or name.startswith(f"engine.{TEXT_ONLY}")
