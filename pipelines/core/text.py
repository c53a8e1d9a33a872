"""Text from outside, made safe to show once where it enters; and the words of messages."""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from pipelines.core.near import closest

UNSAFE = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff"
    "\uffa0\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Letters, as in a set of `re`, that act on a terminal or cannot be seen: controls, format signs
(bidi, joiners, tags, soft hyphens), line and paragraph separators, fillers, half surrogates."""
_UNSAFE = re.compile(f"[{UNSAFE}]")
_UNSAFE_LINES = re.compile(f"(?![\n\t])[{UNSAFE}]")
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


def is_unicode(text: str) -> bool:
    """Whether text has no half of a surrogate pair, with which no UTF-8 and no JSON holds it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def visible(text: str) -> str:
    """Lines of text as `safe_text` shows them, however long."""
    return _UNSAFE_LINES.sub(_escape, text)


def covered(text: str) -> str:
    """Lines of text with one sign for each letter that would act on a terminal, for grids."""
    return _UNSAFE_LINES.sub("\ufffd", text)


def json_text(value: Any, *, ascii_only: bool = False, indent: int | None = None) -> str:
    """A value as JSON in which what would act on a terminal is an escape: the same value to read.

    Args:
        value: what JSON can say; of anything else its text.
        ascii_only: escape every letter that is not ASCII.
        indent: blanks before an inner value; one line by default.
    """
    text = json.dumps(value, ensure_ascii=ascii_only, default=str, indent=indent)
    return _UNSAFE_LINES.sub(_escape_json, text)


def _escape_json(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1] if found.group() != "\x7f" else "\\u007f"


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
    every = tuple(names)
    told = [f"`{shown(name)}`" for name in every[:_LISTED]]
    if len(every) > _LISTED:
        return ", ".join(told) + f", … ({len(every)} in all)"
    return f" {word} ".join(filter(None, [", ".join(told[:-1]), *told[-1:]]))


def numbered(count: int, plural: str) -> str:
    """`1 task`, `28 classes`: a count and its noun, which is given in the plural."""
    if count != 1:
        return f"{count} {plural}"
    return f"1 {plural.removesuffix('es' if plural.endswith('sses') else 's')}"


def these(count: int, plural: str) -> str:
    """`this task`, `these classes`: a noun, given in the plural, as what was counted of it."""
    return f"these {plural}" if count != 1 else f"this {numbered(1, plural).removeprefix('1 ')}"


def suggestion(name: object, known: Iterable[object], noun: str = "known") -> str:
    """A hint: "did you mean `epochs`?", or else what there is to choose from."""
    options = tuple(known)
    if close := closest(name, options):
        return f"did you mean `{shown(close)}`?"
    return f"{noun}: {listed(options)}" if options else ""
