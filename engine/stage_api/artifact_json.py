"""JSON files of artifacts, in canonical form: equal values give equal bytes."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.core import reading
from pipelines.core.errors import StageError
from pipelines.core.text import is_unicode, shown

MOST_BYTES = 1 << 28
"""Largest JSON file that is read."""
WORDS = {"metrics": "the metric", "curves": "the curve of", "each": "the values by task of"}
"""Fields of `Scores` -> how error messages refer to them."""


def dump(folder: Path, name: str, value: Any) -> None:
    """Write a JSON value as a file of a folder.

    Raises:
        StageError: a value is not finite or not JSON; the message says which one.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError) as error:
        invalid = next(_invalid(value, ()), None)
        if invalid is None:
            raise
        raise StageError(_message(name, *invalid)) from error
    broken = next(_broken_text(value, ()), None)
    if broken is not None:
        where = shown(".".join(broken))
        raise StageError(f"{name}: `{where}` is not Unicode text: give it another name or word")
    (folder / name).write_text(text, encoding="utf-8")


def load(files: Mapping[str, Path], name: str) -> Any:
    """Read a JSON file that `dump` wrote."""
    return reading.decoded(reading.content(files[name], MOST_BYTES))


def _invalid(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield paths and values that JSON cannot represent."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str | int | float | None):
                yield from _invalid(item, (*path, str(key)))
            else:
                yield path, key
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _invalid(item, (*path, str(number)))
    elif not isinstance(value, str | int | None):
        yield path, value


def _broken_text(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield paths of text with half a surrogate pair, which JSON readers refuse."""
    if isinstance(value, str):
        if not is_unicode(value):
            yield (*path, value)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str):
                yield from _broken_text(key, path)
            yield from _broken_text(item, (*path, str(key)))
    elif isinstance(value, list | tuple) and not all(isinstance(it, int | float) for it in value):
        for number, item in enumerate(value):
            yield from _broken_text(item, (*path, str(number)))


def _message(name: str, path: tuple[str, ...], value: Any) -> str:
    """Return the error message for a value that cannot be written."""
    where = f"{name}: `{shown('.'.join(path))}`"
    if path[:1] and path[0] in WORDS and path[1:]:
        at = f" (value {path[2]})" if path[2:] else ""
        where = f"{WORDS[path[0]]} `{shown(path[1])}`{at}"
    if isinstance(value, float):
        hint = "leave it out; if training diverged, pass `status='diverged'`"
        return f"{where} is {value}, and only finite numbers can be saved; {hint}"
    return f"{where} is a {type(value).__name__}; convert it to a Python number: `float(x)`"
