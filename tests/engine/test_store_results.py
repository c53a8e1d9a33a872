import os
import stat
from pathlib import Path

import pytest

from engine.store import Damaged, FileRef, Miss, Output, Result, Store, objects
from engine.store.digest import seal, sha256, unseal
from pipelines.core.errors import EnvironmentFault

KEY = "ab" + "0" * 62


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def publish(store: Store, key: str = KEY, content: bytes = b"weights" * 100) -> Result:
    result = Result(
        outputs={
            "model": Output("Model", 1, {"w.bin": store.put(content), "m.json": store.put(b"{}")})
        },
        scores={"high/accuracy": 0.5},
        components={"type": "train", "params": {"lr": 0.1}},
        provenance={"host": "here"},
        cost={"seconds": 1.5},
        curves=store.put(b"[]"),
    )
    store.publish(key, result)
    return result


def object_path(store: Store, ref: FileRef) -> Path:
    return store.objects.path(ref.sha256)


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def test_a_published_result_is_read_back_by_another_process_store(store):
    published = publish(store)
    assert Store(store.root).result(KEY) == published


def test_files_are_served_under_their_names_with_their_content(store):
    result = publish(store)
    files = Store(store.root).files(result.outputs["model"])
    assert {name: path.read_bytes() for name, path in files.items()} == {
        "w.bin": b"weights" * 100,
        "m.json": b"{}",
    }


def test_nothing_is_made_before_something_is_written(store):
    assert store.result(KEY) == Miss("no earlier result")
    assert store.checkpoint_load(KEY) is None
    assert store.checkpoint_note(KEY) is None
    assert store.lease_owner(KEY) == ""
    assert not store.root.exists()


def test_folders_are_private_and_objects_cannot_be_written(store):
    publish(store)
    with store.lease(KEY, "7f3a"):
        for path in store.root.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            expected = 0o700 if path.is_dir() else 0o444 if "objects" in path.parts else 0o600
            assert mode == expected, path
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700


def test_no_temporary_file_is_left(store):
    publish(store)
    assert list((store.root / "tmp").iterdir()) == []


def test_a_result_without_its_objects_is_not_published(store):
    missing = Result(outputs={"model": Output("Model", 1, {"w.bin": FileRef("0" * 64, 3)})})
    with pytest.raises(Damaged, match="is missing"):
        store.publish(KEY, missing)
    assert store.result(KEY) == Miss("no earlier result")


def test_any_flipped_bit_of_a_manifest_is_a_miss_that_goes_to_quarantine(store):
    publish(store)
    path = store.results.path(KEY)
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole)
        flip(path, position)
        found = Store(store.root).result(KEY)
        assert isinstance(found, Miss)
        assert found.damaged
        assert not path.exists()
    aside = list((store.root / "quarantine").iterdir())
    assert any(kept.name.startswith(KEY) and kept.suffix != ".reason" for kept in aside)
    assert any("digest" in kept.read_text() for kept in aside if kept.suffix == ".reason")


def test_any_truncation_of_a_manifest_is_a_miss(store):
    publish(store)
    path = store.results.path(KEY)
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        assert isinstance(Store(store.root).result(KEY), Miss)


def test_a_manifest_of_another_key_is_never_served(store):
    publish(store)
    other = "ab" + "1" * 62
    store.results.path(KEY).rename(store.results.path(other))
    found = store.result(other)
    assert isinstance(found, Miss)
    assert "belongs to the key" in found.reason


@pytest.mark.parametrize("name", ["../../../etc/passwd", "A" * 64, "0" * 63])
def test_a_manifest_cannot_name_a_path_outside(store, name):
    publish(store)
    path = store.results.path(KEY)
    data = unseal(path.read_bytes())
    data["outputs"]["model"]["files"]["w.bin"][0] = name
    path.write_bytes(seal(data))
    found = store.result(KEY)
    assert isinstance(found, Miss)
    assert "not a sha256" in found.reason


@pytest.mark.parametrize("what", ["w.bin", "m.json", "curves"])
def test_a_missing_object_is_a_miss(store, what):
    result = publish(store)
    ref = result.curves if what == "curves" else result.outputs["model"].files[what]
    object_path(store, ref).unlink()
    found = store.result(KEY)
    assert isinstance(found, Miss)
    assert what in found.reason
    assert "missing" in found.reason


