"""Values that would be right in another spelling: `"50"` for 50, 5 for `"5"`, 64 for `[64]`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from pipelines.schema.type_lookup import kinds_at, texts_at
from pipelines.yaml.reader import Path
from pipelines.yaml.scalars import canonical, scalar

Placed = Callable[[Any, tuple[int | str, ...]], Path]
"""A raw value and pydantic's location of an error in it -> the path of the part that is wrong."""


def spelled(model: type[BaseModel], raw: Any) -> Any:
    """A raw value with `adam` written out as `{kind: adam}` where a mapping of that kind fits."""
    return _spelled(model, raw, raw, ())


def _spelled(model: type[BaseModel], raw: Any, value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _spelled(model, raw, item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(model, raw, item, (*path, place)) for place, item in enumerate(value)]
    if not isinstance(value, str) or value in texts_at(model, raw, path):
        return value
    return {"kind": value} if value in kinds_at(model, raw, path) else value


def in_quotes(model: type[BaseModel], raw: Any, path: Path, value: Any, placed: Placed) -> str:
    """What text is without its quotes, where that would be right; empty where it would not be."""
    if not isinstance(value, str):
        return ""
    try:
        plain = scalar(value)
    except ValueError:
        return ""
    right = not isinstance(plain, str) and _fits(model, raw, path, plain, placed)
    return (value or "null") if right else ""


def otherwise(model: type[BaseModel], raw: Any, path: Path, value: Any, placed: Placed) -> str:
    """Another spelling of a value, where that would be right; empty where none would be."""
    for other, text in _spellings(value):
        if _fits(model, raw, path, other, placed):
            return text
    return ""


def _spellings(value: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(value, dict | list):
        return
    if not isinstance(value, str):
        yield canonical(value), f'"{canonical(value)}"'
    if isinstance(value, float) and value.is_integer():
        yield int(value), str(int(value))
    yield [value], f"[{canonical(value)}]"


def _fits(model: type[BaseModel], raw: Any, path: Path, other: Any, placed: Placed) -> bool:
    """Whether a model finds nothing wrong at a path if another value stands there."""
    changed = _replaced(raw, path, other)
    try:
        model.model_validate_json(json.dumps(changed))
    except ValidationError as error:
        places = [
            placed(changed, item["loc"])
            for item in error.errors(include_url=False, include_input=False)
        ]
        return all(place[: len(path)] != path for place in places)
    return True


def _replaced(raw: Any, path: Path, other: Any) -> Any:
    if not path:
        return other
    if isinstance(raw, dict):
        return {**raw, path[0]: _replaced(raw[path[0]], path[1:], other)}
    return [
        _replaced(item, path[1:], other) if place == path[0] else item
        for place, item in enumerate(raw)
    ]
