"""Contact sheets: the small images of a picture, taken out of it and laid out for a terminal."""

import io
import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from engine.learning.plotting import image_grid
from engine.learning.plotting.image_grid import Grid
from meta_tui.render.images import contact_sheet, half_blocks, image_view
from meta_tui.render.text.spans import plain
from pipelines.core.text import width


def images(count, side=28, seed=0):
    found = np.random.default_rng(seed).integers(0, 256, (count, 1, side, side), dtype=np.uint8)
    return found // 17 * 17  # Such greys a terminal shows as they are.


def sheet_of(content):
    return contact_sheet.sheet(half_blocks.opened(content))


def bytes_of(image):
    return np.asarray(image)[:, :, 0]


@pytest.mark.parametrize("side", [5, 8, 28, 105])
@pytest.mark.parametrize("labelled", [False, True])
def test_images_come_out_of_the_picture_as_they_went_in(side, labelled):
    given = images(10, side)
    labels = {"row_labels": ["one", "two"], "column_labels": list("abcde")} if labelled else {}
    found = sheet_of(image_grid.png(Grid(given, columns=5, title="A title", **labels)))
    assert all((bytes_of(a) == b[0]).all() for a, b in zip(found.images, given, strict=True))
    assert found.columns == 5
    assert (found.row_labels, found.column_labels) == (
        (("one", "two"), tuple("abcde")) if labelled else ((), ())
    )


def at(shown, size, place, columns, gap=1):
    """The image at a place of a part."""
    row, column = divmod(place, columns)
    x, y = column * (size + gap), row * (size + gap)
    return bytes_of(shown.image)[y : y + size, x : x + size]


def test_where_there_is_room_images_are_enlarged_a_whole_number_of_times():
    given = images(6, 8)
    sheet = sheet_of(image_grid.png(Grid(given, columns=3)))
    shown = sheet.part(0, 80, 24, contact_sheet.HALVES, contact_sheet.GROUND)
    assert (shown.parts, shown.told) == (1, "")
    assert shown.image.size == (3 * 16 + 2, 2 * 16 + 1)  # 24 would need 49 rows of pixels of 48
    for place in range(6):
        assert (at(shown, 16, place, 3) == given[place, 0].repeat(2, 0).repeat(2, 1)).all()


def test_images_without_labels_flow_into_as_many_columns_as_there_is_room_for():
    given = images(64)
    sheet = sheet_of(image_grid.png(Grid(given)))
    assert sheet.columns == 8
    wide = sheet.part(0, 200, 60, contact_sheet.HALVES, contact_sheet.GROUND)
    assert wide.told == ""
    narrow = [
        sheet.part(place, 82, 34, contact_sheet.HALVES, contact_sheet.GROUND) for place in range(5)
    ]
    assert narrow[0].image.size == (5 * 15 - 1, 4 * 15 - 1)
    assert [part.told for part in narrow] == [
        *(f"images {first}-{first + 19} of 64" for first in (1, 21, 41)),
        "images 61-64 of 64", "images 61-64 of 64",
    ]  # fmt: skip
    assert [part.place for part in narrow] == [0, 1, 2, 3, 3]
    halved = given[20, 0].astype(float).reshape(14, 2, 14, 2).mean((1, 3))
    assert np.abs(at(narrow[1], 14, 0, 5) - halved).max() <= 1


def test_labelled_rows_and_columns_stay_what_they_are_and_are_shown_in_parts():
    given = images(3 * 12)
    labels = {
        "row_labels": ["image", "made", "again"],
        "column_labels": [f"c{n}" for n in range(12)],
    }
    sheet = sheet_of(image_grid.png(Grid(given, columns=12, **labels)))
    parts = [
        sheet.part(place, 82, 20, contact_sheet.HALVES, contact_sheet.GROUND) for place in range(6)
    ]
    assert parts[0].parts == 6
    assert [part.told for part in parts] == [
        f"columns {columns} of 12, rows {rows} of 3"
        for rows in ("1-2", "3-3") for columns in ("1-5", "6-10", "11-12")
    ]  # fmt: skip
    assert list(parts[4].column_labels.values()) == ["c5", "c6", "c7", "c8", "c9"]
    assert list(parts[4].row_labels.values()) == ["again"]
    assert parts[0].image.size == (5 * 15 - 1, 2 * 15 - 1)


