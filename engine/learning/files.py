"""Image collections as they lie on disk: read, verified by digest, decoded to numpy. No torch."""

import gzip
import hashlib
import io
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.learning import drawings, photos
from engine.learning.alphabets import ARCHIVES

Bytes = NDArray[np.uint8]

IDX_UBYTE = 0x08
CSV_PIXELS = 64
DRAWINGS = "omniglot"
"""Logical name that stands for both archives of drawings."""


class UnreadableError(ValueError):
    """An outside file that cannot be read: says which, what is wrong, and the fix."""


@lru_cache(maxsize=8)
def content(path: Path, sha256: str) -> bytes:
    """The uncompressed content of a file, kept for the next cell of this process.

    Args:
        path: the file; `.gz` is unpacked.
        sha256: digest that the uncompressed content must have.

    Raises:
        ValueError: the content is another.
    """
    found = path.read_bytes()
    if path.suffix == ".gz":
        found = gzip.decompress(found)
    digest = hashlib.sha256(found).hexdigest()
    if digest != sha256:
        raise ValueError(
            f"{path} has changed: its content is {digest[:12]}, not {sha256[:12]}; run again"
        )
    return found


def images(paths: Mapping[str, Path], digests: Mapping[str, str], name: str) -> Bytes:
    """All images of one logical file: (n, channels, height, width), as stored."""
    data = content(paths[digests[name]], digests[name])
    if name.endswith(".csv"):
        return _csv(data)[:, :CSV_PIXELS].reshape(-1, 1, 8, 8)
    return _idx(data, name)[:, None]


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
    if name == photos.NAME:
        return photos.images(paths[digests[name]], digests[name], shape, index)
    if name != DRAWINGS:
        return images(paths, digests, name)[index]
    held = [digests[archive] for archive in ARCHIVES]
    contents = {
        archive: content(paths[digest], digest)
        for archive, digest in zip(ARCHIVES, held, strict=True)
    }
    return drawings.images(contents, held, index)


def labels(
    paths: Mapping[str, Path], digests: Mapping[str, str], name: str
) -> NDArray[np.uint8 | np.uint16 | np.int64]:
    """All labels of one logical file: (n,)."""
    if name == photos.NAME:
        return photos.labels(paths[digests[name]], digests[name])
    if name == DRAWINGS:
        return drawings.labels()
    data = content(paths[digests[name]], digests[name])
    if name.endswith(".csv"):
        return _csv(data)[:, CSV_PIXELS]
    return _idx(data, name)


def _csv(data: bytes) -> Bytes:
    """Rows of 64 pixels in 0..16 and a label."""
    return np.loadtxt(io.BytesIO(data), delimiter=",", dtype=np.uint8, ndmin=2)


def _idx(data: bytes, name: str) -> Bytes:
    """The format of MNIST: two zero bytes, type, rank, big-endian extents, then the values."""
    zero, kind, rank = struct.unpack_from(">HBB", data)
    if zero != 0 or kind != IDX_UBYTE:
        raise ValueError(f"{name} is not an idx file of unsigned bytes")
    extents = struct.unpack_from(f">{rank}I", data, 4)
    start = 4 + 4 * rank
    if len(data) != start + int(np.prod(extents)):
        raise ValueError(f"{name} is cut short: {len(data)} bytes for extents {extents}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(extents)
