"""Image collections as they lie on disk: read, verified by digest, decoded to numpy. No torch."""

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.learning.data import image_folder_pixels, omniglot_images
from engine.learning.data.omniglot_index import ARCHIVES
from engine.learning.data.unreadable import AGAIN, MOST_BYTES, UnreadableError

Bytes = NDArray[np.uint8]

_GZIP = b"\x1f\x8b"
IDX_UBYTE = 0x08
CSV_PIXELS, CSV_BYTES = 64, 1 << 22
"""Pixels of a row of digits, and most bytes of its file: numpy holds a line of any length."""
DRAWINGS = "omniglot"
"""Logical name that stands for both archives of drawings."""


@lru_cache(maxsize=8)
def content(path: Path, sha256: str) -> bytes:
    """The uncompressed content of a file, kept for the next cell of this process.

    Args:
        path: the file; gzip is unpacked, whatever its name is.
        sha256: digest that the uncompressed content must have.

    Raises:
        UnreadableError: it cannot be read, or the content is another.
    """
    try:
        found = _unpacked(path)
    except (OSError, EOFError, zlib.error) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise UnreadableError(path, f"cannot be read: {reason}", AGAIN) from error
    digest = hashlib.sha256(found).hexdigest()
    if digest != sha256:
        told = f"has changed: its content is {digest[:12]}, not {sha256[:12]}"
        raise UnreadableError(path, told, "run again")
    return found


def _unpacked(path: Path) -> bytes:
    """All of a file that is not too large; of another no more than that is held.

    Raises:
        UnreadableError: it is too large.
        OSError, EOFError, zlib.error: it cannot be read, or is broken gzip.
    """
    told = f"more than {MOST_BYTES:,} bytes, the most that are read"
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not packed and os.fstat(file.fileno()).st_size > MOST_BYTES:
            raise UnreadableError(path, f"has {told}", "give a smaller file")
        if not packed:
            return file.read()
        with gzip.GzipFile(fileobj=file) as unpacked:
            found = unpacked.read(MOST_BYTES + 1)
    if len(found) > MOST_BYTES:
        raise UnreadableError(path, f"unpacks to {told}", "give a smaller file")
    return found


def check(
    paths: Mapping[str, Path],
    digests: Mapping[str, str],
    names: tuple[str, str],
    index: Sequence[int],
    shape: Sequence[int],
) -> None:
    """Read what some examples need, so that a file that cannot be read is told of now.

    Images of a folder are decoded, and kept for the next cell of this process.

    Args:
        paths: digest -> where the file lies.
        digests: logical name -> digest.
        names: of what holds the images, and of what holds the labels.
        index: positions in it.
        shape: (channels, height, width) that images are said to have.

    Raises:
        UnreadableError: says which file, and what is wrong with it.
    """
    if not len(index):
        return
    if names[0] == image_folder_pixels.NAME:
        chosen(paths, digests, names[0], np.array(index, dtype=np.int64), shape)
        return
    if names[0] == DRAWINGS:
        contents = {name: content(paths[digests[name]], digests[name]) for name in ARCHIVES}
        with _archives(paths, digests):
            omniglot_images.check(contents, np.array(index, dtype=np.int64))
        return
    found, path = images(paths, digests, names[0]), paths[digests[names[0]]]
    if found.shape[1:] != tuple(shape):
        sizes = ["x".join(map(str, size)) for size in (found.shape[1:], shape)]
        told = f"holds images of {sizes[0]}, and those of this collection have {sizes[1]}"
        raise UnreadableError(path, told, "give the files of the collection itself")
    count = len(labels(paths, digests, names[1]))
    if len(found) != count:
        told = f"holds {len(found)} images, and there are {count} labels of them"
        raise UnreadableError(path, told, "give the two files that belong together")


def images(paths: Mapping[str, Path], digests: Mapping[str, str], name: str) -> Bytes:
    """All images of one logical file: (n, channels, height, width), as stored."""
    data = content(paths[digests[name]], digests[name])
    path = paths[digests[name]]
    if name.endswith(".csv"):
        return _csv(data, path)[:, :CSV_PIXELS].reshape(-1, 1, 8, 8)
    return _idx(data, path, rank=3)[:, None]


