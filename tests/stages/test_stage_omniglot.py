import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from engine.learning.data import device_data as data
from engine.learning.data import image_files, omniglot_index
from engine.learning.data.unreadable import UnreadableError
from engine.learning.training.replay import Mixture, Seeds
from engine.library.artifacts import Dataset
from engine.library.datasets import omniglot
from engine.library.stages.dataset import dataset
from engine.library.stages.pretrain import pretrain
from engine.library.stages.subset import subset
from engine.stage_api.catalogue import Catalogue
from pipelines.core.errors import MissingFiles, PipelineError
from pipelines.pipeline import check

PLACE = omniglot_index.numbers()


def _twin(bench, folder, **fields):
    return bench.dataset(**{"name": "omniglot", "part": "train", "root": str(folder), **fields})


def _hebrew(*turns):
    return tuple(PLACE[f"Hebrew/character{i:02}"] * 4 + turn for i in (1, 2, 3) for turn in turns)


def test_a_part_has_the_characters_of_its_list_and_all_drawings_of_them(bench, omniglot_twin):
    found = _twin(bench, omniglot_twin, part="val", split="vinyals")
    assert found.classes == _hebrew(0)
    assert {name: len(part) for name, part in found.parts.items()} == {
        "train": 0,
        "val": 60,
        "test": 0,
    }
    task = data.load(found, bench.files, "cpu")
    assert task.shape == (1, 28, 28)
    assert torch.bincount(task.parts["val"].y).tolist() == [20] * 3


def test_each_turn_is_a_class_where_rotations_are_classes(bench, omniglot_twin):
    found = _twin(bench, omniglot_twin, part="val", rotations="classes")
    assert found.classes == _hebrew(0, 1, 2, 3)
    val = data.load(found, bench.files, "cpu").parts["val"]
    assert torch.bincount(val.y).tolist() == [20] * 12
    upright, turned = val.x[val.y == 4], val.x[val.y == 5]
    assert torch.equal(torch.rot90(upright, 1, (2, 3)), turned)


def test_augmented_images_are_turned_by_quarters_with_their_class_kept(bench, omniglot_twin):
    found = _twin(bench, omniglot_twin, rotations="augment")
    task = data.load(found, bench.files, "cpu")
    assert len(task.classes) == 4
    mixed = Mixture(task, (), batch=40, replayed=0, seeds=Seeds(1, 2, 3))
    x, y = mixed._new.take(40)
    original = task.parts["train"].pictures(slice(None))
    turns = torch.stack([torch.rot90(original, turn, (2, 3)) for turn in range(4)])
    places = [(turns == image).flatten(2).all(2).nonzero()[0].tolist() for image in x]
    assert {turn for turn, _ in places} == {0, 1, 2, 3}
    assert [task.parts["train"].y[place] for _, place in places] == y.tolist()


def test_the_artifact_comes_back_and_holds_no_pixels(bench, omniglot_twin, tmp_path):
    found = _twin(bench, omniglot_twin, rotations="classes")
    found.write(tmp_path)
    assert Dataset.read({"dataset.json": tmp_path / "dataset.json"}) == found
    assert (tmp_path / "dataset.json").stat().st_size < 5000
    assert set(found.files) == {*omniglot_index.ARCHIVES, "vinyals_train.txt"}


def test_characters_serve_as_any_other_dataset(bench, omniglot_twin):
    found = _twin(bench, omniglot_twin)
    few = bench.stage(subset, {"train_per_class": 5}, data=found).data
    assert len(few.parts["train"]) == 20
    net = {"kind": "conv4", "width": 8}
    made = bench.stage(pretrain, {"net": net, "steps": 3}, data=few)
    assert made.model.heads["omniglot"].classes == found.classes


def test_the_random_split_is_the_same_for_ever_and_shares_no_character():
    parts = {part: omniglot.characters("random", part, {}) for part in ("train", "val", "test")}
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 1028,
        "val": 172,
        "test": 423,
    }
    assert len(set.union(*map(set, parts.values()))) == 1623
    digest = hashlib.sha256(str(sorted(parts.items())).encode()).hexdigest()
    assert digest[:12] == "e7e480c2db82"


