"""What is to be said of a stage type, as data: ports, parameters, and the values inside them.

All of it comes from the signature and the docstrings of the code, so that it cannot be out of date.
"""

import inspect
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pipelines.core.attribute_docs import describe
from pipelines.core.stage import Port, Stage

REQUIRED, OPTIONAL = "required", "optional"
_BOUNDS = {
    "minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """A parameter: its type and default in words of the file, its help, values with parts."""

    name: str
    type: str
    default: str
    help: str
    values: tuple["ValueDoc", ...] = ()


@dataclass(frozen=True, slots=True)
class ValueDoc:
    """A mapping that a parameter may be; `kind` is what chooses it, empty where it is the only."""

    kind: str
    help: str
    fields: tuple[FieldDoc, ...]


@dataclass(frozen=True, slots=True)
class StageDoc:
    """A stage type."""

    name: str
    help: str
    draws: bool
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    fields: tuple[FieldDoc, ...]


def stagedoc(kind: Stage[..., Any]) -> StageDoc:
    """What is known of a stage type."""
    return StageDoc(
        name=kind.name,
        help=inspect.cleandoc(kind.function.__doc__ or ""),
        draws=kind.draws,
        inputs={name: _port(port) for name, port in kind.inputs.items()},
        outputs={name: output.__name__ for name, output in kind.outputs.items()},
        fields=tuple(_fields(kind.params)),
    )


def _port(port: Port) -> str:
    types = " or ".join(kind.__name__ for kind in port.types)
    if port.many:
        return f"{types}, any number" if port.optional else f"{types}, one or several"
    return f"{types}, {OPTIONAL}" if port.optional else types


def _fields(model: type[BaseModel]) -> Iterator[FieldDoc]:
    schema = model.model_json_schema()
    known = schema.get("$defs", {})
    texts = describe(model)
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        if "const" in field:
            continue  # It chooses this class: whoever reads of its fields has written it.
        classes = list(_models(model.model_fields[name].annotation))
        yield FieldDoc(
            name=name,
            type=_type(field, known),
            default=REQUIRED if name in required else _default(field.get("default"), classes),
            help=texts.get(name, ""),
            values=tuple(_value(found) for found in classes),
        )


def _value(model: type[BaseModel]) -> ValueDoc:
    doc = inspect.getdoc(model) or ""
    return ValueDoc(_kind(model), " ".join(doc.split()), tuple(_fields(model)))


def _kind(model: type[BaseModel]) -> str:
    field = model.model_fields.get("kind")
    return str(typing.get_args(field.annotation)[0]) if field is not None else ""


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Classes of values inside a type."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)


def _default(value: Any, classes: list[type[BaseModel]]) -> str:
    if value is None:
        return OPTIONAL
    if isinstance(value, dict):
        return _flow(_own(value, classes)) if value else "{}"
    return _flow(value)


def _own(value: dict[str, Any], classes: list[type[BaseModel]]) -> dict[str, Any]:
    """A mapping without what is said of its class anyway."""
    model = next((found for found in classes if _kind(found) == value.get("kind", "")), None)
    if model is None:
        return value
    usual = model.model_json_schema().get("properties", {})
    return {
        name: part
        for name, part in value.items()
        if name == "kind" or usual.get(name, {}).get("default") != part
    }


def _flow(value: Any) -> str:
    """A value as YAML writes it in one line."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_flow(part) for part in value) + "]"
        case _:
            return str(value)


def _type(field: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    several = field.get("anyOf") or field.get("oneOf")
    if several:
        absent = field.get("default") is None
        shown = [part for part in several if not (absent and part.get("type") == "null")]
        parts = [_type(part, known) for part in shown]
        kinds = [part[7:-1] for part in parts if part.startswith("{kind: ")]
        others = [part for part in parts if not part.startswith("{kind: ")]
        return " | ".join([*([f"{{kind: {' | '.join(kinds)}}}"] if kinds else []), *others])
    if "$ref" in field:
        return _named(known[field["$ref"].rpartition("/")[2]])
    if "enum" in field:
        return " | ".join(_flow(value) for value in field["enum"])
    if "const" in field:
        return _flow(field["const"])
    return _plain(field, known)


def _named(schema: Mapping[str, Any]) -> str:
    kind = schema.get("properties", {}).get("kind", {}).get("const")
    return f"{{kind: {kind}}}" if kind else "mapping"


def _plain(field: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    if field.get("type") == "array":
        if "prefixItems" in field:
            return f"[{', '.join(_type(part, known) for part in field['prefixItems'])}]"
        return f"list of {_type(field.get('items', {}), known)}"
    bounds = [f"{sign} {_flow(field[name])}" for name, sign in _BOUNDS.items() if name in field]
    return " ".join([str(field.get("type", "any")), " and ".join(bounds)]).strip()
