import io
import re
from itertools import groupby

import pytest
from PIL import Image, ImageDraw

from meta_tui.render.images import half_blocks, image_view
from meta_tui.render.text import escapes
from meta_tui.render.text.spans import plain

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def png(image):
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()


def halves(content, columns, rows):
    return image_view.halves(content, columns, rows).rows


def dots(content, columns, rows, *, braille):
    return image_view.dots(content, columns, rows, braille=braille).rows


def filled(size, colour, mode="RGB"):
    return png(Image.new(mode, size, colour))


def spread(rows):
    """(upper, lower) colours of each character of each row."""
    return [[(t.upper, t.lower) for t in row for _ in range(t.width)] for row in rows]


def test_each_character_shows_two_pixels_one_over_the_other():
    image = Image.new("RGB", (3, 4), RED)
    image.putpixel((1, 1), BLUE)
    image.putpixel((2, 2), BLUE)
    assert spread(halves(png(image), 3, 2)) == [
        [(RED, RED), (RED, BLUE), (RED, RED)],
        [(RED, RED), (RED, RED), (BLUE, RED)],
    ]


def test_equal_characters_are_one_tile():
    (row,) = halves(filled((50, 2), RED), 50, 1)
    assert row == (half_blocks.Tile(50, RED, RED),)


@pytest.mark.parametrize(
    "size", [(8, 8), (2000, 100), (100, 2000), (1, 1), (1, 9000), (300, 301), (79, 3)]
)
def test_a_picture_stays_within_its_bounds_and_keeps_its_shape(size):
    rows = halves(filled(size, RED), 80, 20)
    across, down = len(spread(rows)[0]), 2 * len(rows)
    assert across <= 80
    assert down <= 40
    assert across == 80 or down >= 39 or (across + size[0] > 80 or down + size[1] > 40)
    if min(size) > 1:
        share = across / size[0]
        assert abs(share * size[1] - down) <= 1.5


def test_a_small_picture_is_enlarged_with_sharp_edges():
    image = Image.new("RGB", (2, 2), WHITE)
    image.putpixel((0, 0), RED)
    rows = spread(halves(png(image), 13, 20))
    assert len(rows) == 6
    assert {colour for row in rows for pair in row for colour in pair} == {RED, WHITE}
    assert rows[0] == [(RED, RED)] * 6 + [(WHITE, WHITE)] * 6


def test_a_thin_line_on_paper_stays_visible_where_it_is_shrunk():
    image = Image.new("RGB", (2000, 800), WHITE)
    ImageDraw.Draw(image).line([(0, 405), (2000, 405)], fill=BLUE, width=4)
    rows = spread(halves(png(image), 100, 30))
    darkest = min(pair[half][0] for row in rows for pair in row for half in (0, 1))
    # By area alone it would be 4 / 20 of blue: 204.
    assert darkest < 165


def test_a_dark_picture_is_shrunk_by_area():
    image = Image.new("RGB", (400, 400), BLACK)
    ImageDraw.Draw(image).rectangle((0, 0, 199, 399), fill=(120, 120, 120))
    rows = spread(halves(png(image), 40, 20))
    assert [width for _, width in runs(rows[10])] == [20, 20]


def runs(row):
    return [(key, len(list(same))) for key, same in groupby(row)]


def test_greys_have_few_levels_and_colours_all_of_them():
    ramp = Image.new("RGB", (256, 2))
    for x in range(256):
        for y in (0, 1):
            ramp.putpixel((x, y), (x, x, x))
    (row,) = halves(png(ramp), 256, 1)
    assert len(row) == 16
    assert (row[0].upper, row[-1].upper) == (BLACK, WHITE)
    (row,) = halves(filled((4, 2), (200, 31, 47)), 4, 1)
    assert row[0].upper == (200, 31, 47)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "I;16"])
def test_every_kind_of_png_is_read(mode):
    (row,) = halves(png(Image.new(mode, (4, 2))), 4, 1)
    transparent = mode in {"RGBA", "LA"}
    assert row == (half_blocks.Tile(4, *[WHITE if transparent else BLACK] * 2),)


def test_text_for_a_terminal_is_half_blocks_and_ends_in_its_usual_colours():
    image = Image.new("RGB", (3, 2), RED)
    image.putpixel((2, 1), BLUE)
    rows = halves(png(image), 3, 1)
    red, blue = "38;2;255;0;0;48;2;255;0;0", "38;2;255;0;0;48;2;0;0;255"
    assert escapes.ansi(rows, "full") == [f"\x1b[{red}m▀▀\x1b[{blue}m▀\x1b[0m"]
    assert escapes.ansi(rows, "256") == ["\x1b[38;5;196;48;5;196m▀▀\x1b[38;5;196;48;5;21m▀\x1b[0m"]


@pytest.mark.parametrize(
    ("colour", "code"),
    [(BLACK, 16), (WHITE, 231), ((8, 8, 8), 232), ((119, 119, 119), 243), ((238, 238, 238), 255),
     ((95, 95, 95), 59), ((250, 100, 10), 202)],
)  # fmt: skip
def test_the_nearest_of_256_colours_is_taken(colour, code):
    assert escapes._coded(colour, "256") == f"5;{code}"
    red, green, blue = rgb(code)
    found = sum(abs(a - b) for a, b in zip(colour, (red, green, blue), strict=True))
    others = [sum(abs(a - b) for a, b in zip(colour, rgb(k), strict=True)) for k in range(16, 256)]
    assert found <= min(others) + 10


def rgb(code):
    """Colour of xterm's palette."""
    if code >= 232:
        return (8 + 10 * (code - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    code -= 16
    return steps[code // 36], steps[code // 6 % 6], steps[code % 6]


@pytest.mark.parametrize("braille", [True, False])
def test_without_colours_what_differs_from_the_ground_is_ink(braille):
    image = Image.new("RGB", (400, 400), (248, 248, 246))
    ImageDraw.Draw(image).rectangle((200, 0, 399, 399), fill=BLUE)
    lines = plain(dots(png(image), 40, 20, braille=braille)).splitlines()
    assert len(lines) == 20
    full = "⣿" if braille else ":"
    assert all(re.fullmatch(f" {{19,20}}.?{full}{{19,20}}", line) for line in lines)
    assert "".join(lines).isascii() is not braille


def test_what_hardly_differs_from_the_ground_leaves_no_dots():
    image = Image.new("RGB", (400, 400), WHITE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 100, 399, 399), fill=(248, 248, 246))
    draw.rectangle((0, 50, 399, 99), fill=BLACK)
    lines = plain(dots(png(image), 40, 20, braille=True)).splitlines()
    assert set("".join(lines[6:])) == set()


def test_dots_stay_within_their_bounds():
    lines = plain(dots(filled((3000, 200), RED), 40, 20, braille=True)).splitlines()
    assert len(lines) <= 2


def test_what_cannot_be_decoded_says_so():
    whole = filled((40, 40), RED)
    broken = whole[:33] + b"\x00\x00\x00\x04IDATnono" + whole[45:]
    no_chunk = whole.replace(b"IDAT", b"\x00\x01\x02\x03")
    packed = io.BytesIO()
    Image.new("L", (4, 4)).save(packed, "GIF")
    for content in (b"", packed.getvalue(), whole[:50], broken, whole[:20], no_chunk):
        with pytest.raises(ValueError, match="cannot be decoded"):
            halves(content, 40, 20)


def test_a_picture_of_too_many_pixels_is_not_decoded():
    with pytest.raises(ValueError, match="too many to draw"):
        halves(filled((9000, 9000), 0, "1"), 40, 20)