def test_facts_name_classes_and_characters_before_anything_is_read(look, omniglot_twin):
    fields = {"name": "omniglot", "task": "t", "part": "val", "root": str(omniglot_twin)}
    facts, faults = look(dataset, fields | {"rotations": "classes"})
    assert not faults
    assert facts["data"].classes == _hebrew(0, 1, 2, 3)
    names = [f"omniglot/Hebrew/character0{i}" for i in (1, 2, 3)]
    assert facts["data"].sources == {(name, "val", name, 0, 20) for name in names}
    assert facts["data"].examples == {"val": 20}
    assert set(facts["data"].metrics) == {"t/val_accuracy", "t/val_loss"}


def test_pretraining_on_test_characters_is_an_error_before_the_run(look, omniglot_twin):
    for part, count in {"train": 0, "test": 1}.items():
        fields = {"name": "omniglot", "part": part, "root": str(omniglot_twin)}
        data = look(dataset, fields)[0]["data"]
        faults = look(pretrain, {}, data=data)[1]
        assert [fault[1] for fault in faults] == ["from.data"] * count


def test_facts_of_digits_say_how_many_examples_the_smallest_class_has(look):
    facts, _ = look(dataset, {"name": "digits", "classes": [8, 1], "take": {"val": 20}})
    assert facts["data"].examples == {"train": 104, "val": 10, "test": 35}


@pytest.mark.parametrize("name", ["digits", pytest.param("mnist", marks=pytest.mark.slow)])
def test_what_facts_say_of_classes_is_what_there_is(bench, look, name):
    if name == "mnist" and "META_DATA" not in os.environ:
        pytest.skip("META_DATA is not set")
    for label in (0, 5, 9):
        facts, _ = look(dataset, {"name": name, "classes": [label, (label + 1) % 10]})
        found = bench.dataset(name=name, classes=[label, (label + 1) % 10])
        fewest = {}
        for part, chosen in found.parts.items():
            labels = image_files.labels(bench.files, found.files, chosen.labels)[
                list(chosen.indices)
            ]
            fewest[part] = min(np.bincount(labels, minlength=10)[list(found.classes)])
        assert facts["data"].examples == fewest


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": "digits", "part": "val"}, ("part",)),
        ({"name": "mnist", "split": "random"}, ("split",)),
        ({"name": "digits", "rotations": "none"}, ("rotations",)),
        ({"name": "omniglot", "part": "val", "classes": [1, 2]}, ("classes",)),
        ({"name": "omniglot", "part": "val", "take": {"train": 3}}, ("take",)),
        ({"name": "omniglot", "part": "val", "shifted": {"rotate": [1, 2]}}, ("shifted",)),
        ({"name": "omniglot", "part": "valid"}, ("part",)),
        ({"name": "omniglot"}, ()),
    ],
)
def test_a_parameter_of_another_collection_is_refused_at_its_place(bench, fields, place):
    with pytest.raises(ValidationError) as caught:
        bench.params(dataset, **fields)
    assert [error["loc"] for error in caught.value.errors()] == [place]


@pytest.fixture
def folder(omniglot_twin, tmp_path):
    """A twin that a test may damage."""
    return shutil.copytree(omniglot_twin, tmp_path / "omniglot")


def _missing(bench, folder, **fields):
    params = bench.params(dataset, name="omniglot", part="val", root=str(folder), **fields)
    with pytest.raises(MissingFiles) as caught:
        params.files(Path())
    return str(caught.value), caught.value.hint


def test_a_missing_archive_is_named_with_the_remedy(bench, folder):
    (folder / "images_evaluation.zip").unlink()
    message, hint = _missing(bench, folder)
    assert "lacks images_evaluation.zip; looked in" in message
    assert "github.com/brendenlake/omniglot" in hint


