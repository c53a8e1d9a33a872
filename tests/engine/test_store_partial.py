import os

import pytest

from engine.store import Store
from pipelines.core.errors import EnvironmentFault

KEY = "cd" + "0" * 62


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def save(store: Store, number: int) -> None:
    def writer(folder):
        assert list(folder.iterdir()) == []
        (folder / "state.bin").write_bytes(b"%d" % number * 1000)
        (folder / "state.json").write_text(str(number))

    store.checkpoint_save(KEY, writer, {"step": number})


def loaded(store: Store) -> str | None:
    folder = Store(store.root).checkpoint_load(KEY)
    return (folder / "state.json").read_text() if folder else None


def test_the_newest_checkpoint_is_loaded_with_its_note(store):
    save(store, 1)
    save(store, 2)
    assert loaded(store) == "2"
    assert store.checkpoint_note(KEY) == {"step": 2}


def test_two_generations_are_kept(store):
    for number in range(1, 6):
        save(store, number)
    assert sorted(path.name for path in store.partial(KEY).iterdir()) == [
        "4", "4.manifest", "5", "5.manifest"
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["flip", "truncate", "missing", "manifest", "extra"])
def test_a_damaged_generation_gives_way_to_the_one_before(store, damage):
    save(store, 1)
    save(store, 2)
    state = store.partial(KEY) / "2" / "state.bin"
    if damage == "flip":
        state.write_bytes(b"2" * 999 + b"3")
    elif damage == "truncate":
        os.truncate(state, 10)
    elif damage == "missing":
        state.unlink()
    elif damage == "extra":
        (state.parent / "more").write_bytes(b"")
    else:
        manifest = store.partial(KEY) / "2.manifest"
        manifest.write_bytes(manifest.read_bytes()[:-5])
    assert loaded(store) == "1"


def test_a_writer_that_fails_leaves_the_generations_before(store):
    save(store, 1)

    def writer(folder):
        (folder / "state.bin").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(EnvironmentFault, match="disk is full"):
        store.checkpoint_save(KEY, writer, {"step": 2})
    assert loaded(store) == "1"
    assert sorted(path.name for path in store.partial(KEY).iterdir()) == ["1", "1.manifest"]


def test_a_generation_without_its_manifest_is_none(store):
    save(store, 1)
    save(store, 2)
    (store.partial(KEY) / "2.manifest").unlink()
    assert loaded(store) == "1"
    assert store.checkpoint_note(KEY) == {"step": 1}
    save(store, 3)
    assert loaded(store) == "3"


def test_checkpoints_are_dropped_together(store):
    save(store, 1)
    store.checkpoint_drop(KEY)
    store.checkpoint_drop(KEY)
    assert loaded(store) is None
