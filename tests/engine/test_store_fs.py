"""Kills, power losses and full disks at every operation of the store."""

import errno
import hashlib
import itertools
import os
import resource
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.store import Damaged, Miss, Output, Result, Store, abandoned, fs
from pipelines.core.errors import EnvironmentFault

KEY = "ab" + "0" * 62
OPERATIONS = ("open", "write", "fsync", "fchmod", "rename", "mkdir", "unlink", "rmdir")


def publish(root: Path) -> None:
    store = Store(root)
    output = Output("Model", 1, {"w.bin": store.put(b"weights" * 100)})
    store.publish(KEY, Result(outputs={"model": output}, components={"type": "train"}))


def published(root: Path) -> str:
    """What was told when it could not be published."""
    try:
        publish(root)
    except EnvironmentFault as error:
        return str(error)
    return ""


def verdict(root: Path) -> str:
    """`hit` when the result and all its bytes are right, `miss` otherwise."""
    store = Store(root, readonly=True)
    found = store.result(KEY)
    if isinstance(found, Miss):
        return "miss"
    try:
        files = store.files(found.outputs["model"])
    except Damaged:
        return "miss"
    assert files["w.bin"].read_bytes() == b"weights" * 100
    return "hit"


@pytest.fixture
def before_each(monkeypatch):
    """Install a function that sees every operation before it happens."""

    def install(see: Callable[[str, tuple], None]) -> None:
        for name in OPERATIONS:
            original = getattr(os, name)

            def wrapped(*args, _name=name, _original=original, **kwargs):
                see(_name, args)
                # A process ends here, not the machine: nothing has to reach the disk.
                return None if _name == "fsync" else _original(*args, **kwargs)

            monkeypatch.setattr(os, name, wrapped)

    return install


def test_a_kill_before_any_operation_leaves_a_hit_or_a_miss_and_the_next_run_goes_on(
    tmp_path, before_each
):
    left = [0]
    kills = itertools.count()

    def see(name: str, args: tuple) -> None:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)

    before_each(see)
    seen = set()
    for count in kills:
        root = tmp_path / str(count)
        child = os.fork()
        if child == 0:
            left[0] = count + 1
            publish(root)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = verdict(root)
        seen.add((code, found))
        publish(root)
        assert verdict(root) == "hit"
        if code == 0:
            break
    assert count > 20
    assert seen == {(9, "miss"), (9, "hit"), (0, "hit")}


@pytest.mark.parametrize(
    "code",
    [
        errno.ENOSPC,
        errno.EIO,
        pytest.param(errno.EROFS, marks=pytest.mark.slow),
        pytest.param(errno.EDQUOT, marks=pytest.mark.slow),
    ],
)
def test_a_fault_of_any_operation_is_told_and_leaves_no_temporary_file(tmp_path, before_each, code):
    left, failed = [0], [False]

    def see(name: str, args: tuple) -> None:
        left[0] -= 1
        # A memo that cannot be read is derived again.
        memo = name == "open" and "memo" in Path(args[0]).parts and not args[1] & os.O_CREAT
        if left[0] == 0 and name not in ("unlink", "rmdir") and not memo:
            failed[0] = True
            raise OSError(code, os.strerror(code))

    before_each(see)
    faults = 0
    for count in itertools.count(1):
        root = tmp_path / str(count)
        left[0], failed[0] = count, False
        told = published(root)
        assert bool(told) == failed[0]
        assert not told or str(root.parent) in told
        faults += failed[0]
        if (root / "tmp").exists():
            assert list((root / "tmp").iterdir()) == []
        over, left[0] = left[0] > 0, 0
        publish(root)
        assert verdict(root) == "hit"
        if over:
            break
    assert faults > 10


def test_a_limit_on_file_sizes_is_told_and_what_is_there_stays_readable(tmp_path):
    publish(tmp_path / "store")
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            Store(tmp_path / "store").put(os.urandom(1_000_000))
        except EnvironmentFault as error:
            os._exit(7 if "ulimit" in str(error) else 8)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert list((tmp_path / "store" / "tmp").iterdir()) == []
    assert verdict(tmp_path / "store") == "hit"


def test_a_store_in_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(EnvironmentFault, match="store"):
        Store(tmp_path / "store").put(b"x")


