import io
import json

import pytest
from PIL import Image

from engine.library.artifacts import Gallery, Picture


def png(across=3, down=2, colour=(200, 30, 40)):
    packed = io.BytesIO()
    Image.new("RGB", (across, down), colour).save(packed, "PNG")
    return packed.getvalue()


def read(folder):
    return Gallery.read({path.name: path for path in folder.iterdir()})


def test_pictures_come_back_in_order_with_caption_and_bytes(tmp_path):
    # Two have one name, and names sort otherwise than they stand.
    shown = [Picture("z", "last letter", png()), Picture("a", "λ ± 1", png(5, 7))]
    gallery = Gallery((*shown, Picture("a", "", png(1, 1))))
    gallery.write(tmp_path)
    assert read(tmp_path) == gallery
    names = {"gallery.json", "000-z.png", "001-a.png", "002-a.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (tmp_path / "001-a.png").read_bytes() == png(5, 7)


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Gallery((Picture("a", "text", png()),)).write(tmp_path / name)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )
    assert one == two


def test_an_empty_gallery_is_one_too(tmp_path):
    Gallery(()).write(tmp_path)
    assert read(tmp_path) == Gallery(())


def test_a_picture_knows_its_size_without_being_decoded():
    assert Picture("a", "", png(31, 17)).size == (31, 17)


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "a\n", "a" * 61, "ä"])
def test_a_name_that_is_no_part_of_a_files_name_is_refused(name):
    with pytest.raises(ValueError, match="invalid picture name"):
        Picture(name, "", png())


@pytest.mark.parametrize("content", [b"", b"GIF89a" + bytes(40), png()[:20]])
def test_bytes_that_are_no_png_are_refused(content):
    with pytest.raises(ValueError, match="not a PNG file"):
        Picture("a", "", content)


def test_a_gallery_that_names_a_file_it_does_not_have_is_not_read(tmp_path):
    Gallery((Picture("a", "", png()),)).write(tmp_path)
    described = json.loads((tmp_path / "gallery.json").read_text())
    described[0]["file"] = "../../other.png"
    (tmp_path / "gallery.json").write_text(json.dumps(described))
    with pytest.raises(KeyError):
        read(tmp_path)
