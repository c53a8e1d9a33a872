"""What pictures of samples show where, and what their captions say."""

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from engine import learning
from engine.learning.generative.models import autoencoder
from engine.learning.generative.models import generator as pairs
from engine.library.artifacts import Generator
from engine.library.generative import image_grids, inversion_gallery
from engine.library.generative.generator_session import Images, Scene

MLP = {"kind": "mlp", "hidden": [4], "activation": "relu"}


def scene(kind="vae", classes=(), labels=None, names=(), z=2, binarise="none"):
    design = autoencoder.Design(MLP, (1, 4, 4), z, "digits", len(classes), kind == "vae")
    pair = pairs.begin(design, {"kind": "bernoulli"}, 0).eval()
    generator = Generator(
        kind,
        MLP,
        z,
        {"kind": "bernoulli"},
        "digits",
        (1, 4, 4),
        classes,
        {"binarise": binarise},
        pair.state_dict(),
    )
    labels = classes if labels is None else labels
    return Scene(generator, pair, None, labels, dict(names), 9, 0, "seed 0")


def numbered(n, *shape):
    """Images each of one byte: its number."""
    return torch.arange(n, dtype=torch.uint8).view(-1, *[1] * 3).expand(n, 1, 4, 4).clone()


@pytest.fixture
def drawn(monkeypatch):
    """The last grid that was drawn."""
    seen, real = [], learning.plotting.image_grid.png

    def png(grid):
        seen.append(grid)
        return real(grid)

    monkeypatch.setattr("engine.learning.plotting.image_grid.png", png)
    return seen


def rows(grid):
    """Bytes of the first pixel of each image, row by row."""
    values = grid.images[:, 0, 0, 0].tolist()
    return [values[i : i + grid.columns] for i in range(0, len(values), grid.columns)]


def flat(found):
    return [value for row in found for value in row]


def test_a_sheet_of_draws_shows_the_first_hundred(drawn):
    shown = image_grids.samples(scene(), numbered(250), "prior", "the prior N(0, I)")
    assert rows(drawn[0]) == [list(range(10 * row, 10 * row + 10)) for row in range(10)]
    assert (drawn[0].title, list(drawn[0].row_labels)) == ("Samples, prior", [])
    assert shown.name == "samples-prior"
    assert shown.caption == (
        "100 of 250 images that a VAE with z = 2 (digits, seed 0) makes of codes drawn from the "
        "prior N(0, I)."
    )


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (3, 3), (10, 10), (100, 10)])
def test_few_draws_are_all_shown(drawn, n, columns):
    shown = image_grids.samples(scene("autoencoder"), numbered(n), "mixture of 3", "a mixture")
    assert drawn[0].columns == columns
    assert flat(rows(drawn[0])) == list(range(n))
    assert shown.name == "samples-mixture"
    assert shown.caption.startswith("Images that an autoencoder with z = 2 (digits, seed 0) makes")


def test_a_row_of_draws_that_is_not_full_is_left_out(drawn):
    shown = image_grids.samples(scene(), numbered(27), "prior", "the prior")
    assert rows(drawn[0]) == [list(range(10)), list(range(10, 20))]
    assert shown.caption.startswith("20 of 27 images")


def test_each_class_has_a_row_of_its_own_in_the_order_that_was_asked_for(drawn):
    found = scene(classes=(7, 1, 4), labels=(4, 7), names={4: "four"})
    shown = image_grids.samples(found, numbered(60), "prior", "the prior")
    grid = drawn[0]
    assert grid.columns == 6
    # Classes come in turns: even numbers are of the first, odd of the second.
    assert flat(rows(grid)[:5]) == list(range(0, 60, 2))
    assert flat(rows(grid)[5:]) == list(range(1, 60, 2))
    assert list(grid.row_labels) == ["four", "", "", "", "", "7", "", "", "", ""]
    assert shown.caption.startswith("Images that a conditional VAE with z = 2")
    assert shown.caption.endswith("Each row was told its class.")


@pytest.mark.parametrize("count", [10, 11, 19, 20, 95, 2000])
@pytest.mark.parametrize("classes", [1, 2, 3, 7, 10, 25])
def test_no_row_of_a_class_has_a_gap_and_none_is_of_two(drawn, classes, count):
    labels = tuple(range(classes))
    if count < classes:
        return
    pixels = (torch.arange(count) % classes).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    image_grids.samples(scene(classes=labels), pixels, "prior", "the prior")
    found, grid = rows(drawn[0]), drawn[0]
    assert {len(row) for row in found} == {grid.columns}
    assert all(len(set(row)) == 1 for row in found)
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    assert {row[0] for row in found} == set(range(min(classes, 20)))
    named = [int(label) for label in grid.row_labels if label]
    assert named == list(range(min(classes, 20)))
    assert len(grid.row_labels) == len(found) <= 20
    for row, label in zip(found, grid.row_labels, strict=True):
        assert not label or row[0] == int(label)


