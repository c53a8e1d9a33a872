import gzip
import hashlib
import struct

import numpy as np
import pytest
import torch

from engine.learning.data import balanced, image_files
from engine.learning.data.device_data import Batches, Examples, Scaling, rotate
from engine.learning.data.unreadable import UnreadableError


def _images(n=3, size=6):
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(0))


def test_a_quarter_turn_moves_every_pixel_where_it_should():
    x = _images()
    turned = rotate(x, torch.full((3,), 90.0))
    torch.testing.assert_close(turned, torch.rot90(x, 1, (2, 3)), atol=1e-5, rtol=0)


def test_no_turn_changes_nothing():
    x = _images()
    torch.testing.assert_close(rotate(x, torch.zeros(3)), x, atol=1e-6, rtol=0)


def test_an_image_that_is_not_square_is_turned_and_not_sheared():
    x = torch.zeros(1, 1, 5, 9)
    x[0, 0, 2, 6] = 1
    turned = rotate(x, torch.tensor([90.0]))
    assert turned[0, 0, 0, 4] == pytest.approx(1, abs=1e-5)


def test_batches_are_full_and_leave_no_example_out_of_a_pass():
    batches = Batches(10, seed=1, device="cpu")
    drawn = torch.cat([batches.take(4) for _ in range(5)]).tolist()
    assert sorted(drawn[:10]) == list(range(10))
    assert sorted(drawn[10:]) == list(range(10))
    assert drawn[:10] != drawn[10:]


def test_batches_larger_than_the_data_are_full_too():
    assert len(Batches(3, seed=1, device="cpu").take(8)) == 8


def test_batches_go_on_where_they_were():
    batches = Batches(10, seed=1, device="cpu")
    batches.take(7)
    held = {name: item.clone() for name, item in batches.state_dict().items()}
    rest = [batches.take(4).tolist() for _ in range(4)]
    other = Batches(10, seed=99, device="cpu")
    other.load_state_dict(held)
    assert [other.take(4).tolist() for _ in range(4)] == rest


def test_pictures_are_scaled_as_the_collection_says():
    stored = torch.tensor([[[[0, 16]]]], dtype=torch.uint8)
    examples = Examples(stored, torch.zeros(1, dtype=torch.int64), Scaling(16, 0.5, 0.25))
    assert examples.pictures(slice(None)).flatten().tolist() == [-2.0, 2.0]


def test_a_changed_file_is_refused(tmp_path):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(b"other"))
    with pytest.raises(ValueError, match="has changed"):
        image_files.content(path, "0" * 64)


@pytest.mark.parametrize(("pack", "what"), [(bytes, "has"), (gzip.compress, "unpacks to")])
def test_a_file_that_holds_too_much_is_not_held(tmp_path, monkeypatch, pack, what):
    path = tmp_path / "images"
    path.write_bytes(pack(bytes(10_001)))
    monkeypatch.setattr(image_files, "MOST_BYTES", 10_000)
    told = rf"images {what} more than 10,000 bytes, the most that are read; give a smaller file"
    with pytest.raises(UnreadableError, match=told):
        image_files.content(path, hashlib.sha256(bytes(10_001)).hexdigest())
    monkeypatch.setattr(image_files, "MOST_BYTES", 10_001)
    assert image_files.content(path, hashlib.sha256(bytes(10_001)).hexdigest()) == bytes(10_001)


def test_digits_of_one_line_without_end_are_refused_unread(tmp_path):
    path = tmp_path / "digits.csv"
    path.write_bytes(content := b"1" * (image_files.CSV_BYTES + 1))
    digest = hashlib.sha256(content).hexdigest()
    with pytest.raises(UnreadableError, match=r"has 4,194,305 bytes; a file of digits has at most"):
        image_files.images({digest: path}, {"digits.csv": digest}, "digits.csv")


def _idx(tmp_path, body, extents=(2, 2, 2)):
    content = struct.pack(">HBB", 0, 8, len(extents)) + struct.pack(">3I", *extents) + body
    path = tmp_path / "some-images-idx3-ubyte"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return {digest: path}, {path.name: digest}, path.name


def test_an_idx_file_is_read(tmp_path):
    found = image_files.images(*_idx(tmp_path, bytes(range(8))))
    np.testing.assert_array_equal(found, np.arange(8).reshape(2, 1, 2, 2))


def test_an_idx_file_that_is_cut_short_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cut short"):
        image_files.images(*_idx(tmp_path, bytes(7)))


def test_a_balanced_choice_has_equal_classes_and_prefers_what_comes_first():
    labels = [0, 0, 0, 0, 1, 1, 2, 2]
    order = [3, 2, 1, 0, 5, 4, 7, 6]
    assert balanced.balanced(labels, order, 3) == [3, 5, 7]
    assert balanced.balanced(labels, order, 7) == [1, 2, 3, 4, 5, 6, 7]


def test_a_smaller_balanced_choice_lies_within_a_larger_one():
    labels = [i % 3 for i in range(30)]
    order = list(reversed(range(30)))
    assert set(balanced.balanced(labels, order, 7)) < set(balanced.balanced(labels, order, 12))