def test_an_archive_that_is_cut_short_is_refused_before_the_run(bench, folder):
    path = folder / "images_background.zip"
    path.write_bytes(path.read_bytes()[:-500])
    assert "is not a whole zip archive" in _missing(bench, folder)[0]


def test_both_archives_that_are_cut_short_are_told_at_once(bench, folder):
    for name in omniglot_index.ARCHIVES:
        (folder / name).write_bytes((folder / name).read_bytes()[:-500])
    with pytest.raises(MissingFiles, match=r"images_background\.zip is not a whole zip") as caught:
        bench.params(dataset, name="omniglot", part="val", root=str(folder)).files(Path())
    ((message, hint),) = caught.value.others
    assert message.endswith("images_evaluation.zip is not a whole zip archive")
    assert hint == caught.value.hint == "a download may have been cut short: get it again"


def test_the_vinyals_split_needs_its_list_and_the_random_one_none(bench, folder):
    (folder / "splits" / "vinyals_val.txt").unlink()
    message, hint = _missing(bench, folder)
    assert "vinyals_val.txt" in message
    assert "split: random" in hint
    fields = {"name": "omniglot", "part": "val", "root": str(folder), "split": "random"}
    assert set(bench.params(dataset, **fields).files(Path())) == set(omniglot_index.ARCHIVES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hebrew/character01/rot000\nKlingon/character01/rot000\n", "line 2.*Klingon"),
        ("Hebrew/character01\n", "line 1.*no character"),
        ("Hebrew/character01/rot000\nHebrew/character99/rot000", "character99"),
        ("", "is empty"),
        ("x" * 1_000_001, "has 1,000,001 bytes; a list of characters has at most 1,000,000"),
    ],
)
def test_a_list_of_what_omniglot_does_not_have_is_refused(bench, folder, text, message):
    (folder / "splits" / "vinyals_val.txt").write_text(text)
    with pytest.raises(MissingFiles, match=message):
        bench.params(dataset, name="omniglot", part="val", root=str(folder)).files(Path())


def test_an_archive_whose_table_of_contents_is_too_large_is_refused_unread(
    bench, folder, monkeypatch
):
    monkeypatch.setattr(omniglot_index, "_MOST_TABLE", 100)
    with pytest.raises(OSError, match=r"table of contents has [0-9,]+ bytes, and has at most 100"):
        bench.params(dataset, name="omniglot", part="val", root=str(folder)).files(Path())


def test_an_edited_list_is_read_anew(bench, folder):
    params = bench.params(dataset, name="omniglot", part="val", root=str(folder))
    assert len(params.characters(params.files(Path()))) == 3
    (folder / "splits" / "vinyals_val.txt").write_text("Hebrew/character01/rot000\n")
    assert len(params.characters(params.files(Path()))) == 1


@pytest.mark.parametrize(("name", "there"), [("Greek/character24", 0), ("Hebrew/character02", 19)])
def test_a_list_with_a_character_that_the_archives_lack_is_refused_by_line(
    bench, folder, name, there
):
    (folder / "splits" / "vinyals_val.txt").write_text(
        f"Hebrew/character01/rot000\n{name}/rot090\n{name}/rot000\n"
    )
    path = folder / "images_background.zip"
    with zipfile.ZipFile(path) as opened:
        kept = {info: opened.read(info) for info in opened.namelist()}
    with zipfile.ZipFile(path, "w") as opened:
        for info, content in kept.items():
            if not info.endswith("Hebrew/character02/0001_07.png"):
                opened.writestr(info, content)
    path.write_bytes(b"something before" * 500 + path.read_bytes())
    fields = {"name": "omniglot", "part": "val", "root": str(folder)}
    with pytest.raises(MissingFiles) as caught:
        bench.params(dataset, **fields).files(Path())
    lacks = f"images_background.zip has {there} of the 20 drawings of {name}"
    assert str(caught.value).endswith(f"vinyals_val.txt, line 2: {lacks}")
    assert caught.value.place == "root"


def test_an_archive_without_a_chosen_character_is_named_at_the_run(bench, folder):
    with pytest.raises(UnreadableError, match=r"images_background\.zip lacks drawing 1 of images"):
        _twin(bench, folder, part="val", split="random")