def test_an_image_stands_over_what_is_made_of_it_sorted_by_class(drawn):
    x = torch.arange(12).view(-1, 1, 1, 1).expand(12, 1, 4, 4) / 255
    y = torch.tensor([1, 0] * 6)
    found = Images("test", x, y)
    shown = image_grids.reconstructions(scene(), found, numbered(12) + 100)
    above, below = rows(drawn[0])
    # Of twelve, ten make a row; a row that is not full is left out.
    assert above == [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]
    assert below == [place + 100 for place in above]
    assert list(drawn[0].row_labels) == ["test", "made"]
    assert shown.caption == (
        "Above 10 test images, below what a VAE with z = 2 (digits, seed 0) makes of their mean "
        "codes; sorted by class."
    )


def test_at_most_four_rows_of_images_are_shown_and_few_are_one_row(drawn):
    x = torch.arange(80).view(-1, 1, 1, 1).expand(80, 1, 4, 4) / 255
    found = Images("val", x, torch.zeros(80, dtype=torch.int64))
    image_grids.reconstructions(scene("autoencoder"), found, numbered(80))
    assert len(rows(drawn[0])) == 8
    assert [row[0] for row in rows(drawn[0])] == [0, 0, 10, 10, 20, 20, 30, 30]
    few = Images("val", x[:3], found.y[:3])
    caption = image_grids.reconstructions(scene("autoencoder"), few, numbered(3)).caption
    assert rows(drawn[1]) == [[0, 1, 2], [0, 1, 2]]
    assert "makes of their codes" in caption


def test_an_interpolation_stands_between_its_images(drawn):
    ends = [
        Images("test", torch.tensor([a, b]).view(2, 1, 1, 1).expand(2, 1, 4, 4) / 255, None)
        for a, b in ((200, 210), (220, 230))
    ]
    ways = numbered(10).view(2, 5, 1, 4, 4)
    shown = image_grids.interpolations(scene(), tuple(ends), ways, "spherical", same=False)
    assert rows(drawn[0]) == [[200, 0, 1, 2, 3, 4, 220], [210, 5, 6, 7, 8, 9, 230]]
    assert drawn[0].column_labels == ["test", "0", "0.25", "0.5", "0.75", "1", "test"]
    assert "between the mean codes of two test images of two classes; at" in shown.caption
    told = scene(classes=(1, 2))
    same = image_grids.interpolations(told, tuple(ends), ways, "linear", same=True).caption
    assert "on the linear way" in same
    assert same.endswith(
        "images of one class, which it is told; at the ends stand the images themselves."
    )
    alone = scene("autoencoder")
    same = image_grids.interpolations(alone, tuple(ends), ways, "linear", same=True).caption
    assert "between the codes of two test images of one class; at" in same


def test_a_traversal_has_its_start_at_the_left_of_every_row(drawn):
    told = image_grids.Journey(
        ["z3: 1.2 nats", "z0: 0.1 nats"], ["-3", "0", "+3"], numbered(200)[99],
        "the code of a test image", "stands its mean KL", "(it is N(0, 1) in the prior)",
    )  # fmt: skip
    shown = image_grids.traversal(scene(), numbered(6).view(2, 3, 1, 4, 4), told)
    assert rows(drawn[0]) == [[99, 0, 1, 2], [99, 3, 4, 5]]
    assert drawn[0].row_labels == ["z3: 1.2 nats", "z0: 0.1 nats"]
    assert drawn[0].column_labels == ["start", "-3", "0", "+3"]
    assert "makes of the code of a test image (at the left)" in shown.caption
    assert "other values, -3 to +3 (it is N(0, 1) in the prior)." in shown.caption
    assert shown.caption.endswith("Beside each row stands its mean KL: the largest first.")


def test_captions_say_that_images_are_black_and_white_and_which_class_is_told(drawn):
    found = scene(classes=(7, 1), names={1: "one"}, binarise="dynamic")
    images = Images("test", torch.zeros(3, 1, 4, 4), torch.tensor([0, 1, 0]))
    told = image_grids.reconstructions(found, images, numbered(3)).caption
    assert told.startswith("Above 3 test images, in black and white as it learned them, below what")
    ways = numbered(6).view(3, 2, 1, 4, 4)
    told = image_grids.interpolations(found, (images, images), ways, "linear", same=True).caption
    assert told.endswith("stand the images themselves, in black and white as it learned them.")
    journey = image_grids.Journey(
        ["z0: 1"], ["-1", "+1"], numbered(1)[0], "the code 0", "x", "y", 1
    )
    told = image_grids.traversal(found, ways[:1], journey).caption
    assert ", told the class one, makes of the code 0 (at the left) when one dimension" in told


