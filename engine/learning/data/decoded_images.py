"""One image file as pixels of 8 bits without transparency, by the rules of docs/data.md.

Pillow decodes; what it leaves open or reads otherwise is settled here: which colour of a PNG is
transparent, how many bits are deep, and whether 0 is black.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from engine.learning.data import image_ends, image_folder

PIXELS = image_folder.PIXELS
WHITE = (255, 255, 255, 255)
BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, OverflowError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises of a file that is broken in one way or another."""
_CUT = (
    "truncated", "eof", "not enough", "end of file", "incomplete", "unpack requires", " bytes",
    "larger than file", "corrupt", "too large",
)  # fmt: skip
"""Words by which Pillow says that a file ends too early."""
_PNG = b"\x89PNG\r\n\x1a\n"
_GREY_LEVELS = {1: 255, 2: 85, 4: 17, 8: 1}
"""Bits of a grey PNG -> by how much its values are scaled to 0 .. 255."""
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by their alpha -> the same without."""
_UNKNOWN = {
    "F": "has pixels that are floating-point numbers, whose white nobody knows",
    "LAB": "has colours of CIELAB, which depend on a profile",
}
"""Modes that are refused, and why."""
_BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
"""Tags of TIFF: how deep, and what 0 is."""
_BYTE = 8


class Broken(ValueError):  # noqa: N818 (of a file)
    """An image that cannot be read; says why, as a sentence after its name."""


class TooLarge(Broken):
    """An image of more than `PIXELS` pixels."""

    def __init__(self) -> None:
        super().__init__(f"has more than {PIXELS} pixels")


def decode(content: bytes, *, grey: bool) -> Image.Image:
    """The first image of a file, turned as its camera was held, of mode L or RGB.

    Raises:
        Broken: it cannot be read, or not without doubt.
    """
    if not content:
        raise Broken("is empty")
    try:
        with warnings.catch_warnings(record=True) as told:
            # Of most files these are about EXIF, which does no more than turn an image.
            warnings.simplefilter("always")
            return _decoded(content, grey=grey, told=told)
    except Broken:
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge from error
    except UnidentifiedImageError as error:
        why = "it is cut short, broken, or no image of a kind that is read here"
        raise Broken(f"cannot be read: {why}") from error
    except BROKEN as error:
        raise Broken(f"cannot be read: {_why(error)}") from error


def _decoded(content: bytes, *, grey: bool, told: Sequence[warnings.WarningMessage]) -> Image.Image:
    """See `decode`; `told` is what Pillow warns of meanwhile."""
    with Image.open(io.BytesIO(content), formats=image_folder.FORMATS) as opened:
        if opened.width * opened.height > PIXELS:
            raise TooLarge
        opened.load()
        if not image_ends.is_whole(opened.format or "", content):
            raise Broken("cannot be read: it is cut short")
        lost = [str(item.message) for item in told if _is_cut(str(item.message))]
        if lost and opened.format == "TIFF":
            # The tags that were skipped say what the pixels mean.
            raise Broken(f"cannot be read: it is cut short or broken ({lost[0]})")
        return _upright(opened, content).convert("L" if grey else "RGB")


def _why(error: BaseException) -> str:
    said = str(error)
    return "it is cut short" if _is_cut(said) else f"it is cut short or broken ({said})"


def _is_cut(said: str) -> bool:
    return any(word in said.lower() for word in _CUT)


@dataclass(frozen=True, slots=True)
class _Stored:
    """How a file stores its image, which Pillow forgets when it is turned.

    Attributes:
        form: PNG, TIFF ...
        bits: of a value of PNG or TIFF; 8 of others.
        inverted: 0 is white in the values that Pillow gives.
    """

    form: str
    bits: int = 8
    inverted: bool = False

    @classmethod
    def of(cls, opened: Image.Image, content: bytes) -> "_Stored":
        """How the file of an image that was just opened does."""
        form = opened.format or ""
        if form == "PNG":
            at = content.index(b"IHDR") + 4 + 8
            return cls(form, content[at])
        if isinstance(opened, TiffImagePlugin.TiffImageFile):
            bits = max(opened.tag_v2.get(_BITS, (1,)))
            # Pillow turns images of 8 bits and less itself.
            inverted = opened.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and bits > _BYTE
            return cls(form, bits, inverted)
        return cls(form)


def _upright(opened: Image.Image, content: bytes) -> Image.Image:
    """The image turned by its EXIF orientation, opaque, and of 8 bits."""
    stored = _Stored.of(opened, content)
    image = ImageOps.exif_transpose(opened)
    if image.mode in _UNKNOWN:
        raise Broken(f"{_UNKNOWN[image.mode]}: save it as RGB or grey, of 8 or 16 bits")
    if image.mode.startswith("I"):
        return _shallow(image, stored)
    if stored.form == "PNG" and image.mode in ("1", "L", "RGB") and "transparency" in image.info:
        return _over_white(image, _key(image, stored))
    if image.has_transparency_data:
        over = image.convert(_STRAIGHT.get(image.mode, image.mode)).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, WHITE), over)
    # Not to grey at once: of YCbCr that would be another luminance than of the colours seen.
    return image.convert("RGB") if image.mode in ("YCbCr", "HSV", "CMYK") else image


def _shallow(image: Image.Image, stored: _Stored) -> Image.Image:
    """Values of 16 bits by their upper 8, where a transparent one is white."""
    values = np.asarray(image).astype(np.int64)
    bits = stored.bits if stored.form == "TIFF" else 2 * _BYTE
    if bits > 2 * _BYTE or values.min() < 0:
        raise Broken(
            "has whole numbers of 32 bits or below 0, whose white nobody knows: save it as grey of "
            "8 or 16 bits"
        )
    clear = values == image.info["transparency"] if "transparency" in image.info else None
    if stored.inverted:
        values = 2**bits - 1 - values
    grey = Image.fromarray((values >> (bits - _BYTE)).clip(0, 255).astype(np.uint8))
    return grey if clear is None else _over_white(grey, clear)


def _key(image: Image.Image, stored: _Stored) -> NDArray[np.bool_]:
    """Where (height, width) a PNG has the one colour that it calls transparent."""
    values, key = np.asarray(image.convert("L") if image.mode == "1" else image), image.info
    if image.mode != "RGB":
        return np.asarray(values == int(key["transparency"]) * _GREY_LEVELS[stored.bits])
    deep = stored.bits - _BYTE
    clear = np.asarray((values == np.array(key["transparency"]) >> deep).all(2))
    if deep and clear.any():
        raise Broken(
            "has colours of 16 bits of which one is transparent, and only their upper 8 bits are "
            "known here: save it with an alpha channel"
        )
    return clear


def _over_white(image: Image.Image, clear: NDArray[np.bool_]) -> Image.Image:
    """An image with white where (height, width) it is clear."""
    image = image.convert("L") if image.mode == "1" else image
    values = np.array(image)
    values[clear] = 255
    return Image.fromarray(values)
