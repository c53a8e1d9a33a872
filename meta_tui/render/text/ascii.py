"""Text in ASCII alone, in as many columns: for terminals, fonts and people that want no more.

What we draw with has a twin of its own; letters lose their accents; the rest becomes `?`.
"""

import codecs
import unicodedata
from collections.abc import Mapping

from pipelines.core.text import width

_GROUPS = {
    "-": "─━═╌╍┄┅┈┉‐‑‒–—―▬",  # noqa: RUF001 (dashes that a file may hold)
    "|": "│┃║╎╏┆┇┊┋▏▎▍▌▐▕‖",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬┝┥┯┷┿╞╡╪✓✔✚",
    "#": "█▉▊▋▅▆▇■▮",
    "=": "▃▄≡≣",
    "_": "▁▂",
    "^": "▀▔↑▲△⌃",
    "v": "↓▼▾▿",
    "<": "←◀◂◁≤‹«",  # noqa: RUF001
    ">": "→▶▸▷≥›»⏎",  # noqa: RUF001
    ".": "░·•∙",
    ":": "▒",
    "*": "▓★☆×✕",  # noqa: RUF001
    "o": "●○◉◎◆◇",
    "x": "✗✘",
    "/": "⊘╱",  # noqa: RUF001
    "\\": "╲",
    "~": "…≈∼",  # noqa: RUF001
    "'": "‘’",  # noqa: RUF001
    '"': "“”",
    "d": "Δ",
    "u": "µμ",
    "i": "ℹ",  # noqa: RUF001
    "!": "⚠",
}
_TWINS: Mapping[int, str] = {
    ord(letter): twin for twin, letters in _GROUPS.items() for letter in letters
}
_PLUS_MINUS = {"± ": "+-", "±": "~"}
_BRAILLE, _BRAILLE_END = 0x2800, 0x2900
_INKS = " ...::::##"
"""For so many dots of a braille letter, and one more for all eight."""
NAME = "meta.twins"
"""What `encode(errors=...)` calls this."""


def ascii_text(text: str) -> str:
    """The text in ASCII; each letter takes the columns that it took."""
    if text.isascii():
        return text
    for wide, twin in _PLUS_MINUS.items():
        text = text.replace(wide, twin)
    return "".join(letter if letter.isascii() else _twin(letter) for letter in text)


def _twin(letter: str) -> str:
    code = ord(letter)
    if code in _TWINS:
        return _TWINS[code]
    if _BRAILLE <= code < _BRAILLE_END:
        return _INKS[(code - _BRAILLE).bit_count()]
    bare = unicodedata.normalize("NFKD", letter)[0]
    columns = width(letter)
    return bare if bare.isascii() and bare.isprintable() and columns == 1 else "?" * columns


def _unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    # With the blank after it: the twin of `± ` takes both.
    end = error.end + error.object.startswith(" ", error.end)
    return ascii_text(error.object[error.start : end]), end


def register() -> str:
    """Let streams write ASCII twins; returns the name for `errors=`."""
    codecs.register_error(NAME, _unencodable)
    return NAME