@pytest.mark.parametrize("unit", [contact_sheet.HALVES, contact_sheet.BRAILLE, contact_sheet.ASCII])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (20, 5), (81, 23), (300, 90)])
@pytest.mark.parametrize("count", [1, 18])
def test_a_part_never_leaves_its_place_and_all_parts_show_all_images(unit, size, count):
    sheet = sheet_of(image_grid.png(Grid(images(count, 28), columns=min(count, 5))))
    first = sheet.part(0, *size, unit, contact_sheet.GROUND)
    assert first.image.width <= size[0] * unit.across
    assert first.image.height <= size[1] * unit.down
    told = [
        sheet.part(place, *size, unit, contact_sheet.GROUND).told for place in range(first.parts)
    ]
    spans = [tuple(map(int, text.split()[1].split("-"))) for text in told if text]
    assert len(spans) == (first.parts if first.parts > 1 else 0)
    if spans:
        assert (spans[0][0], spans[-1][1]) == (1, count)
        assert all(a[1] + 1 == b[0] for a, b in pairwise(spans))


@pytest.mark.parametrize("size", [(60, 12), (81, 23), (118, 36)])
def test_labels_stand_at_their_images_in_rows_of_one_width(size):
    labels = {"row_labels": ["image", "made 漢字 by it"], "column_labels": list("abcd")}
    found = image_view.halves(image_grid.png(Grid(images(8, 8), columns=4, **labels)), *size)
    texts = ["".join(tile.text or " " * tile.width for tile in row) for row in found.rows]
    assert len({sum(tile.width for tile in row) for row in found.rows}) == 1
    assert max(map(width, texts)) <= size[0]
    assert len(found.rows) <= size[1]
    assert texts[0].split() == list("abcd")
    blocks = next(sum(t.width for t in row[:1]) for row in found.rows[1:] if row[0].text)
    assert texts[0].index("a") == blocks
    at_rows = [place for place, text in enumerate(texts) if "image" in text or "made" in text]
    assert len(at_rows) == 2
    assert at_rows[0] < len(texts) / 2 < at_rows[1] + 1


@pytest.mark.parametrize("braille", [True, False])
def test_without_colours_a_dot_is_a_pixel_and_between_images_is_nothing(braille):
    given = np.zeros((4, 1, 8, 8), np.uint8)
    given[:, 0, 1:3, 1:7] = 255
    grid = Grid(given, columns=4, row_labels=["made"])
    found = image_view.dots(image_grid.png(grid), 60, 20, braille=braille)
    rows = plain(found.rows).splitlines()
    assert any(text.startswith("made") for text in rows)
    words = [row.removeprefix("made").split() for row in rows]
    assert {len(found) for found in words if found} == {4}


def described(told, size=(100, 100)):
    words, packed = PngImagePlugin.PngInfo(), io.BytesIO()
    words.add_text("tiles", told if isinstance(told, str) else json.dumps(told))
    Image.new("RGB", size, (9, 9, 9)).save(packed, "PNG", pnginfo=words)
    return packed.getvalue()


TRUE = {
    "size": [4, 4], "scale": 2, "columns": 2, "corners": [[0, 0], [10, 0], [0, 10], [10, 10]],
    "row_labels": [], "column_labels": [],
}  # fmt: skip


def test_a_description_that_is_true_is_believed():
    assert len(sheet_of(described(TRUE)).images) == 4


@pytest.mark.parametrize(
    "lie",
    [
        "", "{", "[" * 5000, "null", {**TRUE, "more": 1}, {**TRUE, "corners": []},
        {**TRUE, "corners": [[93, 0]]}, {**TRUE, "corners": [[0, 93]]}, {**TRUE, "scale": 0},
        {**TRUE, "size": [0, 4]}, {**TRUE, "size": [4000, 4000], "scale": 4000},
        {**TRUE, "columns": 0}, {**TRUE, "row_labels": ["a"]}, {**TRUE, "column_labels": ["a"] * 3},
        {**TRUE, "corners": [[-1, 0]]}, {**TRUE, "corners": [[0.5, 0]]},
        {**TRUE, "corners": [[0, 0]] * 10_001}, {**TRUE, "row_labels": [1, 2]},
    ],
)  # fmt: skip
def test_a_file_that_lies_about_its_images_is_one_picture(lie):
    content = described(lie)
    assert sheet_of(content) is None
    assert image_view.halves(content, 40, 20) == image_view.halves(described(""), 40, 20)


def test_a_label_cannot_steer_the_terminal():
    content = described(
        {**TRUE, "row_labels": ["\x1b]52;c;Zm9v\x07", "\u202eb"], "column_labels": ["a\nb", "c"]}
    )
    for row in image_view.halves(content, 60, 20).rows:
        assert all(tile.text.isprintable() for tile in row)
    assert "\x1b" not in plain(image_view.dots(content, 60, 20, braille=True).rows)
