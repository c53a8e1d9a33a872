"""Datasets from a folder of one's own images, as `dataset: {name: folder}` reads it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from engine.identity.input_files import Inputs
from engine.learning.data import device_data, image_folder, image_folder_pixels
from engine.learning.data.unreadable import UnreadableError
from engine.library.artifacts import Dataset
from engine.library.stages.dataset import dataset
from engine.library.stages.evaluate import evaluate
from engine.library.stages.pretrain import pretrain
from engine.library.stages.tasks import tasks
from engine.stage_api.catalogue import Catalogue
from engine.store import fs
from engine.store.location import adopt
from pipelines.core.errors import MissingFiles, PipelineError, StageError
from pipelines.pipeline import check

CLASSES = ("ant", "bee", "cat", "dog", "emu", "fox", "gnu", "hen", "ibis", "jay")
EACH = 10


def _write(folder: Path, classes=CLASSES, each=EACH) -> Path:
    """Images of 6x5 pixels, each of one level of its own."""
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            level = (place * each + i) % 256
            Image.new("RGB", (5, 6), (level, level, level)).save(folder / name / f"{i:02}.png")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("own") / "images")


@pytest.fixture
def own(images, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(images, tmp_path / "images")


def _fields(root, **fields):
    return {"name": "folder", "root": str(root), "size": [6, 5], "color": "gray", **fields}


def _levels(bench, found, part):
    """Level of each image: what class and file it is of, as stored."""
    return device_data.load(found, bench.files, "cpu").parts[part].x[:, 0, 0, 0].tolist()


def test_images_are_those_of_the_files_with_the_class_of_their_folder(bench, images):
    found = bench.dataset(**_fields(images))
    task = device_data.load(found, bench.files, "cpu")
    assert found.names == CLASSES
    assert found.classes == tuple(image_folder.number(name) for name in CLASSES)
    assert task.shape == found.shape == (1, 6, 5)
    for part in task.parts.values():
        assert (part.x // EACH == part.y[:, None, None, None]).all()
        x = part.pictures(slice(None))
        torch.testing.assert_close(x, part.x / 127.5 - 1)


def test_examples_of_each_class_are_divided_and_no_image_is_in_two_parts(bench, images):
    found = bench.dataset(**_fields(images))
    levels = {part: _levels(bench, found, part) for part in ("train", "val", "test")}
    assert sorted(level for x in levels.values() for level in x) == list(range(100))
    counts = {part: np.bincount([level // EACH for level in x]) for part, x in levels.items()}
    assert {part: set(x.tolist()) for part, x in counts.items()} == {
        "train": {6},
        "val": {2},
        "test": {2},
    }
    other = bench.dataset(**_fields(images, shares=[0.5, 0, 0.5]))
    assert {part: len(x) for part, x in other.parts.items()} == {"train": 50, "val": 0, "test": 50}


def test_the_division_of_examples_is_the_same_for_ever(bench, images):
    found = bench.dataset(**_fields(images))
    assert {part: _levels(bench, found, part)[:6] for part in found.parts} == {
        "train": [1, 4, 5, 7, 8, 9], "val": [0, 3, 15, 18, 20, 24],
        "test": [2, 6, 12, 13, 22, 23],
    }  # fmt: skip


def test_classes_are_divided_for_tasks_always_alike(bench, images):
    parts = {
        part: bench.dataset(**_fields(images, split="classes", part=part))
        for part in ("train", "val", "test")
    }
    names = {part: found.names for part, found in parts.items()}
    assert names["val"] == ("bee", "emu")
    assert names["test"] == ("cat", "gnu")
    assert sorted(name for part in names.values() for name in part) == sorted(CLASSES)
    assert {part: len(x) for part, x in parts["val"].parts.items()} == {
        "train": 0, "val": 20, "test": 0,
    }  # fmt: skip
    assert _levels(bench, parts["test"], "test") == [*range(20, 30), *range(60, 70)]


def test_classes_of_a_part_may_be_named(bench, images):
    fields = _fields(images, split="none", part="test", classes=["hen", "cat"])
    found = bench.dataset(**fields)
    assert found.names == ("hen", "cat")
    task = device_data.load(found, bench.files, "cpu").parts["test"]
    assert task.y.tolist() == [1] * EACH + [0] * EACH
    assert _levels(bench, found, "test") == [*range(20, 30), *range(70, 80)]


def test_names_that_are_numbers_may_be_written_as_numbers(bench, tmp_path):
    root = _write(tmp_path / "digits", ["0", "1", "10"])
    assert bench.dataset(**_fields(root, classes=[10, 0])).names == ("10", "0")


def test_take_keeps_equal_classes(bench, images):
    found = bench.dataset(**_fields(images, take={"train": 30}))
    levels = _levels(bench, found, "train")
    assert np.bincount([level // EACH for level in levels]).tolist() == [3] * 10


def test_a_class_is_known_by_its_name_in_whatever_folder(bench, images, tmp_path):
    two = bench.dataset(**_fields(_write(tmp_path / "two", ["dog", "zebu"])))
    found = bench.dataset(**_fields(images))
    assert two.classes[0] == found.classes[3]
    assert two.classes[1] not in found.classes
    assert image_folder.number("dog") == 0xCD6357EFDD96


def test_images_of_a_folder_serve_as_any_others(bench, images):
    found = bench.dataset(**_fields(images))
    made = bench.stage(pretrain, {"net": {"kind": "mlp", "hidden": [8]}, "steps": 3}, data=found)
    assert made.model.heads["folder"].classes == found.classes
    assert "folder/accuracy" in made.scores.metrics
    few = bench.dataset(**_fields(images, split="classes", part="train"))
    family = bench.stage(tasks, {"episode": {"ways": 6, "shots": 1}, "queries": 9}, data=few).tasks
    assert family.data == few


def test_the_artifact_comes_back_and_holds_no_pixels(bench, images, tmp_path):
    found = bench.dataset(**_fields(images, split="classes", part="train"))
    found.write(tmp_path)
    assert Dataset.read({"dataset.json": tmp_path / "dataset.json"}) == found
    assert (tmp_path / "dataset.json").stat().st_size < 2000


# How images are made alike.


def _read(bench, folder, image, size=(2, 2), color="gray", **how):
    """One image of a folder as it is stored."""
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        image.save(folder / name / how.get("file", "x.png"))
    fields = {"split": "none", "part": "test", "root": str(folder), "color": color}
    found = bench.dataset(name="folder", size=list(size), **fields)
    return device_data.load(found, bench.files, "cpu").parts["test"].x[0].numpy()


def test_sizes_are_height_and_width(bench, tmp_path):
    image = Image.fromarray(np.repeat([[0, 100, 200]], 4, 0).astype(np.uint8))
    x = _read(bench, tmp_path / "own", image, size=(4, 3))
    assert x.tolist() == [[[0, 100, 200]] * 4]
    small = _read(bench, tmp_path / "small", image, size=(2, 1))
    assert small.shape == (1, 2, 1)
    assert small.tolist() == [[[100], [100]]]


def test_colours_stay_or_become_their_luminance(bench, tmp_path):
    image = Image.new("RGB", (2, 2), (255, 0, 10))
    assert _read(bench, tmp_path / "rgb", image, color="rgb")[:, 0, 0].tolist() == [255, 0, 10]
    assert _read(bench, tmp_path / "gray", image)[:, 0, 0].tolist() == [77]
    assert _read(bench, tmp_path / "usual", image, color=None).shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("mode", "value", "level"),
    [("RGBA", (0, 0, 0, 0), 255), ("LA", (0, 255), 0), ("1", 1, 255), ("I;16", 0x8001, 0x80)],
)
def test_transparency_is_white_paper_and_deep_pixels_lose_their_low_bits(
    bench, tmp_path, mode, value, level
):
    assert (_read(bench, tmp_path / "own", Image.new(mode, (3, 3), value)) == level).all()


def test_images_come_in_the_order_asked_for_each_as_often(images):
    index = np.array([42, 7, 42, 0])
    found = image_folder_pixels.images(images, _digest(images), (1, 6, 5), index)
    assert found[:, 0, 0, 0].tolist() == [42, 7, 42, 0]


def test_a_photo_is_turned_as_its_camera_was(bench, tmp_path):
    image = Image.new("L", (2, 1))
    image.putpixel((1, 0), 255)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.info["exif"] = exif.tobytes()
    (tmp_path / "own").mkdir()
    for name in ("a", "b"):
        (tmp_path / "own" / name).mkdir()
        image.save(tmp_path / "own" / name / "x.png", exif=exif)
    fields = {"split": "none", "part": "test", "root": str(tmp_path / "own"), "color": "gray"}
    found = bench.dataset(name="folder", size=[1, 2], **fields)
    assert device_data.load(found, bench.files, "cpu").parts["test"].x[0, 0].tolist() == [[255, 0]]


@pytest.mark.parametrize("form", ["jpg", "bmp", "gif", "webp", "tif", "ppm"])
def test_other_formats_are_read(bench, tmp_path, form):
    image = Image.new("RGB", (8, 8), (120, 120, 120))
    x = _read(bench, tmp_path / "own", image, file=f"x.{form}")
    assert abs(int(x[0, 0, 0]) - 120) <= 2


# What makes it another one.


def _digest(folder):
    return Inputs(None).digest(folder)


def test_any_change_of_a_folder_gives_another_digest_and_its_place_none(own, tmp_path):
    seen = [_digest(own)]
    assert _digest(shutil.copytree(own, tmp_path / "elsewhere")) == seen[0]
    (own / "ant" / "00.png").rename(own / "ant" / "zz.png")
    seen.append(_digest(own))
    (own / "ant").rename(own / "auk")
    seen.append(_digest(own))
    (own / "auk" / "01.png").write_bytes((own / "bee" / "01.png").read_bytes())
    seen.append(_digest(own))
    (own / "auk" / "02.png").unlink()
    seen.append(_digest(own))
    (own / "auk" / "03.png").rename(own / "bee" / "zz.png")
    seen.append(_digest(own))
    assert len(set(seen)) == len(seen)


def test_what_systems_leave_in_folders_does_not_count(own):
    before = _digest(own)
    (own / ".DS_Store").touch()
    (own / "ant" / ".hidden").touch()
    (own / "ant" / "Thumbs.db").touch()
    (own / "__MACOSX").mkdir()
    (own / "README.txt").write_text("notes")
    assert _digest(own) == before


def test_an_unchanged_folder_is_not_read_again(own, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.identity.file_memo.SETTLED_NANOSECONDS", -1)
    reads = []
    original = fs.chunks
    monkeypatch.setattr(fs, "chunks", lambda path: reads.append(path) or original(path))
    adopt(tmp_path / "store")
    first = Inputs(tmp_path / "store").digest(own)
    assert len([path for path in reads if path.suffix == ".png"]) == 100
    reads.clear()
    assert Inputs(tmp_path / "store").digest(own) == first
    assert not [path for path in reads if path.suffix == ".png"]
    path = own / "fox" / "05.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    state = path.stat()
    path.write_bytes(content)  # as large as before, and no newer to look at
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert Inputs(tmp_path / "store").digest(own) != first


def test_a_folder_that_changed_since_the_plan_is_refused_at_the_run(bench, own):
    found = bench.dataset(**_fields(own))
    Image.new("L", (5, 6), 250).save(own / "ant" / "00.png")
    image_folder_pixels._held.cache_clear()
    image_folder_pixels._decoded.cache_clear()
    with pytest.raises(ValueError, match=r"images has changed.*run again"):
        device_data.load(found, bench.files, "cpu")


def test_checking_opens_each_image_once_for_all_datasets_of_a_folder(own, monkeypatch):
    opened = []
    original = image_folder._fault
    monkeypatch.setattr(image_folder, "_fault", lambda path: opened.append(path) or original(path))
    text = "version: 1\nname: many\nstages:\n" + "".join(
        f"  {part}: {{uses: dataset, with: {{name: folder, root: images, size: [4, 4], "
        f"task: {part}, split: classes, part: {part}}}}}\n"
        for part in ("train", "val", "test")
    )
    for _ in range(2):
        assert check(text, file="p.yaml", folder=own.parent, stages=Catalogue(())).cells
    assert len(opened) == len(set(opened)) == 100
    (own / "ant" / "03.png").write_text("no image")
    with pytest.raises(PipelineError) as caught:
        check(text, file="p.yaml", folder=own.parent, stages=Catalogue(()))
    assert [problem.message.partition("images/")[2] for problem in caught.value.problems] == [
        "ant/03.png is no image"
    ] * 3


# What cannot be.


def _refused(bench, folder):
    params = bench.params(dataset, **_fields(folder))
    with pytest.raises(MissingFiles) as caught:
        params.files(Path())
    assert caught.value.place == "root"
    assert caught.value.hint
    return str(caught.value)


def test_a_folder_that_is_not_there_or_is_none_is_named(bench, tmp_path):
    assert _refused(bench, tmp_path / "nowhere") == f"{tmp_path / 'nowhere'} is not there"
    (tmp_path / "file").touch()
    assert _refused(bench, tmp_path / "file").endswith("file is not a folder")


def test_a_folder_without_classes_is_refused(bench, tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    assert "has no subfolders" in _refused(bench, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda own: (own / "yak").mkdir(), r"images/yak has no image"),
        (lambda own: (own / "ant" / "more").mkdir(), r"ant/more is a folder"),
        (lambda own: (own / "ant" / "notes.txt").write_text("x"), r"ant/notes\.txt is no image"),
        (lambda own: (own / "fox" / "03.png").write_text("x"), r"fox/03\.png is no image"),
        (lambda own: (own / "fox" / "03.png").write_bytes(b""), r"fox/03\.png is empty"),
        (lambda own: (own / "x.JPG").touch(), r"images/x\.JPG is of no class"),
        (lambda own: os.mkfifo(own / "fox" / "p"), r"fox/p is neither a file nor a folder"),
        (lambda own: (own / "fox" / "p").symlink_to("gone"), r"fox/p is neither a file nor a"),
        (lambda own: (own / "bee").rename(own / "b\x1b[2J"), r"class b\\x1b\[2J has a name that"),
    ],
)
def test_what_does_not_belong_into_a_folder_is_named(bench, own, change, message):
    change(own)
    with pytest.raises(MissingFiles, match=message):
        bench.params(dataset, **_fields(own)).files(Path())
    assert "\x1b" not in _refused(bench, own)


def test_all_that_does_not_belong_into_a_folder_is_told_at_once(own):
    (own / "ant" / "a.txt").write_text("x")
    (own / "bee" / "00.png").write_bytes(b"")
    (own / "cat" / "more").mkdir()
    os.mkfifo(own / "dog" / "p")
    (own / "x.JPG").touch()
    (own / "yak").mkdir()
    (own / "z\x1b").mkdir()
    Image.new("L", (2, 2)).save(own / "z\x1b" / "a.png")
    text = "version: 1\nname: own\nstages:\n"
    text += "  a: {uses: dataset, with: {name: folder, root: images, size: [4, 4]}}\n"

    def told() -> list[str]:
        with pytest.raises(PipelineError) as caught:
            check(text, file="p.yaml", folder=own.parent, stages=Catalogue(()))
        problems = caught.value.problems
        assert all(problem.hint for problem in problems)
        assert {(problem.mark.line, problem.mark.column) for problem in problems} == {(4, 49)}
        return [problem.message.replace(f"{own}/", "") for problem in problems]

    structure = "is a folder: the images of a class lie directly in the subfolder of the class"
    known = [
        "x.JPG is of no class: it lies beside their subfolders",
        f"cat/more {structure}",
        "dog/p is neither a file nor a folder",
        "yak has no image",
        "the class z\\x1b has a name that cannot be printed",
        "ant/a.txt is no image",
        "bee/00.png is empty",
    ]
    assert told() == known
    for number in range(4):
        (own / "fox" / f"{number}.md").write_text("x")
    (*first, last) = told()
    assert first == [*known, *(f"fox/{number}.md is no image" for number in range(3))]
    assert last == f"and one more file or folder of {own} out of place or no image"
    (own / "fox" / "4.md").write_text("x")
    assert told()[-1] == f"and 2 more of {own} out of place or no image"


@pytest.mark.parametrize("kept", [40, -30])
def test_an_image_that_is_cut_short_is_named_by_the_stage_that_describes_the_folder(
    bench, own, kept
):
    path = own / "gnu" / "04.png"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableError, match=r"gnu/04\.png cannot be read: it is cut short"):
        bench.dataset(**_fields(own))


@pytest.mark.parametrize("form", ["PNG", "GIF"])
@pytest.mark.parametrize(("height", "told"), [(8000, 0), (8001, 1)])
def test_an_image_that_says_it_is_too_large_is_refused_at_check(tmp_path, form, height, told):
    path = tmp_path / "a" / "x"
    path.parent.mkdir()
    Image.new("1", (8000, height)).save(path, form)
    found = image_folder.no_images(tmp_path, {"a": ("x",)})
    most = "pixels, and an image has at most 64,000,000: make it smaller"
    assert found == (f"{path} has 64,008,000 {most}",) * told


def test_an_image_that_would_fill_the_memory_is_named_at_the_run(bench, tmp_path):
    image = Image.new("1", (9000, 9000))
    with pytest.raises(
        ValueError, match=r"a/x\.bmp.*more than 64000000 pixels.*use a smaller image"
    ):
        _read(bench, tmp_path / "own", image, file="x.bmp")


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"root": None}, ()),
        ({"size": None}, ()),
        ({"split": "classes"}, ()),
        ({"split": "none"}, ()),
        ({"part": "test"}, ("part",)),
        ({"split": "vinyals", "part": "test"}, ("split",)),
        ({"rotations": "classes"}, ("rotations",)),
        ({"shares": [0.5, 0.5, 0.5]}, ("shares",)),
        ({"split": "classes", "part": "test", "classes": ["ant", "bee"]}, ("classes",)),
        ({"split": "classes", "part": "test", "take": {"test": 3}}, ("take",)),
        ({"split": "none", "part": "test", "shifted": {"rotate": [1, 2]}}, ("shifted",)),
        ({"split": "none", "part": "test", "shares": [1, 0, 0]}, ("shares",)),
        ({"classes": ["ant", "ant"]}, ("classes",)),
        ({"name": "digits", "root": None, "size": None}, ("color",)),
        ({"name": "digits", "root": None, "color": None}, ("size",)),
    ],
)
def test_parameters_that_do_not_go_together_are_refused_at_their_place(bench, fields, place):
    given = {name: value for name, value in (_fields("x") | fields).items() if value is not None}
    with pytest.raises(ValidationError) as caught:
        bench.params(dataset, **given)
    assert [error["loc"] for error in caught.value.errors()] == [place]


FAULTS = [
    ({"classes": ["ant", "doge"]}, "classes", "there is no class `doge`", "did you mean `dog`"),
    (
        {"split": "classes", "part": "val", "shares": [0.8, 0.1, 0.1]},
        "shares",
        "the val part has 1 of 10 classes",
        "needs two",
    ),
    (
        {"shares": [0.96, 0.02, 0.02]},
        "shares",
        "classes `ant`, `bee`, `cat`, `dog`, `emu`, `fox`, `gnu`, `hen`, `ibis` and `jay` have too "
        "few images for all parts, as few as 10",
        "add images",
    ),
]


@pytest.mark.parametrize(("fields", "place", "message", "hint"), FAULTS)
def test_what_a_folder_cannot_give_is_an_error_at_its_place(
    look, images, fields, place, message, hint
):
    _, faults = look(dataset, _fields(images, **fields))
    assert [fault[:3] for fault in faults] == [("error", place, message)]
    assert hint in faults[0][3]


def test_facts_name_classes_and_count_examples_before_anything_is_read(look, images):
    facts, faults = look(dataset, _fields(images, split="classes", part="val", task="own"))
    assert not faults
    assert {held[:2] for held in facts["data"].sources} == {
        (f"{images}/{name}", "val") for name in ("bee", "emu")
    }
    assert facts["data"].examples == {"val": 10}
    assert set(facts["data"].metrics) == {"own/val_accuracy", "own/val_loss"}
    facts, _ = look(dataset, _fields(images, take={"train": 25}, shifted={"rotate": [1, 2]}))
    assert facts["data"].examples == {"train": 2, "val": 2, "test": 2}
    assert "folder/shifted_accuracy" in facts["data"].metrics
    facts, _ = look(dataset, _fields(images, shares=[0.5, 0.5, 0], shifted={"rotate": [1, 2]}))
    assert not [name for name in facts["data"].metrics if "shifted" in name]
    facts, _ = look(dataset, _fields(images, shares=[0.5, 0, 0.5]))
    assert facts["data"].examples == {"train": 5, "test": 5}
    assert "folder/val_loss" not in facts["data"].metrics


def test_more_ways_than_a_part_of_a_folder_has_classes_is_an_error_of_tasks(look, images):
    known = look(dataset, _fields(images, split="classes", part="test"))[0]["data"]
    (fault,) = look(tasks, {"episode": {"ways": 5, "shots": 1}, "queries": 9}, data=known)[1]
    assert fault[1:3] == ("episode.ways", "5 ways, and folder has 2 classes")


def test_describing_a_folder_imports_neither_numpy_nor_pillow(images):
    code = (
        "import sys; from pathlib import Path; from engine.library.stages.dataset import Dataset; "
        f"Dataset(name='folder', root={str(images)!r}, size=(2, 2)).files(Path()); "
        "assert not {'PIL', 'numpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_name_the_classes_of_a_folder(bench, look, images, known):
    low, _, model = known
    fields = _fields(images, task="own", classes=["dog", "cat"])
    own = look(dataset, fields)[0]["data"]
    ((_, _, message, _),) = look(evaluate, {}, model=model, data=own)[1]
    assert message == (
        "the model has no head for own, classes [dog, cat]; it has low [0, 1, 2, 3, 4]"
    )
    trained = look(pretrain, {}, data=own)[0]["model"]
    ((_, _, message, _),) = look(evaluate, {}, model=trained, data=low)[1]
    assert message.endswith("classes [0, 1, 2, 3, 4]; it has own of 2 names")
    assert look(evaluate, {}, model=trained, data=own)[1] == []
    found = bench.dataset(**fields)
    net = {"kind": "mlp", "hidden": [4]}
    made = bench.stage(pretrain, {"net": net, "steps": 1}, data=found).model
    other = bench.dataset(**_fields(images, task="own", classes=["cat", "dog"]))
    with pytest.raises(StageError, match=r"no head for own, classes \[cat, dog\]"):
        bench.stage(evaluate, {}, model=made, data=(other,))
