"""`$params.x`, `$matrix.x` and `$seed` in values: whole values keep their type.

There are no expressions, no environment and no code. Every value that is put somewhere else keeps
the place of the file that it came from, so that a fault in it is shown where it can be mended.
"""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.text import shown, suggestion
from pipelines.expansion.topological_sort import drawn, ordered
from pipelines.yaml.problem_report import Report
from pipelines.yaml.reader import DEPTH, VALUES, Path, Unreadable
from pipelines.yaml.scalars import canonical

_WORD = r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*"
_TOKEN = re.compile(
    rf"\$(?:(?P<dollar>\$)|(?P<root>params|matrix|seed)\b(?P<path>(?:\.{_WORD})*)|(?P<brace>\{{+[^}}]*\}}*)"
    rf"|(?P<other>{_WORD}|))"
)
_LONGEST = 4096
_WORK = 1_000_000


@dataclass(slots=True)
class Scope:
    """What may be substituted, and where each value of it stands in the file."""

    values: Mapping[str, Any]
    """`params` and `matrix`: mapping; `seed`: int."""
    places: Mapping[Path, Path]
    """Path in `values` -> path in the file."""
    bad: Set[Path] = frozenset()
    """Paths in `values` of parts that could not be made."""


@dataclass(slots=True)
class Filled:
    """A value after substitution; `origins` tells where its replaced parts come from."""

    value: Any
    path: Path
    origins: dict[Path, Path] = field(default_factory=dict)
    bad: set[Path] = field(default_factory=set)
    """Parts that could not be made, which is reported; None stands there."""

    def knows(self, path: Path) -> bool:
        """Whether a part holds nothing that could not be made."""
        return all(bad[: len(path)] != path[: len(bad)] for bad in self.bad)

    def place(self, path: Path) -> Path:
        """The path in the file of a part of the value."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.origins:
                return (*self.origins[path[:end]], *path[end:])
        return (*self.path, *path)


class Substitution:
    """Fills values of one file. What it builds is counted: a file cannot make it blow up."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.used: set[tuple[str, str]] = set()
        """Every (root, first name) that was asked for."""
        self.work = 0
        self._sizes: dict[int, tuple[int, int, Any]] = {}

    def fill(self, value: Any, path: Path, scope: Scope) -> Filled:
        """The value with every reference replaced; what cannot be is reported."""
        filled = Filled(value, path)
        filled.value = self._fill(value, (), filled, scope)
        return filled

    def _fill(self, value: Any, at: Path, filled: Filled, scope: Scope) -> Any:
        self.work += 1
        if self.work > _WORK:
            message = "substitution over all cells makes too many values"
            self.report.error(filled.path[:2], message, "have fewer cells, or shorter values")
            filled.bad.add(())
            return None
        if isinstance(value, dict):
            return {key: self._fill(item, (*at, key), filled, scope) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item, (*at, i), filled, scope) for i, item in enumerate(value)]
        if isinstance(value, Unreadable) or (isinstance(value, str) and "$" in value):
            try:
                return self._text(value, at, filled, scope)
            except _Refused as refused:
                filled.bad.add(at)
                if refused.message:
                    self.report.error((*filled.path, *at), refused.message, refused.hint)
                return None
        return value

    def _text(self, text: str, at: Path, filled: Filled, scope: Scope) -> Any:
        if isinstance(text, Unreadable):
            raise _Refused("")  # told where it stands
        whole = _TOKEN.fullmatch(text)
        if whole and whole["root"]:
            value, origin = self._look(whole, scope)
            self._weigh(value, len(at))
            filled.origins[at] = origin
            return value
        made = _TOKEN.sub(lambda token: self._inside(token, scope), text)
        if len(made) > _LONGEST:
            raise _Refused(f"substitution makes a text of {len(made):,} characters")
        return made

    def _inside(self, token: re.Match[str], scope: Scope) -> str:
        if token["dollar"]:
            return "$"
        value, _ = self._look(token, scope)
        if isinstance(value, dict | list):
            message = f"`{token[0]}` is {shown(value)}: inside a text only a scalar can stand"
            raise _Refused(message, "make it the whole value")
        return canonical(value)

    def _look(self, token: re.Match[str], scope: Scope) -> tuple[Any, Path]:
        """The value that a token names, and its place."""
        if not token["root"]:
            raise _Refused(f"`{shown(token[0])}` stands for nothing", _advice(token))
        steps = [token["root"], *token["path"].split(".")[1:]]
        if (steps[0] == "seed") != (len(steps) == 1):
            hint = "write `$seed`, or `$params.x`, `$matrix.x`"
            raise _Refused(f"`{token[0]}` names no value", hint)
        if steps[0] not in scope.values:
            where = "`with` and `resources` of a stage" + " that has a matrix" * (len(steps) > 1)
            raise _Refused(f"`{token[0]}` has no meaning here", f"it can stand in {where}")
        self.used.update([(steps[0], step) for step in steps[1:2]] or [("seed", "")])
        value: Any = scope.values
        for index, step in enumerate(steps):
            if not isinstance(value, Mapping) or step not in value:
                before = ".".join(steps[:index])
                options = value if isinstance(value, Mapping) else ()
                hint = suggestion(step, options, f"in {before}") or f"`{before}` has no parts"
                raise _Refused(f"`{token[0]}`: there is no `{step}` in `{before}`", hint)
            value = value[step]
        path = tuple(steps)
        if any(bad[: len(path)] == path[: len(bad)] for bad in scope.bad):
            raise _Refused("")  # told where it was to be made
        return value, _traced(path, scope.places)

    def _weigh(self, value: Any, depth: int) -> None:
        count, height = self._size(value)
        self.work += count
        if count > VALUES or self.work > _WORK:
            raise _Refused(f"substitution makes more than {VALUES:,} values")
        if depth + height > DEPTH:
            raise _Refused(f"substitution nests values more than {DEPTH} deep")

    def _size(self, value: Any) -> tuple[int, int]:
        """How many values it holds, and how deep; remembered, the value kept so that ids last."""
        if not isinstance(value, dict | list):
            return 1, 0
        if id(value) not in self._sizes:
            sizes = [self._size(v) for v in (value.values() if isinstance(value, dict) else value)]
            count = 1 + sum(size[0] for size in sizes)
            height = 1 + max((size[1] for size in sizes), default=0)
            self._sizes[id(value)] = (count, height, value)
        return self._sizes[id(value)][:2]

    def params(self, raw: Mapping[str, Any]) -> Scope:
        """The scope of the file's `params`, which may refer to one another but not in a circle."""
        needs = {name: {n for n in _named(value) if n in raw} for name, value in raw.items()}
        names, circles = ordered(needs)
        for circle in circles:
            shape = drawn([f"params.{name}" for name in reversed(circle)])
            self.report.error(("params", circle[0]), f"params refer in a circle: {shape}")
        values: dict[str, Any] = dict.fromkeys(raw)
        places: dict[Path, Path] = {}
        bad: set[Path] = {("params", name) for circle in circles for name in circle}
        scope = Scope({"params": values}, places, bad)
        for name in names:
            filled = self.fill(raw[name], ("params", name), scope)
            values[name] = filled.value
            places.update({("params", name, *at): origin for at, origin in filled.origins.items()})
            bad.update(("params", name, *at) for at in filled.bad)
        return scope


class _Refused(Exception):  # noqa: N818  (never leaves this module)
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def _traced(path: Path, places: Mapping[Path, Path]) -> Path:
    for end in range(len(path), 0, -1):
        if path[:end] in places:
            return (*places[path[:end]], *path[end:])
    return path


def _advice(token: re.Match[str]) -> str:
    if token["brace"]:
        name = token["brace"].strip("{} ")
        rooted = name if name.startswith(("params.", "matrix.")) else f"params.{name or 'x'}"
        return f"write `${shown(rooted)}`, without braces; `$$` is a dollar"
    return "write `$params.x`, `$matrix.x` or `$seed`; `$$` is a dollar"


def _named(value: Any) -> Iterator[str]:
    """Names of the params that a raw value refers to."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _named(item)
    elif isinstance(value, str) and "$" in value:
        for token in _TOKEN.finditer(value):
            if token["root"] == "params":
                yield from token["path"].split(".")[1:2]