def test_a_truncated_object_is_a_miss_and_goes_to_quarantine(store):
    result = publish(store)
    path = object_path(store, result.outputs["model"].files["w.bin"])
    path.chmod(0o600)
    os.truncate(path, 10)
    found = store.result(KEY)
    assert isinstance(found, Miss)
    assert "has 10 bytes instead of 700" in found.reason
    assert not path.exists()


def test_a_flipped_bit_of_an_object_is_found_when_read_and_heals_when_put_again(store):
    result = publish(store)
    path = object_path(store, result.outputs["model"].files["w.bin"])
    flip(path, 300)
    with pytest.raises(Damaged, match="has other bytes"):
        Store(store.root).files(result.outputs["model"])
    assert isinstance(store.result(KEY), Miss)
    publish(store)
    assert isinstance(store.result(KEY), Result)
    assert store.files(result.outputs["model"])["w.bin"].read_bytes() == b"weights" * 100


def test_an_object_damaged_after_it_was_verified_is_not_served(store):
    result = publish(store)
    store.files(result.outputs["model"])
    flip(object_path(store, result.outputs["model"].files["w.bin"]), 0)
    with pytest.raises(Damaged):
        store.files(result.outputs["model"])


def test_putting_over_a_damaged_object_heals_it(store):
    ref = store.put(b"weights" * 100)
    flip(object_path(store, ref), 5)
    assert store.put(b"weights" * 100) == ref
    assert store.read_object(ref.sha256) == b"weights" * 100


def test_a_folder_in_the_place_of_an_object_is_put_aside_for_it(store):
    store.put(b"something else")
    path = store.objects.path(sha256(b"weights"))
    path.mkdir(parents=True)
    assert store.read_object(store.put(b"weights").sha256) == b"weights"
    assert any(it.is_dir() for it in (store.root / "quarantine").iterdir())


def test_a_read_only_store_tells_of_damage_and_moves_nothing(store):
    result = publish(store)
    manifest, weights = store.results.path(KEY), result.outputs["model"].files["w.bin"]
    flip(object_path(store, weights), 5)
    flip(manifest, 100)
    before = sorted(store.root.rglob("*"))
    reader = Store(store.root, readonly=True)
    assert isinstance(reader.result(KEY), Miss)
    with pytest.raises(Damaged):
        reader.files(result.outputs["model"])
    assert sorted(store.root.rglob("*")) == before


def test_a_file_that_changes_while_it_is_put_is_refused(store, tmp_path, monkeypatch):
    source = tmp_path / "growing"
    source.write_bytes(b"one")
    measure = objects._measure

    def measure_then_edit(path):
        found = measure(path)
        source.write_bytes(b"two")
        return found

    monkeypatch.setattr(objects, "_measure", measure_then_edit)
    with pytest.raises(EnvironmentFault, match="changed while"):
        store.put(source)
    assert [path for path in (store.root / "objects").rglob("*") if path.is_file()] == []


def test_a_file_and_its_bytes_are_one_object(store, tmp_path):
    source = tmp_path / "a"
    source.write_bytes(b"x" * 3_000_000)
    assert store.put(source) == store.put(b"x" * 3_000_000)
    assert len([path for path in (store.root / "objects").rglob("*") if path.is_file()]) == 1


def test_a_score_that_is_not_finite_is_refused(store):
    with pytest.raises(ValueError, match="finite"):
        store.publish(KEY, Result(outputs={}, scores={"high/accuracy": float("nan")}))


def test_publishing_drops_the_checkpoints(store):
    store.checkpoint_save(KEY, lambda folder: (folder / "a").write_bytes(b"1"))
    publish(store)
    assert store.checkpoint_load(KEY) is None
    assert not store.partial(KEY).exists()


def test_results_are_read_with_little_work_each(store, work):
    keys = [f"{number:064x}" for number in range(40)]
    ref = store.put(b"x")
    for key in keys:
        made = Result(outputs={"model": Output("Model", 1, {"a": ref})}, components={"type": "x"})
        store.publish(key, made)
    reader = Store(store.root)
    reader.result(keys[0])
    with work.counting():
        found = [reader.result(key) for key in keys]
    assert all(isinstance(result, Result) for result in found)
    assert work.steps < 300 * len(keys)
