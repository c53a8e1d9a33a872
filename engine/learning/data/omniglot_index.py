"""The characters of Omniglot, by name: what its two archives must hold.

Omniglot (Lake, Salakhutdinov and Tenenbaum, 2015): 1623 characters of 50 alphabets, each drawn by
the same 20 people. No numpy here: what a pipeline says is checked against these names.
"""

import errno
import re
import struct
from functools import cache
from pathlib import Path

DRAWERS = 20
"""Drawings of each character."""
TURNS = 4
"""Rotations by quarters of a circle."""
_ALPHABETS = {
    "images_background": """
        Alphabet_of_the_Magi 20 Anglo-Saxon_Futhorc 29 Arcadian 26 Armenian 41
        Asomtavruli_(Georgian) 40 Balinese 24 Bengali 46
        Blackfoot_(Canadian_Aboriginal_Syllabics) 14 Braille 26 Burmese_(Myanmar) 34 Cyrillic 33
        Early_Aramaic 22 Futurama 26 Grantha 43 Greek 24 Gujarati 48 Hebrew 22
        Inuktitut_(Canadian_Aboriginal_Syllabics) 16 Japanese_(hiragana) 52
        Japanese_(katakana) 47 Korean 40 Latin 26 Malay_(Jawi_-_Arabic) 40 Mkhedruli_(Georgian) 41
        N_Ko 33 Ojibwe_(Canadian_Aboriginal_Syllabics) 14 Sanskrit 42 Syriac_(Estrangelo) 23
        Tagalog 17 Tifinagh 55""",
    "images_evaluation": """
        Angelic 20 Atemayar_Qelisayer 26 Atlantean 26 Aurek-Besh 26 Avesta 26 Ge_ez 26 Glagolitic 45
        Gurmukhi 45 Kannada 41 Keble 26 Malayalam 47 Manipuri 40 Mongolian 30
        Old_Church_Slavonic_(Cyrillic) 45 Oriya 46 Sylheti 28 Syriac_(Serto) 23 Tengwar 25
        Tibetan 42 ULOG 26""",
}
ARCHIVES = tuple(f"{folder}.zip" for folder in _ALPHABETS)
"""File names of the archives; each holds one folder of its own name."""


_END, _LONGEST_END = b"PK\x05\x06", 65_557
"""What the end of an archive begins with, and its most bytes."""
_MOST_TABLE = 1 << 24
"""Bytes of a table of contents: that of 32,460 drawings has 3 million."""
_DRAWING = re.compile(rb"(images_[a-z]+/[!-~]+/character\d\d)/\d{4}_\d\d\.png")


@cache
def characters() -> tuple[str, ...]:
    """All characters, as `Greek/character01`; a character's number is its place here."""
    return tuple(folder.partition("/")[2] for folder in folders())


@cache
def folders() -> tuple[str, ...]:
    """Where the drawings of each character lie: `images_background/Greek/character01`."""
    return tuple(
        f"{archive}/{name}/character{number:02}"
        for archive, table in _ALPHABETS.items()
        for name, count in zip(table.split()[::2], table.split()[1::2], strict=True)
        for number in range(1, int(count) + 1)
    )


@cache
def numbers() -> dict[str, int]:
    """Character -> its number."""
    return {name: number for number, name in enumerate(characters())}


def drawn(path: Path) -> list[str]:
    """The folder of each drawing that an archive names, read from its table of contents alone.

    `zipfile` takes ten times as long for the same, which every check of a pipeline would wait for.

    Raises:
        OSError: that is too large for these drawings.
    """
    with path.open("rb") as stream:
        end = stream.seek(0, 2)
        first = stream.seek(max(0, end - _LONGEST_END))
        tail = stream.read()
        found = tail.rindex(_END)
        (size,) = struct.unpack_from("<I", tail, found + 12)
        if size > _MOST_TABLE:
            told = f"its table of contents has {size:,} bytes, and has at most {_MOST_TABLE:,}"
            raise OSError(errno.EFBIG, told, str(path))
        # The table lies right before its end; where it says to begin counts from elsewhere in an
        # archive that something was put before.
        stream.seek(max(0, first + found - size))
        table = stream.read(size)
    return [folder.decode() for folder in _DRAWING.findall(table)]