SPLITS = """version: 1
name: places
stages:
  source:
    uses: dataset
    with: {name: omniglot, part: val, root: ROOT SPLIT}
"""


@pytest.mark.parametrize(
    ("count", "last"),
    [
        (10, "vinyals_val.txt, line 11: Omniglot has no character 'Elbisch/9/rot000'"),
        (11, "vinyals_val.txt that names no character"),
        (1_012, "vinyals_val.txt that name no character"),
    ],
)
def test_unknown_lines_of_a_list_are_told_ten_at_once(folder, count, last):
    lines = ["Hebrew/character01/rot000", *(f"Elbisch/{i}/rot000" for i in range(count))]
    path = folder / "splits" / "vinyals_val.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(MissingFiles) as caught:
        omniglot.characters("vinyals", "val", {"vinyals_val.txt": path})
    told = [str(caught.value), *(message for message, _ in caught.value.others)]
    assert told[0].endswith("line 2: Omniglot has no character 'Elbisch/0/rot000'")
    assert len(told) == min(count, 11)
    assert told[-1].endswith(last)
    assert count <= 10 or told[-1].startswith({11: "and one more", 1_012: "and 1,002 more"}[count])


@pytest.mark.parametrize(("split", "mark"), [(", split: vinyals", "vinyals"), ("", "{name")])
def test_a_split_without_its_lists_is_an_error_at_its_place(folder, split, mark):
    (folder / "splits" / "vinyals_val.txt").unlink()
    text = SPLITS.replace("ROOT", "omniglot").replace(" SPLIT", split)
    with pytest.raises(PipelineError) as caught:
        check(text, file="p.yaml", folder=folder.parent, stages=Catalogue(()))
    (problem,) = caught.value.problems
    assert "omniglot lacks vinyals_val.txt" in problem.message
    assert problem.mark.line == 6
    lines = text.splitlines()
    assert lines[5][problem.mark.column - 1 :].startswith(mark)


def test_describing_characters_imports_neither_numpy_nor_pillow(omniglot_twin):
    code = (
        "import sys; from pathlib import Path; from engine.library.stages.dataset import Dataset; "
        f"params = Dataset(name='omniglot', part='val', root={str(omniglot_twin)!r}); "
        "assert len(params.characters(params.files(Path()))) == 3; "
        "assert not {'PIL', 'numpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def real():
    place = Path(os.environ.get("META_DATA", ""), "omniglot")
    if "META_DATA" not in os.environ or not place.is_dir():
        pytest.skip("META_DATA is not set, or has no omniglot")
    return place


def test_the_vinyals_lists_have_1028_172_and_423_characters(real):
    parts = []
    for part, size in {"train": 1028, "val": 172, "test": 423}.items():
        chosen = omniglot.characters("vinyals", part, omniglot.find("vinyals", part, real))
        assert len(chosen) == size
        parts.append(set(chosen))
    assert len(set.union(*parts)) == 1623


def test_the_real_archives_hold_exactly_the_expected_drawings(real):
    found = []
    for archive in omniglot_index.ARCHIVES:
        with zipfile.ZipFile(real / archive) as opened:
            found += [name for name in opened.namelist() if name.endswith(".png")]
    folders = sorted(name.rpartition("/")[0] for name in found)
    assert folders == sorted(folder for folder in omniglot_index.folders() for _ in range(20))


@pytest.mark.slow
def test_real_drawings_are_scaled_to_mean_0_and_deviation_1(bench, real):
    every = [_twin(bench, real, part=part, split="random") for part in ("train", "val", "test")]
    x = torch.cat(
        [
            examples.pictures(slice(None))
            for found in every
            for examples in data.load(found, bench.files, "cpu").parts.values()
        ]
    )
    assert len(x) == 32460
    assert x.mean().item() == pytest.approx(0, abs=1e-3)
    assert x.std().item() == pytest.approx(1, abs=1e-3)
