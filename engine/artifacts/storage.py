"""How artifacts keep plain values: canonical JSON, so that equal values give equal bytes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines import reading

MOST_BYTES = 1 << 28
"""Of a description that is read."""


def dump(folder: Path, name: str, value: Any) -> None:
    """Write a JSON value as a file of a folder."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    (folder / name).write_text(text, encoding="utf-8")


def load(files: Mapping[str, Path], name: str) -> Any:
    """Read what `dump` wrote."""
    return reading.decoded(reading.content(files[name], MOST_BYTES))
