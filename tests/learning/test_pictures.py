import io

import numpy as np
import pytest
from PIL import Image

from engine.learning.plotting import drawing, image_grid
from engine.learning.plotting.image_grid import Grid

MARGIN, GAP = round(12 * drawing.SCALE), round(2 * drawing.SCALE)


def shades(n, side=4):
    """Images that are each of one grey."""
    return np.broadcast_to(np.linspace(0, 1, n)[:, None, None, None], (n, 1, side, side))


def tile(image, row, column, size):
    """The pixels of the image at a place of an unlabelled grid."""
    left, top = MARGIN + column * (size + GAP), MARGIN + row * (size + GAP)
    return np.asarray(image)[top : top + size, left : left + size]


def test_images_stand_row_by_row_with_paper_between():
    image = image_grid.draw(Grid(shades(6), columns=3, scale=5))
    size = 20
    assert image.size == (2 * MARGIN + 3 * size + 2 * GAP, 2 * MARGIN + 2 * size + GAP)
    for place, grey in enumerate((0, 51, 102, 153, 204, 255)):
        assert (tile(image, *divmod(place, 3), size) == grey).all()
    between = np.asarray(image)[MARGIN : MARGIN + size, MARGIN + size : MARGIN + size + GAP]
    assert (between == 255).all()


def test_a_last_row_may_be_shorter_and_by_default_a_grid_is_about_square():
    image = image_grid.draw(Grid(np.zeros((10, 1, 4, 4)), scale=5))
    assert image.size == (2 * MARGIN + 4 * 20 + 3 * GAP, 2 * MARGIN + 3 * 20 + 2 * GAP)
    assert (tile(image, 2, 1, 20) == 0).all()
    assert (tile(image, 2, 2, 20) == 255).all()


def test_pixels_are_enlarged_as_squares_and_colours_kept():
    images = np.zeros((1, 3, 2, 2), np.uint8)
    images[0, :, 0, 1] = (200, 30, 40)
    image = image_grid.draw(Grid(images, scale=7))
    found = tile(image, 0, 0, 14)
    assert (found[:7, 7:] == (200, 30, 40)).all()
    assert (found[7:] == 0).all()
    assert (found[:, :7] == 0).all()


def test_small_images_are_enlarged_and_large_ones_are_not():
    sizes = [image_grid.draw(Grid(np.zeros((1, 1, side, side)))).width for side in (8, 28, 200)]
    assert sizes == [2 * MARGIN + side for side in (72, 84, 200)]


def test_numbers_beyond_black_and_white_are_shown_as_these():
    images = np.array([-3.0, 0.5, 7.0]).reshape(3, 1, 1, 1)
    image = image_grid.draw(Grid(images, columns=3, scale=6))
    assert [int(tile(image, 0, k, 6).max()) for k in range(3)] == [0, 128, 255]


def test_labels_take_their_room_at_the_left_and_above():
    bare = image_grid.draw(Grid(shades(4), columns=2, scale=9))
    named = image_grid.draw(Grid(shades(4), 2, "A title", ("first", "second"), ("a", "b"), scale=9))
    assert named.width > bare.width
    assert named.height > bare.height
    # The images are the same, moved to the right and down.
    tail = np.asarray(named)[-bare.height + MARGIN :, -bare.width + MARGIN :]
    assert (tail == np.asarray(bare)[MARGIN:, MARGIN:]).all()
    left = np.asarray(named)[:, MARGIN : named.width - bare.width + MARGIN - 4]
    assert (left < 128).any()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"images": np.zeros((4, 28, 28))}, r"not \(4, 28, 28\)"),
        ({"images": np.zeros((4, 2, 8, 8))}, "1 or 3"),
        ({"images": np.zeros((0, 1, 8, 8))}, "shape"),
        ({"images": np.full((1, 1, 2, 2), np.nan)}, "nan"),
        ({"images": np.zeros((4, 1, 2, 2)), "row_labels": ("a",)}, "1 row labels for 2 rows"),
        ({"images": np.zeros((4, 1, 2, 2)), "column_labels": ("a",) * 3}, "3 column labels for 2"),
    ],
)
def test_what_is_no_grid_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        image_grid.draw(Grid(**fields))


def test_the_same_grid_gives_the_same_png():
    grid = Grid(shades(6), title="Shades")
    content = image_grid.png(grid)
    assert content == image_grid.png(grid)
    with Image.open(io.BytesIO(content)) as image:
        assert image.info.keys() == {"tiles"}
        assert image.size == image_grid.draw(grid).size
