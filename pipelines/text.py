"""Text from outside, made safe to show once where it enters; and the words of messages."""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_UNSAFE_LINES = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_NARROW = re.compile(
    "[\x00-\u02ff\u2010-\u205e\u20a0-\u20bf\u2100-\u218b\u2190-\u2319\u2500-\u25fc\u2800-\u28ff]*"
)
"""Letters of one column each: those of Europe, and the lines, blocks and dots that we draw with."""
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LISTED = 12
_BYTE, _PLANE = 0xFF, 0xFFFF


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if found.group() in _NAMED:
        return _NAMED[found.group()]
    if code <= _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _PLANE else f"\\U{code:08x}"


def safe_text(text: str, *, lines: bool = False, limit: int = 20_000) -> str:
    """The text with control, escape, bidi and surrogate characters as visible escapes.

    Args:
        text: anything.
        lines: keep newlines and tabs, for text of several lines.
        limit: characters of `text` that are kept; what is left out is counted at the end.
    """
    kept = text if len(text) <= limit else text[:limit]
    shown = (_UNSAFE_LINES if lines else _UNSAFE).sub(_escape, kept)
    return shown if kept is text else f"{shown}… ({len(text) - limit} more characters)"


def width(text: str) -> int:
    """Columns of a terminal that safe text takes."""
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )  # fmt: skip


def shown(value: Any, limit: int = 40) -> str:
    """A value as it is written in YAML's flow style, short and safe to show."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, str) and (not value or value != value.strip()):
        text = f"'{value}'"
    return safe_text(text) if len(text) <= limit else safe_text(text[: limit - 1]) + "…"


def listed(names: Iterable[object], word: str = "and") -> str:
    """`a`, `b` and `c`; a long list is cut."""
    every = [f"`{shown(name)}`" for name in names]
    if len(every) > _LISTED:
        return ", ".join(every[:_LISTED]) + f", … ({len(every)} in all)"
    return f" {word} ".join(filter(None, [", ".join(every[:-1]), *every[-1:]]))


def suggestion(name: object, known: Iterable[object], noun: str = "known") -> str:
    """A hint: "did you mean `epochs`?", or else what there is to choose from."""
    options = [str(option) for option in known]
    if close := closest(name, options):
        return f"did you mean `{shown(close)}`?"
    return f"{noun}: {listed(options)}" if options else ""


def closest(name: object, known: Iterable[str]) -> str:
    """What is almost a name, or the empty text."""
    return next(iter(difflib.get_close_matches(str(name)[:80], known, n=1, cutoff=0.65)), "")
