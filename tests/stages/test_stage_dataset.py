import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from engine.learning.data import device_data, image_files
from engine.learning.data.unreadable import UnreadableError
from engine.library.artifacts import Dataset
from engine.library.datasets import builtin
from engine.library.stages.dataset import dataset
from engine.library.stages.subset import subset
from pipelines.core.errors import MissingFiles, StageError

MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_digits_are_split_within_each_class_and_no_example_is_in_two_parts(bench):
    found = bench.dataset()
    parts = [set(part.indices) for part in found.parts.values()]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1797
    labels = image_files.labels(bench.files, found.files, "digits.csv")
    for name, share in {"train": 0.6, "val": 0.2, "test": 0.2}.items():
        counts = np.bincount(labels[list(found.parts[name].indices)])
        np.testing.assert_allclose(counts / np.bincount(labels), share, atol=0.01)


def test_the_split_is_the_same_for_ever(bench):
    found = bench.dataset().parts
    assert [found[part].indices[:4] for part in ("train", "val", "test")] == [
        (0, 1, 2, 3),
        (9, 16, 26, 42),
        (12, 19, 22, 28),
    ]


def test_only_the_classes_asked_for_are_kept_in_the_order_of_the_head(bench):
    found = bench.dataset(classes=[7, 2])
    task = device_data.load(found, bench.files, "cpu")
    labels = image_files.labels(bench.files, found.files, "digits.csv")
    chosen = labels[list(found.parts["test"].indices)]
    assert set(chosen) == {2, 7}
    assert task.parts["test"].y.tolist() == [0 if label == 7 else 1 for label in chosen]


def test_take_keeps_equal_classes(bench):
    found = bench.dataset(classes=[1, 2, 3], take={"train": 30, "val": 7})
    labels = image_files.labels(bench.files, found.files, "digits.csv")
    assert np.bincount(labels[list(found.parts["train"].indices)])[1:].tolist() == [10, 10, 10]
    assert len(found.parts["val"]) == 7
    assert len(found.parts["test"]) > 100


def test_take_of_more_than_there_is_says_how_many_there_are(bench):
    with pytest.raises(StageError, match=r"take\.val: 9999.*more than the 1?\d\d"):
        bench.dataset(take={"val": 9999})


def test_the_shifted_test_set_is_the_same_each_time_and_is_not_the_test_set(bench):
    found = bench.dataset(shifted={"rotate": [30, 60]})
    first = device_data.load(found, bench.files, "cpu").parts
    torch.manual_seed(5)
    second = device_data.load(found, bench.files, "cpu").parts
    assert torch.equal(
        first["shifted"].pictures(slice(None)), second["shifted"].pictures(slice(None))
    )
    assert not torch.equal(
        first["shifted"].pictures(slice(None)), first["test"].pictures(slice(None))
    )
    angles = first["shifted"].angles
    assert (angles.abs() >= 30).all()
    assert (angles.abs() <= 60).all()
    assert (angles < 0).any()
    assert (angles > 0).any()


def test_the_artifact_names_its_examples_and_comes_back(bench, tmp_path):
    found = bench.dataset(classes=[1, 2], augment={"rotate": 10}, shifted={"rotate": [5, 9.5]})
    found.write(tmp_path)
    again = Dataset.read({path.name: path for path in tmp_path.iterdir()})
    assert again == found
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5000


def _labels(bench, found):
    return {
        name: part.y for name, part in device_data.load(found, bench.files, "cpu").parts.items()
    }


def test_shuffled_labels_say_nothing_of_training_and_validation_images(bench):
    found = bench.dataset(labels="shuffled", take={"train": 600})
    given, told = (_labels(bench, item) for item in (replace(found, labels="given"), found))
    for part in ("train", "val"):
        agreeing = (given[part] == told[part]).double().mean().item()
        assert agreeing == pytest.approx(0.1, abs=0.05)
        assert torch.equal(given[part].bincount(), told[part].bincount())
    assert torch.equal(given["test"], told["test"])


def test_shuffled_labels_leave_images_and_what_is_said_of_them_as_they_are(bench, look):
    asked = {"classes": [3, 8, 1], "take": {"train": 90}, "shifted": {"rotate": [30, 60]}}
    given, told = (bench.dataset(**asked, labels=labels) for labels in ("given", "shuffled"))
    assert told == replace(given, labels="shuffled")
    before, after = (device_data.load(item, bench.files, "cpu").parts for item in (given, told))
    assert before.keys() == after.keys() == {"train", "val", "test", "shifted"}
    for part in before:
        assert torch.equal(before[part].x, after[part].x)
    assert torch.equal(before["shifted"].y, after["shifted"].y)
    facts = [look(dataset, {"name": "digits", **asked, "labels": item.labels})
             for item in (given, told)]  # fmt: skip
    assert facts[0] == facts[1]


