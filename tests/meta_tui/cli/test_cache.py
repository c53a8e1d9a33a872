"""`meta cache verify` on a store with every kind of damage."""

import json
import os

import pytest
import typer

from engine.store import Output, Result, Store
from engine.store.verification import verify
from meta_tui.cli.cache import Deed, cache

KEYS = ["ab" + "0" * 62, "ab" + "1" * 62, "cd" + "2" * 62]


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """Three results: two share their weights, each has a score of its own; and a stray object."""
    monkeypatch.setenv("META_HOME", str(tmp_path / "store"))
    made = Store(tmp_path / "store")
    for number, key in enumerate(KEYS):
        weights = made.put(b"weights" * (1000 if number < 2 else 1001))
        files = {"w.bin": weights, "s.json": made.put(b"%d" % number)}
        made.publish(
            key,
            Result(
                outputs={"model": Output("Model", 1, files)},
                components={"code": made.put(b"code").sha256},
                provenance={"cell": f"net@seed={number}", "run": "7f3a"},
                curves=made.put(b"[%d]" % number),
            ),
        )
    return made


def place(store: Store, content: bytes):
    from engine.store.digest import sha256

    return store.objects.path(sha256(content))


def flip(path, *, keep_times: bool = True) -> None:
    path.chmod(0o600)
    times, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def said(capsys, **options) -> tuple[int, list[str]]:
    """Exit code of the command, and what it printed."""
    code = 0
    try:
        cache(Deed.VERIFY, **options)
    except typer.Exit as error:
        code = error.exit_code
    return code, capsys.readouterr().out.splitlines()


def test_a_whole_store_is_read_to_its_end(store, capsys):
    told = []
    found = verify(store, lambda *at: told.append(at))
    sizes = [it.stat().st_size for it in store.root.glob("objects/*/*")]
    assert (found.objects, found.bytes, found.results) == (9, sum(sizes), 3)
    assert found.damage == ()
    assert told[-1] == (9, sum(sizes), sum(sizes))
    assert [at[0] for at in told] == list(range(1, 10))
    assert said(capsys) == (0, ["9 objects (14 kB) and 3 results read: nothing damaged"])


def test_what_is_damaged_is_named_with_its_results_and_cells(store, capsys):
    flip(place(store, b"weights" * 1000))
    place(store, b"[1]").unlink()
    flip(place(store, b"code"))
    flip(store.results.path(KEYS[2]))
    before = sorted(store.root.rglob("*"))
    code, lines = said(capsys)
    assert code == 1
    assert sorted(lines[:-2]) == sorted([
        f"damaged  result {KEYS[2][:12]}: its result was damaged (its manifest: its content does "
        "not match its own digest)",
        f"damaged  object {place(store, b'weights' * 1000).name[:12]} has other bytes: "
        f"model/w.bin of net@seed=0, result {KEYS[0][:12]} of run 7f3a, and 1 more result",
        f"damaged  object {place(store, b'[1]').name[:12]} is missing: "
        f"its curves of net@seed=1, result {KEYS[1][:12]} of run 7f3a",
        f"damaged  object {place(store, b'code').name[:12]} has other bytes: the code "
        f"listing of net@seed=0, result {KEYS[0][:12]} of run 7f3a, and 1 more result, only used "
        "to explain why it runs again",
    ])  # fmt: skip
    assert lines[-2].endswith("3 results read: 4 damaged")
    assert sorted(store.root.rglob("*")) == before
    code, lines = said(capsys, as_json=True)
    *damaged, counts = map(json.loads, lines)
    assert (code, counts["damaged"], counts["objects"]) == (1, 4, 8)
    (weights,) = (it for it in damaged if it["object"] == place(store, b"weights" * 1000).name)
    assert [user["cell"] for user in weights["users"]] == ["net@seed=0", "net@seed=1"]


def test_a_run_knows_what_was_found_though_no_time_of_the_file_tells_it(store, monkeypatch):
    from engine.store import objects, touched

    monkeypatch.setattr(objects, "touched_after", lambda found, since: False)
    monkeypatch.setattr(touched, "_SETTLED_NANOSECONDS", -1)
    (store.root / "memo").mkdir()
    path = place(store, b"weights" * 1001)
    flip(path)
    assert isinstance(Store(store.root, readonly=True).result(KEYS[2]), Result)
    verify(Store(store.root, readonly=True), lambda *at: None)
    found = Store(store.root, readonly=True).result(KEYS[2])
    why = f"its result was damaged (model/w.bin: object {path.name[:12]} has other bytes)"
    assert (found.reason, found.damaged) == (why, True)
    # Mended, as from a backup, it serves again.
    flip(path)
    assert isinstance(Store(store.root, readonly=True).result(KEYS[2]), Result)


def test_what_is_put_aside_is_damaged_no_more(store, capsys):
    flip(place(store, b"weights" * 1000))
    flip(place(store, b"code"))
    assert said(capsys, put_aside=True)[0] == 1
    assert len(list((store.root / "quarantine").glob("*.reason"))) == 4
    # The result that is left needs no listing of its code, but names one.
    assert isinstance(Store(store.root).result(KEYS[2]), Result)
    code, (damaged, counts, remedy) = said(capsys)
    assert code == 1
    assert f"is missing: the code listing of net@seed=2, result {KEYS[2][:12]}" in damaged
    assert counts == "7 objects (7 kB) and 1 results read: 1 damaged"
    assert remedy.startswith("`meta run` writes the code listings of cells that still have that")
    store.put(b"code")
    assert said(capsys) == (0, ["8 objects (7 kB) and 1 results read: nothing damaged"])


@pytest.mark.parametrize("root", ["nothing", "a-folder"])
def test_a_folder_that_is_no_store_is_refused(tmp_path, monkeypatch, root):
    (tmp_path / "a-folder").mkdir()
    monkeypatch.setenv("META_HOME", str(tmp_path / root))
    from pipelines.core.errors import UsageError

    with pytest.raises(UsageError, match="there is no store in"):
        cache(Deed.VERIFY)
    assert list((tmp_path / "a-folder").iterdir()) == []
