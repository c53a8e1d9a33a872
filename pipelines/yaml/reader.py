"""libyaml's events -> data and places, with an explicit stack and a count of everything.

Nothing that a file says can make it slow, deep or large. Loaders that build the tree themselves
crash on deep nesting and hang on merge keys and nested aliases.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from pipelines.core.errors import Mark, PipelineError, Problem
from pipelines.core.text import safe_text, shown
from pipelines.yaml.scalars import Scalar, scalar
from pipelines.yaml.syntax import explained, in_braces

DEPTH, VALUES, LINE = 40, 10_000, 10_000
TOO_DEEP = f"values are nested more than {DEPTH} deep"
REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]|\r(?!\n)"
)
Path = tuple[str | int, ...]
Place = tuple[int, int, int]
"""Line and column counted from 0, and width."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def mark_at(file: str, lines: list[str], place: Place) -> Mark:
    line, column, width = place
    text = lines[line].rstrip("\r") if line < len(lines) else ""
    return Mark(file, line + 1, column + 1, text, max(1, min(width, len(text) - column)))


class Unreadable(str):
    """The text of a value that is none of the language, which is reported where it stands."""

    __slots__ = ()

    @staticmethod
    def within(value: Any) -> bool:
        """Whether a value is one, or holds one; the depth of values is bounded."""
        if isinstance(value, dict | list):
            return any(map(Unreadable.within, value.values() if isinstance(value, dict) else value))
        return isinstance(value, Unreadable)


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read."""

    items: Any
    path: Path
    anchor: str | None
    before: int
    """Values read before it: tells how many it holds."""
    key: str | None = None
    height: int = 0


@dataclass(slots=True)
class _Anchored:
    value: Any
    path: Path
    count: int
    height: int


class Reader:
    """Builds data from events. Faults of content are gathered; faults of structure stop it.

    Faults of single values are in `unreadable`: an `Unreadable` stands for each, and the rest of
    the file can be checked.
    """

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.root: Any = None
        self.problems: list[Problem] = []
        self.unreadable: list[Problem] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored | None] = {}
        self.count = 0
        self.documents = 0

    def read(self, text: str) -> Any:
        try:
            for event in _events(text):
                self.take(event)
        except yaml.MarkedYAMLError as error:
            self.reread_before(error, text)
            self.syntax(error)
        if self.problems:
            raise PipelineError(self.all_problems())
        return self.root

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self.scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self.start(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.end()
            case yaml.AliasEvent():
                self.alias(event)
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.stop(_place(event), "a pipeline file holds one document")

    def problem(self, place: Place, message: str, hint: str = "") -> None:
        self.problems.append(Problem(message, mark_at(self.file, self.lines, place), hint))

    def stop(self, place: Place, message: str, hint: str = "") -> NoReturn:
        self.problem(place, message, hint)
        raise PipelineError(self.all_problems())

    def all_problems(self) -> list[Problem]:
        """Those of structure and of single values, in file order."""
        found = [(problem.mark, problem) for problem in (*self.unreadable, *self.problems)]
        return [problem for mark, problem in sorted(found, key=_line_and_column)]

    def reread_before(self, error: yaml.MarkedYAMLError, text: str) -> None:
        """Read again what stands before libyaml's error: a fault of structure there comes first.

        libyaml scans up to 1024 characters ahead of its events, and from 0.2.6 on it has a limit of
        its own for nesting. So a file gets the same message at the same place on any version.
        """
        mark = error.problem_mark or error.context_mark
        reader = Reader(self.file, self.lines)
        for event in _events_before_error(text[: mark.index] if mark else ""):
            reader.take(event)

    def syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        mark = error.problem_mark or error.context_mark
        place = (mark.line, mark.column, 1) if mark else (0, 0, 1)
        self.stop(place, *explained(error, place[0], self._line(place)))

    def _line(self, place: Place) -> str:
        """The line of a place, cut: a hint needs no more of it."""
        return self.lines[place[0]][:LINE] if place[0] < len(self.lines) else ""

    def path(self, place: Place) -> Path:
        """Where the value that comes now belongs; counts it."""
        self.count += 1
        if self.count > VALUES:
            self.stop(place, f"the file holds more than {VALUES:,} values, aliases counted in full")
        if not self.stack:
            return ()
        frame = self.stack[-1]
        if frame.key is not None:
            return (*frame.path, frame.key)
        if isinstance(frame.items, dict):
            self.stop(place, "a key is a plain string", in_braces(self._line(place)))
        return (*frame.path, len(frame.items))

    def put(self, value: Any, height: int) -> None:
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        frame.height = max(frame.height, height)
        if frame.key is None:
            frame.items.append(value)
        else:
            frame.items[frame.key] = value
            frame.key = None

    def scalar(self, event: yaml.ScalarEvent) -> None:
        place = self._within(_place(event))
        frame = self.stack[-1] if self.stack else None
        value, faults = _valued(event)
        if frame and isinstance(frame.items, dict) and frame.key is None:
            for fault in faults:
                self.problem(place, fault)
            self.key(frame, event, value, place)
            return
        mark = mark_at(self.file, self.lines, place)
        self.unreadable += [Problem(fault, mark) for fault in faults]
        if faults:
            value = Unreadable(event.value)
        path = self.path(place)
        self.values[path] = place
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, path, 1, 0)
        self.put(value, 0)

    def key(self, frame: _Frame, event: yaml.ScalarEvent, value: Any, place: Place) -> None:
        frame.key = name = str(event.value)
        path = (*frame.path, name)
        if event.implicit[0] and not name:
            # Before 0.2.6 libyaml reads over the bracket in `[?]`: what follows cannot be trusted.
            first_key = place if frame.items else self.values[frame.path]
            self.stop(first_key, "a key is missing", "write a name before `:`")
        if event.implicit[0] and name == "<<":
            self.problem(place, "merge keys are not part of the language", "use `$params.x`")
        elif not isinstance(value, str):
            self.problem(place, f"a key is a string, not {shown(name)}", f'quote it: "{name}"')
            if path in self.keys:
                frame.key = f"{name} again at {place}"
        elif path in self.keys:
            first = self.keys[path][0] + 1
            self.problem(place, f"`{shown(name)}` is here twice; first in line {first}")
            # The file is refused already; its value is read apart, so that it repeats no other key.
            frame.key = f"{name} again at {place}"
        if event.anchor:
            self.problem(place, "a key has no anchor")
        self.keys[path] = place

    def start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        place = _place(event)
        if event.tag is not None:
            fault = Problem(_tagged(event.tag), mark_at(self.file, self.lines, place))
            self.unreadable.append(fault)
        if len(self.stack) >= DEPTH:
            self.stop(place, TOO_DEEP)
        path = self.path(place)
        self.values[path] = place
        items: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame(items, path, event.anchor, self.count - 1))

    def end(self) -> None:
        frame = self.stack.pop()
        if frame.anchor:
            count = self.count - frame.before
            self.anchors[frame.anchor] = _Anchored(frame.items, frame.path, count, frame.height + 1)
        self.put(frame.items, frame.height + 1)

    def _within(self, place: Place) -> Place:
        """The place of a value that is not written: after `---` it lies beyond the last line."""
        last = len(self.lines) - 1
        return place if place[0] <= last else (last, len(self.lines[last]), 1)

    def alias(self, event: yaml.AliasEvent) -> None:
        place = _place(event)
        name = str(event.anchor)
        found = self.anchors.get(name)
        if found is None:
            why = "itself" if name in self.anchors else "nothing before it"
            self.stop(place, f"the alias `*{shown(name)}` stands for {why}")
        path = self.path(place)
        self.count += found.count - 1
        if self.count > VALUES:
            self.stop(place, f"the file holds more than {VALUES:,} values, aliases counted in full")
        if len(self.stack) + found.height > DEPTH:
            self.stop(place, TOO_DEEP)
        for inner in _paths(found.value):
            for places in (self.values, self.keys):
                if (*found.path, *inner) in places:
                    places[(*path, *inner)] = places[(*found.path, *inner)]
        self.values[path] = place
        self.put(found.value, found.height)


def _valued(event: yaml.ScalarEvent) -> tuple[Scalar, list[str]]:
    """The value of a scalar, and what is wrong with it."""
    faults = [] if event.tag is None else [_tagged(event.tag)]
    if event.implicit[0]:
        try:
            return scalar(event.value), faults
        except ValueError as error:
            return event.value, [*faults, f"{error}, not {shown(event.value)}"]
    if found := REFUSED.search(event.value):
        faults.append(f"a string holds no control characters: {safe_text(found[0])}")
    return str(event.value), faults


def _tagged(tag: str) -> str:
    return f"tags are not part of the language: {shown(tag)}"


def _line_and_column(found: tuple[Mark | None, Problem]) -> tuple[int, int]:
    mark, _ = found
    return (mark.line, mark.column) if mark else (0, 0)


def _events(text: str) -> Iterator[yaml.Event]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _events_before_error(text: str) -> Iterator[yaml.Event]:
    """The events of a text that breaks off, without those that its end may have made."""
    events = _events(text)
    empty: list[yaml.Event] = []
    while True:
        try:
            event: Any = next(events, None)
        except yaml.MarkedYAMLError:
            return
        if event is None or event.end_mark.index >= len(text):
            return
        empty.append(event)
        if event.end_mark.index > event.start_mark.index:
            yield from empty
            empty = []


def _place(event: yaml.Event) -> Place:
    start: Any = event.start_mark
    end: Any = event.end_mark
    one_line = start.line == end.line and isinstance(event, yaml.ScalarEvent | yaml.AliasEvent)
    return start.line, start.column, end.column - start.column if one_line else 1


def _paths(value: Any) -> Iterator[Path]:
    """Every path inside a value; the depth of values is bounded where they are read."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (key,)
            yield from ((key, *rest) for rest in _paths(inner))