def test_labels_are_shuffled_the_same_way_in_every_run_and_among_fewer_images_too(bench):
    found = bench.dataset(labels="shuffled")
    first = _labels(bench, found)
    torch.manual_seed(7)
    second = _labels(bench, bench.dataset(labels="shuffled"))
    assert all(torch.equal(first[part], second[part]) for part in first)
    few = bench.stage(subset, {"train": 200, "val": 0}, data=found).data
    given, told = (_labels(bench, item) for item in (replace(few, labels="given"), few))
    assert given.keys() == told.keys() == {"train", "test"}
    assert told["train"].bincount().tolist() == [20] * 10
    assert (given["train"] == told["train"]).double().mean().item() < 0.2


def test_shuffled_labels_make_another_artifact_and_given_ones_the_one_that_it_always_was(
    bench, tmp_path
):
    for labels in ("given", "shuffled"):
        (tmp_path / labels).mkdir()
        found = bench.dataset(labels=labels)
        found.write(tmp_path / labels)
        again = Dataset.read({path.name: path for path in (tmp_path / labels).iterdir()})
        assert again == found
    given, told = (
        json.loads((tmp_path / labels / "dataset.json").read_text())
        for labels in ("given", "shuffled")
    )
    assert told == {**given, "labels": "shuffled"}
    assert "labels" not in given


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "omniglot", "part": "train"},
        {"name": "folder", "root": "x", "size": [8, 8], "split": "classes", "part": "train"},
        {"name": "folder", "root": "x", "size": [8, 8], "split": "none", "part": "train"},
    ],
)
def test_labels_of_what_is_divided_by_classes_are_not_shuffled(bench, fields):
    assert bench.params(dataset, **fields, labels="given").labels == "given"
    with pytest.raises(ValidationError) as caught:
        bench.params(dataset, **fields, labels="shuffled")
    assert [error["loc"] for error in caught.value.errors()] == [("labels",)]


def test_labels_of_a_folder_that_is_divided_by_examples_may_be_shuffled(bench):
    fields = {"name": "folder", "root": "x", "size": [8, 8], "labels": "shuffled"}
    assert bench.params(dataset, **fields).labels == "shuffled"


@pytest.mark.parametrize(
    "fields",
    [
        {"classes": [1, 1]},
        {"classes": [1]},
        {"classes": [1, 10]},
        {"task": "a/b"},
        {"shifted": {"rotate": [60, 30]}},
        {"name": "cifar"},
        {"labels": "random"},
        {"colour": 1},
    ],
)
def test_what_makes_no_sense_is_refused(bench, fields):
    with pytest.raises(ValidationError):
        bench.params(dataset, **{"name": "digits", **fields})


