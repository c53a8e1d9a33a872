"""Outside files as inputs: their identity is the sha256 of their uncompressed content."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

from engine import learning
from engine.identity.file_memo import Memo
from engine.learning.data.unreadable import MOST_BYTES
from engine.store import fs, names
from pipelines.core import reading
from pipelines.core.errors import MissingFiles
from pipelines.core.text import safe_text

_GZIP = b"\x1f\x8b"


class Inputs:
    """Digests of outside files, remembered by the store."""

    def __init__(self, store_root: Path | None) -> None:
        self._memo = Memo(store_root, "files", "1")

    def digest(self, path: Path) -> str:
        """sha256 of a file's content, of what it holds when it is gzip.

        The same images compressed by another program have the same digest. A folder of classes has
        one of the names and contents of all its images.

        Raises:
            MissingFiles: the file is not there, cannot be read, or is broken gzip.
        """
        place = path.resolve()
        try:
            if place.is_dir():
                digest = self._memo.value(
                    place, _folder, learning.data.image_folder.stamp, valid=names.is_sha256
                )
            else:
                digest = self._memo.value(place, _digest, valid=names.is_sha256)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            shown = safe_text(str(path))
            hint = "give the path of a readable file; a download may have been cut short"
            raise MissingFiles(f"cannot read {shown}: {_reason(error)}", hint) from error
        self._memo.save()
        return str(digest)


def _folder(path: Path) -> str:
    listed = learning.data.image_folder.listing(path)
    return learning.data.image_folder.digest(path, listed, _bytes)


def _bytes(path: Path) -> str:
    digest = hashlib.sha256()
    for block in fs.chunks(path):
        digest.update(block)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for block in _content(path):
        digest.update(block)
    return digest.hexdigest()


def _content(path: Path) -> Iterator[bytes]:
    with reading.opened(path) as stream:
        packed = stream.read(len(_GZIP)) == _GZIP
    if not packed:
        yield from fs.chunks(path)
        return
    with gzip.open(path, "rb") as unpacked:
        left = MOST_BYTES
        while block := unpacked.read(fs.CHUNK):
            left -= len(block)
            if left < 0:
                raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes")
            yield block


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return safe_text(str(error)) or type(error).__name__
