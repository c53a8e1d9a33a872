"""Every mode in which a file may store an image, against readings that know nothing of Pillow."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.learning.data.decoded_images import Broken, decode

HEIGHT, WIDTH = 5, 7
DRAWS = np.random.default_rng(0)


def _grey(rgb):
    """Luminance by the integers of ITU-R 601-2, as everybody computes it."""
    weighed = rgb.astype(np.int64) @ np.array([19595, 38470, 7471])
    return ((weighed + 0x8000) >> 16).astype(np.uint8)


def _over(rgb, alpha):
    """Colours over white paper."""
    share = alpha[..., None] / 255
    return np.rint(rgb * share + 255 * (1 - share)).astype(np.uint8)


def _rgb(grey):
    return np.repeat(np.asarray(grey, np.uint8)[..., None], 3, 2)


def _agree(content, rgb, most=0):
    """A file is read as these colours (height, width, 3), and as their luminance."""
    found = np.asarray(decode(content, grey=False)).astype(int)
    assert found.shape == rgb.shape
    assert np.abs(found - rgb).max() <= most
    found = np.asarray(decode(content, grey=True)).astype(int)
    assert np.abs(found - _grey(rgb)).max() <= most


# PNG


def _png(samples, bits, kind, **chunks):
    """A PNG by hand: samples (height, width, channels) of so many bits, and further chunks."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if bits == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    elif bits == 8:
        lines = [row.astype("u1").tobytes() for row in rows]
    else:
        places = np.unpackbits(rows.astype("u1")[..., None], axis=2)[..., -bits:]
        lines = [np.packbits(row.flatten()).tobytes() for row in places]

    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + line for line in lines))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
        + b"".join(chunk(name.encode(), content) for name, content in chunks.items())
        + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )  # fmt: skip


def _samples(bits, channels=1):
    found = DRAWS.integers(0, 2**bits, (HEIGHT, WIDTH, channels))
    found[0, 0] = 2**bits - 1
    found[-1] = found[0, 1]  # a colour that comes often, to be the transparent one
    return found


def _eight(samples, bits):
    """Of 8 bits: the upper ones, or all greys of few bits spread from black to white."""
    return samples >> 8 if bits == 16 else samples * (255 // (2**bits - 1))


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_grey_png_with_and_without_a_transparent_grey(bits, clear):
    samples = _samples(bits)
    key = int(samples[0, 1, 0])
    chunks = {"tRNS": struct.pack(">H", key)} if clear else {}
    wanted = _eight(samples, bits)[..., 0]
    if clear:
        wanted = np.where(samples[..., 0] == key, 255, wanted)
    _agree(_png(samples, bits, 0, **chunks), _rgb(wanted))


def test_neighbours_of_the_transparent_grey_of_16_bits_stay():
    samples = _samples(16)
    samples[2] = samples[0, 1] ^ 1  # differs in the lowest bit alone
    found = np.asarray(decode(_png(samples, 16, 0, tRNS=samples[0, 1].astype(">u2").tobytes()),
                              grey=True))  # fmt: skip
    assert (found[2] == samples[2, :, 0] >> 8).all()
    assert (found[-1] == 255).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_coloured_png(bits):
    samples = _samples(bits, 3)
    _agree(_png(samples, bits, 2), _eight(samples, bits))


def test_a_coloured_png_with_a_transparent_colour():
    samples = _samples(8, 3)
    chunks = {"tRNS": samples[0, 1].astype(">u2").tobytes()}
    clear = (samples == samples[0, 1]).all(2)
    _agree(_png(samples, 8, 2, **chunks), np.where(clear[..., None], 255, samples))


def test_a_transparent_colour_of_16_bits_is_refused_where_it_may_be_seen():
    samples = _samples(16, 3)
    key = samples[0, 1].astype(">u2").tobytes()
    with pytest.raises(Broken, match="colours of 16 bits of which one is transparent"):
        decode(_png(samples, 16, 2, tRNS=key), grey=True)
    samples[..., 0] = 1
    _agree(_png(samples, 16, 2, tRNS=b"\x80\0\0\0\0\0"), _eight(samples, 16))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("kind", "channels"), [(4, 2), (6, 4)])
def test_a_png_with_an_alpha_channel(bits, kind, channels):
    samples = _samples(bits, channels)
    eight = _eight(samples, bits)
    colours = _rgb(eight[..., 0]) if channels == 2 else eight[..., :3]
    _agree(_png(samples, bits, kind), _over(colours, eight[..., -1]), most=1)