def chosen(
    paths: Mapping[str, Path],
    digests: Mapping[str, str],
    name: str,
    index: NDArray[np.int64],
    shape: Sequence[int],
) -> Bytes:
    """Some images of one logical file: (len(index), channels, height, width), as stored.

    Args:
        paths: digest -> where the file lies.
        digests: logical name -> digest.
        name: of the file, or of a collection of several.
        index: positions in it.
        shape: that images of a folder are given.
    """
    if name == image_folder_pixels.NAME:
        return image_folder_pixels.images(paths[digests[name]], digests[name], shape, index)
    if name != DRAWINGS:
        return images(paths, digests, name)[index]
    contents = {name: content(paths[digests[name]], digests[name]) for name in ARCHIVES}
    with _archives(paths, digests):
        return omniglot_images.images(contents, [digests[name] for name in ARCHIVES], index)


@contextmanager
def _archives(paths: Mapping[str, Path], digests: Mapping[str, str]) -> Iterator[None]:
    """Tell of a broken archive by its path."""
    try:
        yield
    except omniglot_images.Broken as error:
        raise UnreadableError(paths[digests[error.archive]], error.told, AGAIN) from error


def labels(
    paths: Mapping[str, Path], digests: Mapping[str, str], name: str
) -> NDArray[np.uint8 | np.uint16 | np.int64]:
    """All labels of one logical file: (n,)."""
    if name == image_folder_pixels.NAME:
        return image_folder_pixels.labels(paths[digests[name]], digests[name])
    if name == DRAWINGS:
        return omniglot_images.labels()
    data = content(paths[digests[name]], digests[name])
    if name.endswith(".csv"):
        return _csv(data, paths[digests[name]])[:, CSV_PIXELS]
    return _idx(data, paths[digests[name]], rank=1)


def _csv(data: bytes, path: Path) -> Bytes:
    """Rows of 64 pixels in 0..16 and a label.

    Raises:
        UnreadableError: it has others.
    """
    if len(data) > CSV_BYTES:
        told = f"has {len(data):,} bytes; a file of digits has at most {CSV_BYTES:,}"
        raise UnreadableError(path, told, AGAIN)
    try:
        found = np.loadtxt(io.BytesIO(data), delimiter=",", dtype=np.uint8, ndmin=2)
    except ValueError as error:
        raise UnreadableError(path, f"cannot be read: {error}", AGAIN) from error
    if found.shape[1] != CSV_PIXELS + 1:
        told = f"has rows of {found.shape[1]} numbers, not of {CSV_PIXELS} pixels and a label"
        raise UnreadableError(path, told, AGAIN)
    return found


def _idx(data: bytes, path: Path, rank: int) -> Bytes:
    """The format of MNIST: two zero bytes, type, rank, big-endian extents, then the values.

    Args:
        data: unpacked content of the file.
        path: where it lies.
        rank: 3 of images, 1 of labels.

    Raises:
        UnreadableError: it is none of these, is cut short, or goes on after its end.
    """
    start = 4 + 4 * rank
    if data[:2] != b"\0\0" or data[2:3] != bytes([IDX_UBYTE]):
        told = "is not an idx file of unsigned bytes"
        raise UnreadableError(path, told, "give a file in the format of MNIST's")
    if len(data) < start:
        raise UnreadableError(path, f"is cut short: it has {len(data)} bytes", AGAIN)
    if data[3] != rank:
        whose = "images" if rank > 1 else "labels"
        told = f"has {data[3]} dimensions, and a file of {whose} has {rank}"
        raise UnreadableError(path, told, "give the files of images and labels by their names")
    extents = struct.unpack_from(f">{rank}I", data, 4)
    wanted = start + math.prod(extents)
    if len(data) != wanted:
        what = "is cut short" if len(data) < wanted else "goes on after its end"
        told = f"{what}: it has {len(data)} bytes, and its head tells of {wanted}"
        raise UnreadableError(path, told, AGAIN)
    return np.frombuffer(data, np.uint8, offset=start).reshape(extents)
