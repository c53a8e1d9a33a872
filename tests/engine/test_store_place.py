"""Where the store is, what makes a folder one, and that nothing else is ever touched."""

import errno
import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from engine.store import Output, Result, Store, abandoned, location, marker
from engine.store.digest import seal, unseal
from pipelines.core.errors import EnvironmentFault

KEY = "ab" + "0" * 62
LONG_AGO = time.time() - 3 * abandoned.SECONDS
OURS, OTHER = "0123456789abcdef" * 2, "thesis"


def published(root: Path) -> Path:
    """A store with one result."""
    store = Store(root)
    output = Output("Model", 1, {"w.bin": store.put(b"weights")})
    store.publish(KEY, Result(outputs={"model": output}))
    return root


def older(root: Path) -> Path:
    """A store as it was before there were markers."""
    (published(root) / marker.NAME).unlink()
    return root


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All that lies in a folder: name -> mtime and bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (path.lstat().st_mtime_ns, data)
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home, in which the test works."""
    found = tmp_path / "home"
    found.mkdir()
    monkeypatch.setenv("HOME", str(found))
    monkeypatch.chdir(found)
    return found


def test_it_is_the_folder_that_is_named(home):
    assert location.locate(str(home / "mine")) == home / "mine"
    assert location.locate("mine") == home / "mine"
    assert location.locate("") == home / ".meta"
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("mark", [".git", "pyproject.toml", "meta.toml"])
def test_it_is_the_nearest_marked_one_up_to_the_root_of_the_project(home, monkeypatch, mark):
    project = home / "work" / "project"
    deep = project / "a" / "b"
    deep.mkdir(parents=True)
    (project / mark).mkdir()
    location.adopt(home / "work" / ".meta")  # Beyond the root of the project.
    monkeypatch.chdir(deep)
    assert location.locate("") == deep / ".meta"
    location.adopt(project / ".meta")
    assert location.locate("") == project / ".meta"
    (project / "a" / ".meta").mkdir()  # No marker: it is passed by.
    assert location.locate("") == project / ".meta"
    location.adopt(project / "a" / ".meta")
    assert location.locate("") == project / "a" / ".meta"


def test_without_a_project_home_is_the_last_that_is_asked(home, monkeypatch):
    (home / "a").mkdir()
    location.adopt(home.parent / ".meta")
    monkeypatch.chdir(home / "a")
    assert location.locate("") == home / "a" / ".meta"
    location.adopt(home / ".meta")
    assert location.locate("") == home / ".meta"


def test_outside_of_home_and_project_only_the_working_directory_counts(home, monkeypatch):
    outside = home.parent / "outside" / "deep"
    outside.mkdir(parents=True)
    location.adopt(home.parent / "outside" / ".meta")
    monkeypatch.chdir(outside)
    assert location.locate("") == outside / ".meta"


def test_a_store_of_another_user_is_passed_by_and_in_the_working_directory_refused(
    home, monkeypatch
):
    (home / "a").mkdir()
    location.adopt(home / ".meta")
    monkeypatch.chdir(home / "a")
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    assert location.locate("") == home / "a" / ".meta"
    (home / "a" / ".meta").mkdir()
    with pytest.raises(EnvironmentFault, match=r"a/\.meta belongs to another user: set META_HOME"):
        location.locate("")
    assert location.locate(str(home / ".meta")) == home / ".meta"


def test_a_link_counts_only_where_it_leads_to_a_store_of_ours(home, monkeypatch):
    (home / "data").mkdir()
    (home / "data" / "a").write_text("mine")
    (home / ".meta").symlink_to(home / "data")
    with pytest.raises(EnvironmentFault, match=r"\.meta is a link"):
        location.locate("")
    (home / ".meta").unlink()
    location.adopt(home / "big")
    (home / ".meta").symlink_to(home / "big")
    assert location.locate("") == home / ".meta"


def test_in_a_folder_with_other_things_it_lies_below(home):
    mine = home / "mine"
    (mine / "tmp" / "thesis").mkdir(parents=True)
    before = tree(mine)
    assert location.locate(str(mine)) == mine / ".meta"
    assert tree(mine) == before
    published(location.locate(str(mine)))
    assert location.locate(str(mine)) == mine / ".meta"
    assert {name for name in tree(mine) if not name.startswith(".meta")} == set(before)
    assert sorted(path.name for path in mine.iterdir()) == [".meta", "tmp"]


def test_where_both_hold_other_things_it_is_said(home):
    (home / ".meta" / ".meta").mkdir(parents=True)
    (home / ".meta" / ".meta" / "a").write_text("mine")
    with pytest.raises(EnvironmentFault, match="hold other things and are no store"):
        location.locate("")


def test_only_a_run_adopts_an_older_store_and_only_with_a_whole_result(home):
    root = older(home / "old")
    before = tree(root)
    assert location.locate(str(root)) == root
    assert tree(root) == before
    with pytest.raises(EnvironmentFault, match="is no store of meta and holds other things"):
        Store(root).put(b"x")
    assert tree(root) == before
    location.adopt(root)
    assert json.loads((root / marker.NAME).read_text()) == {"format": 1, "kind": "meta store"}
    assert isinstance(Store(root).result(KEY), Result)


@pytest.mark.parametrize("damage", ["cut", "renamed", "linked", "empty"])
def test_what_only_looks_like_an_older_store_is_not_adopted(home, damage):
    root = older(home / "old")
    path = Store(root).results.path(KEY)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    elif damage == "renamed":
        path.rename(path.with_name("cd" + KEY[2:]))
    elif damage == "linked":
        path.rename(home / "elsewhere")
        path.symlink_to(home / "elsewhere")
    else:
        path.unlink()
    before = tree(root)
    assert location.locate(str(root)) == root / ".meta"
    with pytest.raises(EnvironmentFault, match="holds other things"):
        location.adopt(root)
    assert tree(root) == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"format": 2, "kind": "meta store"}', r"made by a newer meta \(format 2.*update meta"),
        ("", "is not what meta wrote there"),
        ("[1]", "is not what meta wrote there"),
        ("[" * 4000, "is not what meta wrote there"),
        ('{"format": true, "kind": "meta store"}', "is not what meta wrote there"),
        ('{"format": 1}', "is not what meta wrote there"),
    ],
)
def test_a_newer_or_a_damaged_marker_is_refused(home, text, told):
    root = published(home / "store")
    (root / marker.NAME).write_text(text)
    for act in (lambda: location.locate(str(root)), lambda: Store(root).put(b"x")):
        with pytest.raises(EnvironmentFault, match=told):
            act()
    assert EnvironmentFault.exit_code == 3


@pytest.mark.parametrize("name", [*location.FOLDERS, marker.NAME])
def test_a_link_in_the_place_of_a_part_of_a_store_is_refused(home, name):
    root = published(home / "store")
    location.adopt(root)
    target = home / "elsewhere"
    shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink(missing_ok=True)
    target.write_text("{}") if name == marker.NAME else target.mkdir()
    (root / name).symlink_to(target)
    with pytest.raises(EnvironmentFault, match=f"{name}: it is a link"):
        location.locate(str(root))


@pytest.mark.parametrize("kind", ["file", "fifo"])
@pytest.mark.parametrize("name", location.FOLDERS)
def test_something_else_in_the_place_of_a_folder_is_refused(home, name, kind):
    root = published(home / "store")
    if (root / name).exists():
        shutil.rmtree(root / name)
    (root / name).write_text("") if kind == "file" else os.mkfifo(root / name)
    with pytest.raises(EnvironmentFault, match=f"cannot read .*{name}: it is no"):
        location.locate(str(root))


@pytest.mark.parametrize(
    "given", ["/dev/null/x", "/dev/null", "/dev/null/x/y", "a-file", "a-file/below"]
)
def test_what_can_be_no_folder_is_told(home, given):
    (home / "a-file").write_text("")
    with pytest.raises(EnvironmentFault, match=rf"{given}.*set META_HOME to a folder"):
        location.locate(given)


def test_a_working_directory_that_was_removed_is_told(home, monkeypatch):
    (home / "gone").mkdir()
    monkeypatch.chdir(home / "gone")
    (home / "gone").rmdir()
    for given in ("", "mine"):
        with pytest.raises(EnvironmentFault, match=r"no working directory.*`cd`"):
            location.locate(given)
    assert location.locate(str(home / "mine")) == home / "mine"


@pytest.mark.parametrize("call", ["scandir", "stat"])
@pytest.mark.parametrize("name", location.FOLDERS)
def test_who_may_not_read_a_part_of_a_store_is_told(home, monkeypatch, name, call):
    root = published(home / "store")
    location.adopt(root)
    (root / name).mkdir(exist_ok=True)
    barred, original = str(root / name), getattr(os, call)

    def refuse(path, *args, **options):
        if isinstance(path, str | Path) and str(path).removesuffix("/.") == barred:
            raise PermissionError(errno.EACCES, "Permission denied", barred)
        return original(path, *args, **options)

    monkeypatch.setattr(os, call, refuse)
    told = f"cannot read {barred}: permission denied: set META_HOME to a folder of yours"
    with pytest.raises(EnvironmentFault, match=re.escape(told)):
        location.locate(str(root))


def aged(path: Path) -> None:
    """Let a path and all in it be old."""
    for each in (*path.rglob("*"), path):
        os.utime(each, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def test_sweeping_removes_only_names_that_we_make_and_only_old_ones(home):
    root = published(home / "store")
    location.adopt(root)
    tmp = root / "tmp"
    names = [OURS, OURS[:-1], OURS.upper(), f"{OURS}.tex", OTHER]
    for number, name in enumerate(names):
        (tmp / f"f{number}").mkdir()
        (tmp / name).mkdir()
        (tmp / name / "chapter.tex").write_text("precious")
    young, fresh = OURS[::-1], "f" * 32
    (tmp / young).mkdir()
    (tmp / young / "new").mkdir()
    (tmp / young / "new" / "checkpoint").write_text("being written")
    (tmp / ("e" * 32)).write_text("old")
    (root / "memo" / ("d" * 32)).write_text("old")
    (root / marker.begun("c" * 32)).write_text("old")
    aged(root)
    os.utime(tmp / young / "new" / "checkpoint")
    (tmp / fresh).write_text("just now")
    Store(root).sweep()
    left = {path.name for path in tmp.iterdir()}
    assert left == {*(f"f{n}" for n in range(5)), *names[1:], young, fresh}
    assert list((root / "memo").iterdir()) == []
    assert not (root / marker.begun("c" * 32)).exists()
    assert isinstance(Store(root).result(KEY), Result)


def test_sweeping_follows_no_link(home):
    root = published(home / "store")
    outside = home / "outside"
    outside.mkdir()
    (outside / "a").write_text("mine")
    (root / "tmp" / OURS).mkdir()
    (root / "tmp" / OURS / "inner").symlink_to(outside)
    (root / "tmp" / OURS[::-1]).symlink_to(outside)
    aged(root)
    aged(outside)
    Store(root).sweep()
    assert not (root / "tmp" / OURS).exists()
    assert (root / "tmp" / OURS[::-1]).is_symlink()
    assert (outside / "a").read_text() == "mine"


def test_sweeping_through_a_link_is_refused(home):
    root = published(home / "store")
    outside = home / "outside"
    (outside / OURS).mkdir(parents=True)
    aged(outside)
    shutil.rmtree(root / "tmp")
    (root / "tmp").symlink_to(outside)
    with pytest.raises(EnvironmentFault, match="it is a link"):
        Store(root).sweep()
    assert (outside / OURS).is_dir()


def test_nothing_is_swept_or_removed_where_no_marker_is(home):
    (home / "mine" / "tmp" / OURS).mkdir(parents=True)
    (home / "mine" / "partial" / KEY / "1").mkdir(parents=True)
    aged(home / "mine")
    before = tree(home / "mine")
    store = Store(home / "mine")
    store.sweep()
    store.checkpoint_drop(KEY)
    store.disk.remove(home / "mine" / "tmp" / OURS)
    assert tree(home / "mine") == before


@pytest.mark.parametrize("part", ["partial", f"partial/{KEY}"])
def test_a_link_that_was_swapped_in_is_not_followed_by_what_removes(home, part):
    store = Store(published(home / "store"))
    store.checkpoint_save(KEY, lambda folder: (folder / "a").write_bytes(b"x") and None)
    outside = home / "outside"
    (store.root / part).rename(outside)
    (store.root / part).symlink_to(outside)
    before = tree(outside)
    if part == "partial":
        with pytest.raises(EnvironmentFault, match="it is a link"):
            store.checkpoint_drop(KEY)
    else:
        store.checkpoint_drop(KEY)
        assert not (store.root / part).is_symlink()
    assert tree(outside) == before


@pytest.mark.parametrize("part", ["objects", "results", f"results/{KEY[:2]}", "tmp", "partial"])
def test_a_link_that_was_swapped_in_is_not_followed_by_what_writes(home, part):
    store = Store(published(home / "store"))
    made = Result(outputs={"model": Output("Model", 1, {"w.bin": store.put(b"first")})})
    store.publish(KEY, made)
    store.checkpoint_save(KEY, lambda folder: None)
    outside = home / "outside"
    (store.root / part).rename(outside)
    (store.root / part).symlink_to(outside)
    before = tree(outside)
    acts = {
        "objects": lambda it: it.put(b"more"),
        "partial": lambda it: it.checkpoint_save(KEY, lambda folder: None),
    }
    # The one that has written before knows the folders already.
    for again in (store, Store(store.root)):
        with pytest.raises(EnvironmentFault, match="it is a link"):
            acts.get(part, lambda it: it.results.publish(KEY, made))(again)
    assert tree(outside) == before


def test_a_lock_in_a_linked_folder_is_neither_taken_nor_removed(home):
    store = Store(published(home / "store"))
    lease = store.lease(KEY, "7f3a")
    assert lease is not None
    outside = home / "outside"
    (store.root / "locks").rename(outside)
    (store.root / "locks").symlink_to(outside)
    with pytest.raises(EnvironmentFault, match="it is a link"):
        lease.release()
    with pytest.raises(EnvironmentFault, match="it is a link"):
        Store(store.root).lease(KEY, "7f3a")
    assert [path.name for path in outside.iterdir()] == [KEY]


BAD_KEYS = [
    "../../id_rsa", "/etc/passwd", "", ".", "ab\0", KEY[:-1], KEY + "0", KEY.upper(), "g" * 64,
    KEY + "\n",
]  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS)
def test_no_key_but_a_sha256_becomes_a_path(home, key):
    store = Store(published(home / "store"))
    before = tree(home)
    for act in (
        lambda: store.result(key), lambda: store.publish(key, Result(outputs={})),
        lambda: store.objects.path(key), lambda: store.read_object(key),
        lambda: store.partial(key), lambda: store.checkpoint_note(key),
        lambda: store.checkpoint_load(key), lambda: store.checkpoint_drop(key),
        lambda: store.checkpoint_save(key, lambda folder: None),
        lambda: store.lease(key, "7f3a"), lambda: store.lease_owner(key),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="is not a sha256"):
            act()
    assert tree(home) == before


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "a\0b", "x" * 256, 3])
def test_no_file_of_an_output_is_named_by_a_path(home, name):
    with pytest.raises(ValueError, match="is no name of a file"):
        Output("Model", 1, {name: Store(home / "store").put(b"x")})


def test_an_object_and_a_result_that_are_links_are_put_aside_as_links(home):
    store = Store(published(home / "store"))
    found = store.result(KEY)
    assert isinstance(found, Result)
    ref = found.outputs["model"].files["w.bin"]
    outside = home / "outside"
    for path in (store.objects.path(ref.sha256), store.results.path(KEY)):
        path.rename(outside)
        path.symlink_to(outside)
        told = store.result(KEY)
        assert not isinstance(told, Result)
        assert "is a link" in told.reason
        assert not path.is_symlink()
        assert outside.exists()
        outside.rename(path)
    assert isinstance(store.result(KEY), Result)


@pytest.mark.parametrize(
    "wrong",
    [
        {"components": []}, {"provenance": 3}, {"cost": {"seconds": "x"}}, {"scores": {"a": []}},
        {"status": "fine"}, {"status": ["ok"]}, {"outputs": {"m": {"type": "M", "format": 1}}},
        {"outputs": {"m": {"type": "M", "format": 1, "files": {"../a": ["ab" * 32, 1]}}}},
        {"outputs": {"m": {"type": "M", "format": 1, "files": {"a": ["../../id_rsa", 1]}}}},
        {"outputs": {"m": {"type": "M", "format": 1, "files": {"a": ["ab" * 32, -1]}}}},
    ],
)  # fmt: skip
def test_a_manifest_that_is_sealed_and_says_nonsense_is_damaged(home, wrong):
    store = Store(published(home / "store"))
    path = store.results.path(KEY)
    right = unseal(path.read_bytes())
    path.write_bytes(seal({**right, **wrong}))
    found = store.result(KEY)
    assert not isinstance(found, Result)
    assert found.damaged


def test_a_pipe_in_the_place_of_an_object_or_a_result_stops_nobody(home):
    store = Store(published(home / "store"))
    for path in (store.objects.path(store.put(b"weights").sha256), store.results.path(KEY)):
        path.unlink()
        os.mkfifo(path)
        assert not isinstance(store.result(KEY), Result)
        published(store.root)
        assert isinstance(store.result(KEY), Result)
