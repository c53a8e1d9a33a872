"""A picture that looks the same everywhere: no fonts from afar, and braille drawn as dots.

Few fonts have braille, and fewer have it as wide as their letters; what a chart draws with it is
drawn here as the dots that it stands for, in the colour of the text.
"""

import re

from pipelines.core.text import covered

_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FAMILY = re.compile(r"font-family: [^;]+;")
_MONOSPACE = (
    'font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;'
)
_TEXT = re.compile(
    r'<text class="(?P<style>[^"]+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"[^>]*>'
    r"(?P<text>[^<]*)</text>"
)
_ADVANCE, _ASCENT, _PITCH, _DOT = 12.2, 18.5, 6.1, 3.6
"""Width of a letter, its baseline under the top of its line, distance and size of dots."""
_FIRST, _LAST = "\u2800", "\u28ff"
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def portable(picture: str) -> str:
    """A screenshot of Textual without what its reader may not have."""
    picture = _FAMILY.sub(_MONOSPACE, _FONT_FACE.sub("", picture))
    return covered(_TEXT.sub(_drawn, picture))


def _drawn(found: re.Match[str]) -> str:
    text = found["text"].replace("&#160;", " ")
    if not any(_FIRST <= letter <= _LAST for letter in text):
        return found[0]
    left, top = float(found["x"]), float(found["y"]) - _ASCENT
    inset = (_PITCH - _DOT) / 2
    dots = [
        f"M{left + place * _ADVANCE + x * _PITCH + inset:.1f} {top + y * _PITCH + inset:.1f}"
        f"h{_DOT}v{_DOT}h-{_DOT}z"
        for place, letter in enumerate(text)
        for y, row in enumerate(_BITS)
        for x, bit in enumerate(row)
        if _FIRST <= letter <= _LAST and (ord(letter) - ord(_FIRST)) & bit
    ]
    return f'<path class="{found["style"]}" d="{"".join(dots)}"/>'