ALPHAS = {
    "none": None,
    "one clear": lambda n: bytes([255, 0, *[255] * (n - 2)]),
    "some half": lambda n: bytes(DRAWS.integers(0, 256, n).astype("u1")),
    "of the first alone": lambda n: b"\0",
}


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("how", ALPHAS)
def test_a_png_with_a_palette(bits, how):
    samples = _samples(bits)
    palette = DRAWS.integers(0, 256, (2**bits, 3))
    chunks = {"PLTE": palette.astype("u1").tobytes()}
    alphas = np.full(2**bits, 255)
    if ALPHAS[how]:
        chunks["tRNS"] = ALPHAS[how](2**bits)
        alphas[: len(chunks["tRNS"])] = list(chunks["tRNS"])
    index = samples[..., 0]
    _agree(_png(samples, bits, 3, **chunks), _over(palette[index], alphas[index]), most=1)


# TIFF


def _tiff(samples, bits, photometric, *, order="<", **tags):
    """A TIFF by hand, not packed: samples (height, width, channels)."""
    height, width, channels = samples.shape
    kind = tags.pop("dtype", {8: "u1", 16: "u2", 32: "u4"}.get(bits))
    if bits == 12:
        places = np.unpackbits(samples.astype(">u2").view("u1").reshape(height, -1), axis=1)
        places = places.reshape(height, -1, 16)[..., -12:].reshape(height, -1)
        body = b"".join(np.packbits(row).tobytes() for row in places)
    else:
        body = samples.astype(f"{order}{kind}").tobytes()
    entries = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * channels), 259: (3, [1]),
        262: (3, [photometric]), 273: (4, [8]), 277: (3, [channels]), 278: (4, [height]),
        279: (4, [len(body)]), **{int(tag[1:]): (3, values) for tag, values in tags.items()},
    }  # fmt: skip
    start = 8 + len(body)
    start += start % 2
    after, held = start + 2 + 12 * len(entries) + 4, b""
    listed = b""
    for tag, (form, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{'IH'[form == 3]}", *values)
        if len(packed) > 4:
            place, held = after + len(held), held + packed
            packed = struct.pack(f"{order}I", place)
        listed += struct.pack(f"{order}HHI", tag, form, len(values)) + packed.ljust(4, b"\0")
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    count = struct.pack(f"{order}H", len(entries))
    return (
        (mark + struct.pack(f"{order}I", start) + body).ljust(start, b"\0")
        + count + listed + b"\0\0\0\0" + held
    )  # fmt: skip


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", [0, 1])
def test_a_grey_tiff_whichever_end_is_white_and_comes_first(order, photometric):
    for bits in (8, 16):
        samples = _samples(bits)
        wanted = _eight(samples, bits)[..., 0]
        wanted = wanted if photometric else 255 - wanted
        content = _tiff(samples, bits, photometric, order=order)
        if (order, photometric, bits) == (">", 0, 16):  # Pillow does not know it
            assert _tried(content)[0] is None
        else:
            _agree(content, _rgb(wanted))


def test_a_tiff_of_12_bits_is_not_nearly_black():
    samples = _samples(12)
    _agree(_tiff(samples, 12, 1), _rgb(samples[..., 0] >> 4))


def test_a_coloured_tiff_and_its_extra_channels():
    samples = _samples(8, 3)
    _agree(_tiff(samples, 8, 2), samples)
    samples = _samples(8, 4)
    _agree(_tiff(samples, 8, 2, t338=[0]), samples[..., :3])  # said to be nothing known
    _agree(_tiff(samples, 8, 2, t338=[2]), _over(samples[..., :3], samples[..., 3]), most=1)
    samples = _samples(8, 2)
    grey = _rgb(samples[..., 0])
    _agree(_tiff(samples, 8, 1, t338=[0]), grey)
    _agree(_tiff(samples, 8, 1, t338=[2]), _over(grey, samples[..., 1]), most=1)


@pytest.mark.parametrize("channels", [2, 4])
def test_colours_that_are_multiplied_by_their_alpha_are_so_once(channels):
    samples = _samples(8, channels)
    samples[..., -1] = np.maximum(samples[..., -1], 40)
    samples[..., :-1] = samples[..., :-1] * samples[..., -1:] // 255
    colours = samples[..., :-1] if channels == 4 else _rgb(samples[..., 0])
    wanted = np.minimum(colours + (255 - samples[..., -1:]), 255)
    _agree(_tiff(samples, 8, 2 if channels == 4 else 1, t338=[1]), wanted, most=4)


def test_inks_are_mixed_and_not_taken_for_light():
    samples = _samples(8, 4)
    cmy, black = samples[..., :3], samples[..., 3:]
    wanted = np.rint((255 - cmy) * (255 - black) / 255)
    _agree(_tiff(samples, 8, 5), wanted.astype(np.uint8), most=1)


def test_a_tiff_with_a_palette():
    samples, palette = _samples(8), DRAWS.integers(0, 256, (3, 256))
    content = _tiff(samples, 8, 3, t320=(palette.flatten() * 257).tolist())
    _agree(content, palette.T[samples[..., 0]])


REFUSED = {
    "floats": (lambda s: _tiff(s, 32, 1, dtype="f4", t339=[3]), "floating-point numbers"),
    "32 bits": (lambda s: _tiff(s * 2**20, 32, 1), "whole numbers of 32 bits"),
    "below 0": (lambda s: _tiff(s - 300, 16, 1, dtype="i2", t339=[2]), "below 0"),
    "CIELAB": (lambda s: _tiff(np.repeat(s, 3, 2), 8, 8), "CIELAB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_known_white_is_refused(name):
    content, message = REFUSED[name]
    with pytest.raises(Broken, match=message):
        decode(content(_samples(8)), grey=True)


# The other formats


def _saved(image, form, **more):
    file = io.BytesIO()
    image.save(file, form, **more)
    return file.getvalue()


@pytest.mark.parametrize("most", [1, 15, 255, 1000, 65535])
def test_a_portable_grey_map_reaches_from_black_to_its_own_white(most):
    values = DRAWS.integers(0, most + 1, (HEIGHT, WIDTH))
    head = f"P5\n{WIDTH} {HEIGHT}\n{most}\n".encode()
    body = values.astype(">u2" if most > 255 else "u1").tobytes()
    whole = np.floor(np.rint(values / most * 65535) / 256) if most > 255 else values * 255 / most
    _agree(head + body, _rgb(np.rint(whole)), most=1)


def test_a_portable_pixel_map_and_bit_map():
    values = DRAWS.integers(0, 256, (HEIGHT, WIDTH, 3))
    head = f"P6\n{WIDTH} {HEIGHT}\n255\n".encode()
    _agree(head + values.astype("u1").tobytes(), values)
    bits = DRAWS.integers(0, 2, (HEIGHT, WIDTH))
    text = "P1\n7 5\n" + "\n".join(" ".join(map(str, row)) for row in bits)
    _agree(text.encode(), _rgb(255 * (1 - bits)))


def test_a_gif_shows_its_first_frame_over_white():
    palette = DRAWS.integers(0, 256, (8, 3)).astype("u1")
    frames = []
    for _ in range(2):
        frame = Image.fromarray(DRAWS.integers(0, 8, (HEIGHT, WIDTH)).astype("u1"), "P")
        frame.putpalette(palette.tobytes())
        frames.append(frame)
    index = np.asarray(frames[0])
    still = _saved(frames[0], "GIF")
    _agree(still, palette[index])
    moving = _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    _agree(moving, palette[index])
    clear = _saved(frames[0], "GIF", transparency=3)
    _agree(clear, np.where((index == 3)[..., None], 255, palette[index]))


def test_other_files_with_and_without_alpha():
    colours = DRAWS.integers(0, 256, (HEIGHT, WIDTH, 4)).astype("u1")
    opaque = Image.fromarray(colours[..., :3])
    for form, more in (("BMP", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        _agree(_saved(opaque, form, **more), colours[..., :3])
    seen = _saved(Image.fromarray(colours), "WEBP", lossless=True, exact=True)
    _agree(seen, _over(colours[..., :3], colours[..., 3]), most=1)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_of_each_kind(mode):
    rows = np.linspace(0, 255, 16)
    colours = np.stack([*np.meshgrid(rows, rows, indexing="ij"), np.full((16, 16), 90)], 2)
    colours = colours.astype("u1")
    wanted = _rgb(colours[..., 0]) if mode == "L" else colours
    image = Image.fromarray(wanted[..., 0] if mode == "L" else wanted).convert(mode)
    content = _saved(image, "JPEG", quality=100, subsampling=0) if mode != "CMYK" else _saved(
        image, "JPEG", quality=100
    )  # fmt: skip
    _agree(content, wanted, most=6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_camera_was_held(orientation):
    image = Image.fromarray(DRAWS.integers(0, 256, (6, 4)).astype("u1"))
    values = np.asarray(image)
    turned = {
        1: values, 2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1], 5: values.T,
        6: values.T[:, ::-1], 7: values[::-1, ::-1].T, 8: values.T[::-1],
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    _agree(_saved(image, "PNG", exif=exif), _rgb(turned[orientation]))
    _agree(_saved(image, "TIFF", exif=exif), _rgb(turned[orientation]))


# What is broken


WHOLE = {
    "PNG": {}, "JPEG": {}, "GIF": {}, "BMP": {}, "WEBP": {"lossless": True}, "TIFF": {},
    "PPM": {}, "progressive JPEG": {"progressive": True},
    "packed TIFF": {"compression": "tiff_lzw"},
}  # fmt: skip


def _tried(content):
    """Pixels and "", or None and why there are none."""
    try:
        return np.asarray(decode(content, grey=False)), ""
    except Broken as error:
        return None, str(error)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_cut_short_anywhere_is_refused_or_read_whole(name):
    image = Image.fromarray(DRAWS.integers(0, 256, (24, 32, 3)).astype("u1"))
    content = _saved(image, name.split()[-1], **WHOLE[name])
    whole, _ = _tried(content)
    assert _tried(b"") == (None, "is empty")
    refused = 0
    for end in sorted({*range(1, len(content), max(1, len(content) // 60)), len(content) - 1}):
        found, why = _tried(content[:end])
        if found is None:
            refused += 1
            assert why.startswith("cannot be read: it is cut short")
        else:
            np.testing.assert_array_equal(found, whole)
    assert refused > 40


def _animation():
    frames = [Image.fromarray(DRAWS.integers(0, 256, (9, 9)).astype("u1")) for _ in range(3)]
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def _with_thumbnail():
    """A JPEG whose EXIF holds another one, with an end of its own."""
    small = _saved(Image.new("RGB", (8, 8)), "JPEG")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + small
    return _saved(Image.new("RGB", (40, 40), "red"), "JPEG", exif=exif)


ENDS = {
    **{name: lambda name=name: _saved(Image.new("RGB", (9, 9), "red"), name.split()[-1],
                                      **WHOLE[name])
       for name in ("PNG", "JPEG", "progressive JPEG", "GIF", "WEBP")},
    "animation": _animation, "JPEG with a thumbnail": _with_thumbnail,
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_a_file_without_its_last_bytes_is_refused_even_if_it_has_all_pixels(name):
    content = ENDS[name]()
    for more in (b"", b"\0", b"appended"):
        assert _tried(content + more)[1] == ""
    for lost in range(1, 14):
        assert _tried(content[:-lost])[1].startswith("cannot be read: it is cut short"), lost


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_that_changed_end_in_no_other_error(name):
    image = Image.fromarray(DRAWS.integers(0, 256, (24, 32, 3)).astype("u1"))
    content = _saved(image, name.split()[-1], **WHOLE[name])
    for _ in range(60):
        changed = bytearray(content)
        for place in DRAWS.integers(0, len(content), 3):
            changed[place] ^= int(DRAWS.integers(1, 256))
        found, why = _tried(bytes(changed))
        assert bool(why) == (found is None)


@pytest.mark.parametrize("content", [b"no image", b"\x89PNG\r\n\x1a\n", b"<svg/>", b"GIF89a"])
def test_what_is_no_image_is_refused(content):
    with pytest.raises(Broken, match=r"cannot be read|no image"):
        decode(content, grey=True)


def test_an_image_that_would_fill_the_memory_is_refused_before_it_is_unpacked():
    content = _png(np.zeros((1, 1, 1), int), 1, 0)
    huge = content.replace(struct.pack(">II", 1, 1), struct.pack(">II", 30000, 30000), 1)
    head = huge[12:29]
    huge = huge[:29] + struct.pack(">I", zlib.crc32(head)) + huge[33:]
    with pytest.raises(Broken, match="more than 64000000 pixels"):
        decode(huge, grey=True)