def test_missing_files_are_named_with_the_folders_and_the_remedy(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("META_DATA", str(tmp_path))
    (tmp_path / "train-images-idx3-ubyte").touch()
    with pytest.raises(MissingFiles) as caught:
        bench.params(dataset, name="mnist").files(Path())
    assert "t10k-labels-idx1-ubyte" in str(caught.value)
    assert "train-images" not in str(caught.value)
    assert str(tmp_path / "mnist") in str(caught.value)
    assert "https://" in caught.value.hint
    with pytest.raises(MissingFiles, match="elsewhere"):
        bench.params(dataset, name="mnist", root="elsewhere").files(tmp_path)
    monkeypatch.delenv("META_DATA")
    with pytest.raises(MissingFiles, match="META_DATA is not set"):
        bench.params(dataset, name="mnist").files(Path())


def test_finding_digits_imports_no_scikit_learn_and_describing_them_no_torch():
    code = (
        "import sys; from pathlib import Path; from engine.library.stages.dataset import Dataset; "
        "Dataset(name='digits').files(Path()); "
        "assert not {'sklearn', 'numpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def mnist(bench):
    if "META_DATA" not in os.environ:
        pytest.skip("META_DATA is not set")
    return bench.dataset(name="mnist")


@pytest.mark.slow
def test_mnist_is_what_everybody_knows(bench, mnist):
    labels = image_files.labels(bench.files, mnist.files, "train-labels-idx1-ubyte")
    pixels = image_files.images(bench.files, mnist.files, "train-images-idx3-ubyte") / 255
    assert np.bincount(labels).tolist() == MNIST_COUNTS
    assert pixels.mean() == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std() == pytest.approx(0.3081, abs=5e-5)
    assert {name: len(part) for name, part in mnist.parts.items()} == {
        "train": 55000,
        "val": 5000,
        "test": 10000,
    }
    assert mnist.parts["val"].indices[0] == 55000
    assert mnist.parts["test"].images == "t10k-images-idx3-ubyte"


def test_digits_are_scaled_to_mean_0_and_deviation_1(bench):
    every = device_data.load(bench.dataset(), bench.files, "cpu").parts
    x = torch.cat([part.pictures(slice(None)) for part in every.values()])
    assert x.mean().item() == pytest.approx(0, abs=1e-3)
    assert x.std().item() == pytest.approx(1, abs=1e-3)


def _idx(values):
    """Bytes of an idx file of unsigned bytes."""
    head = b"\0\0\x08" + bytes([values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return head + values.astype(np.uint8).tobytes()


def _mnist_like(folder, labels):
    """Files named as those of MNIST, with these training labels."""
    folder.mkdir(parents=True)
    for kind, found in {"train": np.array(labels), "t10k": np.arange(20) % 10}.items():
        images = found[:, None, None].repeat(28, 1).repeat(28, 2)
        (folder / f"{kind}-images-idx3-ubyte").write_bytes(_idx(images))
        (folder / f"{kind}-labels-idx1-ubyte").write_bytes(_idx(found))
    return str(folder)


def test_a_sorted_file_whose_last_images_lack_classes_is_refused(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(builtin, "MNIST_VALIDATES", 20)
    mixed = bench.dataset(name="mnist", root=_mnist_like(tmp_path / "mixed", list(range(10)) * 6))
    assert [len(part) for part in mixed.parts.values()] == [40, 20, 20]
    with pytest.raises(StageError, match="train part of mnist has no image of `7`, `8` and `9`"):
        bench.dataset(
            name="mnist", root=_mnist_like(tmp_path / "sorted", sorted(list(range(10)) * 6))
        )


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
BROKEN = {
    "cut short": (IMAGES, lambda b: b[:-5], "is cut short: it has 15691 bytes, .* tells of 15696"),
    "no head": (IMAGES, lambda b: b[:9], "is cut short: it has 9 bytes"),
    "too long": (LABELS, lambda b: b + b"\0", "goes on after its end: it has 29 bytes"),
    "empty": (LABELS, lambda _: b"", "is not an idx file of unsigned bytes"),
    "another kind": (IMAGES, lambda b: b"\0\0\x0d\3" + b[4:], "is not an idx file of unsigned"),
    "swapped": (IMAGES, lambda _: _idx(np.zeros(20)), "has 1 dimensions, .* images has 3"),
    "other size": (IMAGES, lambda _: _idx(np.zeros((20, 32, 32))), "holds images of 1x32x32, .*28"),
    "too few": (IMAGES, lambda _: _idx(np.zeros((19, 28, 28))), "holds 19 images, .* 20 labels"),
    "bad gzip": (
        IMAGES,
        lambda b: gzip.compress(b)[:-9],
        "cannot read .*: Compressed file ended before the end",
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_of_images_or_labels_is_named_with_the_remedy(
    bench, tmp_path, monkeypatch, case, packed
):
    monkeypatch.setattr(builtin, "MNIST_VALIDATES", 10)
    folder, (name, change, message) = Path(_mnist_like(tmp_path / "m", range(10))), BROKEN[case]
    _mnist_like(tmp_path / "twice", list(range(10)) * 2)
    for file in (IMAGES, LABELS):
        (folder / file).write_bytes((tmp_path / "twice" / file).read_bytes())
    path = folder / name
    content = change(path.read_bytes())
    # What is packed need not be named so.
    path.write_bytes(gzip.compress(content) if packed and case != "bad gzip" else content)
    with pytest.raises((UnreadableError, MissingFiles), match=message) as caught:
        bench.dataset(name="mnist", root=str(folder))
    told = str(caught.value)
    assert str(path) in told
    assert "\n" not in told
    hint = getattr(caught.value, "hint", "")
    assert hint


def test_packed_files_are_read_whatever_their_names(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(builtin, "MNIST_VALIDATES", 10)
    folder = Path(_mnist_like(tmp_path / "m", list(range(10)) * 2))
    plain = bench.dataset(name="mnist", root=str(folder))
    for file in folder.iterdir():
        file.write_bytes(gzip.compress(file.read_bytes()))
    image_files.content.cache_clear()
    found = bench.dataset(name="mnist", root=str(folder))
    assert found == plain
    assert len(device_data.load(found, bench.files, "cpu").parts["train"]) == 10


def test_a_file_that_changed_since_the_plan_is_one_line(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(builtin, "MNIST_VALIDATES", 10)
    folder = Path(_mnist_like(tmp_path / "m", list(range(9, -1, -1)) * 2))
    found = bench.dataset(name="mnist", root=str(folder))
    for name in (IMAGES, LABELS):
        (folder / name).write_bytes((folder / name).read_bytes()[:-1] + b"\7")
    image_files.content.cache_clear()
    with pytest.raises(UnreadableError, match=r"has changed: its content is .*; run again"):
        device_data.load(found, bench.files, "cpu")
