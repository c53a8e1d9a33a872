"""pydantic's errors in plain words: what is wrong, where in the value, and what would be right."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from pipelines.core.attribute_docs import describe
from pipelines.core.near import closest
from pipelines.core.text import listed, safe_text, shown, suggestion
from pipelines.schema.repair import in_quotes, otherwise
from pipelines.schema.type_lookup import (
    KIND,
    at,
    kind_of,
    kinds_at,
    model_at,
    models_at,
    names,
    texts_at,
)
from pipelines.yaml.reader import Path
from pipelines.yaml.scalars import LARGEST

_TYPES = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "text",
    "str": "text", "list": "a list", "tuple": "a list", "dict": "a mapping", "model": "a mapping",
    "set": "a list", "frozen_set": "a list", "none": "null", "mapping": "a mapping",
    "model_attributes": "a mapping", "none_required": "null", "path": "a path",
}  # fmt: skip
_MEANT = "did you mean "
_KINDS = ("kind", "name", "type", "class", "uses")
"""Keys by which one tool or another tells which of several values is meant."""
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
    instead: str = ""
    """The key that was meant, where the hint says so."""


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
        if path in inner and isinstance(at(raw, path), dict | list):
            continue
        faults[path] = _wrong(model, raw, path, phrases, of)
    for path in {path[:-1] for path in expected if path[-1:] == (KIND,)}:
        faults = _of_a_wrong_kind(model, raw, path, faults)
    return [fault for fault in faults.values() if not misspelt(fault, faults.values())]


def _of_a_wrong_kind(
    model: type[BaseModel], raw: Any, path: Path, faults: Mapping[Path, Fault]
) -> dict[Path, Fault]:
    """The faults without what a mapping lacks or has too much as another kind than it is."""
    value = shown(at(raw, path)[KIND])
    if value not in texts_at(model, raw, path):
        lacking = {key for key, fault in faults.items() if fault.missing and fault.path == path}
        return {key: fault for key, fault in faults.items() if key not in lacking}
    what = f"`{_dotted(path)}`"
    told = Fault(
        path,
        f"{what}: `{value}` is a name alone, not the kind of a mapping",
        f"say `{path[-1]}: {value}`",
    )
    others = {key: fault for key, fault in faults.items() if fault.path[: len(path)] != path}
    return {**others, path: told}


def misspelt(fault: Fault, faults: Iterable[Fault]) -> bool:
    """Whether what is missing is there under a name that another fault corrects."""
    return fault.missing and any(
        other.path[:-1] == fault.path and fault.message.endswith(f"needs `{other.instead}`")
        for other in faults
        if other.instead
    )


def _is_structure(kind: str) -> bool:
    return kind in {"missing", "extra_forbidden", "union_tag_invalid", "union_tag_not_found"}


def _structure(
    model: type[BaseModel], raw: Any, path: Path, item: Mapping[str, Any], of: Subject
) -> Fault | None:
    """A fault of shape: a key too many or too few, or a `kind` that does not exist."""
    context: Mapping[str, Any] = item.get("ctx", {})
    value = at(raw, path)
    if item["type"] == "missing":
        name = item["loc"][-1]
        what = f"`{_dotted(path)}` needs `{name}`" if path else f"{of.owner} needs `{name}`"
        return Fault(path, what, _said_of(model, raw, path, name), missing=True, key=not path)
    if item["type"] == "extra_forbidden":
        return _extra(model, raw, path, of)
    kinds = [part.strip(" '") for part in str(context.get("expected_tags", "")).split(",")]
    key = str(context.get("discriminator", "kind")).strip("'")
    if item["type"] == "union_tag_not_found":
        if not isinstance(value, dict):
            return None
        choices = kinds_at(model, raw, path, key) or kinds
        message = f"`{_dotted(path)}` needs `{key}`: {listed(filter(None, choices), 'or')}"
        said = next((word for word in _KINDS if value.get(word) in choices), "")
        return Fault(path, message, f"write `{key}: {value[said]}`, not `{said}`" if said else "")
    said = shown(context.get("tag", ""))
    message = f"`{_dotted(path)}` has no kind `{said}`"
    return Fault((*path, key), message, suggestion(said, kinds, "kinds"))


def _extra(model: type[BaseModel], raw: Any, path: Path, of: Subject) -> Fault:
    name, parent = str(path[-1]), path[:-1]
    found = model_at(model, raw, parent)
    known = names(found) if found else ()
    if not parent:
        message = f"`{shown(name)}` is not a {of.noun} of {of.owner}"
        if name in _KINDS and "name" in known and "kind" not in known:
            hint = f"write `name: {shown(at(raw, path))}`"
            return Fault(path, message, hint, key=True, instead="name")
        return _key(path, message, suggestion(name, known, f"{of.noun}s"))
    kind = at(raw, parent).get("kind")
    which = f"`{_dotted(parent)}`" + (f" ({shown(kind)})" if isinstance(kind, str) else "")
    hint = suggestion(name, known, "it has")
    return _key(path, f"`{shown(name)}` is not a field of {which}", hint)


def _key(path: Path, message: str, hint: str) -> Fault:
    """A key that is not there; what it is almost is what was meant."""
    meant = hint[len(_MEANT) :].strip("`?") if hint.startswith(_MEANT) else ""
    return Fault(path, message, hint, key=True, instead=meant)


def _wrong(model: type[BaseModel], raw: Any, path: Path, phrases: list[str], of: Subject) -> Fault:
    value = at(raw, path)
    plain = [phrase.removeprefix("=") for phrase in phrases if phrase.startswith("=")]
    what = f"`{_dotted(path)}`" if path else of.owner
    if plain:
        return Fault(path, f"{what}: {'; '.join(plain)}")
    if quoted := in_quotes(model, raw, path, value, _path):
        said = "text in quotes" if value else "empty text"
        return Fault(path, f"{what} is {said}: write {shown(quoted)}")
    message = f"{what} must be {' or '.join(phrases)}, not {shown(value)}"
    if "a whole number" in phrases and isinstance(value, float) and abs(value) >= LARGEST:
        return Fault(path, f"{message}: too large, a whole number has at most 64 bits")
    if other := otherwise(model, raw, path, value, _path):
        return Fault(path, message, f"write `{shown(other)}`")
    if "a mapping" in phrases and (phrases == ["a mapping"] or not isinstance(value, int | float)):
        return Fault(path, message, _meant(model, raw, path) or _as_mapping(model, raw, path))
    return Fault(path, message, _meant(model, raw, path))


def _meant(model: type[BaseModel], raw: Any, path: Path) -> str:
    """A hint to the name that is almost that of a value, where one may stand there."""
    value = at(raw, path)
    choices = texts_at(model, raw, path)
    if path[-1:] == (KIND,):
        choices += texts_at(model, raw, path[:-1])
    close = suggestion(value, choices, "") if isinstance(value, str) and choices else ""
    return close if close.startswith(_MEANT) else ""


def _as_mapping(model: type[BaseModel], raw: Any, path: Path) -> str:
    """A hint to how a mapping that stands as something else is written: its kinds or fields."""
    found = models_at(model, raw, path)
    if kinds := kinds_at(model, raw, path):
        value = at(raw, path)
        kind = value if value in kinds else closest(value, kinds) or kinds[0]
        chosen = next(each for each in found if kind_of(each) == kind)
        needed = [f"{name}: …" for name, of in chosen.model_fields.items() if of.is_required()]
        fields = ", ".join([f"kind: {kind}", *(each for each in needed if each != "kind: …")])
        others = f"; kinds: {listed(kinds)}" if len(kinds) > 1 else ""
        return f"as `{{{fields}}}`{others}"
    return f"as `{{{': …, '.join(names(found[0]))}: …}}`" if len(found) == 1 else ""


def _said_of(model: type[BaseModel], raw: Any, path: Path, name: int | str) -> str:
    """What the documentation says first of a field, as a hint to what is missing."""
    found = model_at(model, raw, path)
    text = describe(found).get(str(name), "") if found else ""
    return safe_text(re.split(r"\. (?=[A-Z`])", text)[0].rstrip("."))


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


def _path(raw: Any, location: Iterable[int | str]) -> Path:
    return _place(raw, location)[0]


def _dotted(path: Path) -> str:
    return ".".join(shown(str(step)) for step in path)