@pytest.mark.parametrize("name", ["objects", "tmp", "results"])
def test_a_folder_of_a_store_that_was_removed_meanwhile_is_made_again(tmp_path, name):
    store = Store(tmp_path / "store")
    reference = store.put(b"some bytes")
    store.publish("0" * 64, Result(outputs={}))
    shutil.rmtree(store.root / name)
    assert store.put(b"some bytes") == reference
    store.publish("0" * 64, Result(outputs={}))
    assert store.objects.path(reference.sha256).read_bytes() == b"some bytes"
    assert isinstance(store.result("0" * 64), Result)


def test_a_store_that_was_removed_meanwhile_is_told_and_not_made_again(tmp_path):
    store = Store(tmp_path / "store")
    store.put(b"some bytes")
    shutil.rmtree(store.root)
    with pytest.raises(EnvironmentFault, match=r"store: it was removed while meta used it"):
        store.put(b"other bytes")
    assert not store.root.exists()


def test_an_abandoned_temporary_file_is_swept_and_one_in_use_is_not(tmp_path):
    disk = fs.Disk(tmp_path / "store")
    tmp = disk.folder(tmp_path / "store" / "tmp")
    old, held, young, folder = (letter * 32 for letter in "abcd")
    for name in (old, held, young):
        (tmp / name).write_bytes(b"x")
    (tmp / folder).mkdir()
    (tmp / folder / "x").write_bytes(b"x")
    long_ago = time.time() - 2 * abandoned.SECONDS
    for path in (tmp / old, tmp / held, tmp / folder / "x", tmp / folder):
        os.utime(path, (long_ago, long_ago))
    descriptor = os.open(tmp / held, os.O_RDONLY)
    fs.fcntl.flock(descriptor, fs.fcntl.LOCK_EX)
    Store(tmp_path / "store").put(b"y")
    assert len(list(tmp.iterdir())) == 4
    Store(tmp_path / "store").sweep()
    assert sorted(path.name for path in tmp.iterdir()) == [held, young]
    os.close(descriptor)


def test_scratch_folders_are_gone_after_their_block(tmp_path):
    store = Store(tmp_path / "store")
    with pytest.raises(ValueError, match="mine"), store.scratch() as folder:  # noqa: PT012
        (folder / "a").write_bytes(b"x")
        raise ValueError("mine")
    assert list((store.root / "tmp").iterdir()) == []


