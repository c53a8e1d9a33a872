"""Whether a JSON value can be that of a field, by the type which the field is declared with.

What a journal, a request or a note says was written by us, or by anybody else who can write there.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

Check = Callable[[object], bool]


def wrong_field(kind: type, data: Mapping[str, Any]) -> str:
    """The first field of a dataclass whose value in `data` is of another type; empty: none is."""
    for name, fits in _checks(kind):
        if name in data and not fits(data[name]):
            return name
    return ""


@lru_cache(maxsize=64)
def _checks(kind: type) -> tuple[tuple[str, Check], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((item.name, _check(hints[item.name])) for item in dataclasses.fields(kind))


LARGEST = 1 << 64
"""Numbers of a journal count cells, steps, seconds and bytes; a larger one overflows somewhere."""


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and abs(value) < LARGEST


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST


_PLAIN: Mapping[Any, Check] = {
    int: _is_whole,
    float: _is_number,
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    type(None): lambda value: value is None,
    Path: lambda value: isinstance(value, str) and "\0" not in value,
}


def _check(hint: Any) -> Check:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        checks = [_check(part) for part in parts]
        return lambda value: any(fits(value) for fits in checks)
    if origin is tuple:
        item = _check(parts[0])
        return lambda value: isinstance(value, list | tuple) and all(map(item, value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, item = _check(parts[0]), _check(parts[1])
        return lambda value: (
            isinstance(value, dict) and all(map(key, value)) and all(map(item, value.values()))
        )
    if isinstance(hint, type):
        return lambda value: isinstance(value, hint)
    raise TypeError(f"no check for values of {hint}")
