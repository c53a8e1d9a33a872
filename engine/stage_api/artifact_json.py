"""How artifacts keep plain values: canonical JSON, so that equal values give equal bytes."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.core import reading
from pipelines.core.errors import StageError
from pipelines.core.text import shown

MOST_BYTES = 1 << 28
"""Of a description that is read."""
WORDS = {"metrics": "the metric", "curves": "the curve of", "each": "the values by task of"}
"""Fields of scores, whose names everybody knows by other words."""


def dump(folder: Path, name: str, value: Any) -> None:
    """Write a JSON value as a file of a folder.

    Raises:
        StageError: it holds what is no finite number or no JSON; names where.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError) as error:
        found = next(_unfit(value, ()), None)
        if found is None:
            raise
        raise StageError(_told(name, *found)) from error
    (folder / name).write_text(text, encoding="utf-8")


def load(files: Mapping[str, Path], name: str) -> Any:
    """Read what `dump` wrote."""
    return reading.decoded(reading.content(files[name], MOST_BYTES))


def _unfit(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Places and values that JSON has not."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str | int | float | None):
                yield from _unfit(item, (*place, str(key)))
            else:
                yield place, key
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _unfit(item, (*place, str(number)))
    elif not isinstance(value, str | int | None):
        yield place, value


def _told(name: str, place: tuple[str, ...], value: Any) -> str:
    """One line on a value that cannot be kept."""
    where = f"{name}: `{shown('.'.join(place))}`"
    if place[:1] and place[0] in WORDS and place[1:]:
        at = f" (value {place[2]})" if place[2:] else ""
        where = f"{WORDS[place[0]]} `{shown(place[1])}`{at}"
    if isinstance(value, float):
        hint = "leave it out, and say `status: diverged` where it should have been a number"
        return f"{where} is {value}, and only finite numbers can be kept; {hint}"
    return f"{where} is a {type(value).__name__}; give numbers of Python, as by `float(x)`"