@dataclass
class Model:
    """A disk that forgets: what is not synced may or may not be there after a power loss.

    Folders are files that hold names. Of the names set and removed since a folder's last fsync any
    subset may have reached the disk; of a file's bytes since its own, any prefix.
    """

    base: Path
    skipped: str = ""
    """Path, relative to the base, whose fsyncs are left out: the fault that must be caught."""
    files: dict[int, bytes] = field(default_factory=dict)
    synced: dict[int, bytes] = field(default_factory=dict)
    names: dict[str, dict[str, int | None]] = field(default_factory=lambda: defaultdict(dict))
    pending: dict[str, list[tuple[str, int | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    inodes: dict[str, int] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    count: int = 0
    fsynced: set[str] = field(default_factory=set)
    looked_at: bool = False
    """Operations that happen now are those of the looker."""

    def link(self, path: str, inode: int | None) -> None:
        folder, name = os.path.split(path)
        self.pending[folder].append((name, inode))
        if inode is None:
            self.inodes.pop(path, None)
        else:
            self.inodes[path] = inode

    def made(self, path: str) -> None:
        self.count += 1
        self.files[self.count] = b""
        self.link(path, self.count)

    def renamed(self, source: str, target: str) -> None:
        inode = self.inodes[source]
        self.link(source, None)
        self.link(target, inode)

    def sync(self, path: str) -> None:
        shown = os.path.relpath(path, self.base)
        if path in self.inodes and path not in self.names and self.inodes[path] in self.files:
            shown = "a file"
        self.fsynced.add(shown)
        if shown == self.skipped:
            return
        if shown == "a file":
            self.synced[self.inodes[path]] = self.files[self.inodes[path]]
            return
        for name, inode in self.pending.pop(path, []):
            self.names[path][name] = inode

    def survivors(self) -> Iterator[Callable[[Path], None]]:
        """Every state that a power loss now may leave, as a function that makes it in a folder."""
        folders = [name for name in self.pending if not name.endswith("/tmp")]
        choices = [
            list(itertools.product([False, True], repeat=len(self.pending[name])))
            for name in folders
        ]
        for picked in itertools.product(*choices):
            names = {folder: dict(held) for folder, held in self.names.items()}
            for folder, kept in zip(folders, picked, strict=True):
                for (name, inode), there in zip(self.pending[folder], kept, strict=True):
                    if there:
                        names.setdefault(folder, {})[name] = inode
            for cut in (0.0, 0.5, 1.0):
                yield lambda target, names=names, cut=cut: self._make(
                    target, str(self.base), names, cut
                )

    def _make(self, target: Path, path: str, names: dict, cut: float) -> None:
        target.mkdir()
        for name, inode in names.get(path, {}).items():
            inner = f"{path}/{name}"
            if inode is None:
                continue
            if inode in self.files:
                content = self.synced.get(inode)
                if content is None:
                    content = self.files[inode][: int(len(self.files[inode]) * cut)]
                (target / name).write_bytes(content)
            else:
                self._make(target / name, inner, names, cut)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Feeds a model from the operations of the store, and looks at it after each of them."""

    def run(skipped: str, look: Callable[[Model], None], first: bytes = b"") -> Model:
        base = tmp_path / "disk"
        base.mkdir()
        model = Model(base, skipped)
        opened: dict[int, str] = {}
        with monkeypatch.context() as patch:
            for name in OPERATIONS:
                patch.setattr(os, name, _recorded(name, getattr(os, name), model, opened, look))
            if first:
                Store(base / "store").put(first)
                model.skipped = ""
            publish(base / "store")
        return model

    return run


def _recorded(name, original, model, opened, look):
    def wrapped(*args, **kwargs):
        result = original(*args, **kwargs)
        if model.looked_at:
            return result
        if name == "open":
            opened[result] = os.fspath(args[0])
            if args[1] & os.O_CREAT:
                model.made(opened[result])
        elif name == "write":
            model.files[model.inodes[opened[args[0]]]] += bytes(args[1][:result])
        elif name == "fsync":
            model.sync(opened[args[0]])
        elif name == "mkdir":
            model.count += 1
            model.link(os.fspath(args[0]), model.count)
        elif name == "rename":
            model.renamed(os.fspath(args[0]), os.fspath(args[1]))
        elif name == "unlink":
            model.link(os.fspath(args[0]), None)
        model.looked_at = True
        look(model)
        model.looked_at = False
        return result

    return wrapped


@pytest.fixture
def verdicts(tmp_path):
    """Verdicts over all states that a model may leave."""
    count = itertools.count()

    def judge(model: Model) -> set[str]:
        found = set()
        for make in model.survivors():
            place = tmp_path / f"after-{next(count)}"
            make(place)
            found.add(verdict(place / "store"))
        return found

    return judge


def test_a_power_loss_at_any_time_leaves_a_hit_or_a_miss_and_a_hit_once_published(disk, verdicts):
    looks = []
    model = disk("", lambda model: looks.append(verdicts(model)))
    assert verdicts(model) == {"hit"}
    assert len(looks) > 20
    assert looks[0] == {"miss"}
    assert {"hit", "miss"} in looks


PUBLISHED = ("a file", ".", "store", "store/objects", "store/objects/*", "store/results",
             "store/results/ab")  # fmt: skip


@pytest.mark.parametrize("skipped", PUBLISHED)
def test_the_loss_of_any_one_fsync_would_be_caught(disk, verdicts, skipped):
    prefix = hashlib.sha256(b"weights" * 100).hexdigest()[:2]
    model = disk(skipped.replace("*", prefix), lambda model: None)
    assert "miss" in verdicts(model)
    assert model.fsynced >= {path.replace("*", prefix) for path in PUBLISHED}


def test_an_object_of_a_process_killed_before_its_last_fsync_is_made_durable(disk, verdicts):
    content = b"weights" * 100
    folder = f"store/objects/{hashlib.sha256(content).hexdigest()[:2]}"
    assert verdicts(disk(folder, lambda model: None, first=content)) == {"hit"}
