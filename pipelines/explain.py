"""pydantic's errors in plain words: what is wrong, where in the value, and what would be right."""

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from pipelines.reader import Path
from pipelines.text import listed, safe_text, shown, suggestion

_TYPES = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "text",
    "str": "text", "list": "a list", "tuple": "a list", "dict": "a mapping", "model": "a mapping",
    "set": "a list", "frozen_set": "a list", "none": "null", "mapping": "a mapping",
    "model_attributes": "a mapping", "none_required": "null", "path": "a path",
}  # fmt: skip
_MEANT = "did you mean "
_EXPECTED = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "int_from_float": "a whole number",
    "finite_number": "a finite number",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "at least {min_length} items long",
    "too_long": "at most {max_length} items long",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a value; `path` is inside it, `key` means the key and not the value."""

    path: Path
    message: str
    hint: str = ""
    key: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """How messages name the thing: `finetune` has parameters, a stage has keys."""

    owner: str
    noun: str


def explain(model: type[BaseModel], raw: Any, error: ValidationError, of: Subject) -> list[Fault]:
    """The faults of a raw value that a model refused, those of a union's members joined."""
    expected: dict[Path, list[str]] = {}
    faults: dict[Path, Fault] = {}
    for item in error.errors(include_url=False, include_input=False):
        path, rest = _place(raw, item["loc"])
        fault = _structure(model, raw, path, item, of) if _is_structure(item["type"]) else None
        if fault:
            faults[fault.path if not fault.missing else (*path, *rest)] = fault
        else:
            phrase = _expected(item)
            if phrase not in (known := expected.setdefault(path, [])):
                known.append(phrase)
    inner = {path[:end] for path in (*faults, *expected) for end in range(len(path))}
    for path, phrases in expected.items():
        if path in inner and isinstance(_at(raw, path), dict | list):
            continue
        faults[path] = _wrong(model, raw, path, phrases, of)
    return [fault for fault in faults.values() if not _misspelt(fault, faults.values())]


def _misspelt(fault: Fault, faults: Iterable[Fault]) -> bool:
    """Whether what is missing is there under a name that another fault corrects."""
    return fault.missing and any(
        other.key and fault.message.endswith(f"needs {other.hint[len(_MEANT) : -1]}")
        for other in faults
        if other.hint.startswith(_MEANT)
    )


def _is_structure(kind: str) -> bool:
    return kind in {"missing", "extra_forbidden", "union_tag_invalid", "union_tag_not_found"}


def _structure(
    model: type[BaseModel], raw: Any, path: Path, item: Mapping[str, Any], of: Subject
) -> Fault | None:
    """A fault of shape: a key too many or too few, or a `kind` that does not exist."""
    context: Mapping[str, Any] = item.get("ctx", {})
    value = _at(raw, path)
    if item["type"] == "missing":
        name = item["loc"][-1]
        what = f"`{_dotted(path)}` needs `{name}`" if path else f"{of.owner} needs `{name}`"
        return Fault(path, what, missing=True, key=not path)
    if item["type"] == "extra_forbidden":
        return _extra(model, raw, path, of)
    kinds = [part.strip(" '") for part in str(context.get("expected_tags", "")).split(",")]
    key = str(context.get("discriminator", "kind")).strip("'")
    if item["type"] == "union_tag_not_found":
        if not isinstance(value, dict):
            return None
        choices = _kinds(model, raw, path, key) or kinds
        return Fault(
            path, f"`{_dotted(path)}` needs `{key}`: {listed(filter(None, choices), 'or')}"
        )
    said = shown(context.get("tag", ""))
    message = f"`{_dotted(path)}` has no kind `{said}`"
    return Fault((*path, key), message, suggestion(said, kinds, "kinds"))


def _extra(model: type[BaseModel], raw: Any, path: Path, of: Subject) -> Fault:
    name, parent = str(path[-1]), path[:-1]
    found = model_at(model, raw, parent)
    known = names(found) if found else ()
    if not parent:
        message = f"`{shown(name)}` is not a {of.noun} of {of.owner}"
        return Fault(path, message, suggestion(name, known, f"{of.noun}s"), key=True)
    kind = _at(raw, parent).get("kind")
    which = f"`{_dotted(parent)}`" + (f" ({shown(kind)})" if isinstance(kind, str) else "")
    hint = suggestion(name, known, "it has")
    return Fault(path, f"`{shown(name)}` is not a field of {which}", hint, key=True)


