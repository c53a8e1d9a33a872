"""Scalars of YAML 1.2's core schema: `1e-3` is a number, `on` a string, `017` is 17."""

import math
import re

Scalar = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_BASES = {"0o": 8, "0x": 16}
LARGEST = 2**63
"""The least whole number that is too large."""
_DIGITS = 80


def scalar(text: str) -> Scalar:
    """The value of a plain scalar.

    Raises:
        ValueError: it is a number that is not finite, or needs more than 64 bits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        value = int(text[:_DIGITS].lower(), _BASES.get(text[:2], 10)) if _short(text) else LARGEST
        if not -LARGEST <= value < LARGEST:
            raise ValueError("a whole number here has at most 64 bits")
        return value
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("a number must be finite")
        return number
    if _SPECIAL.fullmatch(text):
        raise ValueError("a number must be finite")
    return text


def _short(text: str) -> bool:
    return len(text) <= _DIGITS


def canonical(value: Scalar) -> str:
    """The one text of a scalar value: `1e-3` and `0.001` give `0.001`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
