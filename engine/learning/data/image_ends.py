"""Whether the file of an image is there to its end, by the marks of its format.

Decoders stop where they have the last pixel, so they do not notice that what follows is missing.
"""

import re

_CHUNK, _HEAD = 12, 8
"""Bytes of a PNG's chunk besides its content, and of the signature, or RIFF's header."""
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""The next marker of a JPEG; in scans, 0xFF is followed by 0 or by the number of a restart."""
_JPEG_END = 0xD9
_ALONE = frozenset({0x01, 0xD8})
"""Markers of a JPEG without a length."""
_GIF_SCREEN, _GIF_IMAGE = 13, 10
"""Bytes of a GIF before its table of colours, and of an image's descriptor."""


def is_whole(form: str, content: bytes) -> bool:
    """Whether a file has its end; True of a format without a mark of it.

    Args:
        form: as Pillow names it.
        content: the file.
    """
    if form == "PNG":
        return _png(content)
    if form in ("JPEG", "MPO"):
        return _jpeg(content)
    if form == "GIF":
        return _gif(content)
    if form == "WEBP":
        return len(content) >= _HEAD + int.from_bytes(content[4:8], "little")
    return True


def _png(content: bytes) -> bool:
    """Whether the chunk IEND is there with its checksum."""
    at = _HEAD
    while at + _CHUNK <= len(content):
        name = content[at + 4 : at + 8]
        at += _CHUNK + int.from_bytes(content[at : at + 4])
        if name == b"IEND":
            return at <= len(content)
    return False


def _jpeg(content: bytes) -> bool:
    """Whether the marker EOI is there, not counting that of a thumbnail in a segment."""
    at = 0
    while found := _MARKER.search(content, at):
        at, kind = found.end(), content[found.end() - 1]
        if kind == _JPEG_END:
            return True
        if kind not in _ALONE:
            at += int.from_bytes(content[at : at + 2])
    return False


def _gif(content: bytes) -> bool:
    """Whether the trailer is there, after all blocks."""
    at = _GIF_SCREEN + _colours(content, _GIF_SCREEN - 3)
    while at < len(content):
        kind = content[at : at + 1]
        if kind == b";":
            return True
        if kind == b"!":
            at = _after_blocks(content, at + 2)
        elif kind == b",":
            at += _GIF_IMAGE + _colours(content, at + _GIF_IMAGE - 1)
            at = _after_blocks(content, at + 1)
        else:
            at += 1  # decoders skip it too
    return False


def _colours(content: bytes, at: int) -> int:
    """Bytes of the table of colours that a GIF's byte of flags says is there."""
    flags = content[at] if at < len(content) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(content: bytes, at: int) -> int:
    """Where a GIF goes on after blocks that each begin with their size; the last one has 0."""
    while at < len(content) and (size := content[at]):
        at += 1 + size
    return at + 1