def _wrong(model: type[BaseModel], raw: Any, path: Path, phrases: list[str], of: Subject) -> Fault:
    value = _at(raw, path)
    plain = [phrase.removeprefix("=") for phrase in phrases if phrase.startswith("=")]
    what = f"`{_dotted(path)}`" if path else of.owner
    if plain:
        return Fault(path, f"{what}: {'; '.join(plain)}")
    message = f"{what} must be {' or '.join(phrases)}, not {shown(value)}"
    choices = _choices(model, raw, path)
    close = suggestion(value, choices, "") if isinstance(value, str) and choices else ""
    if "a mapping" in phrases and (phrases == ["a mapping"] or not isinstance(value, int | float)):
        return Fault(path, message, _as_mapping(model, raw, path))
    return Fault(path, message, close if close.startswith("did") else "")


def _as_mapping(model: type[BaseModel], raw: Any, path: Path) -> str:
    """A hint to how a mapping that stands as something else is written: its kinds or fields."""
    if kinds := _kinds(model, raw, path, "kind"):
        value = _at(raw, path)
        kind = value if value in kinds else kinds[0]
        return f"as `{{kind: {kind}}}`; kinds: {listed(kinds)}"
    found = [kind for kind in _types_at(model, raw, path) if hasattr(kind, "model_fields")]
    return f"as `{{{': …, '.join(names(found[0]))}: …}}`" if len(found) == 1 else ""


def _expected(item: Mapping[str, Any]) -> str:
    """What would be right, in words; a leading `=` marks a whole sentence."""
    kind, context = item["type"], item.get("ctx", {})
    if template := _EXPECTED.get(kind):
        return template.format(**{"min_length": "", "max_length": "", **context}).replace("'", "`")
    if kind in {"value_error", "assertion_error"}:
        return "=" + safe_text(str(item["msg"]).partition(", ")[2])
    word = _TYPES.get(kind.removesuffix("_type").removesuffix("_parsing"))
    return word or "=" + safe_text(str(item["msg"]))


def _place(raw: Any, location: Iterable[int | str]) -> tuple[Path, Path]:
    """The part of a pydantic location that is in the value, and what of it is left.

    Locations also hold the names of union members and kinds, which the value does not have.
    """
    path: list[int | str] = []
    rest: list[int | str] = []
    here = raw
    for step in location:
        inside = isinstance(here, list) and isinstance(step, int) and step < len(here)
        if inside or (isinstance(here, dict) and step in here):
            here = here[step]
            path.append(step)
        else:
            rest.append(step)
    return tuple(path), tuple(rest[-1:])


def _at(raw: Any, path: Path) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def _dotted(path: Path) -> str:
    return ".".join(shown(str(step)) for step in path)


def names(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a model takes, as they are written in a file."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def model_at(model: type[BaseModel], raw: Any, path: Path) -> type[BaseModel] | None:
    """The model of the mapping at a path of a raw value, chosen by `kind` in a union."""
    found = _types_at(model, raw, path)
    models = [kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseModel)]
    chosen = [kind for kind in models if _kind(kind) in (None, _at(raw, path).get("kind"))]
    return chosen[0] if chosen else None


def _kind(model: type[BaseModel], key: str = "kind") -> Any:
    field = model.model_fields.get(key)
    values = typing.get_args(field.annotation) if field else ()
    # A choice of several names no member of a union: it is a parameter like any other.
    return values[0] if len(values) == 1 else None


def _kinds(model: type[BaseModel], raw: Any, path: Path, key: str) -> list[str]:
    found = _types_at(model, raw, path)
    models = [kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [str(kind) for kind in (_kind(each, key) for each in models) if kind]


def _choices(model: type[BaseModel], raw: Any, path: Path) -> list[str]:
    """The literal texts that are allowed at a path."""
    found = _types_at(model, raw, path)
    literals = [kind for kind in found if typing.get_origin(kind) is typing.Literal]
    return [text for each in literals for text in typing.get_args(each) if isinstance(text, str)]


def _types_at(model: type[BaseModel], raw: Any, path: Path) -> list[Any]:
    """The types that a value at a path may have: unions and annotations taken apart."""
    found: list[Any] = [model]
    for index, step in enumerate(path):
        here = _at(raw, path[:index])
        inner: list[Any] = []
        for kind in found:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                fits = not isinstance(here, dict) or _kind(kind) in (None, here.get("kind"))
                fields = {field.alias or name: field for name, field in kind.model_fields.items()}
                if fits and step in fields:
                    inner += _members(fields[str(step)].annotation)
            elif arguments := [each for each in typing.get_args(kind) if each is not Ellipsis]:
                inner += _members(arguments[-1])
        found = inner
    return found


def _members(kind: Any) -> list[Any]:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    if origin is typing.Union or origin is type(int | str):
        return [each for part in typing.get_args(kind) for each in _members(part)]
    return [kind]
