"""A folder of images, one subfolder a class: what it holds, and what makes it another one.

No numpy here: what a pipeline says is checked against the names of the files, and nothing but their
first bytes is read for that.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

Listing = Mapping[str, tuple[str, ...]]
"""Class -> names of its files; both in the order of their letters' code points."""

MADE_BY_SYSTEMS = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})
"""What systems leave in folders by themselves; so do names that begin with a dot."""
IMAGE_SUFFIXES = frozenset(
    ".png .jpg .jpeg .bmp .gif .webp .tif .tiff .pgm .ppm".split()  # noqa: SIM905 (shorter so)
)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_BEGINNINGS = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*",
    *(b"P%d" % kind for kind in range(1, 7)),
)  # fmt: skip
_LONGEST, _SIZED = 12, 24
"""Bytes that tell what a file is, and those in which a PNG or GIF also tells its size."""
PIXELS = 64_000_000
"""No image is larger: a few bytes could otherwise unpack to all of the memory."""
_COMPARED, _READ = 3, 1 << 20
"""Files of a class that tell it from others, and bytes of each."""


def listing(folder: Path) -> Listing:
    """The classes of a folder and their files.

    Raises:
        OSError: it cannot be read.
        ValueError: something in it is out of place; see `look`.
    """
    found, faults = look(folder)
    if faults:
        raise ValueError(faults[0])
    return found


def look(folder: Path) -> tuple[Listing, list[str]]:
    """The classes of a folder with their files, and all that is out of place, in words.

    It has no subfolders, or one has no image or another folder in it, or an image lies beside the
    subfolders, or something is neither file nor folder, or cannot be read.

    Raises:
        OSError: the folder itself cannot be read.
    """
    inside, beside, faults = _entries(folder)
    if not inside:
        told = "has no subfolders: the images of each class belong into one of their own"
        faults.append(f"{folder} {told}")
    stray = (name for name in beside if Path(name).suffix.lower() in IMAGE_SUFFIXES and inside)
    faults += [f"{folder / n} is of no class: it lies beside their subfolders" for n in stray]
    found = {}
    for name in inside:
        try:
            deeper, images, strange = _entries(folder / name)
        except OSError as error:
            faults.append(f"cannot read {folder / name}: {error.strerror}")
            continue
        told = "is a folder: the images of a class lie directly in the subfolder of the class"
        faults += [f"{folder / name / inner} {told}" for inner in deeper]
        faults += strange
        if not (images or deeper or strange):
            faults.append(f"{folder / name} has no image")
        found[name] = tuple(images)
    return found, faults


def identity(folder: Path) -> str:
    """What a class holds, whatever it is called and wherever it lies: a digest.

    Of the sizes of its files and the content of the largest few, so that a link or a copy is the
    same without all of it being read.

    Raises:
        OSError: it cannot be read.
    """
    _, names, _ = _entries(folder)
    sizes = sorted(((folder / name).stat().st_size, name) for name in names)
    digest = hashlib.sha256(json.dumps([size for size, _ in sizes]).encode())
    for size, name in sizes[-_COMPARED:]:
        with (folder / name).open("rb") as file:
            digest.update(file.read(min(size, _READ)))
    return digest.hexdigest()[:32]


def paths(folder: Path, listed: Listing) -> list[Path]:
    """All files in the order in which examples are counted."""
    return [folder / name / file for name, files in listed.items() for file in files]


def digest(folder: Path, listed: Listing, of: Callable[[Path], str]) -> str:
    """Identity of a folder: the names of its classes and files, and what the files hold.

    Args:
        folder: where it lies, which does not count.
        listed: its listing.
        of: digest of a file.
    """
    names = [[name, file] for name, files in listed.items() for file in files]
    held = [of(path) for path in paths(folder, listed)]
    return hashlib.sha256(json.dumps([names, held]).encode()).hexdigest()


def stamp(folder: Path) -> list[int | str]:
    """What changes when a file of a folder does: device, inode, files, newest mtime and ctime."""
    return _stamp(folder, listing(folder))


def _stamp(folder: Path, listed: Listing) -> list[int | str]:
    own, digested, newest = folder.stat(), hashlib.sha256(), [0, 0]
    for path in paths(folder, listed):
        state = path.stat()
        fields = state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
        digested.update(f"{path.parent.name!r}/{path.name!r}{fields}".encode())
        newest = [max(newest[0], state.st_mtime_ns), max(newest[1], state.st_ctime_ns)]
    return [own.st_dev, own.st_ino, digested.hexdigest(), *newest]


def no_images(folder: Path, listed: Listing) -> tuple[str, ...]:
    """The files of a folder that do not begin as an image does, in words.

    Raises:
        OSError: one went while it was looked at.
    """
    return _no_images(folder, tuple(listed.items()), tuple(_stamp(folder, listed)))


@lru_cache(maxsize=16)
def _no_images(
    folder: Path, listed: tuple[tuple[str, tuple[str, ...]], ...], _stamp: tuple[int | str, ...]
) -> tuple[str, ...]:
    return tuple(told for path in paths(folder, dict(listed)) if (told := _fault(path)))


def _fault(path: Path) -> str:
    """Why a file is no image, as far as its beginning tells; nothing where it is one."""
    try:
        with path.open("rb") as stream:
            start = stream.read(_SIZED)
    except OSError as error:
        return f"cannot read {path}: {error.strerror}"
    if not _begins(start[:_LONGEST]):
        return f"{path} is {'no image' if start else 'empty'}"
    if (pixels := _pixels(start)) > PIXELS:
        return f"{path} has {pixels:,} pixels, and an image has at most {PIXELS:,}: make it smaller"
    return ""


def _begins(start: bytes) -> bool:
    return start.startswith(_BEGINNINGS) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")


def _pixels(start: bytes) -> int:
    """Pixels that a PNG or a GIF says it has; 0 of other files."""
    if start.startswith(b"\x89PNG"):
        return int.from_bytes(start[16:20]) * int.from_bytes(start[20:24])
    if start.startswith(b"GIF"):
        return int.from_bytes(start[6:8], "little") * int.from_bytes(start[8:10], "little")
    return 0


def number(name: str) -> int:
    """Number of a class by its name alone, so that a head of `cat` and `dog` is one of no others.

    Of 48 bits: two of a million names share one by chance in 500 collections.
    """
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:6])


def _entries(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Names of the folders and of the files in a folder, in order; and what is neither, in words.

    A pipe would be waited for, and a broken link leads nowhere.
    """
    inside: list[str] = []
    files: list[str] = []
    strange: list[str] = []
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith(".") or entry.name in MADE_BY_SYSTEMS:
                continue
            if entry.is_dir():
                inside.append(entry.name)
            elif entry.is_file():
                files.append(entry.name)
            else:
                strange.append(f"{folder / entry.name} is neither a file nor a folder")
    return sorted(inside), sorted(files), sorted(strange)
