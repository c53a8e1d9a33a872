"""Digests: the one spelling of a value, its sha256, and JSON that carries its own digest."""

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from pipelines.core import reading

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_ATOMS = frozenset({str, int, bool, type(None)})


def canonical(value: Any) -> bytes:
    """The one spelling of a tree of mappings, lists, strings, numbers, booleans and None.

    Mappings are sorted by name; floats are written by repr, with -0.0 as 0.0; `1` and `1.0` differ,
    so numbers must have been coerced to the type of their parameter before.

    Raises:
        ValueError: a number is NaN or infinite.
        TypeError: a value of any other type, or a name that is not a string.
    """
    return encoded(plain(value))


def encoded(value: Any) -> bytes:
    """What `plain` gave, as canonical JSON."""
    return _ENCODER.encode(value).encode("ascii")


def plain(value: Any) -> Any:
    """A value as JSON has it: models as mappings of the fields that can change a result.

    Raises:
        ValueError: a number is NaN or infinite.
        TypeError: a value of any other type, or a name that is not a string.
    """
    if type(value) in _ATOMS:  # The usual case, a million times in a large pipeline.
        return value
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be part of an identity: numbers must be finite")
        return value + 0.0  # Adding makes -0.0 to 0.0.
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"the name {name!r} is not a string")
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, BaseModel):
        return _model(value)
    raise TypeError(f"a {type(value).__name__} has no canonical form")


def sha256(data: bytes) -> str:
    """The digest that names everything in a store."""
    return hashlib.sha256(data).hexdigest()


def port_digest(type: str, format: int, files: Mapping[str, str]) -> str:  # noqa: A002
    """Identity of an output's content.

    Args:
        type: name of the artifact's class.
        format: version of its layout.
        files: file name -> sha256.
    """
    return sha256(canonical(["port", type, format, files]))


def seal(value: Any) -> bytes:
    """One line with the digest of the rest, then the value as canonical JSON."""
    body = canonical(value) + b"\n"
    return sha256(body).encode("ascii") + b"\n" + body


def unseal(data: bytes) -> Any:
    """The value of sealed bytes.

    Raises:
        ValueError: it is truncated or changed.
    """
    digest, _, body = data.partition(b"\n")
    if sha256(body).encode("ascii") != digest:
        raise ValueError("its content does not match its own digest")
    return reading.decoded(body)


@cache
def _fields(kind: type[BaseModel]) -> tuple[str, ...]:
    """Fields that can change a result."""
    names = []
    for name, info in kind.model_fields.items():
        extra = info.json_schema_extra
        if not (isinstance(extra, dict) and extra.get("result") is False):
            names.append(name)
    return tuple(names)


def _model(value: BaseModel) -> dict[str, Any]:
    kind = type(value)
    fields = {name: plain(getattr(value, name)) for name in _fields(kind)}
    # Classes of a union without a `kind` may hold equal fields and still compute differently.
    return fields if "kind" in fields else {**fields, "~class": kind.__name__}
