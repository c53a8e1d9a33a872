"""Images of a user's own folder: any format, size and colour, made alike. No torch."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.learning.data import decoded_images, image_folder
from engine.learning.data.unreadable import UnreadableError

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]

FILE_BYTES = 1 << 28
"""Of the file of an image."""
NAME = "folder"
"""Logical name of a folder of classes."""
RUN_AGAIN = "run again"
SMALLER = f"use a smaller image, of at most {decoded_images.PIXELS:,} pixels"
MEND = "get it again, or remove it"


def labels(folder: Path, digest: str) -> Numbers:
    """Number of the class of each image."""
    listed = _held(folder, digest)[0]
    every = [image_folder.number(name) for name, files in listed.items() for _ in files]
    return np.array(every, dtype=np.int64)


def listing(folder: Path, digest: str) -> image_folder.Listing:
    """The classes and files of a folder that has not changed.

    Raises:
        UnreadableError: it has.
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
        UnreadableError: the folder has changed, or a file is no image that can be read.
    """
    wanted, place = np.unique(index, return_inverse=True)
    every = _decoded(folder, digest, tuple(shape), tuple(wanted.tolist()))
    return np.asarray(every[place])


@lru_cache(maxsize=4)
def _held(folder: Path, digest: str) -> tuple[image_folder.Listing, tuple[str, ...]]:
    """Listing of a folder, and the digest of each file."""
    digests: list[str] = []

    def of(path: Path) -> str:
        digests.append(hashlib.sha256(_content(path)).hexdigest())
        return digests[-1]

    listed = image_folder.listing(folder)
    found = image_folder.digest(folder, listed, of)
    if found != digest:
        told = f"has changed: its content is {found[:12]}, not {digest[:12]}"
        raise UnreadableError(folder, told, RUN_AGAIN)
    return listed, tuple(digests)


@lru_cache(maxsize=4)
def _decoded(
    folder: Path, digest: str, shape: tuple[int, int, int], wanted: tuple[int, ...]
) -> Bytes:
    listed, digests = _held(folder, digest)
    paths = image_folder.paths(folder, listed)
    found = np.empty((len(wanted), *shape), np.uint8)
    for place, position in enumerate(wanted):
        content = _content(paths[position])
        if hashlib.sha256(content).hexdigest() != digests[position]:
            raise UnreadableError(paths[position], "has changed", RUN_AGAIN)
        found[place] = _alike(paths[position], content, shape)
    return found


def _content(path: Path) -> bytes:
    """Bytes of a file that is not too large for an image; of another nothing is read."""
    size = path.stat().st_size
    if size > FILE_BYTES:
        raise UnreadableError(
            path, f"has {size:,} bytes; an image has at most {FILE_BYTES:,}", MEND
        )
    return path.read_bytes()


def _alike(path: Path, content: bytes, shape: tuple[int, int, int]) -> Bytes:
    """One image (channels, height, width)."""
    channels, height, width = shape
    try:
        image = decoded_images.decode(content, grey=channels == 1)
    except decoded_images.Broken as error:
        hint = SMALLER if isinstance(error, decoded_images.TooLarge) else MEND
        raise UnreadableError(path, str(error), hint) from error
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)
