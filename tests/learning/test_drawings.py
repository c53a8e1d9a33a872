import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from engine.learning.data import omniglot_images, omniglot_index
from engine.learning.data.omniglot_index import ARCHIVES

PLACE = omniglot_index.numbers()


def _png(ink, mode="1"):
    """A PNG of an array where 1 is ink."""
    image = Image.fromarray(((1 - ink) * 255).astype(np.uint8)).convert(mode)
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()


def _ink(seed, side=105):
    return (np.random.default_rng(seed).random((side, side)) < 0.3).astype(int)


def _archives(members):
    """Contents of both archives; the second one is empty."""
    held = {}
    for archive, files in zip(ARCHIVES, (members, {}), strict=True):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as opened:
            for name, content in files.items():
                opened.writestr(name, content)
        held[archive] = packed.getvalue()
    return held


def _greek(**other):
    members = {
        f"images_background/Greek/character01/0394_{i:02}.png": _png(_ink(i)) for i in range(1, 21)
    }
    return members | other


def _index(name, drawer=1, quarter=0):
    return (PLACE[name] * 20 + drawer - 1) * 4 + quarter


def test_a_drawing_is_shrunk_by_area_so_that_all_ink_is_kept():
    found = omniglot_images.images(
        _archives(_greek()), ["area"], np.array([_index("Greek/character01", i) for i in (1, 20)])
    )
    assert found.shape == (2, 1, 28, 28)
    for place, seed in enumerate((1, 20)):
        fine = _ink(seed).repeat(4, 0).repeat(4, 1)  # 420 = 28 x 15
        np.testing.assert_array_equal(found[place, 0], fine.reshape(28, 15, 28, 15).sum((1, 3)))


def test_ink_is_high_and_paper_is_0():
    blank = {name: _png(np.zeros((105, 105))) for name in _greek()}
    black = {name: _png(np.ones((105, 105))) for name in _greek()}
    index = np.array([_index("Greek/character01")])
    assert omniglot_images.images(_archives(blank), ["blank"], index).max() == 0
    assert omniglot_images.images(_archives(black), ["black"], index).min() == 225


def test_a_quarter_turns_a_drawing_counter_clockwise():
    index = np.array([_index("Greek/character01", 3, quarter) for quarter in range(4)])
    found = omniglot_images.images(_archives(_greek()), ["turns"], index)[:, 0]
    for quarter in range(4):
        np.testing.assert_array_equal(found[quarter], np.rot90(found[0], quarter))
    assert (found[1] != found[0]).any()


def test_the_label_of_an_example_is_its_character_and_its_turn():
    labels = omniglot_images.labels()
    assert len(labels) == 1623 * 20 * 4
    name = "Keble/character05"
    assert labels[_index(name, 20, 3)] == PLACE[name] * 4 + 3
    assert np.bincount(labels).tolist() == [20] * 1623 * 4


def test_drawings_are_decoded_once_for_one_digest():
    index = np.array([_index("Greek/character01")])
    first = omniglot_images.images(_archives(_greek()), ["kept"], index)
    again = omniglot_images.images(dict.fromkeys(ARCHIVES, b"not read"), ["kept"], index)
    np.testing.assert_array_equal(first, again)
    with pytest.raises(omniglot_images.Broken, match="no zip archive"):
        omniglot_images.images(dict.fromkeys(ARCHIVES, b"read"), ["other"], index)


FIRST = "images_background/Greek/character01/0394_01.png"
BAD = {
    "lacks": ({FIRST: None}, "lacks drawing 1 of images_background/Greek/character01"),
    "twice": ({FIRST.replace("0394", "0395"): _png(_ink(1))}, "two drawings 1 of"),
    "small": ({FIRST: _png(_ink(1, 28))}, "28x28 of mode 1, not 105x105"),
    "grey": ({FIRST: _png(_ink(1), "L")}, "105x105 of mode L"),
    "large": ({FIRST: bytes(20_000)}, "too large for a drawing"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_archive_that_is_not_as_expected_is_refused_by_the_name_of_its_member(case):
    other, message = BAD[case]
    members = {name: content for name, content in (_greek() | other).items() if content is not None}
    with pytest.raises(omniglot_images.Broken, match=message):
        omniglot_images.images(_archives(members), [case], np.array([_index("Greek/character01")]))


def test_a_member_outside_its_folder_is_never_read():
    members = _greek(**{"../../images_background/Greek/character01/0001_01.png": b"hostile"})
    found = omniglot_images.images(
        _archives(members), ["outside"], np.array([_index("Greek/character01")])
    )
    assert found.any()


def test_there_are_1623_characters_of_50_alphabets():
    names = omniglot_index.characters()
    assert len(set(names)) == len(names) == 1623
    assert len({name.partition("/")[0] for name in names}) == 50
    assert (
        sum(folder.startswith("images_background/") for folder in omniglot_index.folders()) == 964
    )


def test_a_member_that_changed_is_found_without_decoding(monkeypatch):
    contents = _archives(_greek())
    index = np.array([_index("Greek/character01")])
    monkeypatch.setattr(omniglot_images, "_packed", lambda _: pytest.fail("decoded"))
    omniglot_images.check(contents, index)
    name = "images_background.zip"
    broken = bytearray(contents[name])
    at = broken.index(b"IDAT")
    broken[at + 10] ^= 1
    with pytest.raises(
        omniglot_images.Broken, match=r"images_background\.zip holds .*0394_01\.png.*CRC"
    ):
        omniglot_images.check({**contents, name: bytes(broken)}, index)


@pytest.mark.parametrize("case", ["lacks", "twice", "large"])
def test_an_archive_that_is_not_as_expected_is_found_without_decoding(case):
    other, message = BAD[case]
    members = {name: content for name, content in (_greek() | other).items() if content is not None}
    with pytest.raises(omniglot_images.Broken, match=message):
        omniglot_images.check(_archives(members), np.array([_index("Greek/character01")]))
