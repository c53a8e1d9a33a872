"""What a class says of a raw value's parts: the types that may stand at a path, and their names."""

import typing
from typing import Any

from pydantic import BaseModel

from pipelines.yaml.reader import Path

KIND = "kind"
"""Field that tells the members of a union apart."""


def at(raw: Any, path: Path) -> Any:
    """The part of a raw value at a path."""
    for step in path:
        raw = raw[step]
    return raw


def names(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a model takes, as they are written in a file."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def model_at(model: type[BaseModel], raw: Any, path: Path) -> type[BaseModel] | None:
    """The model of the mapping at a path of a raw value, chosen by `kind` in a union."""
    if not path:
        return model
    models = models_at(model, raw, path)
    chosen = [found for found in models if kind_of(found) in (None, at(raw, path).get(KIND))]
    return chosen[0] if chosen else None


def models_at(model: type[BaseModel], raw: Any, path: Path) -> list[type[BaseModel]]:
    """The models that a value at a path may be."""
    found = types_at(model, raw, path)
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseModel)]


def kind_of(model: type[BaseModel], key: str = KIND) -> Any:
    """What tells a model from others of its union; None if it is no member of one."""
    field = model.model_fields.get(key)
    values = typing.get_args(field.annotation) if field else ()
    # A choice of several names no member of a union: it is a parameter like any other.
    return values[0] if len(values) == 1 else None


def kinds_at(model: type[BaseModel], raw: Any, path: Path, key: str = KIND) -> list[str]:
    """The kinds of mapping that are allowed at a path."""
    kinds = (kind_of(each, key) for each in models_at(model, raw, path))
    return [str(kind) for kind in kinds if kind]


def texts_at(model: type[BaseModel], raw: Any, path: Path) -> list[str]:
    """The literal texts that are allowed at a path."""
    found = types_at(model, raw, path)
    literals = [kind for kind in found if typing.get_origin(kind) is typing.Literal]
    return [text for each in literals for text in typing.get_args(each) if isinstance(text, str)]


def types_at(model: type[BaseModel], raw: Any, path: Path) -> list[Any]:
    """The types that a value at a path may have: unions and annotations taken apart."""
    found: list[Any] = [model]
    for index, step in enumerate(path):
        here = at(raw, path[:index])
        inner: list[Any] = []
        for kind in found:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                # A kind may be that of any member: it is what chooses.
                told = here.get(KIND) if isinstance(here, dict) else None
                mine = index == 0 or kind_of(kind) in (None, told)
                fits = mine or not isinstance(here, dict) or step == KIND
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
