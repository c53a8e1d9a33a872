"""Images of a user's own folder: any format, size and colour, made alike. No torch."""

import hashlib
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from engine.learning import folders

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]

NAME = "folder"
"""Logical name of a folder of classes."""
PIXELS = 64_000_000
"""No image is larger: a few bytes could otherwise unpack to all of the memory."""
WHITE = (255, 255, 255, 255)
DEEP = 8
"""Bits by which images of 16 bits are too deep."""


def labels(folder: Path, digest: str) -> Numbers:
    """Number of the class of each image."""
    listed = _held(folder, digest)[0]
    every = [folders.number(name) for name, files in listed.items() for _ in files]
    return np.array(every, dtype=np.int64)


def listing(folder: Path, digest: str) -> folders.Listing:
    """The classes and files of a folder that has not changed.

    Raises:
        ValueError: it has.
    """
    return _held(folder, digest)[0]


def images(folder: Path, digest: str, shape: Sequence[int], index: Numbers) -> Bytes:
    """Some images, made alike.

    Args:
        folder: of the classes.
        digest: that it must have.
        shape: (1 or 3, height, width); one channel is luminance.
        index: (n,) positions in its listing.

    Returns:
        (n, *shape).

    Raises:
        ValueError: the folder has changed, or a file is no image that can be read.
    """
    wanted, place = np.unique(index, return_inverse=True)
    every = _decoded(folder, digest, tuple(shape), tuple(wanted.tolist()))
    return np.asarray(every[place])


@lru_cache(maxsize=4)
def _held(folder: Path, digest: str) -> tuple[folders.Listing, tuple[str, ...]]:
    """Listing of a folder, and the digest of each file."""
    digests: list[str] = []

    def of(path: Path) -> str:
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        return digests[-1]

    listed = folders.listing(folder)
    found = folders.digest(folder, listed, of)
    if found != digest:
        raise ValueError(
            f"{folder} has changed: its content is {found[:12]}, not {digest[:12]}; run again"
        )
    return listed, tuple(digests)


@lru_cache(maxsize=4)
def _decoded(
    folder: Path, digest: str, shape: tuple[int, int, int], wanted: tuple[int, ...]
) -> Bytes:
    listed, digests = _held(folder, digest)
    paths = folders.paths(folder, listed)
    found = np.empty((len(wanted), *shape), np.uint8)
    for place, position in enumerate(wanted):
        content = paths[position].read_bytes()
        if hashlib.sha256(content).hexdigest() != digests[position]:
            raise ValueError(f"{paths[position]} has changed; run again")
        found[place] = _alike(paths[position], content, shape)
    return found


def _alike(path: Path, content: bytes, shape: tuple[int, int, int]) -> Bytes:
    """One image (channels, height, width)."""
    channels, height, width = shape
    try:
        with Image.open(io.BytesIO(content), formats=folders.FORMATS) as opened:
            if opened.width * opened.height > PIXELS:
                raise ValueError(f"has more than {PIXELS} pixels")
            image = _plain(ImageOps.exif_transpose(opened)).convert("L" if channels == 1 else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow says SyntaxError of a broken header.
        raise ValueError(f"{path} is no image that can be read: {error}") from error
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)


def _plain(image: Image.Image) -> Image.Image:
    """The same in 8 bits without transparency, through which white paper is seen."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64) >> DEEP
        return Image.fromarray(deep.clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers, whose white nobody knows")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, WHITE), over)
    return image
