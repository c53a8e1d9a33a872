"""Omniglot's drawings, from its archives to small images. No torch.

An example has one number, `(character * 20 + drawer) * 4 + quarter`, so that a selection is a list
of numbers; a class has `character * 4 + quarter`. Nothing is unpacked to disk: the members that
are expected are read one by one, and only those of the characters that are asked for.
"""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.learning.data.decoded_images import BROKEN
from engine.learning.data.omniglot_index import ARCHIVES, DRAWERS, TURNS, folders

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]

SIDE, DRAWN_SIDE = 28, 105
MEMBER = re.compile(r"(.+/character\d\d)/\d{4}_(\d\d)\.png")
MEMBER_BYTES = 16_384
"""No drawing is larger: they have at most 600 bytes."""


class Broken(ValueError):  # noqa: N818 (of an archive)
    """An archive that does not hold what it should.

    Attributes:
        archive: its name.
        told: what is wrong, as the end of a sentence after its name.
    """

    def __init__(self, archive: str, told: str) -> None:
        super().__init__(f"{archive} {told}")
        self.archive = archive
        self.told = told


def labels() -> NDArray[np.uint16]:
    """Class of each example."""
    example = np.arange(len(folders()) * DRAWERS * TURNS)
    return (example // (DRAWERS * TURNS) * TURNS + example % TURNS).astype(np.uint16)


def images(contents: Mapping[str, bytes], digests: Sequence[str], index: Numbers) -> Bytes:
    """Some examples.

    Args:
        contents: archive name -> its bytes.
        digests: of the archives, by which decoded drawings are kept for the next cell.
        index: (n,) numbers of examples.

    Returns:
        (n, 1, 28, 28), 0 for paper to 225 for ink.

    Raises:
        Broken: an archive lacks a drawing, or holds one that is not like the others.
    """
    wanted, place = np.unique(index // (DRAWERS * TURNS), return_inverse=True)
    held = _Held(tuple(digests), {name: contents[name] for name in ARCHIVES})
    x = _decoded(held, tuple(wanted.tolist()))[place, index // TURNS % DRAWERS]
    for quarter in range(1, TURNS):
        turned = index % TURNS == quarter
        x[turned] = np.rot90(x[turned], quarter, (1, 2))
    return x[:, None]


def check(contents: Mapping[str, bytes], index: Numbers) -> None:
    """Read the drawings of some examples without decoding them, which takes an eighth of the time.

    The sums that an archive keeps of its members are compared.

    Args:
        contents: archive name -> its bytes.
        index: (n,) numbers of examples.

    Raises:
        Broken: see `images`.
    """
    chosen = [folders()[i] for i in np.unique(index // (DRAWERS * TURNS))]
    for archive in ARCHIVES:
        start = archive.removesuffix(".zip") + "/"
        if own := [folder for folder in chosen if folder.startswith(start)]:
            with _opened(archive, contents[archive]) as opened:
                members = _members(archive, opened)
                for folder in own:
                    _stored(archive, opened, members, folder)


class _Held:
    """Archives that are equal when their digests are: hashing megabytes anew would cost time."""

    def __init__(self, digests: tuple[str, ...], contents: Mapping[str, bytes]) -> None:
        self.digests = digests
        self.contents = contents

    def __hash__(self) -> int:
        return hash(self.digests)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.digests == self.digests


@lru_cache(maxsize=4)
def _decoded(held: _Held, characters: tuple[int, ...]) -> Bytes:
    """Drawings (characters, 20, 28, 28)."""
    found = np.empty((len(characters), DRAWERS, SIDE, SIDE), np.uint8)
    for archive in ARCHIVES:
        start = archive.removesuffix(".zip") + "/"
        chosen = [i for i, c in enumerate(characters) if folders()[c].startswith(start)]
        if chosen:
            with _opened(archive, held.contents[archive]) as opened:
                members = _members(archive, opened)
                for place in chosen:
                    folder = folders()[characters[place]]
                    found[place] = _shrunk(_character(archive, opened, members, folder))
    return found


def _opened(archive: str, content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, *BROKEN) as error:
        raise Broken(archive, f"is no zip archive that can be read: {error}") from error


def _members(archive: str, opened: zipfile.ZipFile) -> dict[tuple[str, int], zipfile.ZipInfo]:
    """(folder, drawer from 1) -> member; what else an archive holds is left alone."""
    found: dict[tuple[str, int], zipfile.ZipInfo] = {}
    for info in opened.infolist():
        if match := MEMBER.fullmatch(info.filename):
            key = match[1], int(match[2])
            if key in found:
                raise Broken(archive, f"holds two drawings {key[1]} of {key[0]}")
            found[key] = info
    return found


def _character(
    archive: str,
    opened: zipfile.ZipFile,
    members: Mapping[tuple[str, int], zipfile.ZipInfo],
    folder: str,
) -> NDArray[np.float32]:
    """The 20 drawings (20, 105, 105) of a character: 1 is ink."""
    rows = []
    for name, content in _stored(archive, opened, members, folder).items():
        try:
            rows.append(_packed(content))
        except BROKEN as error:
            raise Broken(archive, f"holds {name}, which cannot be read: {error}") from error
    packed = np.frombuffer(b"".join(rows), np.uint8).reshape(DRAWERS, DRAWN_SIDE, -1)
    paper = np.unpackbits(packed, axis=2, count=DRAWN_SIDE)
    return (1 - paper).astype(np.float32)


def _stored(
    archive: str,
    opened: zipfile.ZipFile,
    members: Mapping[tuple[str, int], zipfile.ZipInfo],
    folder: str,
) -> dict[str, bytes]:
    """Name -> content of the 20 drawings of a character, in the order of their drawers."""
    found = {}
    for drawer in range(1, DRAWERS + 1):
        info = members.get((folder, drawer))
        if info is None:
            raise Broken(archive, f"lacks drawing {drawer} of {folder}")
        if info.file_size > MEMBER_BYTES:
            raise Broken(archive, f"holds {info.filename}, which is too large for a drawing")
        try:
            found[info.filename] = opened.read(info)
        except (*BROKEN, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            told = f"holds {info.filename}, which cannot be read: {error}"
            raise Broken(archive, told) from error
    return found


def _packed(content: bytes) -> bytes:
    """Rows of bits, each filled up to whole bytes: 1 is paper."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.mode != "1" or image.size != (DRAWN_SIDE, DRAWN_SIDE):
            size = f"{image.size[0]}x{image.size[1]} of mode {image.mode}"
            raise ValueError(f"it is {size}, not {DRAWN_SIDE}x{DRAWN_SIDE} in black and white")
        return image.tobytes()


@cache
def _areas() -> NDArray[np.float32]:
    """How many quarters of each of the 105 pixels lie in each of the 28: (28, 105)."""
    found = np.zeros((SIDE, DRAWN_SIDE), np.float32)
    for quarter in range(4 * DRAWN_SIDE):
        found[quarter // 15, quarter // 4] += 1
    return found


def _shrunk(ink: NDArray[np.float32]) -> Bytes:
    """Shrink by area (a box filter): 105 / 28 = 15 / 4, so a pixel is a whole number of 1/225."""
    areas = _areas()
    return np.asarray(areas @ (ink @ areas.T)).astype(np.uint8)