@pytest.mark.parametrize("side", [2, 20, 40])
def test_a_plane_of_codes_is_one_sheet_of_a_size_to_look_at(drawn, side):
    pixels = (torch.arange(side * side) % 256).to(torch.uint8).view(side, side, 1, 1, 1)
    shown = image_grids.manifold(scene(), pixels.expand(-1, -1, 1, 4, 4), "in steps", None)
    sheet = drawn[0].images
    assert sheet.shape == (1, 1, 4 * side, 4 * side)
    assert torch.from_numpy(sheet[0, 0, ::4, ::4]).equal(pixels[..., 0, 0, 0])
    assert 600 < drawn[0].scale * 4 * side < 1200
    assert shown.name == "manifold"
    assert f"a plane of {side}x{side} codes: the first number grows to the right, the " in (
        shown.caption
    )
    assert "second upwards, in steps." in shown.caption


def test_planes_of_classes_are_named_by_place_and_titled_by_name(drawn):
    found = scene(classes=(7, 1), names={1: "one"})
    shown = [
        image_grids.manifold(found, numbered(4).view(2, 2, 1, 4, 4), "x", label) for label in (1, 7)
    ]
    assert [item.name for item in shown] == ["manifold-1", "manifold-0"]
    assert [grid.title for grid in drawn] == ["Plane of codes, one", "Plane of codes, 7"]
    assert "(digits, seed 0), told the class one, makes of a plane" in shown[0].caption


def test_a_long_name_of_a_class_is_cut_beside_a_row():
    found = scene(classes=(1, 2, 3), names={1: "a" * 14, 2: "b" * 15})
    assert [found.title(label) for label in (1, 2, 3)] == ["a" * 14, "b" * 13 + "…", "3"]


def test_grey_values_reach_the_picture_as_they_are():
    shown = image_grids.samples(scene(), numbered(200)[100:101], "prior", "the prior")
    page = Image.open(io.BytesIO(shown.png)).convert("RGB")
    colours = {colour for _, colour in page.getcolors(1 << 20)}
    assert (100, 100, 100) in colours
    assert page.size == shown.size


def test_what_is_asked_for_comes_in_turns_by_its_place_in_training():
    found = scene(classes=(7, 1, 4), labels=(4, 7))
    assert found.asked(5).tolist() == [2, 0, 2, 0, 2]
    assert found.one(1).tolist() == [1]
    assert found.labels_of(torch.tensor([2, 0])) == (4, 7)
    assert found.told_classes(torch.tensor([1])).tolist() == [1]
    plain = replace(found, labels=())
    assert plain.labels_of(torch.tensor([2, 0])) == ()
    assert plain.told_classes(torch.tensor([1])) is None
    assert scene().asked(3).tolist() == [0, 0, 0]


def climbed(classes, each):
    """What a climb leaves: images that are numbered, of one class after the other."""
    n = classes * each
    pixels = numbered(n)
    found = SimpleNamespace(
        seen=[pixels + 100, pixels], curve=[(0, 0.1), (60, 0.987)],
        sure=(torch.arange(n) % classes).float() / 10,
    )  # fmt: skip
    found.film = lambda places: torch.stack([part[list(places)] for part in found.seen], 1).flatten(
        0, 1
    )
    return found


def test_the_end_of_a_climb_has_a_row_of_each_class_with_its_own_confidence(drawn):
    shown = inversion_gallery.ends(climbed(3, 12), ["a", "b", "c"])
    # Ten of each: those that ask for the first class are 0, 3, 6, ...
    assert rows(drawn[0]) == [list(range(row, 30, 3)) for row in range(3)]
    assert drawn[0].row_labels == ["a: 0.00", "b: 0.10", "c: 0.20"]
    assert drawn[0].title == "A classifier run backwards, 0.99 sure"
    assert "What 60 steps of gradient ascent on the pixels make of 3 classes" in shown.caption
    assert shown.name == "backwards"


def test_few_images_of_many_classes_are_a_row_of_twenty_classes_at_most(drawn):
    inversion_gallery.ends(climbed(25, 2), [str(label) for label in range(25)])
    assert rows(drawn[0]) == [[row, row + 25] for row in range(20)]
    assert len(drawn[0].row_labels) == 20


def test_the_way_up_goes_from_left_to_right(drawn):
    shown = inversion_gallery.ways(climbed(3, 4), ["a", "b", "c"])
    assert rows(drawn[0]) == [[100, 0], [101, 1], [102, 2]]
    assert (drawn[0].row_labels, drawn[0].column_labels) == (["a", "b", "c"], ["0", "60"])
    assert shown.caption.endswith("0.10 at step 0, 0.99 at step 60.")
